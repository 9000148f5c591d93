//! Tests of a release's files as their users get them: in Debian trees that have nothing of ours, and no Rust.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::architecture::Architecture;
use super::release::Release;
use super::tree::Kind;
use super::{deb, tar};

/// Installs, uses, upgrades, removes and purges the Debian packages in each tree.
pub(super) fn debs(release: &Release) -> Result<()> {
    // What upgrades begin with: the same files, of a version before.
    deb::build(release, Architecture::Amd64, "old", "1~0")?;
    let old = release.folder.join("work/old");
    let scripts = scripts(release)?;
    for tree in &TREES {
        println!("\n{}", tree.suite);
        let tree = release.tree(tree)?;
        let folders = [
            (release.out.as_path(), "/new"),
            (old.as_path(), "/old"),
            (scripts.as_path(), "/test"),
        ];
        tree.run("deb.sh", &folders, &["bash", "/test/deb.sh"])?;
    }
    emulated(release, &["sh", "-euxc", EMULATED_DEBS])
}

/// Unpacks and uses the archive of this architecture, in each tree; of another one, the program says its version, under
/// emulation.
pub(super) fn tars(release: &Release) -> Result<()> {
    for kind in &TREES {
        println!("\n{}", kind.suite);
        let tree = release.tree(kind)?;
        let name = tar::name(release, Architecture::Amd64);
        let words = ["bash", "-euxc", UNPACK, "bash", &name];
        tree.run("tar", &[(&release.out, "/new")], &words)?;
    }
    let name = tar::name(release, Architecture::Arm64);
    emulated(release, &["sh", "-euxc", EMULATED_TAR, "sh", &name])
}

/// Runs a script in a tree that can run programs for arm64, if these are made. The emulator has no `sock_diag`: connections are
/// out of its reach.
fn emulated(release: &Release, words: &[&str]) -> Result<()> {
    if !release.architectures.contains(&Architecture::Arm64) {
        return Ok(());
    }
    println!("\narm64");
    let tree = release.tree(&EMULATOR)?;
    tree.run("qemu-aarch64-static", &[(&release.out, "/new")], words)
}

const EMULATOR: Kind = Kind {
    name: "emulator",
    suite: "bookworm",
    has_security: false,
    architectures: "amd64,arm64",
    packages: "libc6:arm64,libgcc-s1:arm64,man-db,qemu-user-static,xz-utils",
};
const EMULATED_TAR: &str = r#"
tar -xJf "/new/$1.tar.xz" -C /usr/local --strip-components=1 --no-same-owner
qemu-aarch64-static /usr/local/bin/tcpentry --version
qemu-aarch64-static /usr/local/bin/tcpentry delete --help | head -3"#;
const EMULATED_DEBS: &str = r"
dpkg -i /new/*_arm64.deb
dpkg -V tcpentry:arm64 libiphlpapi1:arm64 libiphlpapi-dll:arm64 libiphlpapi-dev:arm64
qemu-aarch64-static /usr/bin/tcpentry --version
ldconfig -p | grep libiphlpapi.so.1
man -w 3 SetTcpEntry
dpkg --purge tcpentry libiphlpapi-dll:arm64 libiphlpapi1:arm64 libiphlpapi-dev:arm64";

/// The script that installs the archive as it says. A look-up of a user that is not there reads nsswitch.conf, in which a
/// static program of glibc would die.
const UNPACK: &str = r#"
tar -xJf "/new/$1.tar.xz" -C /usr/local --strip-components=1 --no-same-owner
tcpentry --version
tcpentry demo
tcpentry doctor || [ $? = 5 ]
sed -i 's/^passwd:.*/passwd: files systemd/' /etc/nsswitch.conf
code=0; tcpentry user nosuchuser || code=$?; [ $code = 2 ]
man -w tcpentry
systemd-sysusers; id tcpentry
systemd-analyze verify --man=no /usr/local/lib/systemd/system/tcpentry-guard.service"#;
/// Writes the script, and the files that it reads, into a folder.
fn scripts(release: &Release) -> Result<PathBuf> {
    let folder = release.work("trial")?;
    fs::write(folder.join("deb.sh"), include_str!("deb.sh"))?;
    let readme = fs::read_to_string("README.md").context("README.md")?;
    fs::write(folder.join("stuck"), stuck(&readme)?)?;
    fs::copy(EXAMPLE, folder.join("closeconn.c"))?;
    fs::copy(WINDOWS_SOURCE, folder.join("windows.c"))?;
    Ok(folder)
}

/// Returns the commands of README's "A stuck connection", one a line.
fn stuck(readme: &str) -> Result<String> {
    let section = readme.split("\n## A stuck connection\n").nth(1);
    let block = section.and_then(|text| text.split("```").nth(1));
    let block = block.context("README.md has no commands under \"A stuck connection\"")?;
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
    let commands: Vec<&str> = commands.collect();
    if commands.len() != 4 {
        bail!(
            "README.md promises four commands and has {}",
            commands.len()
        );
    }
    Ok(commands.join("\n") + "\n")
}

const WINDOWS_SOURCE: &str = "crates/iphlpapi/tests/clients/windows/closeconn.c";
const EXAMPLE: &str = "crates/iphlpapi/examples/c/closeconn.c";

/// The trees. What they have beside the essential packages is used by the test only; tcpentry depends on none of it.
const TREES: [Kind; 2] = [
    Kind {
        name: "bookworm",
        suite: "bookworm",
        has_security: false,
        architectures: "amd64",
        packages: USED,
    },
    Kind {
        name: "trixie",
        suite: "trixie",
        has_security: false,
        architectures: "amd64",
        packages: USED,
    },
];
const USED: &str = "apparmor,bash-completion,fish,gcc,iproute2,libc6-dev,man-db,netcat-openbsd,pkg-config,sudo,systemd,xz-utils,zsh";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_four_commands() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let commands = stuck(&fs::read_to_string(root).unwrap()).unwrap();
        assert!(
            commands.starts_with("sudo tcpentry -p -i dst "),
            "{commands}"
        );
        assert!(stuck("# no such section\n").is_err());
    }
}
