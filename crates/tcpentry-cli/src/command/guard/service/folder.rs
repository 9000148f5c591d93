//! The folders that systemd makes for a service.

use std::path::{Path, PathBuf};

/// Returns the first folder that a variable names (`RUNTIME_DIRECTORY`, `STATE_DIRECTORY`), or the one of a service that was given
/// none.
pub(crate) fn of_variable(name: &str, without: &str) -> PathBuf {
    // Several folders are separated by colons.
    let folders = std::env::var(name).unwrap_or_default();
    let first = folders.split(':').next().filter(|it| !it.is_empty());
    Path::new(first.unwrap_or(without)).to_owned()
}
