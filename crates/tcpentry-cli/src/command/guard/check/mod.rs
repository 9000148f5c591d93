//! `guard check`: the rules in canonical form, each with what it would delete now. Nothing is deleted.

mod forecast;

use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use tcpentry::escape::escape_for_terminal;

use super::rights::{CallerRights, Rights};
use super::rules::{self, Rule, Rules};
use super::service::metrics;
use crate::args::GuardCheckArgs;
use crate::exit::Exit;
use crate::message::exit_after;
use crate::output::stdout;
use forecast::Forecast;

/// Runs the command, and returns the exit code.
pub(super) fn run(args: &GuardCheckArgs) -> Exit {
    match rules::read(args.config.config.as_deref()) {
        Ok(rules) => exit_after(print(&rules), Exit::Done),
        Err(errors) => rules::report(&errors),
    }
}

/// Prints the rules; what is said of them is in comments, so that all of it is a configuration.
fn print(rules: &Rules) -> io::Result<()> {
    let mut out = stdout();
    let guard = rules.canonical_guard();
    if !guard.is_empty() {
        write!(out, "{guard}")?;
        if let Some(line) = of_metrics(rules) {
            writeln!(out, "# {line}")?;
        }
        writeln!(out)?;
    }
    let caller = CallerRights::probe();
    let mut all = Rights::NONE;
    for rule in &rules.rules {
        write!(out, "{rule}")?;
        for line in comments(rule, rules, &caller) {
            writeln!(out, "# {line}")?;
        }
        writeln!(out)?;
        all = all.with(Rights::of(rule));
    }
    for line in caller.lines() {
        writeln!(out, "# {line}")?;
    }
    writeln!(
        out,
        "# a unit for all of them has AmbientCapabilities={all}"
    )?;
    out.flush()
}

/// Returns why the file of metrics will not be written, if that is known by now.
fn of_metrics(rules: &Rules) -> Option<String> {
    let path = rules.metrics.as_deref()?;
    let reason = metrics::why_not_replaced(path)?;
    let path = escape_for_terminal(path.as_os_str().as_bytes());
    Some(format!("metrics are not written: {path} {reason}"))
}

fn comments(rule: &Rule, rules: &Rules, caller: &CallerRights) -> Vec<String> {
    let mut lines = Forecast::of(rule, rules).lines(rule);
    let rights = Rights::of(rule);
    lines.push(format!("needs {rights}"));
    lines.extend(caller.lacking(rights));
    lines
}
