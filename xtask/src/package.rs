//! `cargo xtask package`: each published crate is packed, and built from its package alone.

use std::path::Path;

use anyhow::{Result, bail};

use crate::command::{self, cargo};

/// Packs and builds the crates; together, since the last two need the first, which no index has yet.
pub(crate) fn run() -> Result<()> {
    let mut package = cargo(["package", "--locked", "--allow-dirty", "--quiet"]);
    for name in CRATES {
        package.args(["-p", name]);
    }
    command::run(&mut package)?;
    // Where it was unpacked to be built.
    let folder = command::target_folder()?.join("package");
    let version = crate::install::version();
    for name in CRATES {
        let root = folder.join(format!("{name}-{version}"));
        for file in ["LICENSE-MIT", "LICENSE-APACHE", "README.md"] {
            if !is_text(&root.join(file)) {
                bail!("the package of {name} has no {file}");
            }
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.len() > 0)
}

const CRATES: [&str; 3] = ["tcpentry", "iphlpapi", "tcpentry-cli"];
