//! The Debian packages: debhelper over the staged installation.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::architecture::Architecture;
use super::release::Release;
use super::stage;
use super::tree::Kind;
use crate::command;

/// Makes the packages, which have to pass lintian without an error.
pub(super) fn make(release: &Release) -> Result<()> {
    for &architecture in &release.architectures {
        let folder = format!("deb-{}", architecture.debian());
        let debs = build(release, architecture, &folder, REVISION)?;
        let names: Vec<String> = debs.iter().map(|deb| name(deb)).collect();
        let script = format!("cd {WORK} && exec {LINTIAN} {}", names.join(" "));
        let work = debs[0].parent().context("a file is in a folder")?;
        let tree = release.tree(&TOOLS)?;
        tree.run("lintian", &[(work, WORK)], &["sh", "-c", &script])?;
        for deb in &debs {
            fs::copy(deb, release.out.join(name(deb)))?;
        }
    }
    Ok(())
}

/// Builds the packages with this revision of the version, in a work folder of this name.
pub(super) fn build(
    release: &Release,
    architecture: Architecture,
    folder: &str,
    revision: &str,
) -> Result<Vec<PathBuf>> {
    let work = release.work(folder)?;
    let source = work.join("source");
    fs::create_dir(&source)?;
    let built = stage::build(release, architecture)?;
    let stage = source.join("stage");
    stage::install(release, &built, &stage, architecture.debian_place())?;
    let mut copy = command::program(["cp", "-r", "packaging/debian", "CHANGELOG.md"]);
    command::run(copy.arg(&source))?;
    let tree = release.tree(&TOOLS)?;
    let version = format!("{}-{revision}", release.version);
    let date = release.date.to_string();
    let architecture = architecture.debian();
    let words = ["sh", "-ec", BUILD, "sh", &version, &date, architecture];
    tree.run("dpkg-buildpackage", &[(&work, WORK)], &words)?;
    let mut debs = Vec::new();
    for entry in fs::read_dir(&work)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "deb") {
            debs.push(path);
        }
    }
    debs.sort();
    Ok(debs)
}

fn name(deb: &Path) -> String {
    let name = deb.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The tree with Debian's tools for packages.
pub(super) const TOOLS: Kind = Kind {
    name: "packaging",
    suite: "trixie",
    has_security: false,
    architectures: "amd64,arm64",
    packages: "binutils-aarch64-linux-gnu,cpio,debhelper,dpkg-dev,libc6:arm64,libgcc-s1:arm64,lintian,rpm,rpmlint",
};

const WORK: &str = "/build";
const REVISION: &str = "1";
const LINTIAN: &str = "lintian --allow-root --fail-on=error --display-info --tag-display-limit=0";

/// The script that writes the changelog and builds; its arguments are version, date and architecture. There is nothing to compile,
/// and so no need for a compiler (`-d`).
const BUILD: &str = r#"cd /build/source
printf '%s\n' "tcpentry ($1) unstable; urgency=medium" '' '  * See CHANGELOG.md.' '' \
  " -- $(sed -n 's/^Maintainer: //p' debian/control)  $(date -u -R -d "@$2")" >debian/changelog
SOURCE_DATE_EPOCH=$2 exec dpkg-buildpackage -us -uc -b -d -a "$3""#;
