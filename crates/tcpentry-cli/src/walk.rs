//! Walks side by side: over the tables of several network namespaces, or over two halves of a large one.

use std::fs;
use std::sync::Mutex;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;
use std::vec::Drain;

use tcpentry::{Connection, Error, Query, State, TcpTable};

use crate::output::complain;
use crate::sites::{Site, workers_for};

/// Calls with each row of each table, and the number of its site. The rows of one site come in the order of
/// its walk, or of its two walks, among those of others.
///
/// Of several, one whose walk fails is told on standard error, and the others go on; returns why they failed.
pub(crate) fn each_row<E: From<Error>>(
    mut asked: Vec<(&mut Site, &Query)>,
    mut visit: impl FnMut(usize, Connection) -> Result<(), E>,
) -> Result<Vec<Error>, E> {
    if let [(site, query)] = &mut asked[..] {
        // Where the kernel leaves out most, looking at all of them twice takes more than is saved.
        let is_of_most = query.states.contains(State::Established) && !query.is_filtered();
        let other = if is_of_most { other_half(site) } else { None };
        let Some(mut other) = other else {
            for row in site.table.connections(query)? {
                visit(0, row?)?;
            }
            return Ok(Vec::new());
        };
        let [first, second] = query.halves();
        let halves = vec![(&mut site.table, &first), (&mut other, &second)];
        side_by_side(halves, |_, rows| rows?.try_for_each(|row| visit(0, row)))?;
        return Ok(Vec::new());
    }
    let names: Vec<_> = asked.iter().map(|(site, _)| site.name.clone()).collect();
    let tables = asked
        .into_iter()
        .map(|(site, query)| (&mut site.table, query));
    let mut failures = Vec::new();
    side_by_side(tables.collect(), |index, rows| match rows {
        Ok(mut rows) => rows.try_for_each(|row| visit(index, row)),
        Err(error) => {
            let name = names[index].as_deref().unwrap_or_default();
            complain(&format!("{name}: {error}"));
            failures.push(error);
            Ok(())
        }
    })?;
    Ok(failures)
}

/// A second table of the same network namespace, where it is large and there is a processor to walk it.
fn other_half(site: &Site) -> Option<TcpTable> {
    // What is counted here is this program's own namespace.
    let is_own = site.name.is_none();
    if !is_own || workers_for(2) < 2 || sockets_in_use() < LARGE {
        return None;
    }
    let table = TcpTable::open().ok()?;
    (table.netns() == site.table.netns()).then_some(table)
}

/// How many TCP sockets this program's network namespace has, without those in TIME_WAIT.
fn sockets_in_use() -> u64 {
    let of = |file: &str, key: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/self/net/{file}")).ok()?;
        let counts = text.lines().find_map(|line| line.strip_prefix(key))?;
        counts.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    let counts = [of("sockstat", "TCP:"), of("sockstat6", "TCP6:")];
    counts.into_iter().flatten().sum()
}

/// Calls with the rows of each table, some at a time, and its place.
fn side_by_side<E>(
    asked: Vec<(&mut TcpTable, &Query)>,
    mut take: impl FnMut(usize, Result<Drain<'_, Connection>, Error>) -> Result<(), E>,
) -> Result<(), E> {
    let workers = workers_for(asked.len());
    let walks = Mutex::new(asked.into_iter().enumerate());
    let next = || walks.lock().ok().and_then(|mut walks| walks.next());
    // Parcels that have been read, to be filled again.
    let (returned, empty) = channel();
    let empty = Mutex::new(empty);
    let another = || {
        let returned = empty.lock().ok();
        returned
            .and_then(|all| all.try_recv().ok())
            .unwrap_or_default()
    };
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUED);
        let mut started = 0;
        for _ in 0..workers {
            let (sender, next, another) = (sender.clone(), &next, &another);
            let work = move || {
                while let Some((index, (table, query))) = next() {
                    let send = |rows| sender.send((index, rows));
                    // Nobody listens any more.
                    if walk(table, query, another, send).is_err() {
                        return;
                    }
                }
            };
            let builder = thread::Builder::new().name("tcpentry-walk".to_owned());
            started += usize::from(builder.spawn_scoped(scope, work).is_ok());
        }
        drop(sender);
        for (index, rows) in receiver {
            match rows {
                Ok(mut rows) => {
                    take(index, Ok(rows.drain(..)))?;
                    // Whoever has ended needs none.
                    let _ = returned.send(rows);
                }
                Err(error) => take(index, Err(error))?,
            }
        }
        // Where no thread can be had, this one walks them, one after the other.
        while let Some((index, (table, query))) = next().filter(|_| started == 0) {
            walk(table, query, Vec::new, |rows| match rows {
                Ok(mut rows) => take(index, Ok(rows.drain(..))),
                Err(error) => take(index, Err(error)),
            })?;
        }
        Ok(())
    })
}

/// Sends the rows of a table, in parcels, and the error that ends them.
fn walk<E>(
    table: &mut TcpTable,
    query: &Query,
    mut another: impl FnMut() -> Vec<Connection>,
    mut send: impl FnMut(Result<Vec<Connection>, Error>) -> Result<(), E>,
) -> Result<(), E> {
    let rows = match table.connections(query) {
        Ok(rows) => rows,
        Err(error) => return send(Err(error)),
    };
    let mut some = another();
    for row in rows {
        match row {
            Ok(row) => some.push(row),
            Err(error) => {
                send(Ok(some))?;
                return send(Err(error));
            }
        }
        if some.len() == TOGETHER {
            send(Ok(some))?;
            some = another();
        }
    }
    send(Ok(some))
}

/// How many rows are passed on together, and how many such parcels may wait.
const TOGETHER: usize = 1024;
const QUEUED: usize = 8;
/// From so many sockets on, what a thread and two more netlink sockets cost is little.
const LARGE: u64 = 10_000;
