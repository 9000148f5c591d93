//! The deletion of what banned peers hold, for `ban`.

use tcpentry::netns::{Conntrack, RequestedEnd};
use tcpentry::{Attribution, Connection, Error};

use super::interrupt::Interrupt;
use super::run::Run;
use super::selector::RowVerdict;
use crate::args::ports::PortList;
use crate::args::{BanArgs, DeleteArgs, NetnsArgs, OutputArgs};
use crate::exit::Exit;
use crate::own_session::SessionGuard;
use crate::tables::selection::{self, FilterInput, Hosts};
use crate::tables::sets::Sets;
use crate::tables::{self, NamespaceTable, Tables};
use crate::usage;

/// A deletion of what banned peers hold.
pub(in crate::command) struct Ban<'a> {
    pub(in crate::command) args: &'a BanArgs,
    /// The sets that the words name.
    pub(in crate::command) sets: &'a Sets,
    /// The filter, but for the ports.
    pub(in crate::command) words: Vec<String>,
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
    words_here.extend(ban.args.port.iter().flat_map(PortList::words));
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
    let guard = SessionGuard::new(ban.args.own_session).certain();
    // Whoever feeds bans, and the background, have nobody who could be cut off.
    run.selector.session = if ban.args.stdin || ban.args.lingering {
        guard
    } else {
        guard.doubting()
    };
    // A peer must not escape by a second subflow from an address that is not banned.
    run.selector.end_whole_connections();
    // But one that holds an address that was excepted is not ended by another.
    if let Some(excepted) = ban.sets.get("excepted") {
        run.selector.spares = Some(Box::new(|_, row| excepted.contains(row.peer().address())));
    }
    let ports = ban.args.port.as_ref();
    // Of every port (fail2ban's own default), none has to be known.
    if let Some(ports) = ports.filter(|it| !ban.args.all_ports_in_containers && !it.is_every()) {
        let mut requested = RequestedPorts {
            ports,
            conntrack: Conntrack::open(),
        };
        run.selector.condition = Some(Box::new(move |table, row| match table {
            0 => RowVerdict::Selected,
            _ => requested.judge(row),
        }));
    }
    let end = run.all_rounds();
    run.finish(end)
}

impl Ban<'_> {
    fn as_delete(&self) -> DeleteArgs {
        let args = self.args;
        DeleteArgs {
            netns: NetnsArgs::from(args),
            dry_run: args.dry_run,
            yes: true,
            own_session: args.own_session,
            period: args.linger.filter(|_| args.lingering),
            report: args.report.clone(),
            output: self.output.clone(),
            ..DeleteArgs::default()
        }
    }
}

/// The condition on connections of other namespaces: the port that the client asked for, before this host translated it.
struct RequestedPorts<'a> {
    ports: &'a PortList,
    conntrack: Conntrack,
}

impl RequestedPorts<'_> {
    fn judge(&mut self, row: &Connection) -> RowVerdict {
        let unknown = |why: &str| {
            let cause = format!(
                "it is in another network namespace, and the port that its client asked for is not known: {why}"
            );
            let error = Error::spared(cause, row.pair);
            RowVerdict::Unknown(
                error.with_hint(
                    "--all-ports-in-containers ends such connections whatever their port",
                ),
            )
        };
        match self.conntrack.requested(&row.pair) {
            Ok(RequestedEnd::Known(end)) if self.ports.contains(end.port()) => RowVerdict::Selected,
            Ok(RequestedEnd::Known(_) | RequestedEnd::Outgoing) => RowVerdict::NotSelected,
            Ok(_) => unknown("the connection tracking of this host has no entry for it"),
            Err(error) => unknown(error.cause()),
        }
    }
}
