//! The licences of the crates that are compiled in, which ask that their texts come along.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::command;
use crate::python;

/// Returns the crates that program and C library contain, and the texts of their licences, each once; the folder is that of
/// zig, with which the programs for other systems are linked.
pub(super) fn third_party(zig: &Path) -> Result<String> {
    let roots = ["tcpentry-cli", "iphlpapi"];
    let mut list = of_crates(PROGRAM, "Cargo.toml", &roots)?;
    for (name, path) in LINKED {
        let path = zig.join(path);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        list += &section(name, &text);
    }
    Ok(list)
}

/// Returns the crates that the module of the Python package contains, and the texts of their licences, each once.
pub(super) fn of_wheel() -> Result<String> {
    let manifest = format!("{}/Cargo.toml", python::PACKAGE);
    of_crates(MODULE, &manifest, &["tcpentry-python"])
}

/// Returns the crates that these packages of a workspace contain, and the texts of their licences, each once. The title says what
/// contains them.
fn of_crates(title: &str, manifest: &str, roots: &[&str]) -> Result<String> {
    let mut ask = command::cargo([
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform=x86_64-unknown-linux-gnu",
        "--manifest-path",
        manifest,
    ]);
    let output = ask.output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut list = [title, HEAD].concat();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in compiled_in(&metadata, roots)? {
        let of = |key: &str| package[key].as_str().unwrap_or("?");
        let name = format!("{} {}", of("name"), of("version"));
        list += &[&name, ": ", of("license"), "\n"].concat();
        let manifest = Path::new(of("manifest_path"));
        for text in texts_beside(manifest)? {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    let mut texts: Vec<(String, Vec<String>)> = texts.into_iter().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (text, names) in texts {
        list += &section(&names.join(", "), &text);
    }
    Ok(list)
}

fn section(title: &str, text: &str) -> String {
    format!("\n\n==== {title}\n\n{}\n", text.trim_end())
}

/// Returns the packages of other authors that end in what these packages make, in the order of their names.
fn compiled_in<'m>(metadata: &'m Value, roots: &[&str]) -> Result<Vec<&'m Value>> {
    let array = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let packages = metadata["packages"].as_array().context("no packages")?;
    let nodes = array(&metadata["resolve"]["nodes"]);
    let of = |id: &str| packages.iter().find(|package| package["id"] == *id);
    let mut waiting: Vec<String> = packages
        .iter()
        .filter(|package| roots.iter().any(|&it| package["name"] == *it))
        .filter_map(|package| package["id"].as_str().map(str::to_owned))
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        let is_macro = of(&id).is_some_and(|package| {
            let targets = array(&package["targets"]);
            targets.iter().any(|it| it["kind"][0] == "proc-macro")
        });
        // What runs while compiling, and what that needs, is in no file of ours.
        if is_macro || !seen.insert(id.clone()) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == *id);
        for dependency in array(&node.context("no node")?["deps"]) {
            let kinds = array(&dependency["dep_kinds"]);
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                waiting.extend(dependency["pkg"].as_str().map(str::to_owned));
            }
        }
    }
    let mut found: Vec<&Value> = seen.iter().filter_map(|id| of(id)).collect();
    found.retain(|package| !package["source"].is_null());
    found.sort_by_key(|package| (package["name"].as_str(), package["version"].as_str()));
    Ok(found)
}

fn texts_beside(manifest: &Path) -> Result<Vec<String>> {
    let folder = manifest.parent().context("a file is in a folder")?;
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        if path.is_file() && NAMES.iter().any(|it| name.starts_with(it)) {
            paths.push(path);
        }
    }
    paths.sort();
    let texts = paths.iter().map(|path| Ok(fs::read_to_string(path)?));
    texts.collect()
}

/// The beginnings of the names of files with licences.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

/// The parts that the linker adds, and the files with the licences in zig's folder.
const LINKED: [(&str, &str); 2] = [
    ("musl, in static programs", "lib/libc/musl/COPYRIGHT"),
    (
        "LLVM's libunwind and compiler-rt, in static programs and in those for arm64",
        "lib/libunwind/LICENSE.TXT",
    ),
];

const PROGRAM: &str = "The program tcpentry and the library libiphlpapi contain";
const MODULE: &str = "The module tcpentry._native contains";
const HEAD: &str = " Rust's standard library (MIT OR Apache-2.0; the Rust project,
copyright its contributors), and these crates. The texts of their licences follow.

";
