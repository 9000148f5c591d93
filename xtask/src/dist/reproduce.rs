//! A second build of a release, in other folders than the first: its files have to be the same, byte for byte.
//!
//! The sources, the target folder and cargo's own folder have other paths. The Debian trees and the tools are the same: another
//! compiler may well compile otherwise.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::release::Release;
use super::sums;
use crate::command;
use crate::home;

/// Makes artefacts of these kinds again, and compares each with that of the release.
pub(super) fn check(release: &Release, kinds: &[&str]) -> Result<()> {
    let folder = release.work("again")?;
    let sources = folder.join("elsewhere/sources");
    copy_sources(&sources)?;
    let home = folder.join("cargo");
    home::link_each(&home::cargo()?, &home, |_| true)?;
    let dist = sources.join("target/dist");
    fs::create_dir_all(&dist)?;
    for shared in ["trees", "tools", "zig"] {
        symlink(release.folder.join(shared), dist.join(shared))?;
    }
    // This program takes the folder that it is in for the target folder.
    let program = sources.join("target/debug/xtask");
    fs::create_dir_all(program.parent().context("a file is in a folder")?)?;
    fs::copy(std::env::current_exe()?, &program)?;

    let mut make = Command::new(&program);
    make.arg("dist").args(kinds);
    for architecture in &release.architectures {
        make.args(["--arch", architecture.debian()]);
    }
    make.current_dir(&sources)
        .env("CARGO_MANIFEST_DIR", sources.join("xtask"))
        .env("CARGO_HOME", &home)
        .env("SOURCE_DATE_EPOCH", release.date.to_string());
    command::run(&mut make)?;
    compare(&release.out, &dist.join(release.name()))?;
    fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())
}

/// Copies the files that git has or would take.
fn copy_sources(to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let script = "git ls-files -z --cached --others --exclude-standard |
        tar --null --files-from=- -c | tar -x -C \"$1\"";
    command::run(command::program(["sh", "-ec", script, "sh"]).arg(to))
}

/// Fails unless all that a folder has is in the other one, too, and the same there.
fn compare(first: &Path, second: &Path) -> Result<()> {
    let names = sums::names(second)?;
    let again = sums::sums(second, &names)?;
    let before = sums::sums(first, &names)?;
    let others: Vec<&str> = again
        .lines()
        .filter(|line| !before.lines().any(|it| it == *line))
        .collect();
    if !others.is_empty() {
        bail!(
            "the second build made others of these, in {}:\n{}",
            second.display(),
            others.join("\n")
        );
    }
    println!("reproduced: {} files, the same bytes", names.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_byte_is_found() {
        let name = format!("tcpentry-again-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let (first, second) = (folder.join("first"), folder.join("second"));
        for folder in [&first, &second] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join("a.deb"), "the same").unwrap();
        }
        fs::write(first.join("only-there"), "").unwrap();
        assert!(compare(&first, &second).is_ok());
        fs::write(second.join("a.deb"), "the Same").unwrap();
        let error = compare(&first, &second).unwrap_err().to_string();
        assert!(error.contains("a.deb"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
