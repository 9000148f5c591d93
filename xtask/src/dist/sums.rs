//! The checksums of a release's files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::release::Release;
use crate::command;

/// Writes `SHA256SUMS`, in the order of the names.
pub(super) fn write(release: &Release) -> Result<()> {
    let text = sums(&release.out, &names(&release.out)?)?;
    print!("{text}");
    fs::write(release.out.join(NAME), text)?;
    Ok(())
}

/// Returns the names of a folder's files in their order, without that of the checksums.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != NAME {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Returns the lines that `sha256sum` prints of these files in a folder.
pub(super) fn sums(folder: &Path, names: &[String]) -> Result<String> {
    let mut sum = command::program(["sha256sum", "--"]);
    let output = sum.args(names).current_dir(folder).output();
    let output = output.context("cannot run sha256sum")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8(output.stdout)?)
}

const NAME: &str = "SHA256SUMS";
