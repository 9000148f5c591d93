//! The rows of all tables of a command; a large table is dumped in two halves.

use std::fs;

use tcpentry::{Connection, Error, Query, State, TcpTable};

use super::NamespaceTable;
use super::parallel::{dump_each, workers_for};
use crate::message::print_error;

/// Calls `visit` with each row of each table and the table's index. The rows of one table come in the order of its
/// dump, or of the dumps of its halves, among those of other tables.
///
/// With several tables, a dump that fails is reported on standard error and the others go on; returns their errors.
pub(crate) fn each_row<E: From<Error>>(
    mut dumps: Vec<(&mut NamespaceTable, &Query)>,
    mut visit: impl FnMut(usize, &Connection) -> Result<(), E>,
) -> Result<Vec<Error>, E> {
    if let [(only, query)] = &mut dumps[..] {
        // Where the kernel leaves out most sockets, looking at all of them twice costs more than it saves.
        let is_of_most = query.states.contains(State::Established) && !query.is_filtered();
        let second = if is_of_most { second_table(only) } else { None };
        let Some(mut second) = second else {
            let mut rows = only.table.connections(query)?;
            while let Some(row) = rows.advance()? {
                visit(0, row)?;
            }
            return Ok(Vec::new());
        };
        let [lower, upper] = query.halves();
        let halves = vec![(&mut only.table, &lower), (&mut second, &upper)];
        dump_each(halves, |_, rows| {
            rows?.iter().try_for_each(|row| visit(0, row))
        })?;
        return Ok(Vec::new());
    }
    let names: Vec<_> = dumps.iter().map(|(table, _)| table.name.clone()).collect();
    let dumps = dumps
        .into_iter()
        .map(|(table, query)| (&mut table.table, query));
    let mut failures = Vec::new();
    dump_each(dumps.collect(), |index, rows| match rows {
        Ok(rows) => rows.iter().try_for_each(|row| visit(index, row)),
        Err(error) => {
            let name = names[index].as_deref().unwrap_or_default();
            print_error(&format!("{name}: {error}"));
            failures.push(error);
            Ok(())
        }
    })?;
    Ok(failures)
}

/// Opens a second table of the same network namespace, where it is large and there is a processor to dump it.
fn second_table(first: &NamespaceTable) -> Option<TcpTable> {
    // The number of sockets is that of this program's own namespace.
    let is_own = first.name.is_none();
    if !is_own || workers_for(2) < 2 || sockets_in_use() < LARGE {
        return None;
    }
    let table = TcpTable::open().ok()?;
    (table.netns() == first.table.netns()).then_some(table)
}

/// Returns the number of TCP sockets of this program's network namespace, without those in TIME_WAIT.
fn sockets_in_use() -> u64 {
    let of = |file: &str, key: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/self/net/{file}")).ok()?;
        let counts = text.lines().find_map(|line| line.strip_prefix(key))?;
        counts.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    let counts = [of("sockstat", "TCP:"), of("sockstat6", "TCP6:")];
    counts.into_iter().flatten().sum()
}

/// The number of sockets from which on a thread and two more netlink sockets cost little beside the dump.
const LARGE: u64 = 10_000;
