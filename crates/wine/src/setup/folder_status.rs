//! The state of an installation in a folder of DLLs, and the damages to it.

use super::error::SetupError;
use super::folder::{DllFolder, MODULE, ORIGINAL, OURS, OriginalState, OursState, WINES};
use super::folder::{WinesState, edit};
use super::parts::Parts;
use super::wine::Wine;
use crate::pe::{self, Machine};

/// The state of a folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Installed {
    /// Nothing of ours.
    No(Machine),
    /// All of it.
    Yes {
        /// The processor that its DLLs are for.
        machine: Machine,
        /// The version of Wine whose DLL was copied.
        wine: String,
        /// Its age.
        copy: CopyAge,
        /// Set where the tables are forwarded, too.
        has_tables: bool,
    },
    /// Parts of it: what is wrong. Another installation mends it.
    Damaged(String),
    /// Nothing can be installed: what is in the way.
    Blocked(SetupError),
}

/// The age of a patched copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CopyAge {
    /// It is what would be made now.
    Current,
    /// Wine's own DLL is another one by now, or the copy was changed.
    OlderThanWine,
    /// This installation has another `tcpentry.dll`, or its program at another place.
    OlderThanOurs,
    /// Wine's own DLL was not found.
    Unknown,
}

/// Reports what is in a folder.
pub(super) fn of_folder(
    folder: &DllFolder,
    parts: Option<&Parts>,
    wine: Option<&Wine>,
) -> Installed {
    if let Err(obstacle) = folder.require_installable() {
        return Installed::Blocked(obstacle);
    }
    let damages: Vec<String> = [
        of_wines(folder.wines()),
        of_ours(folder.ours()),
        of_original(folder.original()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let Some(machine) = folder.machine() else {
        return Installed::Damaged(damages.join("; "));
    };
    match folder.wines() {
        WinesState::Own(_) if !folder.has_traces() => Installed::No(machine),
        WinesState::Copy(image) if damages.is_empty() => {
            let note = pe::note(image).unwrap_or_default();
            Installed::Yes {
                machine,
                copy: age(folder, machine, image, &note, parts, wine),
                has_tables: folder.has_tables(),
                wine: note,
            }
        }
        WinesState::Own(_) => Installed::Damaged(format!(
            "{WINES} is Wine's own, not the patched copy: SetTcpEntry returns 0 and does nothing"
        )),
        _ => Installed::Damaged(damages.join("; ")),
    }
}

fn of_wines(state: WinesState<'_>) -> Option<String> {
    match state {
        WinesState::Missing => Some(format!("{WINES} is missing")),
        WinesState::Broken => Some(format!("{WINES} is damaged")),
        _ => None,
    }
}

fn of_ours(state: OursState<'_>) -> Option<String> {
    let state = match state {
        OursState::Missing => "missing",
        OursState::Broken => "damaged",
        _ => return None,
    };
    Some(format!(
        "{OURS} is {state}, so that programs which call SetTcpEntry fail"
    ))
}

fn of_original(state: OriginalState<'_>) -> Option<String> {
    let state = match state {
        OriginalState::Missing => "missing",
        OriginalState::Broken => "damaged",
        _ => return None,
    };
    Some(format!("{ORIGINAL} is {state}, which `remove` puts back"))
}

fn age(
    folder: &DllFolder,
    machine: Machine,
    image: &[u8],
    note: &str,
    parts: Option<&Parts>,
    wine: Option<&Wine>,
) -> CopyAge {
    let Ok(names) = pe::forwarded_exports(image, MODULE) else {
        return CopyAge::Unknown;
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some(own) = wine.and_then(|wine| wine.own_dll(machine)) else {
        return CopyAge::Unknown;
    };
    if edit(&own, &names, note).as_deref() != Ok(image) {
        return CopyAge::OlderThanWine;
    }
    let Some(parts) = parts else {
        return CopyAge::Unknown;
    };
    match (parts.dll(machine), folder.ours()) {
        (Ok(dll), OursState::Ours(ours)) if dll == ours => CopyAge::Current,
        _ => CopyAge::OlderThanOurs,
    }
}
