//! A folder of DLLs in a prefix, `system32` or `syswow64`: what is in it of ours, and how it gets that.

use std::path::{Path, PathBuf};

use super::dll_file::DllFile;
use super::error::SetupError;
use super::journal::Journal;
use super::parts::{Parts, is_ours};
use super::wine::Wine;
use crate::pe::{self, Machine, PeError};

/// The function that is forwarded.
pub(super) const SET: &[&str] = &["SetTcpEntry"];
/// The functions that are forwarded where the tables are wanted, too.
pub(super) const SET_AND_TABLES: &[&str] = &[
    "SetTcpEntry",
    "GetTcpTable",
    "GetTcpTable2",
    "GetTcp6Table",
    "GetTcp6Table2",
    "GetExtendedTcpTable",
];
/// The DLL of Wine's, the name of what was there before, and our own DLL.
pub(super) const WINES: &str = "iphlpapi.dll";
pub(super) const ORIGINAL: &str = "iphlpapi.dll.tcpentry-original";
pub(super) const OURS: &str = "tcpentry.dll";
/// The module to which exports are forwarded.
pub(super) const MODULE: &str = "tcpentry";

/// A folder as it was when it was read.
#[derive(Debug)]
pub(super) struct DllFolder {
    prefix: PathBuf,
    pub(super) path: PathBuf,
    wines: DllFile,
    original: DllFile,
    ours: DllFile,
}

/// The state of `iphlpapi.dll`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum WinesState<'f> {
    Missing,
    /// Something that is neither read nor written.
    Odd(&'static str),
    /// Wine's own.
    Own(&'f [u8]),
    /// A patched copy of it.
    Copy(&'f [u8]),
    /// No DLL.
    Broken,
    /// A DLL of somebody else's.
    Other,
}

/// The state of `iphlpapi.dll.tcpentry-original`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OriginalState<'f> {
    Missing,
    /// Something that is neither read nor written.
    Odd(&'static str),
    /// The file that was there before: one of Wine's own DLLs.
    Kept(&'f [u8]),
    /// Something else.
    Broken,
}

/// The state of `tcpentry.dll`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OursState<'f> {
    Missing,
    /// Something that is neither read nor written.
    Odd(&'static str),
    /// Ours, of any version.
    Ours(&'f [u8]),
    /// No DLL, in the place of ours.
    Broken,
    /// Somebody else's.
    Other,
}

/// The files that an installation writes.
#[derive(Debug)]
pub(super) struct PlannedFiles {
    /// The DLL that `remove` puts back, where that is missing.
    original: Option<Vec<u8>>,
    edited: Vec<u8>,
    ours: Vec<u8>,
}

impl DllFolder {
    /// Reads a folder; `None` for one with neither `iphlpapi.dll` nor anything of ours.
    pub(super) fn read(prefix: &Path, path: &Path) -> Result<Option<Self>, SetupError> {
        let read = |name| DllFile::read(&path.join(name));
        let folder = Self {
            prefix: prefix.to_owned(),
            path: path.to_owned(),
            wines: read(WINES)?,
            original: read(ORIGINAL)?,
            ours: read(OURS)?,
        };
        let is_empty = folder.wines == DllFile::Missing && !folder.has_traces();
        Ok((!is_empty).then_some(folder))
    }

    pub(super) fn wines(&self) -> WinesState<'_> {
        match &self.wines {
            DllFile::Missing => WinesState::Missing,
            DllFile::Odd(cause) => WinesState::Odd(cause),
            DllFile::Contents(image) if pe::machine(image).is_err() => WinesState::Broken,
            DllFile::Contents(image) if pe::is_forwarded(image) => WinesState::Copy(image),
            DllFile::Contents(image) if edit(image, SET, "").is_ok() => WinesState::Own(image),
            DllFile::Contents(_) => WinesState::Other,
        }
    }

    pub(super) fn original(&self) -> OriginalState<'_> {
        match &self.original {
            DllFile::Missing => OriginalState::Missing,
            DllFile::Odd(cause) => OriginalState::Odd(cause),
            DllFile::Contents(image) if edit(image, SET, "").is_ok() => OriginalState::Kept(image),
            DllFile::Contents(_) => OriginalState::Broken,
        }
    }

    pub(super) fn ours(&self) -> OursState<'_> {
        match &self.ours {
            DllFile::Missing => OursState::Missing,
            DllFile::Odd(cause) => OursState::Odd(cause),
            DllFile::Contents(dll) if is_ours(dll) => OursState::Ours(dll),
            DllFile::Contents(dll) if pe::machine(dll).is_err() && self.has_ours_beside() => {
                OursState::Broken
            }
            DllFile::Contents(_) => OursState::Other,
        }
    }

    /// Returns true where the patched copy or the original is there, and `tcpentry.dll` beside it was ours.
    fn has_ours_beside(&self) -> bool {
        let image = self.wines.contents();
        image.is_some_and(pe::is_forwarded) || self.original != DllFile::Missing
    }

    /// Returns the processor that the DLLs are for; `None` where none of them says it.
    pub(super) fn machine(&self) -> Option<Machine> {
        let files = [&self.wines, &self.original, &self.ours];
        let mut images = files.iter().filter_map(|file| file.contents());
        images.find_map(|image| pe::machine(image).ok())
    }

    /// Returns true where the tables are forwarded, too.
    pub(super) fn has_tables(&self) -> bool {
        let image = self.wines.contents().unwrap_or_default();
        let names = pe::forwarded_exports(image, MODULE).unwrap_or_default();
        names.len() > 1
    }

    /// Returns true where anything of ours is in it.
    pub(super) fn has_traces(&self) -> bool {
        self.has_ours_beside() || matches!(self.ours(), OursState::Ours(_))
    }

    /// Fails where something is neither read nor written.
    pub(super) fn require_plain(&self) -> Result<(), SetupError> {
        if let DllFile::Odd(cause) = self.wines {
            return Err(self.without_wines(&format!("{} {cause}", self.shown(WINES))));
        }
        for (file, name) in [(&self.original, ORIGINAL), (&self.ours, OURS)] {
            if let DllFile::Odd(cause) = file {
                return Err(self.in_the_way(name, cause));
            }
        }
        Ok(())
    }

    /// Fails where nothing can be installed; what is damaged of ours can be mended.
    pub(super) fn require_installable(&self) -> Result<(), SetupError> {
        self.require_plain()?;
        if self.ours() == OursState::Other {
            return Err(self.in_the_way(OURS, "is somebody else's"));
        }
        match self.wines() {
            WinesState::Broken if self.has_traces() => Ok(()),
            WinesState::Broken | WinesState::Other => {
                let image = self.wines.contents().unwrap_or_default();
                edit(image, SET, "").map(|_| ()).map_err(|error| {
                    self.without_wines(&format!("cannot edit {}: {error}", self.shown(WINES)))
                })
            }
            _ => Ok(()),
        }
    }

    fn shown(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Makes the error of something in the place of a file of ours.
    fn in_the_way(&self, name: &str, cause: &str) -> SetupError {
        let text = format!("{} {cause}: it is left as it is", self.shown(name));
        SetupError::new(text).with_hint("move it away, then install again")
    }

    /// Makes the error of something in the place of Wine's own DLL.
    fn without_wines(&self, text: &str) -> SetupError {
        SetupError::new(format!("{text}; it is left as it is")).with_command(
            &self.prefix,
            &["wineboot", "-u"],
            "makes Wine's own, once that is moved away",
        )
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
        self.require_installable()?;
        let lost = || {
            let text =
                "is not Wine's, what was there before is not kept, and Wine's own is not found";
            self.without_wines(&format!("{} {text}", self.shown(WINES)))
        };
        let machine = self.machine().ok_or_else(lost)?;
        let before = match (self.wines(), self.original()) {
            (WinesState::Own(image), _) | (_, OriginalState::Kept(image)) => Some(image.to_vec()),
            _ => None,
        };
        let has_before = before.is_some();
        let source = wine.own_dll(machine).or(before).ok_or_else(lost)?;
        let edited = edit(&source, names, wine.version())
            .map_err(|error| SetupError::new(format!("cannot edit Wine's own {WINES}: {error}")))?;
        Ok(PlannedFiles {
            original: (!has_before).then_some(source),
            edited,
            ours: parts.dll(machine)?,
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
        if let WinesState::Own(_) = self.wines() {
            journal.exchange(&path, &self.path.join(ORIGINAL), &planned.edited)
        } else {
            journal.write(&path, &planned.edited)
        }
    }
}

/// Edits one of Wine's own DLLs.
pub(super) fn edit(image: &[u8], names: &[&str], note: &str) -> Result<Vec<u8>, PeError> {
    pe::forward_exports(image, MODULE, names, note)
}
