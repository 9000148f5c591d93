//! The files that a machine finds when its kernel has booted, and the archive that they are packed into.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::package::Kernel;
use crate::command;

/// The files of an archive, in a folder.
pub(crate) struct Tree(pub(crate) PathBuf);

impl Tree {
    /// Returns the path to write for a file of the machine.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// Adds a program of this machine with its libraries, at its own path or at a given one.
    pub(crate) fn program(&self, name: &str, to: Option<&str>) -> Result<()> {
        let folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];
        let mut paths = folders.iter().map(|folder| Path::new(folder).join(name));
        let from = paths
            .find(|path| command::is_executable(path))
            .with_context(|| format!("no program {name}"))?;
        self.file(&from, to.map_or(&from, Path::new))?;
        self.libraries(&from)
    }

    /// Adds an executable of cargo without its symbols, which would take half the memory.
    pub(crate) fn stripped(&self, from: &Path, to: &Path) -> Result<()> {
        let path = self.at(&to.to_string_lossy());
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg("-o").arg(path).arg(from);
        if !strip.status()?.success() {
            bail!("{} can't be stripped", from.display());
        }
        Ok(())
    }

    /// Adds a file of this machine.
    pub(crate) fn file(&self, from: &Path, to: &Path) -> Result<()> {
        let path = self.at(&to.to_string_lossy());
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        // A link becomes what it points to.
        fs::copy(from, &path).with_context(|| format!("{}", from.display()))?;
        Ok(())
    }

    /// Adds the libraries of a program that this machine has.
    pub(crate) fn libraries(&self, program: &Path) -> Result<()> {
        // Fails for what is linked statically and needs none.
        let output = Command::new("ldd").arg(program).output().context("ldd")?;
        let text = String::from_utf8_lossy(&output.stdout);
        for path in text.split_whitespace().filter(|word| word.starts_with('/')) {
            let path = Path::new(path);
            if path.exists() && !self.at(&path.to_string_lossy()).exists() {
                self.file(path, path)?;
            }
        }
        Ok(())
    }

    /// Adds modules of the kernel, with their dependencies.
    pub(crate) fn modules(&self, kernel: &Kernel, names: &[&str]) -> Result<()> {
        let inside = Path::new("lib/modules").join(&kernel.release);
        let from = kernel.root.join(&inside);
        let list = fs::read_to_string(from.join("modules.dep")).context("modules.dep")?;
        let mut wanted = BTreeSet::new();
        for line in list.lines() {
            let mut files = line.split([':', ' ']).filter(|word| !word.is_empty());
            let name = files.clone().next().map(module_name).unwrap_or_default();
            if names.contains(&name) {
                wanted.extend(&mut files);
            }
        }
        for file in wanted {
            let plain = file.trim_end_matches(".xz");
            let to = self.0.join(&inside).join(plain);
            self.file(
                &from.join(file),
                Path::new("/").join(&inside).join(file).as_path(),
            )?;
            if plain != file {
                let mut xz = Command::new("xz");
                xz.arg("-d")
                    .arg(to.with_file_name(file.rsplit('/').next().unwrap_or(file)));
                if !xz.status()?.success() {
                    bail!("{file} can't be unpacked");
                }
            }
        }
        for file in [
            "modules.builtin",
            "modules.builtin.modinfo",
            "modules.order",
        ] {
            let file = inside.join(file);
            // Newer packages have them elsewhere; without them nothing is built in, and nothing more is looked for.
            if kernel.root.join(&file).exists() {
                self.file(&kernel.root.join(&file), &Path::new("/").join(&file))?;
            }
        }
        let mut depmod = Command::new("/usr/sbin/depmod");
        depmod.arg("-b").arg(&self.0).arg(&kernel.release);
        if !depmod.status()?.success() {
            bail!("depmod failed");
        }
        Ok(())
    }

    /// Packs the files, all of them as root's, into an archive in `folder`, and returns its path.
    pub(crate) fn pack(&self, folder: &Path) -> Result<PathBuf> {
        let archive = folder.join("initramfs.cpio");
        let mut cpio = Command::new("cpio");
        cpio.args(["--quiet", "-o", "-H", "newc", "-R", "0:0"])
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&archive)?);
        let mut child = cpio.spawn().context("cpio")?;
        let mut names = Vec::new();
        list(&self.0, Path::new(""), &mut names)?;
        let mut input = child.stdin.take().context("it is piped")?;
        input.write_all(names.join("\n").as_bytes())?;
        drop(input);
        if !child.wait()?.success() {
            bail!("cpio failed");
        }
        Ok(archive)
    }
}

fn list(root: &Path, folder: &Path, names: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        names.push(path.to_string_lossy().into_owned());
        if entry.file_type()?.is_dir() {
            list(root, &path, names)?;
        }
    }
    Ok(())
}

/// Returns the name of a module: `net/ipv4/tcp_diag.ko.xz` is `tcp_diag`.
fn module_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file)
}
