//! The rows of all tables that a filter selects.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use tcpentry::filter::Truth;
use tcpentry::process::Owners;
use tcpentry::{Attribution, Connection, Cookie, Error, Inode, Query, Selection};

use crate::failure::Failure;
use crate::tables::Site;

/// The rows that are selected.
#[derive(Default)]
pub(crate) struct Selected {
    /// Each with the index of its table; each socket once.
    pub(crate) rows: Vec<(usize, Connection)>,
    /// The sockets of which the caller may not see what the filter asks for.
    pub(crate) hidden: HashSet<(usize, Cookie)>,
    /// The errors of tables, of several, that could not be read.
    pub(crate) failures: Vec<String>,
}

/// Lists the tables, and evaluates each row.
pub(crate) fn select(
    sites: &mut [Site],
    selections: &[impl AsRef<Selection>],
    attribution: &mut Attribution,
    info: bool,
) -> Result<Selected, Failure> {
    let mut selected = Selected::default();
    let several = sites.len() > 1;
    for (index, (site, selection)) in sites.iter_mut().zip(selections).enumerate() {
        let mut seen = HashSet::new();
        let selection = selection.as_ref();
        let mut query = selection.query().clone();
        if info {
            query = query.with_info();
        }
        let name = site.home.name.clone();
        let listed = select_in(site, &query, |row| {
            match selection.judge(&row, attribution)? {
                // A dump may yield a socket twice.
                Truth::True if seen.insert(row.cookie) => selected.rows.push((index, row)),
                Truth::Hidden => {
                    selected.hidden.insert((index, row.cookie));
                }
                _ => {}
            }
            Ok(())
        });
        match listed {
            Err(Failure::Table(error)) if several => {
                let name = name.unwrap_or_default();
                selected.failures.push(format!("{name}: {error}"));
            }
            listed => listed?,
        }
    }
    Ok(selected)
}

fn select_in(
    site: &mut Site,
    query: &Query,
    mut visit: impl FnMut(Connection) -> Result<(), Error>,
) -> Result<(), Failure> {
    for (row, number) in site.table.connections(query)?.zip(1_u64..) {
        visit(row?)?;
        if number % ROWS_PER_CHECK == 0 {
            check_signals()?;
        }
    }
    Ok(())
}

/// Runs the handlers of signals that have come, and returns what one raised: Ctrl-C ends a long call.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method is not one for every lifetime"
)]
pub(crate) fn check_signals() -> PyResult<()> {
    Python::attach(|py| py.check_signals())
}

/// The number of rows between two looks for signals: some milliseconds.
const ROWS_PER_CHECK: u64 = 4096;

/// Finds the processes that hold sockets, in one search of `/proc`.
pub(crate) fn pids<'r>(
    rows: impl Iterator<Item = &'r Connection>,
) -> std::io::Result<HashMap<Inode, Vec<i32>>> {
    let inodes: Vec<_> = rows.filter_map(|row| row.inode).collect();
    if inodes.is_empty() {
        return Ok(HashMap::new());
    }
    let owners = Owners::search().of_sockets(inodes.iter().copied()).run()?;
    let pids = |inode| {
        let mut pids: Vec<_> = owners.of(inode).map(|it| it.process.pid()).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    };
    Ok(inodes.iter().map(|&inode| (inode, pids(inode))).collect())
}
