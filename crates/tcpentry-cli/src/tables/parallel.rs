//! Threads: one function over many inputs, or the dumps of several tables side by side.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use tcpentry::{Connection, Error, Query, TcpTable};

/// Returns the result of `work` for each input, in their order, computed on as many threads as there are
/// processors and can be started.
pub(crate) fn map<I: Sync, O: Send>(inputs: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let next = Mutex::new(inputs.iter().enumerate());
    let worker = || {
        let mut done = Vec::new();
        loop {
            // A worker that panics ends the program anyway.
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

/// Returns the number of threads for so many tasks.
pub(super) fn workers_for(count: usize) -> usize {
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(count)
}

/// Dumps several tables side by side, and calls `take` on this thread with the rows of each, a parcel at a time,
/// and its index.
pub(super) fn dump_each<E>(
    dumps: Vec<(&mut TcpTable, &Query)>,
    mut take: impl FnMut(usize, Result<&[Connection], Error>) -> Result<(), E>,
) -> Result<(), E> {
    let workers = workers_for(dumps.len());
    let dumps = Mutex::new(dumps.into_iter().enumerate());
    let next = || dumps.lock().ok().and_then(|mut dumps| dumps.next());
    // Parcels that have been read come back here to be filled again.
    let (returned, empty) = channel();
    let empty = Mutex::new(empty);
    let parcel = || {
        let returned = empty.lock().ok();
        returned
            .and_then(|all| all.try_recv().ok())
            .unwrap_or_default()
    };
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(MAX_QUEUED_PARCELS);
        let mut started = 0;
        for _ in 0..workers {
            let (sender, next, parcel) = (sender.clone(), &next, &parcel);
            let work = move || {
                while let Some((index, (table, query))) = next() {
                    let send = |rows| sender.send((index, rows));
                    // The receiver has gone: nobody needs the rest.
                    if dump(table, query, parcel, send).is_err() {
                        return;
                    }
                }
            };
            let builder = thread::Builder::new().name("tcpentry-dump".to_owned());
            started += usize::from(builder.spawn_scoped(scope, work).is_ok());
        }
        drop(sender);
        for (index, rows) in receiver {
            match rows {
                Ok(mut rows) => {
                    take(index, Ok(&rows))?;
                    rows.clear();
                    // A worker that has ended needs no parcel.
                    let _ = returned.send(rows);
                }
                Err(error) => take(index, Err(error))?,
            }
        }
        // Where no thread could be started, this one dumps them, one after the other.
        while let Some((index, (table, query))) = next().filter(|_| started == 0) {
            dump(table, query, Vec::new, |rows| match rows {
                Ok(rows) => take(index, Ok(&rows)),
                Err(error) => take(index, Err(error)),
            })?;
        }
        Ok(())
    })
}

/// Sends the rows of a table in parcels, and the error that ends them.
fn dump<E>(
    table: &mut TcpTable,
    query: &Query,
    mut parcel: impl FnMut() -> Vec<Connection>,
    mut send: impl FnMut(Result<Vec<Connection>, Error>) -> Result<(), E>,
) -> Result<(), E> {
    let rows = match table.connections(query) {
        Ok(rows) => rows,
        Err(error) => return send(Err(error)),
    };
    let mut filling = parcel();
    for row in rows {
        match row {
            Ok(row) => filling.push(row),
            Err(error) => {
                send(Ok(filling))?;
                return send(Err(error));
            }
        }
        if filling.len() == ROWS_PER_PARCEL {
            send(Ok(filling))?;
            filling = parcel();
        }
    }
    send(Ok(filling))
}

const ROWS_PER_PARCEL: usize = 1024;
const MAX_QUEUED_PARCELS: usize = 8;
