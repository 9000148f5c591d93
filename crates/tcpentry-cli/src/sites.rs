//! Where to look: the network namespace of the program, others by name, or all of them.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use tcpentry::{Error, Namespace, Namespaces, TcpTable};

use crate::args::NetnsArgs;
use crate::output::{complain, hint_at};

/// A network namespace that is looked at.
pub(crate) struct Site {
    pub(crate) table: TcpTable,
    /// What it is called, where it is to be shown.
    pub(crate) name: Option<String>,
    /// The inode of its namespace, where that was looked for.
    pub(crate) inode: Option<u64>,
}

/// All that are looked at.
#[expect(clippy::struct_field_names, reason = "they are what it is about")]
pub(crate) struct Sites {
    pub(crate) sites: Vec<Site>,
    /// Whether there are others, which were asked for and could not be seen or entered.
    pub(crate) left_out: bool,
    /// Which ones, and why.
    pub(crate) notes: Vec<String>,
}

impl From<Vec<Site>> for Sites {
    fn from(sites: Vec<Site>) -> Self {
        Self {
            sites,
            left_out: false,
            notes: Vec::new(),
        }
    }
}

/// Opens the tables that the words ask for, and tells on standard error which ones are left out.
pub(crate) fn open(args: &NetnsArgs) -> Result<Sites, Error> {
    let sites = open_quietly(args)?;
    sites.notes.iter().for_each(|note| complain(note));
    if sites.left_out && !rustix::process::geteuid().is_root() {
        hint_at("run it as root (sudo) to look at all of them");
    }
    Ok(sites)
}

/// Opens the tables that the words ask for.
///
/// Of all namespaces, those that can't be entered are left out and noted. One that was named must be there.
pub(crate) fn open_quietly(args: &NetnsArgs) -> Result<Sites, Error> {
    if args.all_netns {
        return open_all();
    }
    if args.netns.is_empty() {
        let table = TcpTable::open()?;
        let site = Site {
            table,
            name: None,
            inode: None,
        };
        return Ok(vec![site].into());
    }
    let mut seen = HashSet::new();
    let mut sites = Vec::new();
    for name in &args.netns {
        let namespace = Namespace::named(name)?;
        if seen.insert(namespace.inode()) {
            let table = TcpTable::open_in(&namespace)?;
            sites.push(Site {
                table,
                name: Some(tcpentry::escape_for_terminal(name.as_bytes())),
                inode: Some(namespace.inode()),
            });
        }
    }
    Ok(sites.into())
}

fn open_all() -> Result<Sites, Error> {
    allow_many_descriptors();
    let all = Namespaces::all()?;
    let (sites, mut refusals) = open_each(&all.found)?;
    let shown = refusals.iter().take(TOLD);
    let mut notes: Vec<_> = shown
        .map(|error| format!("{}: it is left out", error.cause()))
        .collect();
    if let Some(more @ 1..) = refusals.len().checked_sub(TOLD) {
        notes.push(format!("and {more} more are left out"));
    }
    if !all.hidden.is_empty() {
        let hide = match all.hidden.len() {
            1 => "1 process hides its network namespace".to_owned(),
            count => format!("{count} processes hide their network namespaces"),
        };
        notes.push(format!(
            "{hide} from you; connections there may be left out"
        ));
    }
    if all.withheld {
        notes.push(
            "processes of others are not shown here (hidepid); their network namespaces may be left out".to_owned(),
        );
    }
    match (sites.is_empty(), refusals.pop()) {
        (true, Some(error)) => Err(error),
        _ => Ok(Sites {
            sites,
            left_out: !notes.is_empty(),
            notes,
        }),
    }
}

/// The namespaces that are there by now and were not, and the inodes of all that still are. Those that were left
/// out before are left out again.
pub(crate) fn newcomers(known: &HashSet<u64>) -> Result<(Vec<Site>, HashSet<u64>), Error> {
    let found = Namespaces::all()?.found;
    let present = found.iter().map(Namespace::inode).collect();
    let new: Vec<_> = found
        .into_iter()
        .filter(|namespace| !known.contains(&namespace.inode()))
        .collect();
    let (sites, _) = open_each(&new)?;
    Ok((sites, present))
}

fn open_each(namespaces: &[Namespace]) -> Result<(Vec<Site>, Vec<Error>), Error> {
    let (mut sites, mut refusals) = (Vec::new(), Vec::new());
    let opened = in_parallel(namespaces, TcpTable::open_in);
    for (namespace, opened) in namespaces.iter().zip(opened) {
        match opened {
            Ok(table) => sites.push(Site {
                table,
                name: Some(namespace.to_string()),
                inode: Some(namespace.inode()),
            }),
            // The others may be entered, but this program can't hold them: that is no part of an answer.
            Err(error) if is_ours(&error) => return Err(error),
            Err(error) => refusals.push(error),
        }
    }
    Ok((sites, refusals))
}

/// Whether what ran out is this program's: descriptors or memory.
fn is_ours(error: &Error) -> bool {
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
    error.errno().is_some_and(|errno| ours.contains(&errno))
}

/// Each namespace takes three descriptors while they are opened; the usual limit is 1024.
pub(crate) fn allow_many_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where it can't be raised and that matters, opening them says so.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
}

/// Does something for each, on as many threads as there are processors and may be started; the answers are in their
/// order.
pub(crate) fn in_parallel<I: Sync, O: Send>(inputs: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let next = Mutex::new(inputs.iter().enumerate());
    let worker = || {
        let mut done = Vec::new();
        loop {
            // One worker that panics ends the program anyway.
            let taken = next.lock().ok().and_then(|mut next| next.next());
            let Some((index, input)) = taken else {
                return done;
            };
            done.push((index, work(input)));
        }
    };
    let helpers = workers_for(inputs.len()).saturating_sub(1);
    let mut outputs: Vec<_> = thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, worker).ok();
        let helpers: Vec<_> = (0..helpers).map_while(start).collect();
        let own = worker();
        helpers
            .into_iter()
            .flat_map(|helper| helper.join().unwrap_or_default())
            .chain(own)
            .collect()
    });
    outputs.sort_by_key(|(index, _)| *index);
    outputs.into_iter().map(|(_, output)| output).collect()
}

pub(crate) fn workers_for(count: usize) -> usize {
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(count)
}

/// How many namespaces that can't be entered are told one by one.
const TOLD: usize = 5;
