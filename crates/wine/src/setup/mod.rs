//! The installation in a prefix of Wine, and its removal: files in `system32` and `syswow64`, and one value of the registry.
//!
//! Each step leaves the prefix working: without the value of the registry Wine loads its own DLL, whatever lies in the prefix.

mod error;
mod folder;
mod journal;
mod parts;
mod prefix;
mod wine;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::SetupError;
pub use folder::{CopyAge, Installed};
pub use parts::{Parts, ProgramRights};
pub use prefix::default_prefix;
pub use wine::Wine;

use crate::pe::Machine;
use folder::DllFolder;
use journal::Journal;
use prefix::WinePrefix;

/// The function that is forwarded.
const SET: &[&str] = &["SetTcpEntry"];
/// The functions that are forwarded where the tables are wanted, too.
const SET_AND_TABLES: &[&str] = &[
    "SetTcpEntry",
    "GetTcpTable",
    "GetTcpTable2",
    "GetTcp6Table",
    "GetTcp6Table2",
    "GetExtendedTcpTable",
];
/// The override by which Wine loads the copy in the prefix.
const OVERRIDE: &str = "native,builtin";
/// The folders that may have Wine's DLL.
const FOLDERS: [&str; 2] = ["system32", "syswow64"];

/// The state of a prefix.
#[derive(Debug)]
pub struct Status {
    /// The folder of the prefix, without symbolic links.
    pub prefix: PathBuf,
    /// Each folder of DLLs.
    pub folders: Vec<FolderStatus>,
    /// The override of `iphlpapi`, or the reason why that is not known.
    pub dll_override: Result<DllOverride, SetupError>,
}

/// The state of a folder of DLLs.
#[derive(Clone, Debug)]
pub struct FolderStatus {
    /// `system32` or `syswow64`
    pub name: &'static str,
    /// Its state; `None` for a folder without `iphlpapi.dll`, or that is missing.
    pub installed: Option<(Machine, Installed)>,
}

/// The override of `iphlpapi`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DllOverride {
    /// The one that an installation sets.
    Ours,
    /// Another one.
    Other(String),
    /// None.
    Missing,
}

impl Status {
    /// Returns true where programs call `tcpentry.dll`, and nothing is old or damaged.
    pub fn is_current(&self) -> bool {
        let mut found = self.folders.iter().filter_map(|it| it.installed.as_ref());
        let is_current = |installed: &Installed| {
            let age = match installed {
                Installed::Yes { copy, .. } => Some(*copy),
                _ => None,
            };
            matches!(age, Some(CopyAge::Current | CopyAge::Unknown))
        };
        self.is_installed()
            && self.dll_override == Ok(DllOverride::Ours)
            && found.all(|(_, installed)| is_current(installed))
    }

    /// Returns true where anything is installed.
    pub fn is_installed(&self) -> bool {
        let mut found = self.folders.iter().filter_map(|it| it.installed.as_ref());
        found.any(|(_, installed)| *installed != Installed::No)
    }
}

/// Installs in a prefix, or brings an installation up to date; with the tables of this machine if they are wanted or were
/// installed before.
///
/// # Errors
/// Whatever is in the way; then nothing was changed.
pub fn install(
    prefix: &Path,
    parts: &Parts,
    wine: &Wine,
    with_tables: bool,
) -> Result<(), SetupError> {
    let prefix = WinePrefix::open(prefix)?;
    prefix.require_owner()?;
    let _lock = prefix.lock()?;
    // Before the folders are read: Wine may bring the prefix up to date.
    let before = wine.read_override(&prefix.root)?;
    let folders = read_folders(&prefix)?;
    let has_traces = folders.iter().any(|(_, folder)| folder.has_traces());
    check_override(before.as_deref(), has_traces)?;
    if folders.is_empty() {
        let root = prefix.root.display();
        return Err(SetupError::new(format!("{root} has no iphlpapi.dll")));
    }
    let with_tables = with_tables || folders.iter().any(|(_, folder)| folder.has_tables());
    let names = if with_tables { SET_AND_TABLES } else { SET };
    let planned = folders
        .iter()
        .map(|(_, folder)| folder.plan(parts, wine, names));
    let planned = planned.collect::<Result<Vec<_>, _>>()?;
    let mut journal = Journal::default();
    let written = folders
        .iter()
        .zip(&planned)
        .try_for_each(|((_, folder), planned)| folder.install(planned, &mut journal));
    let set = written.and_then(|()| match before {
        Some(_) => Ok(()),
        None => set_override(wine, &prefix),
    });
    set.map_err(|error| journal.undo(error))
}

/// Refuses an override that somebody else has set. Where anything of ours is in the prefix it is ours, also where Wine has put its
/// own DLL back since.
fn check_override(value: Option<&str>, has_traces: bool) -> Result<(), SetupError> {
    match value {
        None => Ok(()),
        Some(OVERRIDE) if has_traces => Ok(()),
        Some(other) => Err(SetupError::new(format!(
            "iphlpapi is overridden already, by \"{other}\", for another purpose"
        ))
        .with_hint("if that is no longer needed, remove it in winecfg, \"Libraries\"")),
    }
}

/// Sets the override. Where it is not known to be set it is deleted, in case that it is: without the files, another installation
/// would take it for somebody else's.
fn set_override(wine: &Wine, prefix: &WinePrefix) -> Result<(), SetupError> {
    wine.set_override(&prefix.root, OVERRIDE).map_err(|error| {
        match wine.delete_override(&prefix.root) {
            Ok(()) => error,
            Err(other) => error.and(&other),
        }
    })
}

/// Removes what was installed, and restores what was there before; returns false where nothing was.
///
/// # Errors
/// Whatever is in the way. What was done by then stays done, and the next call does the rest.
pub fn remove(prefix: &Path, wine: &Wine) -> Result<bool, SetupError> {
    let prefix = WinePrefix::open(prefix)?;
    prefix.require_owner()?;
    let _lock = prefix.lock()?;
    let value = wine.read_override(&prefix.root)?;
    let folders = read_folders(&prefix)?;
    if !folders.iter().any(|(_, folder)| folder.has_traces()) {
        return Ok(false);
    }
    for (_, folder) in &folders {
        folder.check_removable()?;
    }
    if value.as_deref() == Some(OVERRIDE) {
        wine.delete_override(&prefix.root)?;
    }
    for (_, folder) in &folders {
        folder.remove()?;
    }
    Ok(true)
}

/// Reads what is installed. Without Wine its own DLL and the override are not known.
///
/// # Errors
/// For what is no prefix, or can't be read.
pub fn status(
    prefix: &Path,
    parts: Option<&Parts>,
    wine: Result<&Wine, &SetupError>,
) -> Result<Status, SetupError> {
    let prefix = WinePrefix::open(prefix)?;
    let value = prefix
        .require_owner()
        .and_then(|()| wine.map_err(Clone::clone)?.read_override(&prefix.root));
    let mut folders = FOLDERS.map(|name| FolderStatus {
        name,
        installed: None,
    });
    for (name, folder) in read_folders(&prefix)? {
        let installed = (folder.machine, folder.status(parts, wine.ok()));
        for status in folders.iter_mut().filter(|it| it.name == name) {
            status.installed = Some(installed.clone());
        }
    }
    Ok(Status {
        prefix: prefix.root,
        folders: folders.into(),
        dll_override: value.map(|value| match value.as_deref() {
            None => DllOverride::Missing,
            Some(OVERRIDE) => DllOverride::Ours,
            Some(other) => DllOverride::Other(other.to_owned()),
        }),
    })
}

/// Reads the folders that have Wine's DLL.
fn read_folders(prefix: &WinePrefix) -> Result<Vec<(&'static str, DllFolder)>, SetupError> {
    let mut folders = Vec::new();
    for name in FOLDERS {
        if let Some(path) = prefix.windows_folder(name)? {
            folders.extend(DllFolder::read(&path)?.map(|folder| (name, folder)));
        }
    }
    Ok(folders)
}
