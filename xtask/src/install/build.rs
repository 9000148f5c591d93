//! The release build that an installation copies.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::dll;
use crate::command::{self, cargo};

/// The results of a release build.
pub(crate) struct Built {
    pub(crate) program: PathBuf,
    /// The program that answers Windows programs under Wine.
    pub(crate) wine_program: PathBuf,
    /// The DLL that those load, for each processor.
    pub(crate) wine_dlls: Vec<(&'static str, PathBuf)>,
    /// The C library, where it has been built, too.
    pub(crate) library: Option<Library>,
}

/// The two forms of the C library.
pub(crate) struct Library {
    pub(crate) shared: PathBuf,
    pub(crate) archive: PathBuf,
    /// The words with which a program is linked with the archive.
    pub(crate) native_libraries: String,
}

impl Built {
    /// Returns the results in a folder of cargo's.
    pub(crate) fn in_folder(folder: &Path, native_libraries: Option<String>) -> Result<Self> {
        Ok(Self {
            program: folder.join("tcpentry"),
            wine_program: folder.join("tcpentry-wine"),
            wine_dlls: dll::build_all(&folder.join("wine"))?,
            library: native_libraries.map(|native_libraries| Library {
                shared: folder.join("libiphlpapi.so"),
                archive: folder.join("libiphlpapi.a"),
                native_libraries,
            }),
        })
    }
}

/// The difference between a release for this machine and one for others.
#[derive(Default)]
pub(crate) struct Recipe {
    /// Set for cargo's `auditable`, which writes the list of dependencies into what is built.
    pub(crate) is_auditable: bool,
    /// The target folder, if not cargo's.
    pub(crate) target: Option<PathBuf>,
    /// Set for the profile `dev`, most of which the tests have built already.
    pub(crate) is_for_tests: bool,
    /// Further variables of the environment.
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

impl Recipe {
    /// Returns the name of the profile, and that of its folder.
    const fn profile(&self) -> (&'static str, &'static str) {
        if self.is_for_tests {
            ("dev", "debug")
        } else {
            ("release", "release")
        }
    }

    fn cargo(&self, words: &str) -> Command {
        let subcommand = self.is_auditable.then_some("auditable");
        let mut command = cargo(subcommand.into_iter().chain(words.split(' ')));
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Builds the programs and the C library.
pub(crate) fn run(recipe: &Recipe) -> Result<Built> {
    let (profile, folder) = recipe.profile();
    let programs = "--locked --package tcpentry-cli --package tcpentry-wine";
    command::run(&mut recipe.cargo(&format!("build --profile {profile} {programs}")))?;
    let library = "--locked --package iphlpapi --lib -- --print native-static-libs";
    let mut library = recipe.cargo(&format!("rustc --profile {profile} {library}"));
    // What rustc prints is repeated by cargo when there is nothing to compile; colours would hide it.
    library.env("CARGO_TERM_COLOR", "never");
    println!("+ {}", command::shown(&library));
    let output = library
        .stdout(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}", said.trim_end());
    }
    let native = native_libraries(&said)?;
    let target = match &recipe.target {
        Some(target) => target.clone(),
        None => command::target_folder()?,
    };
    let mut built = Built::in_folder(&target.join(folder), Some(native))?;
    if let Some(library) = &mut built.library {
        library.shared = versioned(library)?;
        library.archive = stripped(&library.archive)?;
    }
    Ok(built)
}

/// Links the shared library with versions of its symbols.
fn versioned(library: &Library) -> Result<PathBuf> {
    let shared = library
        .shared
        .with_file_name("versioned")
        .join("libiphlpapi.so");
    fs::create_dir_all(shared.with_file_name(""))?;
    let mut link = Command::new(SHARED_LIBRARY);
    link.args([
        OsStr::new("cc"),
        library.archive.as_os_str(),
        shared.as_os_str(),
    ]);
    link.args(library.native_libraries.split_whitespace());
    command::run(&mut link)?;
    Ok(shared)
}

/// The script that links it, for every architecture.
const SHARED_LIBRARY: &str = "packaging/shared-library.sh";

/// Returns a copy of the static library without debug information, and without the bitcode that only another rustc could
/// use: a quarter of its size.
fn stripped(archive: &Path) -> Result<PathBuf> {
    let copy = archive.with_file_name("stripped").join("libiphlpapi.a");
    fs::create_dir_all(copy.with_file_name(""))?;
    let mut strip = Command::new("strip");
    strip
        .args(["--strip-debug", "--enable-deterministic-archives"])
        .args([
            "--remove-section=.llvmbc",
            "--remove-section=.llvmcmd",
            "-o",
        ])
        .args([&copy, archive]);
    command::run(&mut strip)?;
    Ok(copy)
}

/// Finds what a program links beside the static library, in what rustc has printed.
pub(crate) fn native_libraries(said: &str) -> Result<String> {
    let native = said
        .lines()
        .find_map(|line| line.split_once("native-static-libs:"))
        .context("rustc did not say what the static library needs")?;
    Ok(beside_the_compilers(native.1))
}

/// Leaves out what every compiler links by itself, in the form that fits: the shared libgcc_s would keep a program from
/// being linked with `-static`.
fn beside_the_compilers(libraries: &str) -> String {
    let others = libraries
        .split_whitespace()
        .filter(|word| !["-lgcc_s", "-lc"].contains(word));
    others.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_program_needs_no_shared_library() {
        let printed = " -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";
        assert_eq!(
            beside_the_compilers(printed),
            "-lutil -lrt -lpthread -lm -ldl"
        );
    }
}
