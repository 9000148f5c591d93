//! `cargo xtask generate`: the files that follow from the program's definition. They are kept in the repository,
//! so that a package needs no build step of ours to ship them.

mod man;
mod prose;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The manual page, from the repository's root.
pub(crate) const MANUAL: &str = "crates/tcpentry-cli/man/tcpentry.1";

/// The manual page of the rules of `guard`.
pub(crate) const MANUAL_OF_RULES: &str = "crates/tcpentry-cli/man/guard.d.5";

/// Writes every generated file.
pub(crate) fn write() -> Result<()> {
    for Generated { path, text } in generated() {
        let folder = Path::new(path).parent().expect("it is in a folder");
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(path, text).with_context(|| format!("cannot write {path}"))?;
        println!("{path}");
    }
    Ok(())
}

/// Fails when a generated file is not what [`write()`] would write.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    for Generated { path, text } in generated() {
        match fs::read_to_string(path) {
            Ok(found) if found == text => {}
            Ok(_) => stale.push(format!("{path}: not what the program's definition says")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                stale.push(format!("{path}: not there"));
            }
            Err(error) => stale.push(format!("{path}: {error}")),
        }
    }
    if !stale.is_empty() {
        bail!(
            "generated files are not current:\n  {}\nTo fix it:\n  cargo xtask generate",
            stale.join("\n  ")
        );
    }
    Ok(())
}

struct Generated {
    path: &'static str,
    text: String,
}

fn generated() -> Vec<Generated> {
    let command = tcpentry_cli::command();
    let rules = man::of_files("guard.d", &command, &tcpentry_cli::guard_manual());
    vec![
        Generated {
            path: MANUAL,
            text: man::page(command, tcpentry_cli::manual()),
        },
        Generated {
            path: MANUAL_OF_RULES,
            text: rules,
        },
    ]
}
