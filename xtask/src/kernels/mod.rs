//! `cargo xtask kernels`: the tests against other kernels than this machine's, Debian's, booted under QEMU.
//!
//! docs/KERNELS.md describes the differences that this finds.

mod initramfs;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::machine::{self, Machine, Options, Results};

/// Parses the words of the command line.
pub(crate) fn parse(words: &[&str]) -> Result<Options> {
    Options::parse(words, &SUITES, true)
}

/// Boots the kernel of each suite, runs the tests there, and prints the results.
pub(crate) fn run(options: &Options) -> Result<()> {
    machine::check(&[machine::NEEDS, NEEDS])?;
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
    println!("\n{}", machine::table(&all));
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
    let kernel = machine::unpacked(folder, suite, mirror)?;
    println!("{suite}: Linux {}", kernel.release);
    let archive = initramfs::make(&folder.join("initramfs"), &kernel, built, only)?;
    let machine = Machine {
        folder,
        image: &kernel.image,
        archive: &archive,
        options: "",
        processors: 2,
        patience: PATIENCE,
    };
    Ok(Results::read(&kernel.release, &machine.run()?))
}

/// Debian 11, 12, 13, and the newest.
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "trixie-backports"];
/// The programs that the tests run, each with its package.
const NEEDS: &[(&str, &str)] = &[
    ("busybox", "busybox-static"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
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
        assert_eq!(parse(&[]).unwrap().suites, SUITES);
        let options = parse(&["sid", "--only", "mptcp"]).unwrap();
        assert_eq!(options.suites, ["sid"]);
        assert_eq!(options.only.as_deref(), Some("mptcp"));
        assert!(parse(&["--only"]).is_err());
        assert!(parse(&["--fast"]).is_err());
    }
}
