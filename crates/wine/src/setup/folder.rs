//! A folder of DLLs in a prefix, `system32` or `syswow64`: what is in it of ours, and how it gets and loses that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::SetupError;
use super::journal::Journal;
use super::parts::{Parts, is_ours};
use super::wine::Wine;
use crate::pe::{self, Machine, PeError};

/// The DLL of Wine's, the name of what was there before, and our own DLL.
const WINES: &str = "iphlpapi.dll";
const ORIGINAL: &str = "iphlpapi.dll.tcpentry-original";
const OURS: &str = "tcpentry.dll";
/// The module to which exports are forwarded.
const MODULE: &str = "tcpentry";

/// A folder with Wine's `iphlpapi.dll`, as it was when it was read.
#[derive(Debug)]
pub(super) struct DllFolder {
    path: PathBuf,
    pub(super) machine: Machine,
    image: Vec<u8>,
    original: Option<Vec<u8>>,
    ours: Option<Vec<u8>>,
}

/// The files that an installation writes.
#[derive(Debug)]
pub(super) struct PlannedFiles {
    /// The DLL that `remove` puts back, where that is missing.
    original: Option<Vec<u8>>,
    edited: Vec<u8>,
    ours: Vec<u8>,
}

/// The state of a folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Installed {
    /// Nothing of ours.
    No,
    /// All of it.
    Yes {
        /// The version of Wine whose DLL was copied.
        wine: String,
        /// Its age.
        copy: CopyAge,
        /// Set where the tables are forwarded, too.
        has_tables: bool,
    },
    /// Parts of it: what is wrong.
    Damaged(String),
}

/// The age of a patched copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CopyAge {
    /// It is what would be made now.
    Current,
    /// Wine's own DLL is another one by now.
    OlderThanWine,
    /// This installation has another `tcpentry.dll`, or its program at another place.
    OlderThanOurs,
    /// Wine's own DLL was not found.
    Unknown,
}

impl DllFolder {
    /// Reads a folder; `None` for one without `iphlpapi.dll`.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, SetupError> {
        let wines = path.join(WINES);
        let Some(image) = read(&wines)? else {
            return Ok(None);
        };
        let machine = pe::machine(&image).map_err(|error| not_edited(&wines, &error))?;
        Ok(Some(Self {
            path: path.to_owned(),
            machine,
            image,
            original: read(&path.join(ORIGINAL))?,
            ours: read(&path.join(OURS))?,
        }))
    }

    /// Returns true where Wine's DLL is a patched copy.
    pub(super) fn is_installed(&self) -> bool {
        pe::is_forwarded(&self.image)
    }

    /// Returns true where the tables are forwarded, too.
    pub(super) fn has_tables(&self) -> bool {
        let names = pe::forwarded_exports(&self.image, MODULE).unwrap_or_default();
        names.len() > 1
    }

    /// Returns true where anything of ours is in it.
    pub(super) fn has_traces(&self) -> bool {
        let has_ours = self.ours.as_deref().is_some_and(is_ours);
        self.is_installed() || self.original.is_some() || has_ours
    }

    /// Makes what an installation writes, and checks that it may.
    ///
    /// What is patched is Wine's own DLL, which is what its programs have loaded so far: the one in the prefix is a copy of it, of
    /// a former Wine if Wine has been upgraded.
    pub(super) fn plan(
        &self,
        parts: &Parts,
        wine: &Wine,
        names: &[&str],
    ) -> Result<PlannedFiles, SetupError> {
        let path = self.path.join(WINES);
        if self.ours.as_deref().is_some_and(|dll| !is_ours(dll)) {
            let other = self.path.join(OURS);
            return Err(SetupError::new(format!(
                "{} is somebody else's: it is left as it is",
                other.display()
            )));
        }
        let edit = |image: &[u8]| {
            pe::forward_exports(image, MODULE, names, wine.version())
                .map_err(|error| not_edited(&path, &error))
        };
        if !self.is_installed() {
            edit(&self.image)?;
        }
        let before = if self.is_installed() {
            self.original.clone()
        } else {
            Some(self.image.clone())
        };
        let source = wine.own_dll(self.machine).or(before).ok_or_else(|| {
            let original = self.path.join(ORIGINAL);
            SetupError::new(format!("{} is missing", original.display()))
        })?;
        let edited = edit(&source)?;
        let lacks_original = self.is_installed() && self.original.is_none();
        Ok(PlannedFiles {
            original: lacks_original.then_some(source),
            edited,
            ours: parts.dll(self.machine)?,
        })
    }

    /// Writes what was planned. Until Wine's DLL is exchanged nothing is different for a program.
    pub(super) fn install(
        &self,
        planned: &PlannedFiles,
        journal: &mut Journal,
    ) -> Result<(), SetupError> {
        if let Some(original) = &planned.original {
            journal.write(&self.path.join(ORIGINAL), original)?;
        }
        journal.write(&self.path.join(OURS), &planned.ours)?;
        let path = self.path.join(WINES);
        if self.is_installed() {
            journal.write(&path, &planned.edited)
        } else {
            journal.exchange(&path, &self.path.join(ORIGINAL), &planned.edited)
        }
    }

    /// Checks that what was there before can be restored.
    pub(super) fn check_removable(&self) -> Result<(), SetupError> {
        if !self.is_installed() || self.original.is_some() {
            return Ok(());
        }
        let original = self.path.join(ORIGINAL);
        Err(SetupError::new(format!(
            "{} is missing, which `remove` would put back",
            original.display()
        ))
        .with_hint("`install` makes it of Wine's own DLL, then try again"))
    }

    /// Restores what was there before.
    pub(super) fn remove(&self) -> Result<(), SetupError> {
        let (wines, original) = (self.path.join(WINES), self.path.join(ORIGINAL));
        if self.is_installed() {
            fs::rename(&original, &wines)
                .map_err(|error| SetupError::file("restore", &wines, &error))?;
        } else if self.original.is_some() {
            delete(&original)?;
        }
        if self.ours.as_deref().is_some_and(is_ours) {
            delete(&self.path.join(OURS))?;
        }
        Ok(())
    }

    /// Reports what is in it.
    pub(super) fn status(&self, parts: Option<&Parts>, wine: Option<&Wine>) -> Installed {
        if !self.is_installed() {
            return if self.has_traces() {
                Installed::Damaged("an installation or removal was interrupted".to_owned())
            } else {
                Installed::No
            };
        }
        if !self.ours.as_deref().is_some_and(is_ours) {
            return Installed::Damaged(format!("{OURS} is missing, so that no program starts"));
        }
        if self.original.is_none() {
            return Installed::Damaged(format!("{ORIGINAL} is missing"));
        }
        let note = pe::note(&self.image).unwrap_or_default();
        Installed::Yes {
            copy: self.age(&note, parts, wine),
            has_tables: self.has_tables(),
            wine: note,
        }
    }

    fn age(&self, note: &str, parts: Option<&Parts>, wine: Option<&Wine>) -> CopyAge {
        let Ok(names) = pe::forwarded_exports(&self.image, MODULE) else {
            return CopyAge::Unknown;
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(own) = wine.and_then(|wine| wine.own_dll(self.machine)) else {
            return CopyAge::Unknown;
        };
        let again = pe::forward_exports(&own, MODULE, &names, note);
        if again.as_deref() != Ok(&self.image) {
            return CopyAge::OlderThanWine;
        }
        let Some(parts) = parts else {
            return CopyAge::Unknown;
        };
        if parts.dll(self.machine).ok() == self.ours {
            CopyAge::Current
        } else {
            CopyAge::OlderThanOurs
        }
    }
}

fn not_edited(path: &Path, error: &PeError) -> SetupError {
    SetupError::new(format!("cannot edit {}: {error}", path.display()))
}

/// Reads a file, if it is there. A symbolic link may lead to a DLL that other prefixes have, too.
fn read(path: &Path) -> Result<Option<Vec<u8>>, SetupError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => {
            return Err(SetupError::new(format!(
                "{} is a symbolic link, or no file: it is left as it is",
                path.display()
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SetupError::file("read", path, &error)),
    }
    let bytes = fs::read(path).map_err(|error| SetupError::file("read", path, &error))?;
    Ok(Some(bytes))
}

fn delete(path: &Path) -> Result<(), SetupError> {
    fs::remove_file(path).map_err(|error| SetupError::file("remove", path, &error))
}
