//! The deletion of what banned peers hold, for `ban`.

use std::time::Duration;

use tcpentry::netns::Conntrack;
use tcpentry::{Attribution, Connection, Error};

use super::interrupt::Interrupt;
use super::run::Run;
use super::selector::Verdict;
use crate::args::pace::PaceArgs;
use crate::args::ports::PortList;
use crate::args::{DeleteArgs, MethodArg, NetnsArgs, OutputArgs, SelectArgs, ShowArgs};
use crate::exit::Exit;
use crate::own_session::SessionGuard;
use crate::tables::selection::{self, FilterInput, Hosts};
use crate::tables::sets::Sets;
use crate::tables::{self, NamespaceTable, Tables};
use crate::usage;

/// What is to be ended, and how that is reported.
pub(in crate::command) struct Ban<'a> {
    /// The sets that the words name.
    pub(in crate::command) sets: &'a Sets,
    /// The filter, but for the ports.
    pub(in crate::command) words: Vec<String>,
    /// The ports of this host, or those that clients of a published port asked for; all where there are none.
    pub(in crate::command) ports: Option<&'a PortList>,
    /// In other network namespaces, the port does not matter.
    pub(in crate::command) all_ports_elsewhere: bool,
    pub(in crate::command) own_netns_only: bool,
    /// The time for which what comes later is ended as well.
    pub(in crate::command) period: Option<Duration>,
    pub(in crate::command) dry_run: bool,
    pub(in crate::command) syslog: bool,
    pub(in crate::command) quiet: bool,
    pub(in crate::command) verbose: bool,
    pub(in crate::command) output: OutputArgs,
}

/// Ends what the banned peers hold, says nothing where that is nothing, and returns the exit code.
pub(in crate::command) fn run(ban: &Ban<'_>, interrupt: &Interrupt) -> Exit {
    let args = ban.as_delete();
    let Tables {
        opened, left_out, ..
    } = match tables::open(&args.netns) {
        Ok(tables) => tables,
        Err(error) => {
            crate::message::print_failure(&error);
            return Exit::of_deletion(&error);
        }
    };
    let mut opened = opened;
    // In this program's own namespace, which is the first, the kernel evaluates the ports.
    let mut words_here = ban.words.clone();
    words_here.extend(ban.ports.iter().flat_map(|ports| ports.words()));
    let input = |words| FilterInput {
        words,
        args: &args.select,
        sets: ban.sets,
    };
    let states = args.select.states();
    let prepare = |words, tables: &mut [NamespaceTable]| {
        selection::prepare_all(input(words), states, tables, Hosts::LookUp)
    };
    let own = 1.min(opened.len());
    let (here, elsewhere) = opened.split_at_mut(own);
    let selections = prepare(&words_here[..], here).and_then(|mut selections| {
        if !elsewhere.is_empty() {
            selections.extend(prepare(&ban.words[..], elsewhere)?);
        }
        Ok(selections)
    });
    let selections = match selections {
        Ok(selections) => selections,
        Err(refusal) => return usage::print_refusal(&refusal, Exit::of_deletion),
    };
    let run = Run::new(
        &args,
        input(&ban.words[..]),
        opened,
        selections,
        Attribution::new(),
        interrupt.clone(),
    );
    let mut run = match run {
        Ok(run) => run,
        Err(exit) => return exit,
    };
    run.left_out = left_out;
    run.is_silent_if_none = true;
    run.selector.session = SessionGuard::new(false).certain();
    if let Some(ports) = ban.ports.filter(|_| !ban.all_ports_elsewhere) {
        let mut requested = RequestedPorts {
            ports,
            conntrack: Conntrack::open(),
        };
        run.selector.condition = Some(Box::new(move |table, row| match table {
            0 => Verdict::Selected,
            _ => requested.judge(row),
        }));
    }
    let end = run.all_rounds();
    run.finish(end)
}

impl Ban<'_> {
    fn as_delete(&self) -> DeleteArgs {
        DeleteArgs {
            words: Vec::new(),
            id: Vec::new(),
            select: SelectArgs {
                ipv4: false,
                ipv6: false,
                listening: false,
                all: false,
                sets: Vec::new(),
            },
            explain: false,
            netns: NetnsArgs {
                netns: Vec::new(),
                all_netns: !self.own_netns_only,
            },
            dry_run: self.dry_run,
            yes: true,
            max: None,
            listeners: false,
            own_session: false,
            method: MethodArg::Auto,
            period: self.period,
            until_quiet: None,
            pace: PaceArgs::default(),
            ok_if_none: false,
            syslog: self.syslog,
            quiet: self.quiet,
            verbose: self.verbose,
            show: ShowArgs {
                process: false,
                user: false,
                info: false,
                container: false,
            },
            output: self.output.clone(),
        }
    }
}

/// The condition on connections of other namespaces: the port that the client asked for, before this host translated it.
struct RequestedPorts<'a> {
    ports: &'a PortList,
    conntrack: Conntrack,
}

impl RequestedPorts<'_> {
    fn judge(&mut self, row: &Connection) -> Verdict {
        let unknown = |why: &str| {
            let cause = format!(
                "it is in another network namespace, and which port its client asked for is not known: {why}"
            );
            let error = Error::spared(cause, row.pair);
            Verdict::Unknown(
                error.with_hint(
                    "--all-ports-in-containers ends such connections whatever their port",
                ),
            )
        };
        match self.conntrack.requested(&row.pair) {
            Ok(Some(requested)) if self.ports.contains(requested.port()) => Verdict::Selected,
            Ok(Some(_)) => Verdict::NotSelected,
            Ok(None) => unknown("the connection tracking of this host has no entry of it"),
            Err(error) => unknown(error.cause()),
        }
    }
}
