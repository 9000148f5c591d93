//! The second processor: batches that it is late with, that it must not begin any more, and its death.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use tcpentry_testkit::{skip, until};

use super::*;

/// A kernel for the worker alone, before each of whose answers something happens.
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

#[test]
fn after_a_break_no_batch_that_waits_is_destroyed() {
    if is_alone() {
        skip!("{ALONE}");
    }
    // What has waited too long is not destroyed either: only a quick run says something.
    for _ in 0..200 {
        let start = Instant::now();
        if is_left_alone_after_a_break(start) {
            return;
        }
    }
    skip!("this machine is too slow");
}

/// Asserts it; returns true if the batch that waited was still young enough to be destroyed.
fn is_left_alone_after_a_break(start: Instant) -> bool {
    let kernel = shared(rows(1..=700));
    let (table, log) = table_of(&kernel);
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let elapsed = Arc::new(Mutex::new(Duration::MAX));
    let at = Arc::clone(&elapsed);
    let (slow, its_log) = worker_of(&kernel, move |asked| {
        // It has begun with the second batch.
        if asked.cookie == 257 {
            until("it is broken off", || {
                over.load(std::sync::atomic::Ordering::Relaxed)
            });
            // The other thread has nothing left to do but to say so.
            thread::sleep(Duration::from_millis(1));
            *at.lock().unwrap() = start.elapsed();
        }
    });
    let mut told = Vec::new();
    let stop = |connection: &Connection, result: Result<Method, Error>| {
        result.unwrap();
        told.push(connection.cookie.value());
        if told.len() == 256 {
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        ControlFlow::Break(())
    };
    let named = listed(&rows(1..=700));
    helped_by(table, slow).delete_all(named, &Options::default(), stop);
    // The third waited, or had not even been given.
    assert_eq!(told, (1..=512).collect::<Vec<_>>());
    assert_eq!(destroyed(&its_log), told);
    assert_eq!(destroyed(&log), []);
    *elapsed.lock().unwrap() < ROW_MAX_AGE / 2
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
        let kernel = shared(rows(1..=600));
        let (table, log) = table_of(&kernel);
        let (mortal, its_log) = worker_of(&kernel, move |asked| {
            assert!(asked.cookie != dies_at, "the worker dies, as it should");
        });
        let told = delete_all(&mut helped_by(table, mortal), listed(&rows(1..=600)));
        assert_eq!(told.len(), 600);
        let by_others = destroyed(&log);
        let before = if dies_at > 256 { 256 } else { 0 };
        for (number, result) in told {
            match result {
                // Of the batch in which it died nobody knows who ended what is gone.
                Err(ErrorKind::NotFound) => assert!((before + 1..dies_at).contains(&number)),
                Err(kind) => panic!("{number}: {kind:?}"),
                Ok(_) => assert!(by_others.contains(&number) || number <= before, "{number}"),
            }
        }
        assert!(destroyed(&its_log).contains(&dies_at));
        assert_eq!(numbers_left(&kernel), []);
    }
}
