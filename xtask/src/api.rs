//! `cargo xtask api`: the list of the library's public items, kept in the repository, so that a change of the interface is seen
//! in the change that makes it.
//!
//! rustdoc says what is public, in a form that is the toolchain's own, and that `public-api` reads.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::command::{self, cargo};

/// Writes the list.
pub(crate) fn write() -> Result<()> {
    let Listed::Items(text) = list()? else {
        bail!("{OTHER_FORMAT}");
    };
    fs::create_dir_all(Path::new(LIST).parent().expect("it is in a folder"))?;
    fs::write(LIST, text).context(LIST)?;
    println!("{LIST}");
    Ok(())
}

/// Fails if the library has other items than the list; returns the reason if the toolchain is not one that can say so.
pub(crate) fn check() -> Result<Option<&'static str>> {
    let Listed::Items(text) = list()? else {
        return Ok(Some(OTHER_FORMAT));
    };
    let kept = fs::read_to_string(LIST).context(LIST)?;
    let changes = changes(&kept, &text);
    if !changes.is_empty() {
        bail!(
            "the public items of the library are not those of {LIST}:\n{changes}\
             If that is meant (RELEASING.md, \"Versions\"):\n  cargo xtask api"
        );
    }
    Ok(None)
}

/// The answer of the toolchain.
enum Listed {
    Items(String),
    /// The form of its answer is not the one that is read here.
    OtherFormat,
}

fn list() -> Result<Listed> {
    // A folder of its own: build scripts look at the variable, and would run again for each other build.
    let target = command::target_folder()?.join("api");
    let mut document = cargo([
        "rustdoc",
        "--quiet",
        "--locked",
        "--package",
        "tcpentry",
        "--lib",
        "--",
        "-Zunstable-options",
        "--output-format=json",
    ]);
    // For the form: the sources are those that every toolchain sees.
    document.env("RUSTC_BOOTSTRAP", "1");
    document.env("CARGO_TARGET_DIR", &target);
    command::run(&mut document)?;
    let path = target.join("doc/tcpentry.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let document: Value = serde_json::from_str(&text)?;
    if document["format_version"] != FORMAT {
        return Ok(Listed::OtherFormat);
    }
    drop(document);
    let items = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .context("what rustdoc wrote")?;
    Ok(Listed::Items(items.to_string()))
}

/// Returns the lines that are in one text only, as `diff` marks them.
fn changes(old: &str, new: &str) -> String {
    let mut text = String::new();
    for (mark, these, those) in [("-", old, new), ("+", new, old)] {
        let those: Vec<&str> = those.lines().collect();
        for line in these.lines().filter(|line| !those.contains(line)) {
            text += &["  ", mark, " ", line, "\n"].concat();
        }
    }
    text
}

const LIST: &str = "docs/api/tcpentry.txt";
/// The version of rustdoc's form that `public-api` reads: that of Rust 1.93 and later.
const FORMAT: u32 = 57;
const OTHER_FORMAT: &str =
    "rustdoc of this toolchain does not write version 57 of its form for programs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_its_mark() {
        let old = "pub fn a()\npub fn b()\n";
        assert_eq!(changes(old, old), "");
        let new = "pub fn a()\npub fn c()\n";
        assert_eq!(changes(old, new), "  - pub fn b()\n  + pub fn c()\n");
    }
}
