//! The wheel of the Python package, for the architecture of this machine.

use anyhow::Result;

use super::release::Release;
use super::stage;
use crate::python;

/// Builds the wheel; its name says the oldest glibc that it runs with.
pub(super) fn make(release: &Release) -> Result<()> {
    python::wheel(&release.out, release.date, &stage::remapping()?)
}
