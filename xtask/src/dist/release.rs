//! A release: its version and date, the folder of its files, and what they are made from.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::architecture::Architecture;
use super::tree::{Kind, Tree};
use crate::command;
use crate::folder::emptied;
use crate::install;

/// A release that is being made.
pub(super) struct Release {
    pub(super) version: String,
    /// The time that files get, in seconds since 1970: that of the last commit, or of `SOURCE_DATE_EPOCH`.
    pub(super) date: u64,
    pub(super) architectures: Vec<Architecture>,
    /// The folder of all work.
    pub(super) folder: PathBuf,
    /// The folder of the finished files.
    pub(super) out: PathBuf,
    mirror: Option<String>,
}

impl Release {
    /// Prepares the folder for the files of the version that the sources have.
    pub(super) fn open(architectures: Vec<Architecture>, mirror: Option<String>) -> Result<Self> {
        // Builds run with other folders as their own.
        let target = fs::canonicalize(command::target_folder()?)?;
        let folder = target.join("dist");
        let version = install::version();
        let out = folder.join(name(&version));
        fs::create_dir_all(&out)?;
        Ok(Self {
            version,
            date: date()?,
            architectures,
            folder,
            out,
            mirror,
        })
    }

    /// Returns the name of the folder of the finished files.
    pub(super) fn name(&self) -> String {
        name(&self.version)
    }

    /// Returns true if files are made for this architecture.
    pub(super) fn makes(&self, architecture: Architecture) -> bool {
        self.architectures.contains(&architecture)
    }

    /// Returns the date in RFC 3339's form.
    pub(super) fn date_time(&self) -> Result<String> {
        let mut say = command::program(["date", "-u", "+%Y-%m-%dT%H:%M:%SZ", "-d"]);
        let output = say
            .arg(format!("@{}", self.date))
            .output()
            .context("date")?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Returns a Debian tree of this kind.
    pub(super) fn tree(&self, kind: &Kind) -> Result<Tree> {
        Tree::made(&self.folder.join("trees"), kind, self.mirror.as_deref())
    }

    /// Returns a fresh empty folder for a step.
    pub(super) fn work(&self, name: &str) -> Result<PathBuf> {
        emptied(&self.folder.join("work").join(name))
    }

    /// Returns the folder of these programs of cargo's, installed there unless they are.
    pub(super) fn tools(&self, crates: &[&str]) -> Result<PathBuf> {
        let root = self.folder.join("tools");
        let folder = root.join("bin");
        for versioned in crates {
            let name = versioned.split('@').next().unwrap_or(versioned);
            if !command::is_executable(&folder.join(name)) {
                let mut install = command::cargo(["install", "--locked", versioned, "--root"]);
                command::run(install.arg(&root))?;
            }
        }
        Ok(folder)
    }
}

fn name(version: &str) -> String {
    format!("tcpentry-{version}")
}

fn date() -> Result<u64> {
    if let Ok(date) = std::env::var("SOURCE_DATE_EPOCH") {
        return date.parse().context("SOURCE_DATE_EPOCH");
    }
    let mut log = command::program(["git", "log", "-1", "--format=%ct"]);
    let output = log.output().context("cannot run git")?;
    if !output.status.success() {
        bail!("git does not know the last commit here: set SOURCE_DATE_EPOCH");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().context("git's date")
}
