//! `list` and `doctor` on other hosts: rows that are written as they come.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::check;
use super::fleet::{self, HostEvent, HostTask, Stopped, TaskInput};
use super::input::SetInputs;
use super::object::RemoteObject;
use super::rows::{MergedRow, RowForm, RowKind, RowWriter};
use super::ssh::Ssh;
use super::standard_error::ErrorSink;
use super::verdict::{judge, worst_of_reports};
use super::words::{OF_THIS_PROGRAM, options_without, quoted, remote_words};
use crate::args::line::Line;
use crate::args::{DoctorArgs, HostList, ListArgs, NetnsArgs, OutputArgs, ShowArgs};
use crate::command::delete::interrupt::Interrupt;
use crate::exit::Exit;
use crate::message::{exit_after, notice, print_error};
use crate::output::{Shape, stdout};

/// Lists the connections of all hosts, and returns the exit code.
pub(super) fn list(args: &ListArgs, line: &Line, hosts: &HostList) -> Exit {
    if args.explain {
        return refuse_explain();
    }
    let sets = match SetInputs::read(&args.select.sets) {
        Ok(sets) => sets,
        Err(exit) => return exit,
    };
    if let Err(exit) = check::filter(&args.filter, &sets) {
        return exit;
    }
    let mut options = vec!["--json".to_owned()];
    options.extend(sets.option());
    options.extend(options_without(line, &OF_THIS_PROGRAM, false));
    let form = RowForm {
        kind: RowKind::List,
        show: args.show.clone(),
        netns: shows_netns(&args.netns),
        id: args.id,
        shape: Shape::of(&args.output),
    };
    let words = remote_words("list", options, &line.texts());
    report(hosts, &words, &sets.as_input(), form, &args.output)
}

/// Reports what can be deleted on each host, and returns the exit code.
pub(super) fn doctor(args: &DoctorArgs, line: &Line, hosts: &HostList) -> Exit {
    let mut options = vec!["--json".to_owned()];
    options.extend(options_without(line, &OF_THIS_PROGRAM, false));
    let form = RowForm {
        kind: RowKind::Doctor,
        show: ShowArgs::default(),
        netns: false,
        id: false,
        shape: Shape::of(&args.output),
    };
    let words = remote_words("doctor", options, &[]);
    report(hosts, &words, &TaskInput::Nothing, form, &args.output)
}

/// Refuses `--explain`, which is about the names of one host.
pub(super) fn refuse_explain() -> Exit {
    print_error(
        "--explain can't be combined with --on: names mean something else on each host; run it there, by ssh",
    );
    Exit::Usage
}

/// Returns true where rows name their network namespace.
pub(super) fn shows_netns(args: &NetnsArgs) -> bool {
    args.all_netns || !args.netns.is_empty()
}

/// Runs the same words on all hosts, writes the rows of each in their order, and returns the exit code.
fn report(
    hosts: &HostList,
    words: &[String],
    input: &TaskInput,
    form: RowForm,
    output: &OutputArgs,
) -> Exit {
    let command = quoted(words);
    let tasks = hosts.names().iter().map(|host| HostTask {
        host: host.clone(),
        command: command.clone(),
        input: input.clone(),
        errors: ErrorSink::printing(),
    });
    let interrupt = Interrupt::install();
    let ssh = Ssh::of_environment();
    let mut writer = RowWriter::new(stdout(), &form, !output.no_header);
    let (kind, shape) = (form.kind, form.shape);
    let make: fleet::Make<MergedRow> = Arc::new(move |host, line| {
        let object = RemoteObject::parse(line)?;
        let is_finding = object.check.is_some();
        (is_finding == (form.kind == RowKind::Doctor)).then(|| form.row(host, &object, line))
    });
    let mut verdicts = Vec::new();
    let mut is_empty = true;
    let mut written: io::Result<()> = Ok(());
    let done = fleet::run(
        &ssh,
        tasks.collect(),
        &make,
        &|| interrupt.is_set(),
        |index, event| {
            match event {
                HostEvent::Some(rows) => {
                    is_empty = false;
                    written = rows.iter().try_for_each(|row| writer.write(row));
                }
                HostEvent::Ended(end) => verdicts.push(judge(&hosts.names()[index], &end, &ssh)),
            }
            if written.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    let written = written.and_then(|()| writer.flush());
    if done == Err(Stopped::Interrupted) || interrupt.is_set() {
        return interrupt.exit();
    }
    let exit = worst_of_reports(&verdicts);
    if is_empty && kind == RowKind::List && shape.is_human() && exit == Exit::Done {
        notice("no connection matches");
    }
    // A reader that has seen enough ends it early, and well.
    match done {
        Err(Stopped::Enough) => exit_after(written, Exit::Done),
        _ => exit_after(written, exit),
    }
}
