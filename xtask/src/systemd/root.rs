//! The root of a machine: Debian with systemd, what `cargo xtask install` installs, and the checks.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command;
use crate::install;
use crate::machine::{Kernel, Tree, source};

/// A folder with the installation in it, as packages are made from it.
pub(super) struct Stage(PathBuf);

impl Stage {
    /// Builds a release, and installs it below the folder.
    pub(super) fn install(folder: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        let options = install::Options::below(folder, Path::new("/usr"));
        install::run(&options, &install::build::Recipe::default())?;
        Ok(Self(folder.to_owned()))
    }
}

/// Returns the archive of a Debian system with systemd, made in the folder unless it is there already.
pub(super) fn debian(folder: &Path, suite: &str, mirror: Option<&str>) -> Result<PathBuf> {
    let archive = folder.join("debian.cpio");
    if archive.exists() {
        return Ok(archive);
    }
    // Where its half has come, it comes whole.
    let half = folder.join("debian.cpio.new");
    let mut make = command::program(["mmdebstrap", "--variant=minbase", "--format=null"]);
    make.arg(format!("--include={PACKAGES}"));
    for path in EXCLUDED {
        make.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    // It is packed where its files have their owners, which without root are those of a user namespace.
    make.arg(format!("--customize-hook={PACK}"))
        .env("ARCHIVE", &half)
        .args([suite, "-"])
        .arg(source(suite, mirror)?);
    command::run(&mut make)?;
    fs::rename(&half, &archive)?;
    Ok(archive)
}

/// Creates the archive that the kernel unpacks: Debian's, and over it what is ours.
pub(super) fn archive(
    folder: &Path,
    debian: &Path,
    stage: &Stage,
    kernel: &Kernel,
) -> Result<PathBuf> {
    let ours = folder.join("ours");
    let _ = fs::remove_dir_all(&ours);
    let tree = Tree(ours.join("tree"));
    fs::create_dir_all(tree.at("/usr/lib"))?;
    // As in Debian: a folder of this name would take the place of its link.
    symlink("usr/lib", tree.at("/lib"))?;
    for folder in STAGED {
        let mut copy = command::program(["cp", "-r", "--parents"]);
        copy.arg(folder)
            .arg(fs::canonicalize(tree.at("/"))?)
            .current_dir(&stage.0);
        command::run(&mut copy)?;
    }
    // Its libraries are those of the Debian there.
    tree.stripped(&stage.0.join(PROGRAM), &Path::new("/").join(PROGRAM))?;
    tree.modules(kernel, MODULES)?;
    for (path, text) in [("/checks.sh", CHECKS), (CHECKS_UNIT, SERVICE)] {
        let path = tree.at(path);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(path, text)?;
    }
    let wanted = tree.at("/etc/systemd/system/multi-user.target.wants");
    fs::create_dir(&wanted)?;
    symlink("../checks.service", wanted.join("checks.service"))?;
    // Whatever the umask here, the service's user may read there.
    let mut readable = command::program(["chmod", "-R", "u=rwX,go=rX"]);
    command::run(readable.arg(tree.at("/")))?;
    let ours = tree.pack(&ours)?;
    let archive = folder.join("initramfs.cpio");
    let mut to = File::create(&archive)?;
    for part in [debian, &ours] {
        io::copy(&mut File::open(part)?, &mut to)?;
    }
    Ok(archive)
}

const PROGRAM: &str = "usr/bin/tcpentry";
/// The parts of the installation that a machine gets beside the program.
const STAGED: [&str; 3] = [
    "usr/lib/systemd",
    "usr/lib/sysusers.d",
    "usr/share/doc/tcpentry",
];
/// The packages beside the essential ones.
const PACKAGES: &str = "systemd,systemd-sysv,iproute2,nftables,busybox-static,kmod";
/// The files that nobody reads there.
const EXCLUDED: [&str; 4] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
];
/// The script that packs a system, in whose place nothing is removed: what is mounted there is this machine's.
const PACK: &str = r#"cd "$1" && find . -xdev \( -path './dev/*' -o -path './proc/*' -o -path './sys/*' -o -path './tmp/*' \
    -o -path './var/cache/apt/*' -o -path './var/lib/apt/lists/*' \) -prune -o -print | cpio --quiet -o -H newc >"$ARCHIVE""#;
/// The modules that are loaded by the kernel itself when they are asked for.
const MODULES: &[&str] = &["inet_diag", "tcp_diag", "nf_tables"];
const CHECKS: &str = include_str!("checks.sh");
/// The service that runs the checks.
const CHECKS_UNIT: &str = "/etc/systemd/system/checks.service";
const SERVICE: &str = "\
[Unit]
Description=Checks of the packaged service
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /checks.sh
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS1
";
