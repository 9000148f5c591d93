//! The lists of components in CycloneDX's form, of the program and of the C library.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::release::Release;
use crate::command;

/// Writes a list for each.
pub(super) fn make(release: &Release) -> Result<()> {
    let tools = release.tools(&["cargo-cyclonedx@0.5.9"])?;
    // It writes into the folder of each member: into those of a copy.
    let work = release.work("sbom")?;
    let mut copy = command::program(["cp", "-r", "Cargo.toml", "Cargo.lock", "crates", "xtask"]);
    command::run(copy.arg(&work))?;
    for (package, name) in [("tcpentry-cli", "tcpentry"), ("iphlpapi", "libiphlpapi")] {
        let manifest = work.join("crates").join(package).join("Cargo.toml");
        let mut list = std::process::Command::new(tools.join("cargo-cyclonedx"));
        list.args(["cyclonedx", "--format=json", "--spec-version=1.5"])
            .args([
                "--target=x86_64-unknown-linux-gnu",
                "--override-filename=bom",
            ])
            .arg("--manifest-path")
            .arg(&manifest);
        command::run(&mut list)?;
        let text = fs::read_to_string(manifest.with_file_name("bom.json"))?;
        // The names of components begin with their path.
        let text = text.replace(&work.display().to_string(), "/tcpentry");
        let mut bom: Value = serde_json::from_str(&text)?;
        bom["metadata"]["timestamp"] = json!(release.date_time()?);
        let object = bom.as_object_mut().context("an object")?;
        // A random number: the file is the same each time.
        object.remove("serialNumber");
        let to = format!("{name}-{}.cdx.json", release.version);
        fs::write(
            release.out.join(to),
            serde_json::to_string_pretty(&bom)? + "\n",
        )?;
    }
    Ok(())
}
