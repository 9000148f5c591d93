//! Tests of a release's files as their users get them: in Debian trees that have nothing of ours, and no Rust.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::architecture::Architecture;
use super::release::Release;
use super::tree::Kind;
use super::{deb, tar};

/// Installs, uses, upgrades, removes and purges the Debian packages of this architecture in each tree; of another one, as far as
/// an emulator goes.
pub(super) fn debs(release: &Release) -> Result<()> {
    if release.makes(Architecture::Amd64) {
        // What upgrades begin with: the same files, of a version before.
        deb::build(release, Architecture::Amd64, "old", "1~0")?;
        let old = release.folder.join("work/old");
        let scripts = scripts(release)?;
        let folders = [
            (release.out.as_path(), "/new"),
            (old.as_path(), "/old"),
            (scripts.as_path(), "/test"),
        ];
        in_each(release, "deb.sh", &folders, &["bash", "/test/deb.sh"])?;
    }
    emulated(release, &["sh", "-euxc", EMULATED_DEBS])
}

/// Installs, uses and removes the packages of rpm for arm64 in a tree of an emulator.
pub(super) fn emulated_rpms(release: &Release) -> Result<()> {
    emulated(release, &["sh", "-euxc", EMULATED_RPMS])
}

/// Unpacks and uses the archive of this architecture, in each tree; of another one, the program says its version, under
/// emulation.
pub(super) fn tars(release: &Release) -> Result<()> {
    if release.makes(Architecture::Amd64) {
        let name = tar::name(release, Architecture::Amd64);
        let words = ["bash", "-euxc", UNPACK, "bash", &name];
        in_each(release, "tar", &[(&release.out, "/new")], &words)?;
    }
    let name = tar::name(release, Architecture::Arm64);
    emulated(release, &["sh", "-euxc", EMULATED_TAR, "sh", &name])
}

/// Installs the wheel and runs the program of its README, in each tree.
pub(super) fn wheel(release: &Release) -> Result<()> {
    let program = release.work("wheel-trial")?;
    let readme = fs::read_to_string(WHEEL_README).context(WHEEL_README)?;
    let block = readme.split("```python\n").nth(1);
    let block = block.and_then(|rest| rest.split("```").next());
    fs::write(
        program.join("ten_lines.py"),
        block.context("the README of the wheel has no program")?,
    )?;
    let folders = [(release.out.as_path(), "/new"), (&program, "/test")];
    in_each(release, "wheel", &folders, &["bash", "-euxc", USE_WHEEL])
}

/// Runs a command in each tree.
fn in_each(
    release: &Release,
    title: &str,
    folders: &[(&Path, &str)],
    words: &[&str],
) -> Result<()> {
    for kind in &TREES {
        println!("\n{}", kind.suite);
        release.tree(kind)?.run(title, folders, words)?;
    }
    Ok(())
}

/// Runs a script in a tree that can run programs for arm64, if these are made. The emulator has no `sock_diag`: connections are
/// out of its reach.
fn emulated(release: &Release, words: &[&str]) -> Result<()> {
    if !release.makes(Architecture::Arm64) {
        return Ok(());
    }
    println!("\narm64");
    let tree = release.tree(&EMULATOR)?;
    let scripts = scripts(release)?;
    let folders = [(release.out.as_path(), "/new"), (&scripts, "/test")];
    tree.run("qemu-aarch64-static", &folders, words)
}

const EMULATOR: Kind = Kind {
    name: "emulator",
    suite: "bookworm",
    has_security: false,
    architectures: "amd64,arm64",
    packages: "gcc-aarch64-linux-gnu,libc6-dev:arm64,libgcc-s1:arm64,man-db,qemu-user-static,rpm,xz-utils",
};
const EMULATED_TAR: &str = r#"
tar -xJf "/new/$1.tar.xz" -C /usr/local --strip-components=1 --no-same-owner
qemu-aarch64-static /usr/local/bin/tcpentry --version
qemu-aarch64-static /usr/local/bin/tcpentry delete --help | head -3
sed -i 's/^passwd:.*/passwd: files systemd/' /etc/nsswitch.conf
# The emulator has no sock_diag: that is a code, and so would a user be that nobody is; a look-up in a library would be a signal.
code=0; qemu-aarch64-static /usr/local/bin/tcpentry user nosuchuser || code=$?; [ $code = 2 ] || [ $code = 7 ]"#;
/// The C program is linked and loaded; the library's answer without `sock_diag` is a code.
const EMULATED_DEBS: &str = r#"
dpkg -i /new/*_arm64.deb
dpkg -V tcpentry:arm64 libiphlpapi1:arm64 libiphlpapi-dll:arm64 libiphlpapi-dev:arm64
qemu-aarch64-static /usr/bin/tcpentry --version
man -w 3 SetTcpEntry
aarch64-linux-gnu-gcc -Wall -Werror /test/closeconn.c -o /root/shared -liphlpapi
said=$(qemu-aarch64-static /root/shared 2>&1 || :); echo "$said" | grep GetExtendedTcpTable
aarch64-linux-gnu-gcc -static /test/closeconn.c -o /root/static /usr/lib/aarch64-linux-gnu/libiphlpapi.a -lm 2>/dev/null
said=$(qemu-aarch64-static /root/static 2>&1 || :); echo "$said" | grep GetExtendedTcpTable
dpkg --purge tcpentry libiphlpapi-dll:arm64 libiphlpapi1:arm64 libiphlpapi-dev:arm64"#;
const EMULATED_RPMS: &str = r#"
rpm="rpm --nodeps"
$rpm --ignorearch -ivh /new/*.aarch64.rpm
$rpm -V tcpentry libiphlpapi libiphlpapi-dll libiphlpapi-devel
qemu-aarch64-static /usr/bin/tcpentry --version
aarch64-linux-gnu-gcc -Wall -Werror /test/closeconn.c -o /root/shared -L/usr/lib64 -liphlpapi
said=$(qemu-aarch64-static -E LD_LIBRARY_PATH=/usr/lib64 /root/shared 2>&1 || :); echo "$said" | grep GetExtendedTcpTable
$rpm -e tcpentry libiphlpapi-dll libiphlpapi libiphlpapi-devel
left=$(find /usr /etc -name '*tcpentry*' -o -name '*iphlpapi*'); [ -z "$left" ]"#;
/// The script that installs the wheel where Debian lets pip install: in an environment of its own.
const USE_WHEEL: &str = r#"
if command -v cargo rustc; then exit 1; fi
python3 -m venv /root/env
. /root/env/bin/activate
cd /new
pip install --no-index ./tcpentry-*-cp39-abi3-manylinux_*_x86_64.whl
said=$(python3 /test/ten_lines.py); echo "$said"
grep -q ' deleted by sock-diag$' <<<"$said"
python3 -c 'import tcpentry.windll'
pip uninstall -y tcpentry"#;
const WHEEL_README: &str = "bindings/python/README.md";

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
const USED: &str = "apparmor,bash-completion,fish,gcc,iproute2,libc6-dev,man-db,netcat-openbsd,pkg-config,python3-venv,sudo,systemd,xz-utils,zsh";

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
