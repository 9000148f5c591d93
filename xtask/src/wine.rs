//! `cargo xtask wine`: `tcpentry wine` with the real Wine, and with programs for Windows that know nothing of it, in namespaces
//! of its own; the newer Wine of a later Debian in a tree of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command::{self, cargo};
use crate::debian;
use crate::folder::emptied;
use crate::install::dll;

/// The test, below the repository's root.
const SCRIPT: &str = "crates/wine/tests/wine.sh";
/// The programs for Windows, and the libraries that they are linked with.
const PROGRAM: &str = "crates/wine/tests/programs/closer.c";
const LIBRARIES: [&str; 2] = ["-liphlpapi", "-lws2_32"];
/// The packages of a tree: Wine, and what the script runs.
const PACKAGES: &str = "wine,wine64,iproute2,procps,python3-minimal,libcap2-bin,util-linux";
/// The step that adds what 32-bit programs need, where Wine's packages for amd64 have not the DLLs of those.
const ADD_32_BIT: &str = "\
    test -e \"$1/usr/lib/x86_64-linux-gnu/wine/i386-windows/iphlpapi.dll\" || { \
    chroot \"$1\" dpkg --add-architecture i386 && chroot \"$1\" apt-get update && \
    chroot \"$1\" apt-get install -y --no-install-recommends wine32:i386; }";

/// The systems whose Wine is tested.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Options {
    /// Suites of Debian; this machine where none is named.
    suites: Vec<String>,
}

impl Options {
    /// Parses the words: names of suites.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let is_name = |word: &&str| word.bytes().all(|it| it.is_ascii_lowercase());
        if let Some(odd) = words.iter().find(|word| !is_name(word)) {
            bail!("wine: {odd} is no suite of Debian");
        }
        let suites = words.iter().map(|&word| word.to_owned()).collect();
        Ok(Self { suites })
    }
}

/// Runs the test, or says why it can't run here.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(reason) = obstacle(options) {
        println!("skipped: {reason}");
        return Ok(());
    }
    command::run(&mut cargo(
        "build --locked -p tcpentry-cli -p tcpentry-wine".split(' '),
    ))?;
    let target = command::target_folder()?;
    let folder = target.join("wine");
    let stage = folder.join("stage");
    let programs = folder.join("programs");
    place(&target, &stage, &programs)?;
    if options.suites.is_empty() {
        let work = emptied(&folder.join("work"))?;
        return test(&stage, &programs, &work, None);
    }
    for suite in &options.suites {
        let tree = match tree(&folder, suite) {
            Ok(tree) => tree,
            Err(error) => {
                println!("skipped: {suite}: no tree can be made: {error:#}");
                continue;
            }
        };
        let inside = emptied(&tree.join("tcpentry"))?;
        for (from, name) in [(&stage, "stage"), (&programs, "programs")] {
            command::run(
                Command::new("cp")
                    .arg("-a")
                    .arg(from)
                    .arg(inside.join(name)),
            )?;
        }
        fs::copy(SCRIPT, inside.join("wine.sh")).context(SCRIPT)?;
        fs::create_dir(inside.join("work"))?;
        let place = Path::new("/tcpentry");
        let [stage, programs, work] = ["stage", "programs", "work"].map(|name| place.join(name));
        test(&stage, &programs, &work, Some(&tree))?;
    }
    Ok(())
}

/// Returns the reason why the test can't run here.
fn obstacle(options: &Options) -> Option<String> {
    if !debian::is_root() {
        return Some("only root can run it: it mounts, and becomes another user".to_owned());
    }
    if dll::processors().len() < 2 {
        return Some(
            "needs gcc-mingw-w64-x86-64-win32 and gcc-mingw-w64-i686-win32: programs of 64 and of 32 bits"
                .to_owned(),
        );
    }
    if options.suites.is_empty() {
        // 160 MB, so that nothing installs it unasked.
        let is_missing = !command::is_in_path("wine");
        return is_missing.then(|| {
            "needs wine64: apt-get install --no-install-recommends wine wine64".to_owned()
        });
    }
    let is_missing = !command::is_in_path("mmdebstrap");
    is_missing.then(|| "needs mmdebstrap".to_owned())
}

/// Puts an installation and the programs for Windows where the test finds them.
fn place(target: &Path, stage: &Path, programs: &Path) -> Result<()> {
    emptied(stage)?;
    emptied(programs)?;
    let built = target.join("debug");
    for (name, place) in [("tcpentry", "bin"), ("tcpentry-wine", "libexec/tcpentry")] {
        let folder = stage.join(place);
        fs::create_dir_all(&folder)?;
        fs::copy(built.join(name), folder.join(name)).with_context(|| name.to_owned())?;
    }
    for (processor, _) in dll::build_all(&stage.join("lib/tcpentry/wine"))? {
        let mut compile = Command::new(dll::compiler(processor));
        compile
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(programs.join(format!("closer-{processor}.exe")))
            .arg(PROGRAM)
            .args(LIBRARIES);
        command::run(&mut compile)?;
    }
    Ok(())
}

/// Runs the script in namespaces of its own, in which it can reach nothing of this host.
fn test(stage: &Path, programs: &Path, work: &Path, tree: Option<&Path>) -> Result<()> {
    let words = "-s KILL 1800 unshare --net --mount --pid --fork --kill-child";
    let mut test = Command::new("timeout");
    test.args(words.split(' '));
    match tree {
        None => {
            test.args(["--mount-proc", "sh", SCRIPT]);
        }
        Some(tree) => {
            test.args(["sh", "-c", ENTER, "sh"]).arg(tree);
            test.args(["sh", "/tcpentry/wine.sh"]);
        }
    }
    test.args([stage, programs, work]);
    command::run(&mut test)
}

/// The script that enters a tree: with its own /proc, what a program needs of /dev, and nothing of this environment.
const ENTER: &str = "tree=$1; shift; mount --bind \"$tree\" \"$tree\" && mount -t proc proc \"$tree/proc\" && \
    mount --rbind /dev \"$tree/dev\" && exec chroot \"$tree\" env -i \"$@\"";

/// Makes a tree of Debian with Wine, unless a whole one is there.
fn tree(folder: &Path, suite: &str) -> Result<PathBuf> {
    let tree = folder.join(suite);
    // Written last: a tree may have been interrupted, or made with other packages.
    let made = tree.join("tcpentry-packages");
    let packages = format!("{PACKAGES}\n{ADD_32_BIT}\n");
    if fs::read_to_string(&made).is_ok_and(|found| found == packages) {
        return Ok(tree);
    }
    emptied(&tree)?;
    let mut make = Command::new("mmdebstrap");
    make.args([
        "--variant=minbase",
        "--aptopt=APT::Install-Recommends false",
        // Mirrors of suites in development lag behind, and those of updates do for one architecture or another.
        "--aptopt=Acquire::Check-Valid-Until false",
        &format!("--setup-hook=sed -i /{suite}-/d \"$1/etc/apt/sources.list\""),
        &format!("--customize-hook={ADD_32_BIT}"),
        &format!("--include={PACKAGES}"),
    ])
    .args([suite.as_ref(), tree.as_os_str()]);
    command::run(&mut make)?;
    fs::write(&made, packages)?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_words() {
        assert_eq!(Options::parse(&[]).unwrap().suites.len(), 0);
        assert_eq!(Options::parse(&["trixie"]).unwrap().suites, ["trixie"]);
        assert!(Options::parse(&["--install"]).is_err());
    }
}
