//! Walks over the tables of several network namespaces, side by side.

use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tcpentry::{Connection, Error, Query, TcpTable};

use crate::output::complain;
use crate::sites::{Site, workers_for};

/// Calls with each row of each table, and the number of its site. The rows of one site come in the order of
/// its walk, among those of others.
///
/// Of several, one whose walk fails is told on standard error, and the others go on; returns why they failed.
pub(crate) fn each_row<E: From<Error>>(
    mut asked: Vec<(&mut Site, &Query)>,
    mut visit: impl FnMut(usize, Connection) -> Result<(), E>,
) -> Result<Vec<Error>, E> {
    if let [(site, query)] = &mut asked[..] {
        for row in site.table.connections(query)? {
            visit(0, row?)?;
        }
        return Ok(Vec::new());
    }
    let names: Vec<_> = asked.iter().map(|(site, _)| site.name.clone()).collect();
    let workers = workers_for(asked.len());
    let walks = Mutex::new(asked.into_iter().enumerate());
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUED);
        for _ in 0..workers {
            let (sender, walks) = (sender.clone(), &walks);
            scope.spawn(move || {
                loop {
                    let next = walks.lock().ok().and_then(|mut walks| walks.next());
                    let Some((index, (site, query))) = next else {
                        return;
                    };
                    if walk(&mut site.table, query, index, &sender).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut failures = Vec::new();
        for (index, rows) in receiver {
            match rows {
                Ok(rows) => rows.into_iter().try_for_each(|row| visit(index, row))?,
                Err(error) => {
                    let name = names[index].as_deref().unwrap_or_default();
                    complain(&format!("{name}: {error}"));
                    failures.push(error);
                }
            }
        }
        Ok(failures)
    })
}

type Rows = (usize, Result<Vec<Connection>, Error>);

/// Nobody listens any more.
struct Unheard;

fn walk(
    table: &mut TcpTable,
    query: &Query,
    index: usize,
    to: &SyncSender<Rows>,
) -> Result<(), Unheard> {
    let mut some = Vec::new();
    let send = |rows: Result<Vec<_>, Error>| to.send((index, rows)).map_err(|_| Unheard);
    let rows = match table.connections(query) {
        Ok(rows) => rows,
        Err(error) => return send(Err(error)),
    };
    for row in rows {
        match row {
            Ok(row) => some.push(row),
            Err(error) => {
                send(Ok(some))?;
                return send(Err(error));
            }
        }
        if some.len() == TOGETHER {
            send(Ok(std::mem::take(&mut some)))?;
        }
    }
    send(Ok(some))
}

/// How many rows are passed on together, and how many such parcels may wait.
const TOGETHER: usize = 256;
const QUEUED: usize = 16;
