//! The installation in a prefix of Wine, and its removal: files in `system32` and `syswow64`, and one value of the registry.
//!
//! Each step leaves the prefix working: without the value of the registry Wine loads its own DLL, whatever lies in the prefix.

mod dll_file;
mod dll_override;
mod error;
mod folder;
mod folder_status;
mod journal;
mod parts;
mod prefix;
mod removal;
mod wine;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use dll_override::{DllOverride, OUR_OVERRIDE};
pub use error::{SetupError, SetupHint};
pub use folder_status::{CopyAge, Installed};
pub use parts::{Parts, ProgramRights};
pub use prefix::default_prefix;
pub use removal::Removal;
pub use wine::Wine;

use folder::{DllFolder, SET, SET_AND_TABLES};
use journal::Journal;
use prefix::WinePrefix;

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
    /// Its state; `None` for a folder without `iphlpapi.dll` and without anything of ours, or that is missing.
    pub installed: Option<Installed>,
    /// Set where anything of ours is in it.
    pub has_traces: bool,
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
        self.has_traces() && self.dll_override == Ok(DllOverride::Ours) && found.all(is_current)
    }

    /// Returns true where anything of ours is in the prefix.
    pub fn has_traces(&self) -> bool {
        self.folders.iter().any(|folder| folder.has_traces)
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
    for (_, folder) in read_folders(&prefix)? {
        folder.require_plain()?;
        WinePrefix::require_writable(&folder.path)?;
    }
    let before = wine.read_override(&prefix.root)?;
    // Once more: Wine may have brought the prefix up to date.
    let folders = read_folders(&prefix)?;
    let has_traces = folders.iter().any(|(_, folder)| folder.has_traces());
    check_override(&before, has_traces, &prefix)?;
    if folders.is_empty() {
        let root = prefix.root.display();
        let none = SetupError::new(format!("{root} has no iphlpapi.dll"));
        return Err(none.with_command(&prefix.root, &["wineboot", "-u"], "makes it"));
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
        DllOverride::Missing => set_override(wine, &prefix),
        _ => Ok(()),
    });
    set.map_err(|error| journal.undo(error))
}

/// Refuses an override that somebody else has set. Where anything of ours is in the prefix it is ours, also where Wine has put its
/// own DLL back since.
fn check_override(
    found: &DllOverride,
    has_traces: bool,
    prefix: &WinePrefix,
) -> Result<(), SetupError> {
    match found {
        DllOverride::Missing => return Ok(()),
        DllOverride::Ours if has_traces => return Ok(()),
        DllOverride::Ours | DllOverride::Other { .. } => {}
    }
    Err(SetupError::new(format!(
        "another override is in the way, which may be there for another purpose: {}",
        found.text()
    ))
    .with_command(
        &prefix.root,
        &found.words_to_delete(),
        "deletes it, if it is no longer needed",
    ))
}

/// Sets the override. Where it is not known to be set it is deleted, in case that it is: without the files, another installation
/// would take it for somebody else's.
fn set_override(wine: &Wine, prefix: &WinePrefix) -> Result<(), SetupError> {
    wine.set_override(&prefix.root)
        .map_err(|error| match wine.delete_override(&prefix.root) {
            Ok(()) => error,
            Err(other) => error.and(&other),
        })
}

/// Removes what was installed, and restores what was there before.
///
/// # Errors
/// Whatever is in the way. What was done by then stays done, and the next call does the rest.
pub fn remove(prefix: &Path, wine: &Wine) -> Result<Removal, SetupError> {
    let prefix = WinePrefix::open(prefix)?;
    prefix.require_owner()?;
    let _lock = prefix.lock()?;
    for (_, folder) in read_folders(&prefix)? {
        if folder.has_traces() {
            WinePrefix::require_writable(&folder.path)?;
        }
    }
    let found = wine.read_override(&prefix.root)?;
    let mut folders = read_folders(&prefix)?;
    folders.retain(|(_, folder)| folder.has_traces());
    let mut done = Removal {
        was_installed: !folders.is_empty(),
        ..Removal::default()
    };
    match found {
        DllOverride::Missing => {}
        DllOverride::Ours if done.was_installed => wine.delete_override(&prefix.root)?,
        left => done.left_override = Some(left),
    }
    for (_, folder) in &folders {
        removal::from_folder(folder, wine, &mut done)?;
    }
    Ok(done)
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
    let dll_override = prefix
        .require_owner()
        .and_then(|()| wine.map_err(Clone::clone)?.read_override(&prefix.root));
    let mut folders = FOLDERS.map(|name| FolderStatus {
        name,
        installed: None,
        has_traces: false,
    });
    for (name, folder) in read_folders(&prefix)? {
        for status in folders.iter_mut().filter(|it| it.name == name) {
            status.installed = Some(folder_status::of_folder(&folder, parts, wine.ok()));
            status.has_traces = folder.has_traces();
        }
    }
    Ok(Status {
        prefix: prefix.root,
        folders: folders.into(),
        dll_override,
    })
}

/// Reads the folders that have Wine's DLL, or anything of ours.
fn read_folders(prefix: &WinePrefix) -> Result<Vec<(&'static str, DllFolder)>, SetupError> {
    let mut folders = Vec::new();
    for name in FOLDERS {
        if let Some(path) = prefix.windows_folder(name)? {
            folders.extend(DllFolder::read(&prefix.root, &path)?.map(|folder| (name, folder)));
        }
    }
    Ok(folders)
}
