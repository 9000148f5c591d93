//! `tcpentry.dll`, which Windows programs under Wine load: built where mingw-w64 is, for each processor that it compiles for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command;

/// The name of the DLL.
const NAME: &str = "tcpentry.dll";

const SCRIPT: &str = "crates/wine/dll/build.sh";

/// Returns the processors that are compiled for here.
pub(crate) fn processors() -> Vec<&'static str> {
    let mut processors = vec!["x86_64", "i686"];
    processors.retain(|processor| command::is_in_path(&compiler(processor)));
    processors
}

/// Returns the name of the compiler for a processor.
pub(crate) fn compiler(processor: &str) -> String {
    format!("{processor}-w64-mingw32-gcc")
}

/// Builds the DLL for a processor.
fn build(processor: &str, file: &Path) -> Result<()> {
    command::run(Command::new(SCRIPT).arg(processor).arg(file))
}

/// Builds the DLL for each processor, below a folder, and returns each with its processor.
pub(crate) fn build_all(folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut built = Vec::new();
    for processor in processors() {
        let folder = folder.join(processor);
        std::fs::create_dir_all(&folder)?;
        // The script changes to its own folder.
        let file = std::path::absolute(folder.join(NAME))?;
        build(processor, &file)?;
        built.push((processor, file));
    }
    Ok(built)
}
