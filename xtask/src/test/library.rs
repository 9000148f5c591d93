//! A test of the installed C library: its versions agree, its symbols have theirs, and its archive has nothing that only a debugger reads.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::{self, program};
use crate::install;

/// Checks the files below a prefix.
pub(super) fn is_consistent(prefix: &Path) -> Result<()> {
    let folder = prefix.join("lib");
    let file = fs::canonicalize(folder.join("libiphlpapi.so"))?;
    let dynamic = read("--dynamic", &file)?;
    let soname = dynamic
        .split_once("Library soname: [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .context("the library has no soname")?
        .0;
    let symbols = read("--dyn-syms", &file)?;
    if !symbols.contains(" SetTcpEntry@@IPHLPAPI_1.0") {
        bail!("the symbols of the library have no versions");
    }
    let version = install::version();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if name != format!("{soname}.{version}") {
        bail!("the file is {name}, the soname {soname}, the version {version}");
    }
    if fs::canonicalize(folder.join(soname))? != file {
        bail!("{soname} leads to another file");
    }
    let pkg_config = fs::read_to_string(folder.join("pkgconfig/iphlpapi.pc"))?;
    if !pkg_config.contains(&format!("\nVersion: {version}\n")) {
        bail!("iphlpapi.pc has another version than {version}");
    }
    let sections = read("--section-headers", &folder.join("libiphlpapi.a"))?;
    for section in [".debug_info", ".llvmbc"] {
        if sections.contains(section) {
            bail!("libiphlpapi.a has {section}");
        }
    }
    Ok(())
}

/// Returns what readelf writes about a file.
fn read(what: &str, file: &Path) -> Result<String> {
    let mut readelf = program(["readelf", "--wide", what]);
    readelf.arg(file);
    println!("+ {}", command::shown(&readelf));
    let output = readelf.output().context("cannot run readelf")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
