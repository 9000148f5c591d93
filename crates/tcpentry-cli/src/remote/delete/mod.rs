//! `delete` on other hosts: by both ends, by identities that name their host, or by a filter.

mod identities;
mod plan;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::check;
use super::fleet::{self, HostEvent, HostTask, Stopped, TaskInput};
use super::input::SetInputs;
use super::object::RemoteObject;
use super::report::{FleetReport, Reported};
use super::reports::{refuse_explain, shows_netns};
use super::rows::{RowForm, RowKind};
use super::ssh::Ssh;
use super::standard_error::ErrorSink;
use super::verdict::judge;
use super::words::{OF_THIS_PROGRAM, Supervised, options_without, quoted, remote_words};
use crate::args::line::Line;
use crate::args::operands::{self, Purpose, Words};
use crate::args::{DeleteArgs, HostList};
use crate::command::delete::interrupt::Interrupt;
use crate::command::delete::only_for_filters;
use crate::exit::Exit;
use crate::message::{notice, print_error};
use crate::output::Shape;
use crate::usage;

/// Runs the command, and returns the exit code for all hosts.
pub(super) fn run(args: &DeleteArgs, line: &Line, hosts: &HostList) -> Exit {
    let fleet = FleetDeletion {
        args,
        line,
        hosts: hosts.names(),
        ssh: Ssh::of_environment(),
        interrupt: Interrupt::install(),
    };
    match fleet.run() {
        Exit::Nothing if args.ok_if_none => Exit::Done,
        exit => exit,
    }
}

/// One run of the command.
struct FleetDeletion<'a> {
    args: &'a DeleteArgs,
    line: &'a Line,
    hosts: &'a [String],
    ssh: Ssh,
    interrupt: Interrupt,
}

impl FleetDeletion<'_> {
    fn run(&self) -> Exit {
        if self.args.explain {
            return refuse_explain();
        }
        if !self.args.id.is_empty() {
            return self.by_identities();
        }
        let purpose = Purpose::Delete {
            pids_first: self.line.is_about_processes(),
        };
        let words = match operands::words(&self.args.words, purpose) {
            Ok(words) => words,
            Err(answer) => return usage::print_answer(answer.on_line(self.line)),
        };
        match words {
            Words::Ends(..) => match only_for_filters(self.args) {
                None => self.directly(&SetInputs::default()),
                Some(option) => refuse_for_names(option),
            },
            Words::Filter(words) => self.by_filter(&words),
        }
    }

    fn by_filter(&self, words: &[String]) -> Exit {
        let args = self.args;
        let repeating = [
            (args.period.is_some(), "--for"),
            (args.until_quiet.is_some(), "--until-quiet"),
        ];
        let repeating = repeating
            .into_iter()
            .find_map(|(given, name)| given.then_some(name));
        if let (Some(option), false, false) = (repeating, args.yes, args.dry_run) {
            print_error(&format!(
                "{option} needs --yes together with --on: what comes to match later can't be shown before"
            ));
            return Exit::Usage;
        }
        let sets = match SetInputs::read(&args.select.sets) {
            Ok(sets) => sets,
            Err(exit) => return exit,
        };
        if let Err(exit) = check::filter(words, &sets) {
            return exit;
        }
        // A limit for all hosts needs to know all of them, which nobody does of what comes later.
        let is_counted = args.max.is_some() && repeating.is_none();
        match (args.dry_run, args.yes && !is_counted) {
            (false, false) => self.by_plan(&sets),
            _ => self.directly(&sets),
        }
    }

    /// Sends the words to all hosts as they are.
    fn directly(&self, sets: &SetInputs) -> Exit {
        let mut options = vec!["--json".to_owned()];
        options.extend(sets.option());
        if self.args.dry_run {
            options.push("--dry-run".to_owned());
        }
        // Of a dry run nothing is asked for.
        if self.args.yes || self.args.dry_run {
            options.push("--yes".to_owned());
        }
        let limit = self.args.max.filter(|_| !self.args.dry_run);
        options.extend(limit.map(|max| format!("--max={max}")));
        options.extend(self.options(&[]));
        let words = remote_words("delete", options, &self.line.texts());
        let text = sets.text().map_or(&[][..], |text| text);
        let supervised = Supervised::new(&words, text);
        let tasks = self.hosts.iter().map(|host| task(host, &supervised));
        let mut report = FleetReport::new(self.args, &self.form());
        if let Err(exit) = self.delete(tasks.collect(), &mut report, |_, _| {}) {
            return interrupted(report, exit);
        }
        let deleted = report.deleted();
        if let (true, Some(max)) = (self.args.dry_run, self.args.max) {
            if deleted > max {
                report.flush();
                notice(&format!(
                    "refused: {deleted} connections match on these hosts, more than --max {max}; nothing was deleted"
                ));
                return Exit::Guarded;
            }
        }
        report.end()
    }

    /// Runs tasks that delete, and reports what becomes of them; `before` is called with the report and a task's index before
    /// what comes of that task.
    fn delete(
        &self,
        tasks: Vec<HostTask>,
        report: &mut FleetReport,
        mut before: impl FnMut(&mut FleetReport, usize),
    ) -> Result<(), Exit> {
        let form = self.form();
        let make: fleet::Make<Reported> = Arc::new(move |host, line| {
            Reported::new(&form, host, &RemoteObject::parse(line)?, line)
        });
        let hosts: Vec<_> = tasks.iter().map(|task| task.host.clone()).collect();
        let done = fleet::run(
            &self.ssh,
            tasks,
            &make,
            &|| self.interrupt.is_set(),
            |index, event| {
                before(report, index);
                match event {
                    HostEvent::Some(all) => all.into_iter().for_each(|it| report.add(it)),
                    HostEvent::Ended(end) => {
                        let verdict = judge(&hosts[index], &end, &self.ssh);
                        report.end_host(&hosts[index], verdict);
                    }
                }
                ControlFlow::Continue(())
            },
        );
        done.map_err(|stopped| match stopped {
            Stopped::Interrupted => self.interrupt.exit(),
            Stopped::Enough => Exit::Failed,
        })
    }

    /// Returns the options that the remote program gets as they were typed, without those that this one decides, and these.
    fn options(&self, left_out: &[&str]) -> Vec<String> {
        let all = [&OF_THIS_PROGRAM[..], &DECIDED_HERE, left_out].concat();
        options_without(self.line, &all, true)
    }

    fn form(&self) -> RowForm {
        RowForm {
            kind: RowKind::Delete {
                dry_run: self.args.dry_run,
            },
            show: self.args.show.clone(),
            netns: shows_netns(&self.args.netns),
            id: false,
            shape: Shape::of(&self.args.output),
        }
    }
}

/// Makes the task of a host, which ends there when it is ended here.
fn task(host: &str, supervised: &Supervised) -> HostTask {
    HostTask {
        host: host.to_owned(),
        command: supervised.command.clone(),
        input: TaskInput::Held(Arc::clone(&supervised.input)),
        errors: ErrorSink::printing(),
    }
}

/// Makes the task of a host on which nothing is deleted.
fn harmless_task(host: &str, words: &[String], input: TaskInput) -> HostTask {
    HostTask {
        host: host.to_owned(),
        command: quoted(words),
        input,
        errors: ErrorSink::printing(),
    }
}

fn refuse_for_names(option: &str) -> Exit {
    print_error(&format!(
        "{option} needs a filter, but the words name connections exactly"
    ));
    Exit::Usage
}

/// Ends a report that a signal has cut short.
fn interrupted(mut report: FleetReport, exit: Exit) -> Exit {
    report.flush();
    notice(
        "interrupted: tcpentry ends on each host between two deletions; what it has not reported here is not known",
    );
    report.end();
    exit
}

/// The options of `delete` that are about all hosts, or that are sent in another form.
const DECIDED_HERE: [&str; 8] = [
    "--yes",
    "-y",
    "--dry-run",
    "-n",
    "--max",
    "--quiet",
    "-q",
    "--ok-if-none",
];
