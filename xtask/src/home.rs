//! Cargo's own folder, and others that have the same crates.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Returns cargo's own folder, which has the sources of all crates.
pub(crate) fn cargo() -> Result<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => Ok(home.into()),
        None => Ok(Path::new(&std::env::var_os("HOME").context("no HOME")?).join(".cargo")),
    }
}

/// Makes a folder with a link to each entry of another one that is wanted by its name.
pub(crate) fn link_each(from: &Path, to: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
    let found = fs::read_dir(from).with_context(|| from.display().to_string())?;
    fs::create_dir(to).with_context(|| to.display().to_string())?;
    for entry in found {
        let entry = entry?;
        if is_wanted(&entry.file_name().to_string_lossy()) {
            symlink(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
