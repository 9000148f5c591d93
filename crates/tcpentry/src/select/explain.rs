//! The explanation of a selection for people: its reading of the filter, and the parts that the kernel evaluates.

use std::collections::BTreeMap;
use std::fmt;

use super::Selection;
use crate::escape::escape_for_terminal;
use crate::filter::{Expr, Filter, Mention, Mentioned, Plan};

impl Selection {
    /// Returns how the filter is read, and who evaluates what of it, as some lines of text for people.
    pub fn explanation(&self) -> impl fmt::Display + fmt::Debug + '_ {
        Explanation(self)
    }
}

/// The reading of a filter by a [`Selection`], with the evaluator of each part: some lines of text.
#[derive(Clone, Copy, Debug)]
struct Explanation<'s>(&'s Selection);

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(selection) = self;
        let Plan {
            passes,
            kernel,
            rest,
            needs,
            ..
        } = &selection.plan;
        let states = Filter {
            states: Some(selection.query.states),
            expr: None,
        };
        // Names are as hostile as the text that they were taken from.
        let shown = |expr: &Expr| escape_for_terminal(expr.to_string().as_bytes());
        let (expr, kernel) = (selection.filter.expr.as_ref(), kernel.as_ref());
        writeln!(f, "states   {states}")?;
        match (expr.map(shown), kernel.map(shown)) {
            (None, _) => writeln!(f, "filter   none: every socket in these states")?,
            (Some(expr), None) => writeln!(f, "filter   {expr}\nkernel   only the states")?,
            (Some(expr), Some(kernel)) => writeln!(f, "filter   {expr}\nkernel   {kernel}")?,
        }
        if let Some(rest) = rest {
            writeln!(f, "here     {}", shown(rest))?;
        }
        let mentions = selection.filter.mentions();
        let sets: BTreeMap<_, _> = mentions.iter().filter_map(set_of).collect();
        for (name, count) in sets {
            let prefixes = if count == 1 { "prefix" } else { "prefixes" };
            writeln!(f, "set      @{name}: {count} {prefixes}")?;
        }
        let needed = [
            (needs.info, "counters (INET_DIAG_INFO)"),
            (needs.owners, "owners (/proc/PID/fd)"),
            (needs.cgroups, "cgroups"),
            (
                needs.marks && !selection.marks,
                "marks, which the kernel shows only to CAP_NET_ADMIN",
            ),
        ];
        for (_, what) in needed.iter().filter(|(needed, _)| *needed) {
            writeln!(f, "needs    {what}")?;
        }
        if passes.is_empty() {
            writeln!(f, "no socket can match: the kernel is not asked")?;
        }
        for pass in passes {
            let Some(program) = &pass.program else {
                continue;
            };
            writeln!(f, "program  for the kernel (INET_DIAG_REQ_BYTECODE):")?;
            for line in program.to_string().lines() {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

/// Returns the name of a set, and the number of its prefixes.
fn set_of<'f>(mention: &Mention<'f>) -> Option<(&'f str, usize)> {
    match mention.name {
        Mentioned::Set(name, set) => Some((name, set.len())),
        _ => None,
    }
}
