//! `cargo xtask api`: the library's public interface, as `crates/tcpentry/public-api.txt` keeps it: what is gone from there, or
//! is another, breaks somebody's program.

use std::fs;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::command::{self, program};

/// Compares the interface with the file, or writes it.
pub(crate) fn run(writes: bool) -> Result<()> {
    // By rustup's name for it, since its documentation in JSON is unstable; this program was started by another cargo.
    let mut list = program(["cargo", "+nightly", "public-api", "-sss"]);
    list.args(["--package", "tcpentry"]);
    println!("+ {}", command::shown(&list));
    let output = list.stderr(Stdio::inherit()).output().context("cargo")?;
    if !output.status.success() {
        bail!("{}: {MISSING}", output.status);
    }
    let now = String::from_utf8(output.stdout)?;
    if writes {
        fs::write(BASELINE, now)?;
        return Ok(());
    }
    let before = fs::read_to_string(BASELINE).context(BASELINE)?;
    let changes = changes(&before, &now);
    print!("{changes}");
    if !changes.is_empty() {
        bail!("the interface is another than {BASELINE} says; cargo xtask api --write keeps it");
    }
    Ok(())
}

/// Returns the lines that only one of the two has, each with its sign.
fn changes(before: &str, now: &str) -> String {
    let mut changes = String::new();
    for (sign, these, others) in [('-', before, now), ('+', now, before)] {
        let others: Vec<&str> = others.lines().collect();
        for line in these.lines().filter(|line| !others.contains(line)) {
            changes.push(sign);
            changes.push_str(line);
            changes.push('\n');
        }
    }
    changes
}

const BASELINE: &str = "crates/tcpentry/public-api.txt";
const MISSING: &str =
    "it takes a nightly toolchain and cargo-public-api: cargo install --locked cargo-public-api";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_and_what_is_new_are_shown() {
        assert_eq!(changes("a\nb\n", "b\nc\n"), "-a\n+c\n");
        assert_eq!(changes("a\n", "a\n"), "");
    }
}
