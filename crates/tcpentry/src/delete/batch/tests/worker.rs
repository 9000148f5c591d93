//! The second processor: batches that it is late with, that it must not begin any more, and its death.

use std::thread;
use std::time::{Duration, Instant};

use tcpentry_testkit::{skip, until};

use super::*;
use crate::delete::batch::helper::{DestroyWorker, NotSent};
use crate::delete::batch::run::Help;

/// Opens a conversation for the worker alone, with a kernel before each of whose answers something happens.
fn worker_of(
    kernel: &Shared,
    mut before: impl FnMut(&Asked) + Send + Sync + 'static,
) -> (Diag, Log) {
    let kernel = Arc::clone(kernel);
    diag(move |asked| {
        before(asked);
        kernel.lock().unwrap().answer(asked)
    })
}

fn is_alone() -> bool {
    thread::available_parallelism().is_ok_and(|count| count.get() < 2)
}

const ALONE: &str = "there is one processor, so nobody helps";

#[test]
fn a_batch_that_has_waited_too_long_is_looked_at_again() {
    if is_alone() {
        skip!("{ALONE}");
    }
    let kernel = shared(rows(1..=1024));
    let (table, log) = table_of(&kernel);
    let (inner, by_others) = (Arc::clone(&kernel), Arc::clone(&log));
    let mut is_first = true;
    let (slow, its_log) = worker_of(&kernel, move |_| {
        if !std::mem::replace(&mut is_first, false) {
            return;
        }
        // Two batches wait when the fourth is sent by the other thread.
        until("the fourth is sent", || {
            destroyed(&by_others).contains(&1024)
        });
        thread::sleep(2 * ROW_MAX_AGE);
        // The owner of one in the second and of one in the third makes a listener of it.
        let mut kernel = inner.lock().unwrap();
        for number in [300, 600] {
            let place = kernel.rows.iter().position(|row| row.cookie == number);
            kernel.rows[place.unwrap()] =
                Row::new("10.0.0.1:80 0.0.0.0:*", number).state(State::Listening);
        }
    });
    let told = delete_all(&mut helped_by(table, slow), listed(&rows(1..=1024)));
    let mut expected = deleted(1..=1024);
    for number in [300, 600] {
        expected[number - 1].1 = Err(ErrorKind::NotFound);
    }
    assert_eq!(told, expected);
    assert_eq!(numbers_left(&kernel), [300, 600]);
    assert_eq!(destroyed(&its_log), (1..=256).collect::<Vec<_>>());
}

/// Asserts that a run that is over lets its worker begin nothing, however young it is.
fn assert_begins_nothing<R>(run: &BatchRun<'_, R>, log: &Log) {
    let Help::Running(worker) = &run.help else {
        panic!("somebody helps");
    };
    let before = destroyed(log).len();
    let name = Item::named(listed(&rows([999])).remove(0)).name();
    let long = Instant::now() + Duration::from_secs(3600);
    worker.give(vec![name], long).unwrap();
    assert_eq!(worker.take(1), Err(NotSent));
    assert_eq!(destroyed(log).len(), before);
}

#[test]
fn after_a_break_no_batch_that_waits_is_destroyed() {
    let kernel = shared(rows(1..=1000));
    let (mut table, _) = table_of(&kernel);
    let (diag, log) = worker_of(&kernel, |_| {});
    let options = Options::default();
    let another = &mut *table.another;
    let report = |_: &Connection, result: Result<Ending, Error>| {
        result.unwrap();
        ControlFlow::Break(())
    };
    let mut run = BatchRun::new(&mut table.lookup, &options, Mode::Act, another, report);
    run.help = Help::Running(DestroyWorker::start(diag).unwrap());
    let some: Vec<_> = listed(&rows(1..=5)).into_iter().map(Item::named).collect();
    // Where it is not reported at once, it is when the run is over.
    let _ = run.delete(some);
    run.finish();
    let more = listed(&rows(6..=9)).into_iter().map(Item::named);
    let _ = run.delete(more.collect());
    assert_begins_nothing(&run, &log);
    drop(run);
    assert!(numbers_left(&kernel).contains(&999));
}

#[test]
fn after_a_stop_no_batch_that_waits_is_destroyed() {
    let kernel = shared(rows(1..=1000));
    let (mut table, _) = table_of(&kernel);
    let (diag, log) = worker_of(&kernel, |_| {});
    let options = Options::default();
    let another = &mut *table.another;
    let report = |_: &Connection, _: Result<Ending, Error>| ControlFlow::Continue(());
    let mut run = BatchRun::new(&mut table.lookup, &options, Mode::Act, another, report);
    run.help = Help::Running(DestroyWorker::start(diag).unwrap());
    run.stop();
    assert_begins_nothing(&run, &log);
}

#[test]
fn a_worker_that_is_cancelled_begins_nothing_more() {
    let kernel = shared(rows(1..=3));
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let (begun, began) = std::sync::mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let (slow, log) = worker_of(&kernel, move |_| {
        begun.send(()).unwrap();
        gone.lock().unwrap().recv().unwrap();
    });
    let worker = DestroyWorker::start(slow).unwrap();
    let names = |number: u64| vec![Item::named(listed(&rows([number])).remove(0)).name()];
    let long = Instant::now() + Duration::from_secs(3600);
    for number in [1, 2, 3] {
        // One is being destroyed, and the others wait.
        worker.give(names(number), long).unwrap();
        if number == 1 {
            began.recv().unwrap();
        }
    }
    worker.cancel();
    go.send(()).unwrap();
    // One more would have nobody to wait for.
    drop(go);
    assert_eq!(worker.take(1), Ok(vec![Ok(())]));
    assert_eq!(worker.take(1), Err(NotSent));
    assert_eq!(worker.take(1), Err(NotSent));
    assert_eq!(destroyed(&log), [1]);
    assert_eq!(numbers_left(&kernel), [2, 3]);
}

#[test]
fn a_worker_sends_nothing_later_than_it_may() {
    let kernel = shared(rows(1..=2));
    let (diag, log) = worker_of(&kernel, |_| {});
    let worker = DestroyWorker::start(diag).unwrap();
    let name = Item::named(listed(&rows([1])).remove(0)).name();
    worker.give(vec![name], Instant::now()).unwrap();
    assert_eq!(worker.take(1), Err(NotSent));
    assert_eq!(destroyed(&log), []);
}

#[test]
fn nothing_that_a_dead_worker_has_not_destroyed_is_called_deleted() {
    if is_alone() {
        skip!("{ALONE}");
    }
    for dies_at in [1, 100, 257, 400] {
        // On a busy machine a batch comes too late for the worker, which then sends none of it and lives.
        let has_died = (0..100).any(|_| dies_in_time(dies_at));
        assert!(has_died, "{dies_at}");
    }
}

/// Deletes 600 with a worker that dies at one of them. Returns false where it has not come so far.
fn dies_in_time(dies_at: u64) -> bool {
    let kernel = shared(rows(1..=600));
    let (table, log) = table_of(&kernel);
    let (mortal, its_log) = worker_of(&kernel, move |asked| {
        assert!(asked.cookie != dies_at, "the worker dies, as it should");
    });
    let told = delete_all(&mut helped_by(table, mortal), listed(&rows(1..=600)));
    assert_eq!(told.len(), 600);
    assert_eq!(numbers_left(&kernel), []);
    let by_others = destroyed(&log);
    let has_died = destroyed(&its_log).contains(&dies_at);
    let before = if dies_at > 256 { 256 } else { 0 };
    for (number, result) in told {
        match result {
            // Of the batch in which it died nobody knows who ended what is gone.
            Err(ErrorKind::NotFound) => {
                assert!(
                    has_died && (before + 1..dies_at).contains(&number),
                    "{number}"
                );
            }
            Err(kind) => panic!("{number}: {kind:?}"),
            Ok(_) if has_died => {
                assert!(by_others.contains(&number) || number <= before, "{number}");
            }
            Ok(_) => {}
        }
    }
    has_died
}
