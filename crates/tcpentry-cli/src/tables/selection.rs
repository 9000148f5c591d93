//! From filter words and options to a selection for each table.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use clap::{Command, CommandFactory as _};
use tcpentry::escape::escape_for_terminal;
use tcpentry::filter::{FilterError, Names, PrefixSet};
use tcpentry::netns::Namespace;
use tcpentry::process::Process;
use tcpentry::support::more_rights;
use tcpentry::{
    Attribution, Error, Filter, Interface, Query, Selection, States, SystemNames, TcpTable,
};

use super::NamespaceTable;
use super::sets::Sets;
use crate::args::{Args, SelectArgs, ShowArgs};
use crate::exit::Exit;
use crate::message::{print_error, print_failure};

/// The reason why nothing can be selected.
pub(crate) enum SelectionError {
    /// The filter is wrong.
    Filter {
        error: FilterError,
        text: String,
    },
    Table(Error),
}

impl SelectionError {
    /// Prints the reason, and returns the exit code; `of_error` is the one of an error of the table.
    pub(crate) fn report(&self, of_error: impl FnOnce(&Error) -> Exit) -> Exit {
        match self {
            Self::Filter { error, text } => {
                print_error(&explain_error(error, text));
                Exit::Usage
            }
            Self::Table(error) => {
                print_failure(error);
                of_error(error)
            }
        }
    }
}

/// The place where a device has to exist that a filter names.
#[derive(Clone, Copy)]
enum DeviceScope {
    /// This network namespace.
    Here,
    /// One of several network namespaces, not necessarily this one.
    Elsewhere,
}

/// The treatment of host names in a filter.
#[derive(Clone, Copy)]
pub(crate) enum Hosts {
    LookUp,
    /// A name is an error: the filter is being typed, and the resolver must not be asked for every prefix of a name; or it is
    /// that of a rule, which has none.
    Numbers,
}

/// The text of a filter, and what it is read with.
#[derive(Clone, Copy)]
pub(crate) struct FilterInput<'a> {
    pub(crate) words: &'a [String],
    pub(crate) args: &'a SelectArgs,
    /// The sets that it may name.
    pub(crate) sets: &'a Sets,
}

/// Parses the words of a filter and prepares it for one table; `states` where the filter names none.
fn prepare(
    input: FilterInput<'_>,
    states: States,
    devices: DeviceScope,
    lookups: &NameLookups,
    table: &mut TcpTable,
) -> Result<Selection, SelectionError> {
    let FilterInput { words, args, sets } = input;
    let filter = if words.iter().all(String::is_empty) {
        Filter::any()
    } else {
        let names = SystemNames::new(table).with_sets(sets);
        let names = match devices {
            DeviceScope::Here => names,
            DeviceScope::Elsewhere => names.with_absent_devices(),
        };
        let parsed = Filter::parse_words(words, &NamesOfTable { names, lookups });
        parsed.map_err(|error| match lookups.failure.take() {
            // The filter is right, and what it names can't be looked at.
            Some(failure) => SelectionError::Table(failure),
            None => SelectionError::Filter {
                error,
                text: words.join(" "),
            },
        })?
    };
    let filter = match (args.ipv4, args.ipv6) {
        (true, false) => filter.only_ipv4(),
        (false, true) => filter.only_ipv6(),
        (true, true) | (false, false) => filter,
    };
    Selection::new(filter, states, table).map_err(SelectionError::Table)
}

/// Prepares a filter for each table. A device that it names has to exist in one of the namespaces; in the others no
/// socket is bound to it.
pub(crate) fn prepare_all(
    input: FilterInput<'_>,
    states: States,
    tables: &mut [NamespaceTable],
    hosts: Hosts,
) -> Result<Vec<Selection>, SelectionError> {
    let lookups = NameLookups::of(hosts);
    let mut first_error = None;
    let mut prepared = Vec::new();
    for table in &mut *tables {
        match prepare(input, states, DeviceScope::Here, &lookups, &mut table.table) {
            Ok(selection) => prepared.push(Some(selection)),
            Err(error @ SelectionError::Filter { .. }) => {
                first_error = first_error.or(Some(error));
                prepared.push(None);
            }
            Err(error) => return Err(error),
        }
    }
    if let (Some(error), true) = (first_error, prepared.iter().all(Option::is_none)) {
        return Err(error);
    }
    let all = tables.iter_mut().zip(prepared);
    let all = all.map(|(table, selection)| {
        let table = &mut table.table;
        let elsewhere = || prepare(input, states, DeviceScope::Elsewhere, &lookups, table);
        selection.map_or_else(elsewhere, Ok)
    });
    all.collect()
}

/// Prepares a filter for one more table, after another table has accepted it.
pub(crate) fn prepare_elsewhere(
    input: FilterInput<'_>,
    states: States,
    table: &mut NamespaceTable,
) -> Result<Selection, SelectionError> {
    let table = &mut table.table;
    prepare(
        input,
        states,
        DeviceScope::Elsewhere,
        &NameLookups::of(Hosts::LookUp),
        table,
    )
}

/// Returns the query of a selection, with the counters where they are to be shown.
pub(crate) fn query(selection: &Selection, show: &ShowArgs) -> Query {
    let query = selection.query().clone();
    if show.info { query.with_info() } else { query }
}

/// Returns an attribution for all that has to be evaluated and shown.
pub(crate) fn attribution(selection: &Selection, show: &ShowArgs) -> Attribution {
    if show.process || show.container {
        Attribution::new()
    } else {
        selection.attribution()
    }
}

/// Reads the owners of what is about to be deleted, where they are to be shown: afterwards they may have closed it.
pub(crate) fn load_owners(show: &ShowArgs, attribution: &mut Attribution) {
    if show.process {
        // Owners that can't be read are no reason not to delete.
        let _ = attribution.owners();
    }
}

/// Returns the filter in canonical form, escaped: its names may have been pasted from anywhere.
pub(crate) fn canonical(selection: &Selection) -> String {
    escape_for_terminal(selection.filter().to_string().as_bytes())
}

/// The look-ups of the names in one filter, which is parsed for each table.
struct NameLookups {
    hosts: Hosts,
    /// The network namespaces that were found: for one that is named by its inode all processes are looked into.
    netns: RefCell<HashMap<String, u64>>,
    /// The error of a network namespace that may not be looked at, or can't be.
    failure: RefCell<Option<Error>>,
}

impl NameLookups {
    fn of(hosts: Hosts) -> Self {
        Self {
            hosts,
            netns: RefCell::default(),
            failure: RefCell::default(),
        }
    }
}

/// The names of this system for the filter of one table.
struct NamesOfTable<'t> {
    names: SystemNames<'t>,
    lookups: &'t NameLookups,
}

impl Names for NamesOfTable<'_> {
    fn service(&self, name: &str) -> Option<u16> {
        self.names.service(name)
    }

    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match self.lookups.hosts {
            Hosts::LookUp => self.names.addresses(host),
            Hosts::Numbers => Err(io::Error::other("press Enter to look it up")),
        }
    }

    fn device(&self, name: &str) -> Option<Interface> {
        self.names.device(name)
    }

    fn user(&self, name: &str) -> Option<u32> {
        self.names.user(name)
    }

    fn netns(&self, name: &str) -> io::Result<u64> {
        let known = self.lookups.netns.borrow().get(name).copied();
        if let Some(inode) = known {
            return Ok(inode);
        }
        let found = self.names.netns(name).inspect_err(|error| {
            if error.kind() != io::ErrorKind::InvalidInput {
                *self.lookups.failure.borrow_mut() = Namespace::named(name).err();
            }
        });
        let inode = found?;
        self.lookups
            .netns
            .borrow_mut()
            .insert(name.to_owned(), inode);
        Ok(inode)
    }

    fn process(&self, pid: i32) -> Option<Process> {
        self.names.process(pid)
    }

    fn executable(&self, path: &str) -> io::Result<Option<String>> {
        self.names.executable(path)
    }

    fn cgroup(&self, path: &str) -> io::Result<u64> {
        self.names.cgroup(path)
    }

    fn set(&self, name: &str) -> Option<Arc<PrefixSet>> {
        self.names.set(name)
    }

    fn set_names(&self) -> Vec<&str> {
        self.names.set_names()
    }
}

/// Describes a filter error: the reason, the place, and the hint.
fn explain_error(error: &FilterError, text: &str) -> String {
    let excerpt = error.excerpt(text).replace('\n', "\n  ");
    let hint = error.hint().map(|hint| format!("\nhint: {hint}"));
    let hint = hint.unwrap_or_default();
    // A misspelt command is read as the first word of a filter.
    let first = text.split(|c: char| !c.is_ascii_alphabetic()).next();
    let is_command = error.column() == 0 && !first.is_some_and(Filter::starts_with_keyword);
    let commands = if is_command {
        let all = Args::command();
        let names: Vec<_> = all.get_subcommands().map(Command::get_name).collect();
        format!("\ncommands are {}", names.join(" "))
    } else {
        String::new()
    };
    format!("{error}\n  {excerpt}{hint}{commands}")
}

/// Describes the sockets for which this caller may not see what the filter asks for.
pub(crate) fn describe_hidden(count: u64, consequence: &str) -> String {
    let sockets = if count == 1 { "socket" } else { "sockets" };
    format!(
        "for {count} {sockets} you are not permitted to see what the filter asks for (processes of other users, or marks): {consequence}"
    )
}

/// Returns the hint for hidden sockets.
pub(crate) fn hidden_hint() -> String {
    let rights = more_rights();
    format!("{rights}; or add a term that leaves them out, such as `user NAME`")
}
