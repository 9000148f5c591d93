//! `cargo xtask kernels`: the tests against other kernels than this machine's, Debian's, booted under QEMU.
//!
//! docs/KERNELS.md describes the differences that this finds.

mod boot;
mod console;
mod initramfs;
mod package;
mod results;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command;
use boot::Machine;
use results::Results;

/// The options of the command line.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Options {
    /// Debian's suites, each of which has a kernel.
    suites: Vec<String>,
    /// A part of the names of the tests to run.
    only: Option<String>,
    /// The mirror of Debian's packages, if not that of this machine.
    mirror: Option<String>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || {
                let value = words.next().map(|&value| value.to_owned());
                value.with_context(|| format!("{word} needs a value"))
            };
            match word {
                "--only" => options.only = Some(value()?),
                "--mirror" => options.mirror = Some(value()?),
                _ if word.starts_with('-') => bail!("no such option: {word}"),
                suite => options.suites.push(suite.to_owned()),
            }
        }
        if options.suites.is_empty() {
            options.suites = SUITES.map(str::to_owned).to_vec();
        }
        Ok(options)
    }
}

/// Boots the kernel of each suite, runs the tests there, and prints the results.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        bail!(
            "only x86-64 is supported so far: the QEMU machine and the names of the packages are specific to it"
        );
    }
    let missing: Vec<&str> = NEEDS
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|&(_, package)| package)
        .collect();
    if !missing.is_empty() {
        bail!(
            "not installed yet: apt-get install --no-install-recommends {}",
            missing.join(" ")
        );
    }
    let folder = command::target_folder()?.join("kernels");
    let built = initramfs::build_tests()?;
    let mirror = options.mirror.as_deref();
    let mut all = Vec::new();
    for suite in &options.suites {
        let folder = folder.join(suite);
        let results = one(&folder, suite, mirror, &built, options.only.as_deref());
        let results = results.with_context(|| format!("the kernel of {suite}"))?;
        println!("{results}");
        all.push(results);
    }
    println!("\n{}", results::table(&all));
    let failed = all.iter().filter(|results| !results.are_good()).count();
    if failed > 0 {
        bail!("{failed} of {} kernels failed", all.len());
    }
    Ok(())
}

fn one(
    folder: &Path,
    suite: &str,
    mirror: Option<&str>,
    built: &initramfs::Built,
    only: Option<&str>,
) -> Result<Results> {
    let kernel = package::unpacked(folder, suite, mirror)?;
    println!("{suite}: Linux {}", kernel.release);
    let archive = initramfs::make(&folder.join("initramfs"), &kernel, built, only)?;
    let machine = Machine {
        folder,
        image: &kernel.image,
        archive: &archive,
        patience: PATIENCE,
    };
    Ok(Results::read(&kernel.release, &machine.run()?))
}

/// Returns true if a program is there, also in the folders of root, which a user's PATH lacks.
fn is_there(program: &str) -> bool {
    command::is_in_path(program) || sbin(program).is_some()
}

fn sbin(program: &str) -> Option<PathBuf> {
    let path = Path::new("/usr/sbin").join(program);
    command::is_executable(&path).then_some(path)
}

/// Debian 11, 12, 13, and the newest.
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "trixie-backports"];
/// Programs, each with its package.
const NEEDS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("cpio", "cpio"),
    ("busybox", "busybox-static"),
    ("depmod", "kmod"),
    ("xz", "xz-utils"),
    ("strip", "binutils"),
    ("ip", "iproute2"),
    ("setpriv", "util-linux"),
    ("bash", "bash"),
];
/// The time limit of a boot: under software emulation everything takes ten times as long.
const PATIENCE: Duration = Duration::from_secs(1500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_words_all_kernels_are_booted() {
        assert_eq!(Options::parse(&[]).unwrap().suites, SUITES);
        let options = Options::parse(&["sid", "--only", "mptcp"]).unwrap();
        assert_eq!(options.suites, ["sid"]);
        assert_eq!(options.only.as_deref(), Some("mptcp"));
        assert!(Options::parse(&["--only"]).is_err());
        assert!(Options::parse(&["--fast"]).is_err());
    }
}
