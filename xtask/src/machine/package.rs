//! Debian's packaged kernels: found, downloaded and unpacked by apt and dpkg, with nothing installed.
//!
//! apt gets a list of sources, and a state, of its own for each suite; where the packages are it knows
//! from this machine's own list.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// A kernel that can be booted.
pub(crate) struct Kernel {
    /// The release, as in `uname -r`.
    pub(crate) release: String,
    pub(crate) image: PathBuf,
    /// The folder that contains `lib/modules`.
    pub(crate) root: PathBuf,
}

/// Returns the kernel of a suite, from the folder if it has been unpacked there before.
pub(crate) fn unpacked(folder: &Path, suite: &str, mirror: Option<&str>) -> Result<Kernel> {
    let root = folder.join("root");
    if let Ok(kernel) = found(&root) {
        return Ok(kernel);
    }
    let apt = Apt::of(folder, suite, mirror)?;
    // Where its half has come, it comes whole.
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("usr/lib"))?;
    // Packages of merged and of unmerged times meet in one folder.
    std::os::unix::fs::symlink("usr/lib", root.join("lib"))?;

    let image = apt
        .depends(META)?
        .into_iter()
        .find(|name| name.starts_with("linux-image-"))
        .with_context(|| format!("{META} of {suite} depends on no kernel"))?;
    // Since Linux 6.19 a kernel is three packages.
    let parts = apt.depends(&image)?.into_iter();
    let parts = parts.filter(|name| {
        ["linux-binary-", "linux-modules-"]
            .iter()
            .any(|part| name.starts_with(part))
    });
    let packages: Vec<String> = std::iter::once(image).chain(parts).collect();
    for file in apt.download(&packages)? {
        let mut unpack = command::program([
            "sh",
            "-c",
            "dpkg-deb --fsys-tarfile \"$1\" | tar -x --keep-directory-symlink -C \"$2\"",
            "sh",
        ]);
        command::run(unpack.arg(file).arg(&root))?;
    }
    let kernel = found(&root)?;
    let mut depmod = command::program(["/usr/sbin/depmod", "-b"]);
    command::run(depmod.arg(&kernel.root).arg(&kernel.release))?;
    Ok(kernel)
}

fn found(root: &Path) -> Result<Kernel> {
    let modules = root.join("usr/lib/modules");
    let mut releases = fs::read_dir(&modules).with_context(|| format!("{}", modules.display()))?;
    let release = releases.next().context("no kernel")??.file_name();
    let release = release.to_string_lossy().into_owned();
    let images = [
        root.join(format!("boot/vmlinuz-{release}")),
        modules.join(&release).join("vmlinuz"),
    ];
    let image = images.into_iter().find(|path| path.exists());
    Ok(Kernel {
        image: image.with_context(|| format!("no image of {release}"))?,
        root: root.to_owned(),
        release,
    })
}

/// An apt with one suite and none of this machine's state.
struct Apt {
    folder: PathBuf,
    options: Vec<String>,
}

impl Apt {
    fn of(folder: &Path, suite: &str, mirror: Option<&str>) -> Result<Self> {
        let folder = folder.join("apt");
        for part in ["lists/partial", "cache", "archives"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let sources = folder.join("sources.list");
        fs::write(&sources, source(suite, mirror)? + "\n")?;
        let set = |name: &str, value: String| ["-o".to_owned(), format!("{name}={value}")];
        let at = |part: &str| folder.join(part).display().to_string();
        let options = [
            set("Dir::Etc::sourcelist", at("sources.list")),
            set("Dir::Etc::sourceparts", "-".to_owned()),
            set("Dir::State::lists", at("lists")),
            set("Dir::Cache", at("cache")),
            // Not as its own user, who may not write here.
            set("APT::Sandbox::User", String::new()),
            set("Acquire::Languages", "none".to_owned()),
            set(
                "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
                "false".to_owned(),
            ),
        ];
        let apt = Self {
            folder,
            options: options.into_iter().flatten().collect(),
        };
        command::run(apt.command("apt-get").arg("update"))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = command::program([program, "-q"]);
        command.args(&self.options);
        command
    }

    /// Returns the dependencies of a package, without alternatives and versions.
    fn depends(&self, package: &str) -> Result<Vec<String>> {
        let mut show = self.command("apt-cache");
        show.args(["show", "--no-all-versions", package]);
        let output = show.output().context("apt-cache")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("Depends:"));
        let line = line.with_context(|| format!("no package {package}"))?;
        Ok(names(line))
    }

    fn download(&self, packages: &[String]) -> Result<Vec<PathBuf>> {
        let archives = self.folder.join("archives");
        let _ = fs::remove_dir_all(&archives);
        fs::create_dir_all(&archives)?;
        let mut download = self.command("apt-get");
        download
            .arg("download")
            .args(packages)
            .current_dir(&archives);
        command::run(&mut download)?;
        let files = fs::read_dir(&archives)?.map(|entry| Ok(entry?.path()));
        files.collect()
    }
}

fn names(depends: &str) -> Vec<String> {
    let name = |one: &str| one.split_whitespace().next().map(str::to_owned);
    depends.split(',').filter_map(name).collect()
}

/// Returns the line of a list of sources for a suite, from a mirror or from that of this machine.
pub(crate) fn source(suite: &str, mirror: Option<&str>) -> Result<String> {
    let mirror = mirror_or_own(mirror)?;
    Ok(format!("deb [signed-by={KEYRING}] {mirror} {suite} main"))
}

/// Returns the line for a suite's security updates, which mirrors have beside the suites.
pub(crate) fn security_source(suite: &str, mirror: Option<&str>) -> Result<String> {
    let mirror = mirror_or_own(mirror)?;
    let mirror = mirror.trim_end_matches('/');
    Ok(format!(
        "deb [signed-by={KEYRING}] {mirror}-security {suite}-security main"
    ))
}

fn mirror_or_own(mirror: Option<&str>) -> Result<String> {
    match mirror {
        Some(mirror) => Ok(mirror.to_owned()),
        None => own_mirror(),
    }
}

/// Returns the mirror of this machine's Debian packages, from apt, which reads all its formats.
fn own_mirror() -> Result<String> {
    let mut ask = command::program(["apt-get", "indextargets", "--format"]);
    ask.args(["$(ORIGIN) $(RELEASE) $(REPO_URI)", "Created-By: Packages"]);
    let output = ask.output().context("cannot run apt-get")?;
    let text = String::from_utf8_lossy(&output.stdout);
    match mirror_in(&text) {
        Some(mirror) => Ok(mirror.to_owned()),
        None => bail!("apt has no Debian source here; name one: --mirror URI"),
    }
}

/// Finds the mirror in the lines `ORIGIN SUITE URI`; security updates and the like are elsewhere, and their suites have a hyphen.
fn mirror_in(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let mut words = line.split(' ');
        let is_debian = words.next()? == "Debian" && !words.next()?.contains('-');
        words.next().filter(|_| is_debian)
    })
}

/// The package that depends on a suite's newest kernel; the one for virtual machines is the smallest.
const META: &str = "linux-image-cloud-amd64";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_main_suite() {
        let text = "Other stable o:/\nDebian bookworm-security s:/\nDebian bookworm m:/\n";
        assert_eq!(mirror_in(text), Some("m:/"));
        assert_eq!(mirror_in("Ubuntu noble u:/\n"), None);
    }

    #[test]
    fn of_a_dependency_the_first_alternative_is_named() {
        assert_eq!(
            names(" kmod, linux-base (>= 4.3~), a | b"),
            ["kmod", "linux-base", "a"]
        );
    }
}
