//! Machines under QEMU in software emulation: Debian's kernels, the files that they find when they have booted, and what
//! the tests there have said.

mod boot;
mod console;
mod options;
mod package;
mod results;
mod tree;

use anyhow::{Result, bail};

use crate::command;

pub(crate) use boot::Machine;
pub(crate) use options::Options;
pub(crate) use package::{Kernel, security_source, source, unpacked};
pub(crate) use results::{Results, table};
pub(crate) use tree::Tree;

/// Fails where machines can't be booted: on another architecture, or for lack of programs, which are named with their packages.
pub(crate) fn check(needs: &[&[(&str, &str)]]) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        bail!(
            "only x86-64 is supported so far: the QEMU machine and the names of the packages are specific to it"
        );
    }
    command::require(&needs.concat())
}

/// The programs that make and boot any machine, each with its package.
pub(crate) const NEEDS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("cpio", "cpio"),
    ("depmod", "kmod"),
    ("xz", "xz-utils"),
    ("strip", "binutils"),
];
