//! `cargo xtask systemd`: the packaged service under systemd, as the first process of a machine under QEMU.
//!
//! Elsewhere the tests are the service's manager. What only systemd does is seen here: the user and the rights that the unit
//! gives, reloads, the watchdog, the journal, the figure of `systemd-analyze security`.

mod root;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::machine::{self, Machine, Options, Results};
use root::Stage;

/// Parses the words of the command line.
pub(crate) fn parse(words: &[&str]) -> Result<Options> {
    Options::parse(words, &SUITES, false)
}

/// Boots a machine of each suite, and prints what its checks have said.
pub(crate) fn run(options: &Options) -> Result<()> {
    machine::check(&[machine::NEEDS, NEEDS])?;
    let target = command::target_folder()?;
    let stage = Stage::install(&target.join("systemd/stage"))?;
    let mut failed = 0;
    for suite in &options.suites {
        let results = one(&target, suite, options.mirror.as_deref(), &stage);
        let results = results.with_context(|| format!("the machine of {suite}"))?;
        println!("{suite}: {results}");
        failed += usize::from(!results.are_good());
    }
    if failed > 0 {
        bail!("{failed} of {} machines failed", options.suites.len());
    }
    Ok(())
}

fn one(target: &Path, suite: &str, mirror: Option<&str>, stage: &Stage) -> Result<Results> {
    let kernel = machine::unpacked(&target.join("kernels").join(suite), suite, mirror)?;
    let folder = target.join("systemd").join(suite);
    fs::create_dir_all(&folder)?;
    let debian = root::debian(&folder, suite, mirror)?;
    let archive = root::archive(&folder, &debian, stage, &kernel)?;
    let machine = Machine {
        folder: &folder,
        image: &kernel.image,
        archive: &archive,
        options: KERNEL_OPTIONS,
        processors: 1,
        patience: PATIENCE,
    };
    let said = machine.run()?;
    print!("{}", said.results);
    Ok(Results::read(&kernel.release, &said))
}

/// Debian 12 has systemd 252, Debian 13 has 257.
const SUITES: [&str; 2] = ["bookworm", "trixie"];
/// The programs that make the root of a Debian system, each with its package.
const NEEDS: &[(&str, &str)] = &[("mmdebstrap", "mmdebstrap")];
/// The options for the kernel. There is no udev: nobody announces the serial port, and a login there would be waited for.
const KERNEL_OPTIONS: &str =
    "rdinit=/sbin/init systemd.log_color=0 systemd.mask=serial-getty@ttyS0.service";
/// The time limit of a machine, all its checks included.
const PATIENCE: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_words_both_machines_are_booted() {
        assert_eq!(parse(&[]).unwrap().suites, SUITES);
        let options = parse(&["sid", "--mirror", "m:/"]).unwrap();
        assert_eq!(options.suites, ["sid"]);
        assert_eq!(options.mirror.as_deref(), Some("m:/"));
        assert!(parse(&["--mirror"]).is_err());
        assert!(parse(&["--fast"]).is_err());
    }
}
