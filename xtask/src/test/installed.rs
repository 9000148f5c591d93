//! A test of what `cargo xtask install` installs: a C program is compiled against it as its user would,
//! shared and static, and run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::library;
use crate::command::{self, program};
use crate::install::{self, build::Recipe};
use crate::namespace::Namespace;

/// Installs into a temporary folder, twice, and uses the result.
pub(super) fn works(namespace: Namespace) -> Result<()> {
    let folder = Folder::create()?;
    let options = install::Options::at(&folder.0);
    let recipe = Recipe {
        is_for_tests: true,
        ..Recipe::default()
    };
    install::run(&options, &recipe)?;
    // Again, over what is there.
    install::run(&options, &recipe)?;
    for part in PARTS {
        if !folder.0.join(part).exists() {
            bail!("{part} was not installed");
        }
    }
    library::is_consistent(&folder.0)?;
    command::run(Command::new(folder.0.join("bin/tcpentry")).arg("--version"))?;

    let shared = folder.0.join("shared");
    compile(&folder.0, &["--cflags", "--libs"], &[], &shared)?;
    let mut run = namespace.enter(&Command::new(&shared));
    run.env("LD_LIBRARY_PATH", folder.0.join("lib"));
    command::run(&mut run)?;

    let standalone = folder.0.join("static");
    let flags = ["--static", "--cflags", "--libs"];
    compile(&folder.0, &flags, &["-static"], &standalone)?;
    command::run(&mut namespace.enter(&Command::new(&standalone)))?;

    // A source for Windows, by one folder and as its world spells the headers.
    let windows = folder.0.join("windows");
    let mut compiler = program(["g++", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Werror"]);
    compiler
        .arg("-I")
        .arg(folder.0.join("include/tcpentry-windows"))
        .args([WINDOWS_SOURCE, "-o"])
        .arg(&windows)
        .arg(folder.0.join("lib/iphlpapi.dll"));
    command::run(&mut compiler)?;
    let mut run = namespace.enter(&Command::new(&windows));
    run.env("LD_LIBRARY_PATH", folder.0.join("lib"));
    command::run(&mut run)
}

/// Runs `gcc closeconn.c $(pkg-config ...)`.
fn compile(prefix: &Path, flags: &[&str], options: &[&str], to: &Path) -> Result<()> {
    let mut pkg_config = program(["pkg-config"]);
    pkg_config
        .args(flags)
        .arg("iphlpapi")
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    println!("+ {}", command::shown(&pkg_config));
    let output = pkg_config.output().context("cannot run pkg-config")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let words = String::from_utf8(output.stdout).context("pkg-config writes text")?;
    let mut gcc = program(["gcc", "-Wall", "-Wextra", "-Werror", EXAMPLE, "-o"]);
    gcc.arg(to).args(words.split_whitespace()).args(options);
    command::run(&mut gcc)
}

/// One file of each kind that README.md lists.
const PARTS: [&str; 24] = [
    "bin/tcpentry",
    "libexec/tcpentry/tcpentry-wine",
    "lib/libiphlpapi.so",
    "lib/libiphlpapi.a",
    "lib/libiphlpapi.dll.so",
    "lib/Iphlpapi.dll",
    "include/iphlpapi.h",
    "include/tcpentry-windows/windows.h",
    "lib/pkgconfig/iphlpapi.pc",
    "share/man/man1/tcpentry.1",
    "share/man/man3/SetTcpEntry.3",
    "share/man/man5/guard.d.5",
    "share/man/man7/tcpentry-windows.7",
    "share/man/man8/tcpentry-guard.8",
    "lib/systemd/system/tcpentry-guard.service",
    "lib/sysusers.d/tcpentry.conf",
    "share/doc/tcpentry/examples/tcpentry-guard-netns.conf",
    "share/doc/tcpentry/examples/guard.d/40-leak.toml",
    "share/doc/tcpentry/examples/apparmor/tcpentry-guard",
    "share/bash-completion/completions/tcpentry",
    "share/zsh/site-functions/_tcpentry",
    "share/fish/vendor_completions.d/tcpentry.fish",
    "share/tcpentry/integrations/fail2ban/tcpentry.conf",
    "share/tcpentry/integrations/ansible/plugins/modules/delete.py",
];

const WINDOWS_SOURCE: &str = "crates/iphlpapi/tests/clients/windows/closeconn.cpp";
const EXAMPLE: &str = "crates/iphlpapi/examples/c/closeconn.c";

/// A folder that is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self> {
        let name = format!("tcpentry-installed-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Never one that somebody else has put there.
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind, it harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}
