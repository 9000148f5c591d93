//! From words to a selection: the filter, the default states, the families.

use std::io::{self, Write as _};
use std::net::IpAddr;

use clap::{Command, CommandFactory as _};
use tcpentry::{
    Attribution, Error, Filter, FilterError, Interface, Names, Process, Query, Selection, States,
    SystemNames, TcpTable,
};

use crate::args::{Args, SelectArgs, ShowArgs};
use crate::exit::Exit;
use crate::output::{complain, complain_of, stdout};
use crate::sites::Site;

/// Why nothing can be selected.
pub(crate) enum Refusal {
    /// The words make no sense.
    Filter {
        error: FilterError,
        text: String,
    },
    Table(Error),
}

impl Refusal {
    /// Says it, and gives the code.
    pub(crate) fn report(&self, of_error: impl FnOnce(&Error) -> Exit) -> Exit {
        match self {
            Self::Filter { error, text } => {
                complain(&explained(error, text));
                Exit::Usage
            }
            Self::Table(error) => {
                complain_of(error);
                of_error(error)
            }
        }
    }
}

/// Where the devices are that a filter names.
#[derive(Clone, Copy)]
enum Devices {
    /// In this network namespace, or it is a mistake.
    Here,
    /// In one of several.
    Somewhere,
}

/// What becomes of hosts that a filter names.
#[derive(Clone, Copy)]
pub(crate) enum Hosts {
    LookUp,
    /// They are a mistake: the filter is being typed, and the resolver is not to be asked for every beginning of a name.
    #[cfg_attr(
        not(feature = "tui"),
        expect(dead_code, reason = "only a terminal types")
    )]
    Numbers,
}

/// What the words and options select; `states` where they name none.
fn of(
    text: &str,
    args: &SelectArgs,
    states: States,
    devices: Devices,
    hosts: Hosts,
    table: &mut TcpTable,
) -> Result<Selection, Refusal> {
    let filter = if text.is_empty() {
        Filter::any()
    } else {
        let names = SystemNames::new(table);
        let names = match devices {
            Devices::Here => names,
            Devices::Somewhere => names.with_absent_devices(),
        };
        let parsed = match hosts {
            Hosts::LookUp => Filter::parse(text, &names),
            Hosts::Numbers => Filter::parse(text, &WithoutHosts(names)),
        };
        parsed.map_err(|error| Refusal::Filter {
            error,
            text: text.to_owned(),
        })?
    };
    let filter = match (args.ipv4, args.ipv6) {
        (true, false) => filter.only_ipv4(),
        (false, true) => filter.only_ipv6(),
        (true, true) | (false, false) => filter,
    };
    Selection::new(filter, states, table).map_err(Refusal::Table)
}

/// Its question to the table, with what is to be shown beside.
pub(crate) fn query(selection: &Selection, show: &ShowArgs) -> Query {
    let query = selection.query().clone();
    if show.info { query.with_info() } else { query }
}

/// What has to be known of sockets, to judge them and to show them.
pub(crate) fn knowledge(selection: &Selection, show: &ShowArgs) -> Attribution {
    if show.process || show.container {
        Attribution::new()
    } else {
        selection.attribution()
    }
}

/// Prints how the filter is read, and who judges what of it; once for all sites where that is the same.
pub(crate) fn explain(sites: &[Site], selections: &[Selection]) -> io::Result<()> {
    let mut out = stdout();
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    for (site, selection) in sites.iter().zip(selections) {
        let text = selection.explanation().to_string();
        let name = site.name.as_deref().unwrap_or_default();
        match told.iter_mut().find(|(other, _)| *other == text) {
            Some((_, names)) => names.push(name),
            None => told.push((text, vec![name])),
        }
    }
    for (text, names) in &told {
        if told.len() > 1 {
            writeln!(out, "netns    {}", names.join(" "))?;
        }
        out.write_all(text.as_bytes())?;
    }
    out.flush()
}

/// What is selected at each site. A device that the filter names has to be at one of them; where it is not, no
/// socket is bound to it.
pub(crate) fn of_sites(
    text: &str,
    args: &SelectArgs,
    states: States,
    sites: &mut [Site],
    hosts: Hosts,
) -> Result<Vec<Selection>, Refusal> {
    let mut first = None;
    let mut found = Vec::new();
    for site in &mut *sites {
        match of(text, args, states, Devices::Here, hosts, &mut site.table) {
            Ok(selection) => found.push(Some(selection)),
            Err(refusal @ Refusal::Filter { .. }) => {
                first = first.or(Some(refusal));
                found.push(None);
            }
            Err(refusal) => return Err(refusal),
        }
    }
    if let (Some(refusal), true) = (first, found.iter().all(Option::is_none)) {
        return Err(refusal);
    }
    let all = sites.iter_mut().zip(found);
    let all = all.map(|(site, selection)| match selection {
        Some(selection) => Ok(selection),
        None => of_another(text, args, states, site),
    });
    all.collect()
}

/// The same at one more site, of a filter that makes sense at another.
pub(crate) fn of_another(
    text: &str,
    args: &SelectArgs,
    states: States,
    site: &mut Site,
) -> Result<Selection, Refusal> {
    of(
        text,
        args,
        states,
        Devices::Somewhere,
        Hosts::LookUp,
        &mut site.table,
    )
}

/// The names of this system but those of hosts.
struct WithoutHosts<'t>(SystemNames<'t>);

impl Names for WithoutHosts<'_> {
    fn service(&self, name: &str) -> Option<u16> {
        self.0.service(name)
    }

    fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("press Enter to look it up"))
    }

    fn device(&self, name: &str) -> Option<Interface> {
        self.0.device(name)
    }

    fn user(&self, name: &str) -> Option<u32> {
        self.0.user(name)
    }

    fn netns(&self, name: &str) -> io::Result<u64> {
        self.0.netns(name)
    }

    fn process(&self, pid: i32) -> Option<Process> {
        self.0.process(pid)
    }

    fn cgroup(&self, path: &str) -> io::Result<u64> {
        self.0.cgroup(path)
    }
}

/// The filter in canonical form. Its names may have been pasted from anywhere.
pub(crate) fn shown(selection: &Selection) -> String {
    tcpentry::escape_for_terminal(selection.filter().to_string().as_bytes())
}

/// The error, the place, and the way out.
fn explained(error: &FilterError, text: &str) -> String {
    let excerpt = error.excerpt(text).replace('\n', "\n  ");
    let hint = error.hint().map(|hint| format!("\nhint: {hint}"));
    let hint = hint.unwrap_or_default();
    // Whoever misspells a command has written the first word of a filter.
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

/// What is said where a caller may not see what a filter asks for.
pub(crate) fn unseen(count: u64, consequence: &str) -> String {
    let sockets = if count == 1 { "socket" } else { "sockets" };
    format!(
        "of {count} {sockets} you may not see what the filter asks for (the processes of others, or marks): {consequence}"
    )
}

/// What helps against it.
pub(crate) const SEE_MORE: &str = "run it as root (sudo), on the host and not in a container; or add a term that leaves them out, as `user NAME`";
