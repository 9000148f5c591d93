//! `cargo xtask package`: each published crate is packed, and built from its package alone.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::command::{self, cargo};
use crate::home;

/// Packs and builds the crates; together, since the others need the first, which no index has yet.
pub(crate) fn run() -> Result<()> {
    let folder = command::target_folder()?.join("packages");
    fs::create_dir_all(&folder)?;
    let home = folder.join("cargo");
    home_without_packages(&home)?;
    let built = folder.join("target");
    forget(&built.join("debug/.fingerprint"))?;
    command::run(&mut cargo(["fetch", "--locked", "--quiet"]))?;
    let mut package = cargo([
        "package",
        "--locked",
        "--offline",
        "--allow-dirty",
        "--quiet",
    ]);
    for name in CRATES {
        package.args(["-p", name]);
    }
    package.env("CARGO_HOME", &home);
    // Nobody runs what is built here: a third of the time is its debug information.
    package
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    package.env("CARGO_TARGET_DIR", &built);
    command::run(&mut package)?;
    // Where it was unpacked to be built.
    let version = crate::install::version();
    for name in CRATES {
        let root = built.join("package").join(format!("{name}-{version}"));
        for file in ["LICENSE-MIT", "LICENSE-APACHE", "README.md"] {
            if !is_text(&root.join(file)) {
                bail!("the package of {name} has no {file}");
            }
        }
    }
    Ok(())
}

/// Makes a home of cargo's with the crates of this machine's, less those that were packed here: cargo would take an old package for
/// the new one, which has the same name and version.
fn home_without_packages(home: &Path) -> Result<()> {
    if home.exists() {
        fs::remove_dir_all(home).with_context(|| home.display().to_string())?;
    }
    let own = home::cargo()?;
    home::link_each(&own, home, |name| name != "registry")?;
    let (own, home) = (own.join("registry"), home.join("registry"));
    home::link_each(&own, &home, |name| name != "src")?;
    // A folder of what was packed begins with the hyphen that follows the name of a host elsewhere.
    home::link_each(&own.join("src"), &home.join("src"), |name| {
        !name.starts_with('-')
    })
}

/// Makes cargo compile the packages again, for the same reason.
fn forget(fingerprints: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(fingerprints) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.rsplit_once('-').map_or("", |(name, _)| name);
        if CRATES.contains(&name) {
            fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.len() > 0)
}

const CRATES: [&str; 4] = ["tcpentry", "iphlpapi", "tcpentry-wine", "tcpentry-cli"];
