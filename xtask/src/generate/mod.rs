//! `cargo xtask generate`: the files that follow from the program's definition. They are kept in the repository,
//! so that a package needs no build step of ours to ship them.

mod man;
mod prose;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tcpentry_cli::ManualPage;

/// The manual page of the program, from the repository's root.
pub(crate) const MANUAL: &str = "crates/tcpentry-cli/man/tcpentry.1";

/// Writes every generated file.
pub(crate) fn write() -> Result<()> {
    for Generated { path, text } in generated() {
        let folder = Path::new(&path).parent().expect("it is in a folder");
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {path}"))?;
        println!("{path}");
    }
    Ok(())
}

/// Fails when a generated file is not what [`write()`] would write.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    for Generated { path, text } in generated() {
        match fs::read_to_string(&path) {
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
            "generated files are not up to date:\n  {}\nTo fix it:\n  cargo xtask generate",
            stale.join("\n  ")
        );
    }
    Ok(())
}

struct Generated {
    path: String,
    text: String,
}

fn generated() -> Vec<Generated> {
    let mut generated = vec![Generated {
        path: MANUAL.to_owned(),
        text: man::page(tcpentry_cli::command(), tcpentry_cli::manual()),
    }];
    let command = tcpentry_cli::command();
    let version = command.get_version().unwrap_or_default();
    for page in tcpentry_cli::manual_pages() {
        generated.push(Generated {
            path: prose_path(&page),
            text: man::prose_page(&page, version),
        });
    }
    generated
}

/// Returns the path of a page that is prose alone, from the repository's root.
pub(crate) fn prose_path(page: &ManualPage) -> String {
    format!("crates/tcpentry-cli/man/{}.{}", page.name, page.section.0)
}
