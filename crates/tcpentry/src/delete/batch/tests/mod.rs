mod doubt;
mod odd_sockets;
mod worker;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rustix::io::Errno;

use super::queue::ROW_MAX_AGE;
use super::*;
use crate::connection::state::{State, States};
use crate::delete::{Method, MethodChoice};
use crate::error::{CallerGuard, ErrorKind, Guard};
use crate::sock_diag::fake::{
    Answer, Asked, Kernel, Log, Question, Row, destroyed, diag, diags, interrupted,
};
use crate::sock_diag::testing;
use crate::sock_diag::{Diag, NetlinkSocket};

static KEPT: CallerGuard = CallerGuard {
    name: "kept",
    cause: "it is kept",
    hint: "let it go",
    win32: 5,
};

/// A kernel whose state a test can look at and change.
type Shared = Arc<Mutex<Kernel>>;

fn shared(rows: impl Into<Vec<Row>>) -> Shared {
    Arc::new(Mutex::new(Kernel::of(rows)))
}

fn table(kernel: impl FnMut(&Asked) -> Vec<Answer> + Send + Sync + 'static) -> (TcpTable, Log) {
    let (diags, log) = diags(kernel);
    (TcpTable::of(diags), log)
}

fn table_of(kernel: &Shared) -> (TcpTable, Log) {
    let kernel = Arc::clone(kernel);
    table(move |asked| kernel.lock().unwrap().answer(asked))
}

/// Returns a table of a machine with a second processor.
fn table_with_help(kernel: &Shared) -> (TcpTable, Log) {
    let kernel = Arc::clone(kernel);
    let ([lookup, dumper, third], log) = diags(move |asked| kernel.lock().unwrap().answer(asked));
    (helped_by(TcpTable::of([lookup, dumper]), third), log)
}

fn helped_by(mut table: TcpTable, diag: Diag) -> TcpTable {
    let mut diag = Some(diag);
    table.another = Box::new(move || diag.take());
    table
}

/// Makes the socket of this number, with an owner whom nobody finds.
fn row(number: u64) -> Row {
    let (high, low) = (number / 60_000, number % 60_000);
    Row::new(&format!("10.0.0.1:80 10.0.{high}.2:{}", 1 + low), number).owned()
}

fn rows(numbers: impl IntoIterator<Item = u64>) -> Vec<Row> {
    numbers.into_iter().map(row).collect()
}

/// Lists the rows.
fn listed(rows: &[Row]) -> Vec<Connection> {
    let (mut table, _) = table_of(&shared(rows));
    let query = Query::in_states(States::ALL).with_info();
    table
        .connections(&query)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// The report: the number of each socket, and its outcome.
type Fact = Vec<(u64, Result<Method, ErrorKind>)>;

fn teller(told: &mut Fact) -> impl FnMut(&Connection, Result<Ending, Error>) -> ControlFlow<()> {
    |connection, result| {
        told.push((
            connection.cookie.value(),
            result
                .map(|ending| ending.method)
                .map_err(|error| error.kind()),
        ));
        ControlFlow::Continue(())
    }
}

fn delete_all(table: &mut TcpTable, connections: Vec<Connection>) -> Fact {
    let mut told = Fact::new();
    table.delete_all(connections, &Options::default(), teller(&mut told));
    told
}

fn delete_matching(
    table: &mut TcpTable,
    select: impl FnMut(&Connection) -> Action,
) -> (Fact, Result<DumpCompleteness, Error>) {
    let mut told = Fact::new();
    let query = Query::in_states(States::ALL);
    let options = Options::default();
    let result = table.delete_matching(&query, &options, select, teller(&mut told));
    (told, result)
}

fn deleted(numbers: impl IntoIterator<Item = u64>) -> Fact {
    let deleted = |number| (number, Ok(Method::SockDiag));
    numbers.into_iter().map(deleted).collect()
}

/// Replaces a refusal by "not supported": where processes hide what they hold, a socket without a holder may be a matter of
/// rights.
fn without_rights(told: Fact) -> Fact {
    let kind = |result| match result {
        Err(ErrorKind::AccessDenied | ErrorKind::NotElevated) => Err(ErrorKind::NotSupported),
        result => result,
    };
    told.into_iter()
        .map(|(number, result)| (number, kind(result)))
        .collect()
}

fn numbers_left(kernel: &Shared) -> Vec<u64> {
    let kernel = kernel.lock().unwrap();
    kernel.rows.iter().map(|row| row.cookie).collect()
}

#[test]
fn all_that_are_named_are_deleted_in_their_order() {
    let kernel = shared(rows(1..=1000));
    let (mut table, log) = table_of(&kernel);
    let named: Vec<_> = listed(&rows((1..=1000).rev().filter(|n| n % 3 == 0)));
    let expected = deleted((1..=1000).rev().filter(|n| n % 3 == 0));
    assert_eq!(delete_all(&mut table, named), expected);
    assert_eq!(
        numbers_left(&kernel),
        (1..=1000).filter(|n| n % 3 != 0).collect::<Vec<_>>()
    );
    // One question and one destruction for each, one acknowledgement for each batch.
    let log = log.lock().unwrap();
    let count = |question| {
        log.iter()
            .filter(|asked| asked.question == question)
            .count()
    };
    assert_eq!((count(Question::Get), count(Question::Destroy)), (333, 333));
    let acknowledged = log.iter().filter(|asked| asked.acknowledge);
    assert_eq!(acknowledged.count(), 2);
}

#[test]
fn all_that_are_selected_are_deleted_while_the_table_is_dumped() {
    for in_datagram in [0, 1, 7, 75] {
        let kernel = shared(rows(1..=1000));
        kernel.lock().unwrap().in_datagram = in_datagram;
        let (mut table, _) = table_of(&kernel);
        let (told, result) = delete_matching(&mut table, |row| match row.cookie.value() % 3 {
            0 => Action::Delete,
            _ => Action::Skip,
        });
        assert_eq!(result.unwrap(), DumpCompleteness::Paused);
        assert_eq!(told, deleted((1..=1000).filter(|n| n % 3 == 0)));
        assert_eq!(numbers_left(&kernel).len(), 667);
    }
}

#[test]
fn with_help_all_are_told_in_their_order() {
    for in_datagram in [0, 75] {
        let kernel = shared(rows(1..=5000));
        kernel.lock().unwrap().in_datagram = in_datagram;
        let (mut table, log) = table_with_help(&kernel);
        let (told, result) = delete_matching(&mut table, |_| Action::Delete);
        result.unwrap();
        assert_eq!(told, deleted(1..=5000));
        assert_eq!(destroyed(&log).len(), 5000, "each once");
        assert_eq!(numbers_left(&kernel), []);
    }
    let kernel = shared(rows(1..=3000));
    let (mut table, _) = table_with_help(&kernel);
    let told = delete_all(&mut table, listed(&rows(1..=3000)));
    assert_eq!(told, deleted(1..=3000));
}

#[test]
fn what_the_helper_can_not_do_is_done_one_by_one() {
    let kernel = shared(rows(1..=600));
    let (deaf, _) = diag(|_| vec![Answer::Unsent(Errno::NOBUFS)]);
    let (table, _) = table_of(&kernel);
    let told = delete_all(&mut helped_by(table, deaf), listed(&rows(1..=600)));
    assert_eq!(told, deleted(1..=600));
}

#[test]
fn what_waits_too_long_at_the_helper_is_looked_at_again() {
    let kernel = shared(rows(1..=3000));
    let (table, log) = table_of(&kernel);
    let inner = Arc::clone(&kernel);
    let mut slept = false;
    let (slow, its_log) = diag(move |asked| {
        if !std::mem::replace(&mut slept, true) {
            std::thread::sleep(2 * ROW_MAX_AGE);
        }
        inner.lock().unwrap().answer(asked)
    });
    let (told, result) = delete_matching(&mut helped_by(table, slow), |_| Action::Delete);
    result.unwrap();
    assert_eq!(told, deleted(1..=3000));
    let by_helper = destroyed(&its_log).len();
    assert_eq!(destroyed(&log).len() + by_helper, 3000, "each once");
    assert!(by_helper < 3000);
}

#[test]
fn after_a_break_what_the_helper_did_is_told() {
    for told_before in [1, 300, 700] {
        let kernel = shared(rows(1..=3000));
        let (mut table, log) = table_with_help(&kernel);
        let mut told = Vec::new();
        let stop = |connection: &Connection, result: Result<Ending, Error>| {
            result.unwrap();
            told.push(connection.cookie.value());
            match told.len() {
                few if few < told_before => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        let (query, options) = (Query::in_states(States::ALL), Options::default());
        let take = |_: &Connection| Action::Delete;
        table.delete_matching(&query, &options, take, stop).unwrap();
        let count = told.len() as u64;
        assert!((1..3000).contains(&count), "{count}");
        // In order; a batch that waited at the helper is left out.
        assert!(told.is_sorted());
        let mut destroyed = destroyed(&log);
        destroyed.sort_unstable();
        assert_eq!(destroyed, told);
    }
}

#[test]
fn after_a_stop_what_was_sent_is_told() {
    let kernel = shared(rows(1..=5000));
    kernel.lock().unwrap().in_datagram = 75;
    let (mut table, log) = table_with_help(&kernel);
    let (told, result) = delete_matching(&mut table, |row| match row.cookie.value() {
        4000 => Action::Stop,
        _ => Action::Delete,
    });
    result.unwrap();
    assert!((1..4000).contains(&told.len()), "{}", told.len());
    let mut destroyed = destroyed(&log);
    destroyed.sort_unstable();
    assert_eq!(told, deleted(destroyed));
}

#[test]
fn nothing_is_destroyed_near_the_place_where_the_dump_has_paused() {
    let kernel = shared(rows(1..=100));
    kernel.lock().unwrap().in_datagram = 5;
    let (mut table, log) = table_of(&kernel);
    let (told, result) = delete_matching(&mut table, |row| {
        let newest = row.cookie.value();
        let nearest = destroyed(&log).into_iter().max().unwrap_or_default();
        // Eight datagrams of five: as many as were measured, whatever the constant says.
        assert!(nearest == 0 || nearest + 40 <= newest + 4);
        Action::Delete
    });
    result.unwrap();
    assert_eq!(told, deleted(1..=100));
}

#[test]
fn a_row_that_has_grown_old_is_looked_at_again() {
    let kernel = shared(rows(1..=3));
    let inner = Arc::clone(&kernel);
    let (mut table, log) = table_of(&kernel);
    let (told, result) = delete_matching(&mut table, |row| {
        if row.cookie.value() == 3 {
            // Meanwhile the owner of the second makes a listener of it.
            let listener = Row::new("10.0.0.1:80 0.0.0.0:*", 2).state(State::Listening);
            inner.lock().unwrap().rows[1] = listener;
            std::thread::sleep(ROW_MAX_AGE);
        }
        Action::Delete
    });
    assert_eq!(result.unwrap(), DumpCompleteness::Complete);
    assert_eq!(told[1], (2, Err(ErrorKind::NotFound)));
    assert_eq!(destroyed(&log), [1, 3]);
}

#[test]
fn a_refusal_amid_a_batch_is_that_of_one_connection() {
    for (errno, kind) in [
        (Errno::NOENT, ErrorKind::NotFound),
        (Errno::OPNOTSUPP, ErrorKind::NotSupported),
        (Errno::BUSY, ErrorKind::Os),
        (Errno::INVAL, ErrorKind::Os),
    ] {
        let kernel = shared(rows(1..=20));
        let inner = Arc::clone(&kernel);
        let (mut table, _) = table(move |asked| {
            let mut kernel = inner.lock().unwrap();
            if asked.question == Question::Destroy && asked.cookie == 10 {
                if errno == Errno::NOENT {
                    kernel.rows.retain(|row| row.cookie != 10);
                }
                return vec![asked.acknowledged(Some(errno)).into()];
            }
            kernel.answer(asked)
        });
        let mut expected = deleted(1..=20);
        expected[9].1 = Err(kind);
        let told = delete_all(&mut table, listed(&rows(1..=20)));
        assert_eq!(without_rights(told), expected);
    }
}

#[test]
fn what_is_not_permitted_is_tried_in_one_batch_only() {
    for errno in [Errno::PERM, Errno::ACCESS] {
        let kernel = shared(rows(1..=600));
        kernel.lock().unwrap().refusal = Some(errno);
        let (mut table, log) = table_of(&kernel);
        let told = delete_all(&mut table, listed(&rows(1..=600)));
        assert_eq!(told.len(), 600);
        assert!(told.iter().all(|(_, result)| matches!(
            result,
            Err(ErrorKind::AccessDenied | ErrorKind::NotElevated)
        )));
        assert_eq!(destroyed(&log).len(), 256 + 600);
        assert_eq!(numbers_left(&kernel).len(), 600);
    }
}

/// SELinux looks at the messages of a datagram before any of them is sent.
#[test]
fn where_a_security_module_forbids_destruction_each_is_denied() {
    let kernel = shared(rows(1..=20));
    let inner = Arc::clone(&kernel);
    let (mut table, _) = table(move |asked| {
        if asked.question == Question::Destroy {
            return vec![Answer::Unsent(Errno::ACCESS)];
        }
        inner.lock().unwrap().answer(asked)
    });
    let told = delete_all(&mut table, listed(&rows(1..=20)));
    assert_eq!(told.len(), 20);
    for (number, result) in told {
        assert!(
            matches!(
                result,
                Err(ErrorKind::AccessDenied | ErrorKind::NotElevated)
            ),
            "{number}: {result:?}"
        );
    }
    assert_eq!(numbers_left(&kernel).len(), 20);
}

#[test]
fn what_is_not_plain_goes_its_own_way() {
    let bound = "10.0.0.1:99 0.0.0.0:*";
    let all = [
        row(1),
        row(2).mptcp(),
        row(3).state(State::SynRecv),
        Row::new("10.0.0.1:80 0.0.0.0:*", 4).state(State::Listening),
        Row::new(bound, 5).state(State::BoundInactive),
        Row::new("10.0.0.1:80 10.0.0.2:6", 6).state(State::TimeWait),
        row(7).bound_to(3),
        row(8),
    ];
    let kernel = shared(all.clone());
    let (mut table, log) = table_of(&kernel);
    let expected = vec![
        (1, Ok(Method::SockDiag)),
        (2, Err(ErrorKind::NotSupported)),
        (3, Ok(Method::SockDiag)),
        (4, Err(ErrorKind::Refused(Guard::Listener))),
        (5, Err(ErrorKind::NotSupported)),
        (6, Ok(Method::SockDiag)),
        (7, Ok(Method::SockDiag)),
        (8, Ok(Method::SockDiag)),
    ];
    let mut foreseen = Fact::new();
    let query = Query::in_states(States::ALL);
    let options = Options::default();
    let take = |_: &Connection| Action::Delete;
    table
        .check_matching(&query, &options, take, teller(&mut foreseen))
        .unwrap();
    assert_eq!(without_rights(foreseen), expected);
    assert_eq!(destroyed(&log), [0], "asked once whether it could");
    let mut foreseen = Fact::new();
    table.check_all(listed(&all), &options, teller(&mut foreseen));
    assert_eq!(without_rights(foreseen), expected);
    assert_eq!(numbers_left(&kernel).len(), 8);
    let (told, result) = delete_matching(&mut table, take);
    result.unwrap();
    assert_eq!(without_rights(told), expected);
    assert_eq!(numbers_left(&kernel), [2, 4, 5]);
}

#[test]
fn what_has_become_something_else_since_it_was_named_is_looked_at_again() {
    let was = rows(1..=4);
    let now = [
        row(1),
        row(2).mptcp(),
        // The same socket listens by now, under another name.
        Row::new("10.0.0.1:80 0.0.0.0:*", 3).state(State::Listening),
    ];
    let kernel = shared(now);
    let (mut table, log) = table_of(&kernel);
    let told = delete_all(&mut table, listed(&was));
    assert_eq!(told[0].1, Ok(Method::SockDiag));
    assert!(told[1..].iter().all(|(_, result)| result.is_err()));
    assert_eq!(told[3].1, Err(ErrorKind::NotFound));
    assert_eq!(destroyed(&log), [1]);
    assert_eq!(numbers_left(&kernel), [2, 3]);
}

#[test]
fn one_that_is_named_twice_is_told_twice() {
    let kernel = shared(rows([1]));
    let (mut table, _) = table_of(&kernel);
    let told = delete_all(&mut table, listed(&rows([1, 1])));
    assert_eq!(
        told,
        [(1, Ok(Method::SockDiag)), (1, Err(ErrorKind::NotFound))]
    );
}

#[test]
fn one_that_the_dump_shows_twice_is_told_once() {
    let mut twice = rows(1..=30);
    twice.insert(20, row(3));
    let kernel = shared(twice);
    let (mut table, _) = table_of(&kernel);
    let (told, result) = delete_matching(&mut table, |_| Action::Delete);
    result.unwrap();
    assert_eq!(told, deleted(1..=30));
}

#[test]
fn an_orphan_that_outlives_its_acknowledgement_is_not_deleted() {
    let orphans = [1, 2, 3].map(|number| Row {
        inode: 0,
        ..row(number).state(State::FinWait1)
    });
    let kernel = shared(orphans.clone());
    let inner = Arc::clone(&kernel);
    let (mut table, _) = table(move |asked| {
        let mut kernel = inner.lock().unwrap();
        kernel.lies = asked.cookie == 2;
        kernel.answer(asked)
    });
    let told = delete_all(&mut table, listed(&orphans));
    assert_eq!(
        told,
        [
            (1, Ok(Method::SockDiag)),
            (2, Err(ErrorKind::Os)),
            (3, Ok(Method::SockDiag))
        ]
    );
}

#[test]
fn a_refused_row_is_told_in_its_turn() {
    let kernel = shared(rows(1..=5));
    let (mut table, _) = table_of(&kernel);
    let (told, result) = delete_matching(&mut table, |row| match row.cookie.value() {
        3 => Action::Refuse(Error::refused(Guard::Caller(&KEPT), row.pair)),
        5 => Action::Skip,
        _ => Action::Delete,
    });
    result.unwrap();
    let mut expected = deleted(1..=4);
    expected[2].1 = Err(ErrorKind::Refused(Guard::Caller(&KEPT)));
    assert_eq!(told, expected);
    assert_eq!(numbers_left(&kernel), [3, 5]);
}

#[test]
fn after_a_stop_nothing_more_is_deleted() {
    let kernel = shared(rows(1..=100));
    kernel.lock().unwrap().in_datagram = 3;
    let (mut table, _) = table_of(&kernel);
    let (told, result) = delete_matching(&mut table, |row| match row.cookie.value() {
        60 => Action::Stop,
        _ => Action::Delete,
    });
    result.unwrap();
    let count = told.len() as u64;
    assert!((1..59).contains(&count), "the rest of them still waited");
    assert_eq!(told, deleted(1..=count));
    assert_eq!(numbers_left(&kernel), (count + 1..=100).collect::<Vec<_>>());
    // The table can be used again.
    let (told, result) = delete_matching(&mut table, |_| Action::Delete);
    result.unwrap();
    assert_eq!(told, deleted(count + 1..=100));
}

#[test]
fn after_a_break_only_what_was_sent_is_told() {
    let kernel = shared(rows(1..=1000));
    let (mut table, log) = table_of(&kernel);
    let mut told = Vec::new();
    let stop = |connection: &Connection, result: Result<Ending, Error>| {
        result.unwrap();
        told.push(connection.cookie.value());
        ControlFlow::Break(())
    };
    table.delete_all(listed(&rows(1..=1000)), &Options::default(), stop);
    assert_eq!(told, (1..=256).collect::<Vec<_>>());
    assert_eq!(destroyed(&log), told);
    // What had not been sent is not touched any more: here, because nothing is sent together.
    let kernel = shared(rows(1..=10));
    kernel.lock().unwrap().refusal = Some(Errno::PERM);
    let (mut table, _) = table_of(&kernel);
    let mut told = 0;
    let stop = |_: &Connection, _| {
        told += 1;
        ControlFlow::Break(())
    };
    table.delete_all(listed(&rows(1..=10)), &Options::default(), stop);
    assert_eq!(told, 1);
}

#[test]
fn after_a_break_what_was_sent_is_looked_at_and_not_deleted_again() {
    // The kernel destroys 1 to 3, and what it says of them and of the others gets lost.
    let kernel = shared(rows(1..=6));
    let inner = Arc::clone(&kernel);
    let (mut table, log) = table(move |asked| {
        let mut kernel = inner.lock().unwrap();
        if asked.question.is_dump() || asked.question == Question::Get {
            return kernel.answer(asked);
        }
        if asked.cookie <= 3 {
            kernel.answer(asked);
        }
        vec![]
    });
    let mut told = Vec::new();
    let stop = |connection: &Connection, result: Result<Ending, Error>| {
        told.push((
            connection.cookie.value(),
            result.map_err(|error| error.kind()),
        ));
        ControlFlow::Break(())
    };
    // What is certain at once is reported at once.
    let listener = Row::new("10.0.0.9:80 0.0.0.0:*", 9).state(State::Listening);
    let named = [listed(&[listener.owned()]), listed(&rows(1..=6))].concat();
    table.delete_all(named, &Options::default(), stop);
    let refused = (9, Err(ErrorKind::Refused(Guard::Listener)));
    let gone = |number| (number, Err(ErrorKind::NotFound));
    assert_eq!(told, [refused, gone(1), gone(2), gone(3)]);
    assert_eq!(destroyed(&log), (1..=6).collect::<Vec<_>>(), "each once");
    assert_eq!(numbers_left(&kernel), [4, 5, 6]);
}

#[test]
fn an_error_of_the_walk_comes_after_what_was_taken() {
    let kernel = shared(rows(1..=40));
    let inner = Arc::clone(&kernel);
    let (mut table, _) = table(move |asked| {
        let mut kernel = inner.lock().unwrap();
        kernel.in_datagram = 3;
        let mut answers = kernel.answer(asked);
        if asked.question.is_dump() && asked.states != 0 {
            answers.truncate(11);
            answers.push(Errno::NOBUFS.into());
        }
        answers
    });
    let (told, result) = delete_matching(&mut table, |_| Action::Delete);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Os);
    assert_eq!(told, deleted(1..=33));
    assert_eq!(numbers_left(&kernel).len(), 7);
}

#[test]
fn what_can_not_be_sent_together_is_sent_alone() {
    for errno in [Errno::MSGSIZE, Errno::NOBUFS] {
        let kernel = shared(rows(1..=20));
        let inner = Arc::clone(&kernel);
        let (mut table, _) = table(move |asked| {
            if asked.question == Question::Destroy && !asked.acknowledge {
                return vec![Answer::Unsent(errno)];
            }
            inner.lock().unwrap().answer(asked)
        });
        let told = delete_all(&mut table, listed(&rows(1..=20)));
        assert_eq!(told, deleted(1..=20));
    }
}

/// Against the real kernel: the answers to a batch do not fit the socket, and what is lost of them is asked for again.
#[test]
fn with_a_tiny_receive_buffer_each_is_still_told() {
    tcpentry_testkit::isolated(|| {
        let crowd = tcpentry_testkit::tcp::imagined_crowd(600);
        let tiny = || {
            let socket = NetlinkSocket::open().unwrap();
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 1).unwrap();
            Diag::new(socket)
        };
        let mut table = TcpTable::of([tiny(), tiny()]);
        let query = Query::in_states(States::CONNECTIONS);
        let rows: Result<Vec<_>, _> = table.connections(&query).unwrap().collect();
        let rows = rows.unwrap();
        assert_eq!(rows.len(), crowd.len());
        let (some, _) = rows.split_at(300);
        let whole = |told: Fact| told.into_iter().map(|(_, result)| result);
        assert!(
            whole(delete_all(&mut TcpTable::open().unwrap(), some.to_vec())).all(|it| it.is_ok())
        );
        let told: Vec<_> = whole(delete_all(&mut table, rows.clone())).collect();
        assert!(told[..300].iter().all(|it| *it == Err(ErrorKind::NotFound)));
        assert!(told[300..].iter().all(|it| *it == Ok(Method::SockDiag)));
        let none = table.connections(&query).unwrap().count();
        assert_eq!(none, 0);
    });
}

/// A fault in the answer to one request of a batch.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Refused(i32),
    Lost,
    Overrun,
    /// It comes, but cut off.
    Truncated,
    Malformed,
    /// Another process says that it was done.
    Stranger,
    /// An acknowledgement of another request.
    Misnumbered(u32),
    Row,
    Done,
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        2 => prop::sample::select(vec![2, 16, 22, 95]).prop_map(Fault::Refused),
        1 => Just(Fault::Lost),
        1 => Just(Fault::Overrun),
        1 => Just(Fault::Truncated),
        1 => Just(Fault::Malformed),
        1 => Just(Fault::Stranger),
        1 => prop::sample::select(vec![1_u32, 500, u32::MAX, u32::MAX - 5])
            .prop_map(Fault::Misnumbered),
        1 => Just(Fault::Row),
        1 => Just(Fault::Done),
    ]
}

fn spoil(asked: &Asked, fault: Fault, honest: Vec<Answer>) -> Vec<Answer> {
    let success = asked.acknowledged(None);
    vec![match fault {
        Fault::None | Fault::Refused(_) => return honest,
        Fault::Lost => return vec![],
        Fault::Overrun => Errno::NOBUFS.into(),
        Fault::Truncated => Answer::TooLong(success),
        Fault::Malformed => success[..18].to_vec().into(),
        Fault::Stranger => Answer::Stranger(success),
        Fault::Misnumbered(by) => testing::acknowledged(asked.sequence.wrapping_add(by), 0).into(),
        Fault::Row => asked.row(&row(1)).into(),
        Fault::Done => asked.done(None).into(),
    }]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..Default::default() })]

    /// Whatever gets lost or spoiled: each is told once and in order; what is told as deleted was
    /// destroyed, and what is still there was not; nothing else is touched.
    #[test]
    fn no_outcome_is_lost_or_guessed(
        faults in prop::collection::vec(faults(), 80),
        gone in prop::collection::btree_set(1_u64..30, 0..5),
        dump: bool,
    ) {
        let kernel = shared(rows(1..=60));
        let inner = Arc::clone(&kernel);
        let destroyed = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&destroyed);
        let mut faults = faults.into_iter();
        let (mut table, _) = table(move |asked| {
            let mut kernel = inner.lock().unwrap();
            if asked.question.is_dump() {
                return kernel.answer(asked);
            }
            let fault = faults.next().unwrap_or(Fault::None);
            if asked.question == Question::Get {
                let honest = kernel.answer(asked);
                // A row is no fault here but a lie: a batch that has waited for long is looked at before it is sent.
                let is_lie = matches!(fault, Fault::Row);
                return spoil(asked, if is_lie { Fault::None } else { fault }, honest);
            }
            if let Fault::Refused(errno) = fault {
                return vec![testing::acknowledged(asked.sequence, errno).into()];
            }
            let before = kernel.rows.len();
            let honest = kernel.answer(asked);
            if kernel.rows.len() < before {
                record.lock().unwrap().push(asked.cookie);
            }
            spoil(asked, fault, honest)
        });
        let told = if dump {
            let (told, result) = delete_matching(&mut table, |row| match row.cookie.value() {
                1..=30 => Action::Delete,
                _ => Action::Skip,
            });
            result.unwrap();
            told
        } else {
            kernel.lock().unwrap().rows.retain(|row| !gone.contains(&row.cookie));
            delete_all(&mut table, listed(&rows(1..=30)))
        };
        let order: Vec<u64> = told.iter().map(|(number, _)| *number).collect();
        prop_assert_eq!(order, (1..=30).collect::<Vec<_>>());
        let destroyed = destroyed.lock().unwrap();
        let left = numbers_left(&kernel);
        for (number, result) in told {
            match result {
                Ok(method) => {
                    prop_assert_eq!(method, Method::SockDiag);
                    prop_assert!(destroyed.contains(&number), "{} was not destroyed", number);
                }
                Err(ErrorKind::NotFound) => prop_assert!(!left.contains(&number)),
                Err(_) => {}
            }
        }
        prop_assert!((31..=60).all(|number| left.contains(&number)));
    }
}

/// A fault in the answer to a question of any kind.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    None,
    /// It is refused.
    Errno(Errno),
    /// It is not even sent.
    Unsent(Errno),
    /// Of the answer, this many datagrams come; then a read fails, or what comes is none.
    Cut(usize, Cut),
    /// It is marked as interrupted.
    Interrupted,
    /// Others talk in between.
    Noise,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Errno(Errno),
    TooLong,
    Truncated,
    Silence,
}

fn troubles() -> impl Strategy<Value = Trouble> {
    // ENOENT is none of them: it is an answer, and true or false.
    let errnos = vec![
        Errno::PERM,
        Errno::AGAIN,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::MSGSIZE,
        Errno::OPNOTSUPP,
        Errno::BUSY,
        Errno::INVAL,
        Errno::MFILE,
        Errno::INTR,
    ];
    let errno = prop::sample::select(errnos);
    let cut = prop_oneof![
        2 => prop::sample::select(vec![Errno::NOBUFS, Errno::NOMEM, Errno::AGAIN]).prop_map(Cut::Errno),
        1 => Just(Cut::TooLong),
        1 => Just(Cut::Truncated),
        1 => Just(Cut::Silence),
    ];
    prop_oneof![
        30 => Just(Trouble::None),
        2 => errno.clone().prop_map(Trouble::Errno),
        2 => errno.prop_map(Trouble::Unsent),
        2 => (0..4_usize, cut).prop_map(|(after, cut)| Trouble::Cut(after, cut)),
        2 => Just(Trouble::Interrupted),
        2 => Just(Trouble::Noise),
    ]
}

/// Returns a kernel that has these troubles with its questions, one after the other; then none.
fn troubled(
    kernel: &Shared,
    troubles: Vec<Trouble>,
) -> impl FnMut(&Asked) -> Vec<Answer> + Send + Sync + 'static {
    let kernel = Arc::clone(kernel);
    let mut troubles = troubles.into_iter();
    move |asked| {
        let honest = |asked: &Asked| kernel.lock().unwrap().answer(asked);
        match troubles.next().unwrap_or(Trouble::None) {
            Trouble::Errno(errno) if asked.question.is_dump() => {
                vec![asked.done(Some(errno)).into()]
            }
            Trouble::Errno(errno) => vec![asked.acknowledged(Some(errno)).into()],
            Trouble::Unsent(errno) => vec![Answer::Unsent(errno)],
            Trouble::Cut(after, cut) => {
                let mut answers = honest(asked);
                let Some(Answer::Datagram(next)) = answers.get(after).cloned() else {
                    return answers;
                };
                answers.truncate(after);
                match cut {
                    Cut::Errno(errno) => answers.push(errno.into()),
                    Cut::TooLong => answers.push(Answer::TooLong(next)),
                    Cut::Truncated => answers.push(next[..next.len() - 3].to_vec().into()),
                    Cut::Silence => {}
                }
                answers
            }
            Trouble::Interrupted if asked.question.is_dump() => {
                let mark = |answer| match answer {
                    Answer::Datagram(bytes) => Answer::Datagram(interrupted(bytes)),
                    other => other,
                };
                honest(asked).into_iter().map(mark).collect()
            }
            Trouble::None | Trouble::Interrupted => honest(asked),
            Trouble::Noise => {
                let earlier = Asked {
                    sequence: asked.sequence.wrapping_sub(1000),
                    ..asked.clone()
                };
                let mut answers = vec![
                    Answer::Stranger(asked.done(None)),
                    Answer::Stranger(asked.acknowledged(None)),
                    earlier.row(&row(1)).into(),
                    earlier.done(Some(Errno::PERM)).into(),
                ];
                answers.extend(honest(asked));
                answers
            }
        }
    }
}

/// Returns the options that a test may have: nothing of this machine is borrowed, nor even looked for.
fn by_sock_diag() -> Options {
    Options::default().with_method(MethodChoice::SockDiag)
}

/// Asserts that what was reported as deleted or gone has left the kernel's table, and by which method.
fn assert_truthful(told: &Fact, left: &[u64]) -> Result<(), TestCaseError> {
    for (number, result) in told {
        match result {
            Ok(Method::SockDiag) | Err(ErrorKind::NotFound) => {
                prop_assert!(!left.contains(number), "{} is still there", number);
            }
            Ok(method) => prop_assert!(false, "{}", method),
            Err(_) => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..Default::default() })]

    /// A list without an error is whole, and one with an error has nothing that is not there.
    #[test]
    fn a_list_is_whole_or_an_error(
        troubles in prop::collection::vec(troubles(), 12),
        in_datagram in 1_usize..9,
    ) {
        let kernel = shared(rows(1..=20));
        kernel.lock().unwrap().in_datagram = in_datagram;
        let (mut table, _) = table(troubled(&kernel, troubles));
        for _ in 0..4 {
            let mut shown = Vec::new();
            let whole = table.connections(&Query::in_states(States::ALL)).and_then(|mut rows| {
                rows.try_for_each(|row| row.map(|row| shown.push(row.cookie.value())))
            });
            let all: Vec<_> = (1..=20).collect();
            prop_assert!(shown.iter().all(|number| all.contains(number)));
            if whole.is_ok() {
                prop_assert_eq!(shown, all);
            }
        }
    }

    /// One after the other: found, looked at and deleted.
    #[test]
    fn of_one_nothing_is_told_that_is_not_so(troubles in prop::collection::vec(troubles(), 24)) {
        let kernel = shared(rows(1..=6));
        let (mut table, log) = table(troubled(&kernel, troubles));
        let mut told = Fact::new();
        for number in 1..=5 {
            let name = row(number).pair;
            let result = table.find(&name.into()).and_then(|found| {
                assert_eq!(found.cookie.value(), number);
                table.delete(&found, &by_sock_diag())
            });
            let result = result.map(|deleted| deleted.method);
            told.push((number, result.map_err(|error| error.kind())));
        }
        assert_truthful(&told, &numbers_left(&kernel))?;
        prop_assert!(numbers_left(&kernel).contains(&6));
        prop_assert!(destroyed(&log).iter().all(|number| (0..=5).contains(number)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..Default::default() })]

    /// Thousands, with a second processor: each is told once and in order, truthfully; nothing else is touched.
    #[test]
    fn with_help_and_in_trouble_no_outcome_is_lost(
        // Each question has a chance, also those of which there are hundreds in a datagram.
        places in prop::collection::btree_map(0_usize..4000, troubles(), 0..60),
        in_datagram in prop::sample::select(vec![20_usize, 75, 300]),
        dump: bool,
    ) {
        const SELECTED: u64 = 1500;
        let kernel = shared(rows(1..=SELECTED + 100));
        kernel.lock().unwrap().in_datagram = in_datagram;
        let mut troubles = vec![Trouble::None; 4000];
        for (place, trouble) in places {
            troubles[place] = trouble;
        }
        let ([lookup, dumper, third], log) = diags(troubled(&kernel, troubles));
        let mut table = helped_by(TcpTable::of([lookup, dumper]), third);
        let mut told = Fact::new();
        let mut taken = Vec::new();
        let options = by_sock_diag();
        if dump {
            let select = |row: &Connection| match row.cookie.value() {
                number @ 1..=SELECTED => {
                    taken.push(number);
                    Action::Delete
                }
                _ => Action::Skip,
            };
            let query = Query::in_states(States::ALL);
            let result = table.delete_matching(&query, &options, select, teller(&mut told));
            if result.is_ok() {
                prop_assert_eq!(taken.len() as u64, SELECTED);
            }
        } else {
            taken = (1..=SELECTED).collect();
            table.delete_all(listed(&rows(1..=SELECTED)), &options, teller(&mut told));
        }
        let order: Vec<u64> = told.iter().map(|(number, _)| *number).collect();
        prop_assert_eq!(order, taken);
        let left = numbers_left(&kernel);
        assert_truthful(&told, &left)?;
        prop_assert_eq!(left.iter().filter(|&&number| number > SELECTED).count(), 100);
        let destroyed = destroyed(&log);
        prop_assert!(destroyed.iter().all(|&number| number <= SELECTED));
    }
}
