//! The wheel of the Python package, for the architecture of this machine.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::licences;
use super::release::Release;
use super::stage;
use crate::python;

/// Builds the wheel; its name says the oldest glibc that it runs with.
pub(super) fn make(release: &Release) -> Result<()> {
    let flags = stage::remapping(Path::new(python::PLACE))?;
    let licences = release.work("wheel")?.join("licences");
    fs::write(&licences, licences::of_wheel()?)?;
    python::wheel(&release.out, release.date, &flags, &licences)
}
