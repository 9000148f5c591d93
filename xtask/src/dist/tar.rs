//! The archives with the static program, for Linux of any distribution.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::architecture::{Architecture, Place};
use super::cross::{self, Parts};
use super::release::Release;
use super::stage;
use crate::command;

/// Makes an archive for each architecture.
pub(super) fn make(release: &Release) -> Result<()> {
    for &architecture in &release.architectures {
        archive(release, architecture)?;
    }
    Ok(())
}

fn archive(release: &Release, architecture: Architecture) -> Result<()> {
    let built = cross::build(release, architecture.musl(), Parts::Program)?;
    let name = name(release, architecture);
    let work = release.work(&name)?;
    let stage = work.join("stage");
    stage::install(release, &built, &stage, PLACE)?;
    let top = work.join(&name);
    fs::rename(stage.join(&PLACE.prefix[1..]), &top)?;
    // With all else, so that /usr/local gets what belongs there.
    let documents = top.join("share/doc/tcpentry");
    for file in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        fs::copy(file, documents.join(file))?;
    }
    fs::write(documents.join("README"), README)?;
    let archive = release.out.join(format!("{name}.tar.xz"));
    command::run(&mut packed(release.date, &work, "-cJf", &archive, &name))
}

/// Returns the name of an architecture's archive, and of the folder in it, without its ending.
pub(super) fn name(release: &Release, architecture: Architecture) -> String {
    named(&release.version, architecture)
}

fn named(version: &str, architecture: Architecture) -> String {
    format!("tcpentry-{version}-{}", architecture.musl().triple)
}

/// Returns the command that packs a folder's files, for tar's option `-cf` or one with a compression: names in their order,
/// root's, with the release's date.
pub(super) fn packed(date: u64, folder: &Path, how: &str, to: &Path, name: &str) -> Command {
    let mut tar = command::program(["tar", "--sort=name", "--format=posix", "--numeric-owner"]);
    tar.args(["--owner=0", "--group=0", "--mode=u=rwX,go=rX"])
        .arg("--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime")
        .arg(format!("--mtime=@{date}"))
        // One thread: with more, the blocks depend on their number.
        .env("XZ_OPT", "-9 -T1")
        .arg("-C")
        .arg(folder)
        .arg(how)
        .arg(to)
        .arg(name);
    tar
}

const PLACE: Place = Place {
    prefix: "/usr/local",
    libdir: "/usr/local/lib",
};

const README: &str = "\
tcpentry ends TCP connections on Linux from outside their process. This program is linked statically and runs on any
distribution. As root:

    tar -xJf ARCHIVE -C /usr/local --strip-components=1 --no-same-owner

installs it with manual pages, completions and the unit of the service (`systemd-sysusers`, `systemctl daemon-reload`; see
tcpentry-guard(8)). bin/tcpentry alone is enough for everything but these. Begin with `tcpentry doctor`.

Names come from /etc/passwd, /etc/group, /etc/hosts and DNS: users of LDAP, sssd and systemd-homed are shown as numbers,
and are named by them.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binstall_finds_the_archive_and_the_program_in_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let manifest = fs::read_to_string(root.join("crates/tcpentry-cli/Cargo.toml")).unwrap();
        let manifest = manifest
            .replace("{ version }", "1.2.3")
            .replace("{ target }", "x86_64-unknown-linux-musl")
            .replace("{ bin }", "tcpentry");
        let name = named("1.2.3", Architecture::Amd64);
        assert!(manifest.contains(&format!("/v1.2.3/{name}.tar.xz\"\n")));
        assert!(manifest.contains(&format!("bin-dir = \"{name}/bin/tcpentry\"\n")));
    }
}
