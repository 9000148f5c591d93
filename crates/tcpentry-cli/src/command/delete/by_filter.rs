//! `delete FILTER...`: shown and confirmed first, or at once, or again and again.

use super::interrupt::Interrupt;
use super::run::Run;
use super::selector::default_states;
use crate::args::DeleteArgs;
use crate::command::explain;
use crate::exit::Exit;
use crate::message::{notice, print_error, print_failure, print_hint};
use crate::tables::selection::{self, FilterInput, Hosts};
use crate::tables::sets::Sets;
use crate::tables::{Tables, mentions};
use crate::usage;

/// Deletes what the filter selects, and returns the exit code.
pub(super) fn run(args: &DeleteArgs, sets: &Sets, tables: Tables, words: &[String]) -> Exit {
    let Tables {
        opened: mut tables,
        left_out,
        ..
    } = tables;
    let input = FilterInput {
        words,
        args: &args.select,
        sets,
    };
    let states = default_states(args);
    let selections = match selection::prepare_all(input, states, &mut tables, Hosts::LookUp) {
        Ok(selections) => selections,
        Err(refusal) => return usage::print_refusal(&refusal, Exit::of_deletion),
    };
    let Some(first) = selections.first() else {
        return Exit::Nothing;
    };
    if args.explain {
        return explain::run(&tables, &selections);
    }
    let filter = selection::canonical(first);
    if args.report.verbose {
        notice(&format!("selects {filter}"));
    }
    let mut attribution = selection::attribution(first, &args.show);
    match mentions::ambiguity(first.filter(), &mut attribution) {
        Ok(None) => {}
        Ok(Some((reason, hint))) => {
            print_error(&format!("refused: {reason}; nothing was deleted"));
            print_hint(&hint);
            return Exit::Guarded;
        }
        Err(error) => {
            print_failure(&error);
            return Exit::of_deletion(&error);
        }
    }
    for line in mentions::empty_exclusions(first.filter(), &mut attribution) {
        notice(&format!("`not` excludes nothing here: {line}"));
    }
    match Run::new(
        args,
        input,
        tables,
        selections,
        attribution,
        Interrupt::install(),
    ) {
        Ok(mut run) => {
            run.left_out = left_out;
            let end = run.all_rounds();
            run.finish(end)
        }
        Err(exit) => exit,
    }
}
