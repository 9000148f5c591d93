//! The tables that a command reads: that of the program's network namespace, of others by name, or of all.

pub(crate) mod mentions;
pub(crate) mod parallel;
pub(crate) mod rows;
pub(crate) mod selection;
pub(crate) mod sets;

use std::collections::HashSet;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use tcpentry::escape::escape_for_terminal;
use tcpentry::netns::{Namespace, Namespaces};
use tcpentry::{Error, TcpTable};

use crate::args::NetnsArgs;
use crate::message::{notice, print_hint};

/// The table of one network namespace.
pub(crate) struct NamespaceTable {
    pub(crate) table: TcpTable,
    /// The name to show, fit for a terminal; `None` where only the program's own namespace is read.
    pub(crate) name: Option<String>,
    /// The name as it is.
    pub(crate) plain_name: Option<String>,
    /// The inode of the namespace, where it was looked up.
    pub(crate) inode: Option<u64>,
}

/// The tables that a command reads.
pub(crate) struct Tables {
    pub(crate) opened: Vec<NamespaceTable>,
    /// Set when a namespace that was asked for could not be seen or entered.
    pub(crate) left_out: bool,
    /// The namespaces that were left out, and the reasons.
    pub(crate) notes: Vec<String>,
}

impl From<Vec<NamespaceTable>> for Tables {
    fn from(opened: Vec<NamespaceTable>) -> Self {
        Self {
            opened,
            left_out: false,
            notes: Vec::new(),
        }
    }
}

/// Opens the tables that the options name, and reports on standard error those that are left out.
pub(crate) fn open(args: &NetnsArgs) -> Result<Tables, Error> {
    let tables = open_quietly(args)?;
    tables.notes.iter().for_each(|note| notice(note));
    if tables.left_out && !rustix::process::geteuid().is_root() {
        print_hint("run it as root (sudo) to read all of them");
    }
    Ok(tables)
}

/// Opens the tables that the options name, and notes those that are left out.
///
/// With `--all-netns` a namespace that can't be entered is left out; one that was named has to exist.
pub(crate) fn open_quietly(args: &NetnsArgs) -> Result<Tables, Error> {
    if args.all_netns {
        return open_all();
    }
    if args.netns.is_empty() {
        let own = NamespaceTable {
            table: TcpTable::open()?,
            name: None,
            plain_name: None,
            inode: None,
        };
        return Ok(vec![own].into());
    }
    let mut seen = HashSet::new();
    let mut tables = Vec::new();
    for name in &args.netns {
        let namespace = Namespace::named(name)?;
        if seen.insert(namespace.inode()) {
            tables.push(NamespaceTable {
                table: TcpTable::open_in(&namespace)?,
                name: Some(escape_for_terminal(name.as_bytes())),
                plain_name: Some(name.clone()),
                inode: Some(namespace.inode()),
            });
        }
    }
    Ok(tables.into())
}

fn open_all() -> Result<Tables, Error> {
    raise_descriptor_limit();
    let all = Namespaces::all()?;
    let (tables, mut refusals) = open_each(&all.found)?;
    let mut notes: Vec<_> = refusals
        .iter()
        .take(MAX_LISTED)
        .map(|error| format!("{}: left out", error.cause()))
        .collect();
    if let Some(more @ 1..) = refusals.len().checked_sub(MAX_LISTED) {
        notes.push(format!("and {more} more are left out"));
    }
    if !all.hidden.is_empty() {
        let hide = describe_hidden(all.hidden.len());
        notes.push(format!(
            "{hide} from you; connections there may be left out"
        ));
    }
    if all.withheld {
        notes.push(WITHHELD.to_owned());
    }
    match (tables.is_empty(), refusals.pop()) {
        (true, Some(error)) => Err(error),
        _ => Ok(Tables {
            opened: tables,
            left_out: !notes.is_empty(),
            notes,
        }),
    }
}

/// The namespaces that a `/proc` with `hidepid` leaves unknown.
pub(crate) const WITHHELD: &str = "processes of other users are not visible here (hidepid); their network namespaces may be left out";

/// Describes the processes whose namespaces can't be seen.
pub(crate) fn describe_hidden(count: usize) -> String {
    match count {
        1 => "the network namespace of 1 process is hidden".to_owned(),
        _ => format!("the network namespaces of {count} processes are hidden"),
    }
}

/// Opens the namespaces that have appeared, and returns them with the inodes of all that exist now.
///
/// A namespace that was left out before is tried, and left out, again.
pub(crate) fn new_namespaces(
    known: &HashSet<u64>,
) -> Result<(Vec<NamespaceTable>, HashSet<u64>), Error> {
    let found = Namespaces::all()?.found;
    let present = found.iter().map(Namespace::inode).collect();
    let new: Vec<_> = found
        .into_iter()
        .filter(|namespace| !known.contains(&namespace.inode()))
        .collect();
    let (tables, _) = open_each(&new)?;
    Ok((tables, present))
}

fn open_each(namespaces: &[Namespace]) -> Result<(Vec<NamespaceTable>, Vec<Error>), Error> {
    let (mut tables, mut refusals) = (Vec::new(), Vec::new());
    let opened = parallel::map(namespaces, TcpTable::open_in);
    for (namespace, opened) in namespaces.iter().zip(opened) {
        match opened {
            Ok(table) => tables.push(NamespaceTable {
                table,
                name: Some(namespace.to_string()),
                plain_name: Some(namespace.label()),
                inode: Some(namespace.inode()),
            }),
            // The namespace may be entered, but this program can't hold it: a partial answer would be wrong.
            Err(error) if is_out_of_resources(&error) => return Err(error),
            Err(error) => refusals.push(error),
        }
    }
    Ok((tables, refusals))
}

/// Returns true when this program has run out of descriptors or memory.
fn is_out_of_resources(error: &Error) -> bool {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
    error
        .errno()
        .is_some_and(|errno| exhausted.contains(&errno))
}

/// Raises the limit of descriptors: each namespace takes four while they are opened, and the usual limit is 1024.
pub(crate) fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where it can't be raised and that matters, opening the tables fails with the reason.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
}

/// The number of namespaces up to which those that can't be entered are reported one by one.
const MAX_LISTED: usize = 5;
