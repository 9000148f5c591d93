//! The removal from a folder of DLLs: what was there before is put back, whatever is left of an installation.

use std::fs;
use std::path::Path;

use super::dll_override::DllOverride;
use super::error::SetupError;
use super::folder::{DllFolder, ORIGINAL, OURS, OriginalState, OursState, WINES, WinesState};
use super::journal::Journal;
use super::wine::Wine;

/// The result of a removal.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Removal {
    /// Set where anything of an installation was there.
    pub was_installed: bool,
    /// Remarks on files that are not as they were before, a sentence each.
    pub remarks: Vec<String>,
    /// The override that stays, where it may be somebody else's.
    pub left_override: Option<DllOverride>,
    /// Patched copies that had to stay: there is nothing to restore.
    pub left: Vec<String>,
}

/// Restores what was in a folder before, as far as that is known.
pub(super) fn from_folder(
    folder: &DllFolder,
    wine: &Wine,
    done: &mut Removal,
) -> Result<(), SetupError> {
    let wines = folder.path.join(WINES);
    let state = folder.wines();
    let is_restored = match state {
        WinesState::Copy(_) | WinesState::Missing | WinesState::Broken => {
            restore(folder, wine, done)?
        }
        WinesState::Own(_) | WinesState::Odd(_) | WinesState::Other => {
            delete_original(folder, done)?;
            true
        }
    };
    if let Some(text) = remark(state, is_restored) {
        done.remarks.push(format!("{} {text}", wines.display()));
    }
    if !is_restored && state != WinesState::Missing {
        // The copy leads to `tcpentry.dll`, so that this stays, too.
        done.left.push(wines.display().to_string());
        return Ok(());
    }
    delete_ours(folder, done)
}

/// Returns what there is to say of `iphlpapi.dll`.
fn remark(state: WinesState<'_>, is_restored: bool) -> Option<&'static str> {
    match (state, is_restored) {
        (WinesState::Missing, true) => Some("was missing, and is there again"),
        (WinesState::Missing, false) => Some("was missing, and is so still"),
        (WinesState::Broken, true) => Some("was damaged, and is not so any more"),
        (WinesState::Odd(_) | WinesState::Other, _) => {
            Some("was put there since, by somebody else: it is left as it is")
        }
        _ => None,
    }
}

fn delete_ours(folder: &DllFolder, done: &mut Removal) -> Result<(), SetupError> {
    let path = folder.path.join(OURS);
    match folder.ours() {
        OursState::Missing => return Ok(()),
        OursState::Ours(_) | OursState::Broken => return delete(&path),
        OursState::Odd(_) | OursState::Other => {}
    }
    done.remarks.push(left_alone(&path));
    Ok(())
}

/// Puts back the DLL that was kept, or Wine's own where none was; returns false where neither is there.
fn restore(folder: &DllFolder, wine: &Wine, done: &mut Removal) -> Result<bool, SetupError> {
    let (wines, original) = (folder.path.join(WINES), folder.path.join(ORIGINAL));
    if let OriginalState::Kept(_) = folder.original() {
        fs::rename(&original, &wines)
            .map_err(|error| SetupError::file("restore", &wines, &error))?;
        return Ok(true);
    }
    let own = folder.machine().and_then(|machine| wine.own_dll(machine));
    let Some(own) = own else {
        return Ok(false);
    };
    Journal::default().write(&wines, &own)?;
    done.remarks.push(format!(
        "{} was missing or damaged: Wine's own DLL is in its place",
        original.display()
    ));
    delete_original(folder, done)?;
    Ok(true)
}

/// Deletes what was kept.
fn delete_original(folder: &DllFolder, done: &mut Removal) -> Result<(), SetupError> {
    let path = folder.path.join(ORIGINAL);
    match folder.original() {
        OriginalState::Missing => {}
        OriginalState::Kept(_) | OriginalState::Broken => delete(&path)?,
        OriginalState::Odd(_) => done.remarks.push(left_alone(&path)),
    }
    Ok(())
}

fn left_alone(path: &Path) -> String {
    format!("{} is somebody else's: it is left as it is", path.display())
}

fn delete(path: &Path) -> Result<(), SetupError> {
    fs::remove_file(path).map_err(|error| SetupError::file("remove", path, &error))
}
