//! The folder of which a package is made: a build, installed into it.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::architecture::{Architecture, Place};
use super::cross::{self, Parts};
use super::licences;
use super::release::Release;
use crate::home;
use crate::install::build::{self, Built, Recipe};
use crate::install::{self, place};

/// The compilers of `tcpentry.dll`, of which a release has one for each processor, and their packages.
pub(super) const COMPILERS: [(&str, &str); 2] = [
    ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32"),
    ("i686-w64-mingw32-gcc", "gcc-mingw-w64-i686-win32"),
];

/// Builds program and C library: for this machine with its own Rust.
pub(super) fn build(release: &Release, architecture: Architecture) -> Result<Built> {
    match architecture.cross() {
        None => build::run(&recipe(release)?),
        Some(target) => cross::build(release, target, Parts::ProgramAndLibrary),
    }
}

/// Installs a build into a folder of which a package is made.
pub(super) fn install(release: &Release, built: &Built, folder: &Path, to: Place) -> Result<()> {
    if built.wine_dlls.len() < COMPILERS.len() {
        bail!("a release has tcpentry.dll for both processors");
    }
    let options = install::Options::below(folder, Path::new(to.prefix));
    place(built, &options.with_libdir(Path::new(to.libdir)))?;
    let documents = folder.join(&to.prefix[1..]).join("share/doc/tcpentry");
    fs::write(documents.join("third-party.txt"), third_party(release)?)?;
    Ok(())
}

/// Returns the licences of all that program and C library contain.
pub(super) fn third_party(release: &Release) -> Result<String> {
    licences::third_party(&cross::zig(release)?.join("ziglang"))
}

fn recipe(release: &Release) -> Result<Recipe> {
    let tools = release.tools(&["cargo-auditable@0.7.7"])?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?;
    Ok(Recipe {
        is_auditable: true,
        is_for_tests: false,
        target: Some(release.folder.join("build")),
        variables: vec![
            ("PATH", path),
            ("RUSTFLAGS", remapping(&std::env::current_dir()?)?.into()),
        ],
    })
}

/// Returns the flags that keep this machine's paths out of what is built from the sources in a folder.
pub(super) fn remapping(sources: &Path) -> Result<String> {
    Ok(format!(
        "--remap-path-prefix={}=/cargo --remap-path-prefix={}=/tcpentry",
        home::cargo()?.display(),
        sources.display()
    ))
}
