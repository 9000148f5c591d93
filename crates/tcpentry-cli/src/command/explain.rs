//! `--explain`: how the filter is read, and which part of it the kernel evaluates.

use std::io::{self, Write as _};

use tcpentry::Selection;

use crate::exit::Exit;
use crate::message::exit_after;
use crate::output::stdout;
use crate::tables::NamespaceTable;

/// Prints the explanation of each selection, and returns the exit code.
pub(super) fn run(tables: &[NamespaceTable], selections: &[Selection]) -> Exit {
    exit_after(print(tables, selections), Exit::Done)
}

/// Prints an explanation that several tables share once, below their names.
fn print(tables: &[NamespaceTable], selections: &[Selection]) -> io::Result<()> {
    let mut out = stdout();
    let mut explanations: Vec<(String, Vec<&str>)> = Vec::new();
    for (table, selection) in tables.iter().zip(selections) {
        let text = selection.explanation().to_string();
        let name = table.name.as_deref().unwrap_or_default();
        match explanations.iter_mut().find(|(other, _)| *other == text) {
            Some((_, names)) => names.push(name),
            None => explanations.push((text, vec![name])),
        }
    }
    for (text, names) in &explanations {
        if explanations.len() > 1 {
            writeln!(out, "netns    {}", names.join(" "))?;
        }
        out.write_all(text.as_bytes())?;
    }
    out.flush()
}
