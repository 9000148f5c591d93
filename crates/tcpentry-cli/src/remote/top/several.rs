//! `top` on several hosts: a stream of each, and one screen.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::ValueEnum as _;
use tcpentry::filter::FilterWords;

use super::super::check;
use super::super::children::Children;
use super::super::input::SetInputs;
use super::super::ssh::Ssh;
use super::super::verdict::{HostVerdict, worst_of_reports};
use super::super::words::{quoted, remote_words};
use super::deletion::RemoteDeletion;
use super::gate::Gate;
use super::merge::MergedTable;
use super::opening::{await_answers, await_ends};
use super::source::FleetSource;
use super::stream::{HostStream, StreamTask};
use crate::args::line::Line;
use crate::args::{SetInput, TopArgs};
use crate::exit::Exit;
use crate::message::{print_error, print_hint};
use crate::tables::sets::Sets;
use crate::top::{OwnFilter, needs_terminal, read_kept, settings, show_elsewhere};

/// Shows the rows of all hosts, and returns the exit code.
pub(super) fn run(args: &TopArgs, line: &Line, hosts: &[String]) -> Exit {
    if args.record.is_some() {
        print_error("a recording is of one host, but --on names several");
        print_hint("`tcpentry --on HOST top --record - > FILE` makes one of each");
        return Exit::Usage;
    }
    let sets = match SetInputs::read(&args.select.sets) {
        Ok(sets) => sets,
        Err(exit) => return exit,
    };
    let filter = match check::filter(&args.filter, &sets) {
        Ok(filter) => filter,
        Err(exit) => return exit,
    };
    let reads_stdin = args
        .select
        .sets
        .iter()
        .any(|set| set.input == SetInput::Standard);
    // Where it is no list, it is the keys.
    if !args.once
        && !reads_stdin
        && let Err(exit) = needs_terminal()
    {
        return exit;
    }
    let kept = read_kept(!args.once);
    let settings = settings(args, &kept, Sets::new());
    let ssh = Ssh::of_environment();
    let children = Children::default();
    let options = options(args, settings.interval, &sets);
    let task = StreamTask {
        ssh: ssh.clone(),
        children: children.clone(),
        command: quoted(&remote_words("top", options, &line.texts())),
        input: sets.text().cloned(),
        is_once: args.once,
        may_ask: Arc::new(AtomicBool::new(true)),
        gate: Gate::of(AT_ONCE),
    };
    let streams = hosts.iter().enumerate();
    let streams = streams.map(|(place, host)| HostStream::start(host, place, task.clone()));
    let streams = match streams.collect::<Result<Vec<_>, _>>() {
        Ok(streams) => streams,
        Err(error) => {
            print_error(&format!("cannot start a thread for each host: {error}"));
            children.end_all();
            return Exit::Failed;
        }
    };
    if args.once {
        await_ends(&streams, &children);
    } else {
        await_answers(&streams, &children, &task.may_ask);
    }
    let verdict = report(&streams, true);
    if streams.iter().all(|it| it.state().problem().is_some()) {
        children.end_all();
        return verdict;
    }
    // What ssh says from now on is a matter of the screen.
    for stream in &streams {
        stream.errors.be_silent();
    }
    let source = FleetSource {
        streams: streams.clone(),
        children: children.clone(),
        table: MergedTable::new(hosts),
        deletion: RemoteDeletion {
            ssh: ssh.without_questions(),
            hosts: hosts.to_vec(),
            options: options_of_deletion(args),
        },
        interval: settings.interval,
        netns: if args.netns.all_netns || !args.netns.netns.is_empty() {
            "--all-netns "
        } else {
            ""
        },
        is_once: args.once,
        shown_at: None,
        notes: Vec::new(),
        previewed: HashMap::new(),
    };
    let text = FilterWords::text(&args.filter);
    let own = OwnFilter {
        text: text.clone(),
        has_states: filter.is_some_and(|filter| filter.states().is_some()),
    };
    let source = Box::new(source);
    let exit = show_elsewhere(args, &kept, &settings, own, &text, source, reads_stdin);
    streams.iter().for_each(HostStream::end);
    if args.once {
        return match exit {
            Exit::Done => verdict,
            exit => exit,
        };
    }
    // Those that were missing at the end, and why.
    report(&streams, false);
    children.end_all();
    exit
}

/// Prints why hosts send nothing, and returns the exit code of a report for all of them. What they say themselves may have
/// been printed.
fn report(streams: &[HostStream], is_repeated: bool) -> Exit {
    let verdicts = streams.iter().map(|stream| {
        let state = stream.state();
        let Some(problem) = state.problem() else {
            return HostVerdict::Ended(Exit::Done);
        };
        if !(is_repeated && problem.is_quoted) {
            print_error(&format!("{}: {}", stream.host, problem.full));
        }
        HostVerdict::Ended(problem.exit)
    });
    let verdicts: Vec<_> = verdicts.collect();
    worst_of_reports(&verdicts)
}

/// Returns the options of the program that sends rows: all states are read, of which the screen shows those that are wanted.
fn options(args: &TopArgs, interval: Duration, sets: &SetInputs) -> Vec<String> {
    let mut options = ["--record", "-", "--all"].map(str::to_owned).to_vec();
    options.push(format!("--interval={}ms", interval.as_millis()));
    let flags = [
        (args.once, "--once"),
        (args.select.ipv4, "-4"),
        (args.select.ipv6, "-6"),
    ];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
    options.extend(flags.map(|(_, flag)| flag.to_owned()));
    options.extend(sets.option());
    options.extend(options_of_deletion(args));
    options
}

/// Returns the options that are about deletions, and about where sockets are.
fn options_of_deletion(args: &TopArgs) -> Vec<String> {
    let flags = [
        (args.listeners, "--listeners"),
        (args.own_session, "--own-session"),
        (args.netns.all_netns, "--all-netns"),
    ];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
    let mut options: Vec<_> = flags.map(|(_, flag)| flag.to_owned()).collect();
    options.extend(args.netns.netns.iter().map(|it| format!("--netns={it}")));
    let method = args.method.to_possible_value();
    options.extend(method.map(|method| format!("--method={}", method.get_name())));
    options
}

/// The number of hosts to which connections are opened at a time.
const AT_ONCE: usize = 16;
