use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use rustix::io::Errno;

use super::bytecode::{Check, Half, Program, Side};
use super::channel::Datagram;
use super::diag::DATAGRAMS;
use super::fake::{
    Answer, Asked, Kernel, Log, Programs, Question, Row, destroyed, diag, interrupted, pair,
    questions,
};
use super::message::testing;
use super::*;
use crate::connection::Cookie;
use crate::connection::endpoint::Pair;
use crate::connection::state::{State, States};

const ALL: Scope = Scope {
    states: States::ALL_ACTIVE,
    info: false,
    ports: (0, 0),
    program: None,
    half: None,
};

const ENDS: &str = "10.0.0.1:80 10.0.0.2:5000";

fn numbered(cookies: impl IntoIterator<Item = u64>) -> Vec<Row> {
    let row = |cookie| Row::new(ENDS, cookie);
    cookies.into_iter().map(row).collect()
}

/// Returns the cookies that a dump yields, and the error that it ends with.
fn dumped(diag: &mut Diag) -> (Vec<u64>, Option<DumpError>) {
    let mut cookies = Vec::new();
    for row in diag.dump(ALL).unwrap() {
        match row {
            Ok(row) => cookies.push(row.cookie.value()),
            Err(error) => return (cookies, Some(error)),
        }
    }
    (cookies, None)
}

fn dump_of(
    kernel: impl FnMut(&Asked) -> Vec<Answer> + Send + Sync + 'static,
) -> (Vec<u64>, Option<DumpError>, Log) {
    let (mut diag, log) = diag(kernel);
    let (cookies, error) = dumped(&mut diag);
    (cookies, error, log)
}

/// Joins messages to one datagram.
fn datagram(messages: impl IntoIterator<Item = Vec<u8>>) -> Answer {
    messages.into_iter().flatten().collect::<Vec<u8>>().into()
}

#[test]
fn a_dump_goes_over_messages_and_datagrams() {
    let (cookies, error, log) = dump_of(|asked| {
        vec![
            asked.rows(&numbered([1, 2, 3])).into(),
            asked.rows(&numbered([4])).into(),
            datagram([asked.rows(&numbered([5])), asked.done(None)]),
        ]
    });
    assert_eq!((cookies, error), (vec![1, 2, 3, 4, 5], None));
    assert_eq!(questions(&log), [Question::Both]);
}

#[test]
fn an_interrupted_dump_is_repeated_and_yields_each_socket_once() {
    // The mark may be on any message of the answer.
    for marked in 0..3 {
        let mut round = 0;
        let (cookies, error, log) = dump_of(move |asked| {
            round += 1;
            let rows = match round {
                1 => numbered([7, 3]),
                2 => numbered([3, 9, 7]),
                _ => numbered([1, 3, 9]),
            };
            let mut messages: Vec<_> = rows.iter().map(|row| asked.row(row)).collect();
            messages.truncate(2);
            messages.push(asked.done(None));
            if round < 3 {
                messages[marked] = interrupted(messages[marked].clone());
            }
            messages.into_iter().map(Answer::from).collect()
        });
        assert_eq!((cookies, error), (vec![7, 3, 9, 1], None));
        assert_eq!(questions(&log).len(), 3);
    }
}

#[test]
fn a_table_that_never_rests_is_an_error_after_eight_rounds() {
    let (cookies, error, log) = dump_of(|asked| {
        vec![datagram([
            asked.rows(&numbered([1])),
            interrupted(asked.done(None)),
        ])]
    });
    assert_eq!((cookies, error), (vec![1], Some(DumpError::Interrupted)));
    assert_eq!(questions(&log).len(), 8);
}

#[test]
fn a_kernel_that_refuses_one_dump_is_asked_by_family() {
    for refusal in [Errno::OPNOTSUPP, Errno::INVAL] {
        for by_done in [true, false] {
            let (cookies, error, log) = dump_of(move |asked| {
                let answer = match asked.question {
                    Question::Both if by_done => asked.done(Some(refusal)),
                    Question::Both => asked.acknowledged(Some(refusal)),
                    Question::V4 => [asked.rows(&numbered([1, 2])), asked.done(None)].concat(),
                    _ => [asked.rows(&numbered([3])), asked.done(None)].concat(),
                };
                vec![answer.into()]
            });
            assert_eq!((cookies, error), (vec![1, 2, 3], None));
            assert_eq!(
                questions(&log),
                [Question::Both, Question::V4, Question::V6]
            );
        }
    }
}

/// Asks a kernel with two sockets for `dport = :5000`; returns true where it said that it does not filter.
fn filtered(kernel: Kernel) -> (Vec<u64>, bool, Log) {
    let mut kernel = kernel;
    let (mut diag, log) = diag(move |asked| kernel.answer(asked));
    let program = Program::of(&Check::AtLeast(Side::Peer, 5000).into());
    assert!(program.is_some());
    let mut dump = diag.dump(Scope { program, ..ALL }).unwrap();
    let cookies = dump.by_ref().map(|row| row.unwrap().cookie.value());
    let cookies = cookies.collect();
    let unfiltered = dump.is_unfiltered();
    drop(dump);
    (cookies, unfiltered, log)
}

#[test]
fn a_program_is_run_by_the_kernel_and_where_it_is_refused_all_is_yielded() {
    let kernel = Kernel::of([Row::new(ENDS, 1), Row::new("10.0.0.1:80 10.0.0.2:4999", 2)]);
    let (cookies, unfiltered, log) = filtered(kernel.clone());
    assert_eq!((cookies, unfiltered), (vec![1], false));
    assert_eq!(questions(&log), [Question::Both]);
    let (cookies, unfiltered, log) = filtered(Kernel {
        programs: Programs::Refuse,
        ..kernel.clone()
    });
    assert_eq!((cookies, unfiltered), (vec![1, 2], true));
    assert_eq!(questions(&log), [Question::Both, Question::Both]);
    let programs: Vec<_> = log
        .lock()
        .unwrap()
        .iter()
        .map(|asked| asked.program.is_some())
        .collect();
    assert_eq!(programs, [true, false]);
    // It can't be told from one that has only such sockets.
    let (cookies, unfiltered, _) = filtered(Kernel {
        programs: Programs::Ignore,
        ..kernel
    });
    assert_eq!((cookies, unfiltered), (vec![1, 2], false));
}

#[test]
fn halves_share_nothing_whatever_the_kernel_makes_of_the_program() {
    let rows = (0..64).map(|n| Row::new(&format!("10.0.0.1:{} 10.0.0.2:80", n * 1024), n + 1));
    let rows: Vec<_> = rows.collect();
    for programs in [Programs::Run, Programs::Ignore, Programs::Refuse] {
        let mut cookies = Vec::new();
        for half in [Half::First, Half::Second] {
            let mut kernel = Kernel {
                programs,
                ..Kernel::of(rows.clone())
            };
            let (mut diag, _) = diag(move |asked| kernel.answer(asked));
            let half = Some(half);
            let dump = diag.dump(Scope { half, ..ALL }).unwrap();
            let found: Vec<_> = dump.map(|row| row.unwrap().cookie.value()).collect();
            assert_eq!(found.len(), 32);
            cookies.extend(found);
        }
        cookies.sort_unstable();
        assert!(cookies.into_iter().eq(1..=64));
    }
}

#[test]
fn a_kernel_is_believed_to_run_programs_when_it_rejects_all() {
    let runs = |programs| {
        let mut kernel = Kernel {
            programs,
            ..Kernel::of([Row::new(ENDS, 1), Row::new(ENDS, 2)])
        };
        let (mut diag, _) = diag(move |asked| kernel.answer(asked));
        diag.runs_programs(States::ALL)
    };
    assert_eq!(runs(Programs::Run), Ok(true));
    assert_eq!(runs(Programs::Refuse), Ok(false));
    assert_eq!(runs(Programs::Ignore), Ok(false));
    let (mut without, _) = diag(Asked::unknown);
    assert_eq!(without.runs_programs(States::ALL), Err(Errno::NOENT.into()));
}

#[test]
fn by_family_the_program_goes_with_each_dump() {
    let (mut diag, log) = diag(|asked| {
        let refusal = (asked.question == Question::Both).then_some(Errno::OPNOTSUPP);
        vec![asked.done(refusal).into()]
    });
    let program = Program::of(&Check::Auto.into());
    let dump = diag.dump(Scope { program, ..ALL }).unwrap();
    assert_eq!(dump.count(), 0);
    assert_eq!(
        questions(&log),
        [Question::Both, Question::V4, Question::V6]
    );
    let log = log.lock().unwrap();
    assert!(
        log.iter()
            .all(|asked| asked.program == Some(vec![6, 4, 8, 0]))
    );
}

#[test]
fn by_family_each_dump_is_repeated_on_its_own() {
    let mut dumps = 0;
    let (cookies, error, log) = dump_of(move |asked| {
        dumps += 1;
        let done = asked.done(None);
        let answer = match (asked.question, dumps) {
            (Question::Both, _) => asked.done(Some(Errno::OPNOTSUPP)),
            (_, 2) => [asked.rows(&numbered([1])), interrupted(done)].concat(),
            (Question::V4, _) => [asked.rows(&numbered([1, 2])), done].concat(),
            (_, 4) => [asked.rows(&numbered([3])), interrupted(done)].concat(),
            _ => [asked.rows(&numbered([4, 3])), done].concat(),
        };
        vec![answer.into()]
    });
    assert_eq!((cookies, error), (vec![1, 2, 3, 4], None));
    let (both, v4, v6) = (Question::Both, Question::V4, Question::V6);
    assert_eq!(questions(&log), [both, v4, v4, v6, v6]);
}

#[test]
fn without_tcp_diag_a_dump_ends_with_enoent() {
    let (cookies, error, log) = dump_of(Asked::unknown);
    assert_eq!((cookies, error), (vec![], Some(Errno::NOENT.into())));
    assert_eq!(questions(&log), [Question::Both, Question::V4]);
}

#[test]
fn an_error_behind_rows_ends_a_dump() {
    for answer in [Asked::done, Asked::acknowledged] {
        let (cookies, error, log) = dump_of(move |asked| {
            let end = answer(asked, Some(Errno::NOMEM));
            vec![datagram([asked.rows(&numbered([1])), end])]
        });
        assert_eq!((cookies, error), (vec![1], Some(Errno::NOMEM.into())));
        assert_eq!(questions(&log), [Question::Both]);
    }
}

#[test]
fn a_failed_read_ends_a_dump() {
    for (failure, reported) in [
        // Nothing is queued: nothing will come, so this is an error and no reason to wait.
        (vec![], Errno::AGAIN),
        (vec![Errno::NOBUFS.into()], Errno::NOBUFS),
        (vec![Answer::TooLong(vec![0; 16])], Errno::MSGSIZE),
        (vec![vec![0; 16].into()], Errno::PROTO),
        (vec![vec![9; 3].into()], Errno::PROTO),
    ] {
        let (cookies, error, _) = dump_of(move |asked| {
            let rows = asked.rows(&numbered([1])).into();
            iter::once(rows).chain(failure.clone()).collect()
        });
        assert_eq!((cookies, error), (vec![1], Some(reported.into())));
    }
}

#[test]
fn a_row_that_is_none_ends_a_dump() {
    let (cookies, error, _) = dump_of(|asked| {
        let short = testing::message(testing::BY_FAMILY, 2, asked.sequence, &[2; 40]);
        vec![datagram([asked.rows(&numbered([1])), short])]
    });
    assert_eq!((cookies, error), (vec![1], Some(Errno::PROTO.into())));
    // The value that means "any socket" is nobody's cookie.
    let (cookies, error, _) = dump_of(|asked| vec![asked.rows(&numbered([testing::ANY])).into()]);
    assert_eq!((cookies, error), (vec![], Some(Errno::PROTO.into())));
}

#[test]
fn what_is_not_an_answer_is_passed_over() {
    let (cookies, error, _) = dump_of(|asked| {
        let earlier = Asked {
            sequence: asked.sequence.wrapping_sub(1),
            ..asked.clone()
        };
        vec![
            Answer::Stranger(asked.rows(&numbered([1]))),
            Answer::Stranger(asked.done(Some(Errno::PERM))),
            datagram([
                earlier.rows(&numbered([2])),
                interrupted(earlier.done(Some(Errno::PERM))),
                testing::message(testing::NOOP, 0, asked.sequence, &[]),
                asked.rows(&numbered([3])),
            ]),
            asked.done(None).into(),
        ]
    });
    assert_eq!((cookies, error), (vec![3], None));
}

#[test]
fn an_empty_end_is_an_end() {
    let (cookies, error, _) = dump_of(|asked| {
        let end = testing::message(3, 2, asked.sequence, &[]);
        vec![datagram([asked.rows(&numbered([1])), end])]
    });
    assert_eq!((cookies, error), (vec![1], None));
}

/// Starts a kernel whose dump has a row in each datagram, and something between the first two.
fn row_by_row(rows: u64, amid: Vec<Answer>) -> (Diag, Log) {
    diag(move |asked| {
        let row = |cookie| asked.row(&Row::new(ENDS, cookie)).into();
        let mut answers: Vec<Answer> = (1..=rows).map(row).collect();
        answers.splice(1..1, amid.clone());
        answers.push(asked.done(None).into());
        answers
    })
}

#[test]
fn an_abandoned_dump_is_read_to_its_end_before_the_next_question() {
    // Also over what can't be read of it: only an empty queue is the end.
    for amid in [
        vec![],
        vec![Errno::NOBUFS.into()],
        vec![Answer::TooLong(vec![0; 16])],
        vec![vec![1; 5].into()],
    ] {
        let (mut diag, log) = row_by_row(5, amid);
        let first = diag.dump(ALL).unwrap().next().unwrap().unwrap();
        assert_eq!(first.cookie.value(), 1);
        let mut second = diag.dump(ALL).unwrap();
        assert_eq!(second.next().unwrap().unwrap().cookie.value(), 1);
        assert_eq!(questions(&log), [Question::Both, Question::Both]);
    }
    // A dump that was read to its end leaves nothing to be drained.
    let (mut diag, _) = row_by_row(3, vec![]);
    assert_eq!(dumped(&mut diag), (vec![1, 2, 3], None));
    assert!(!diag.unfinished);
}

#[test]
fn a_dump_that_was_never_read_is_drained_too() {
    let (mut diag, _) = row_by_row(2, vec![]);
    drop(diag.dump(ALL).unwrap());
    assert_eq!(dumped(&mut diag), (vec![1, 2], None));
}

#[test]
fn closed_sockets_are_bound_ones_where_those_were_asked_for() {
    let state_of = |states| {
        let (mut diag, _) = diag(|asked| {
            let bound = Row::new("10.0.0.1:80 0.0.0.0:*", 1).state(State::Closed);
            vec![datagram([asked.row(&bound), asked.done(None)])]
        });
        let mut dump = diag.dump(Scope { states, ..ALL }).unwrap();
        dump.next().unwrap().unwrap().state
    };
    assert_eq!(state_of(States::BOUND_INACTIVE), State::BoundInactive);
    assert_eq!(state_of(States::ALL_ACTIVE), State::Closed);
}

#[test]
fn a_lost_answer_to_a_look_up_is_asked_for_again() {
    for lost in [vec![], vec![Errno::NOBUFS.into()]] {
        for losses in 0..=3 {
            let mut left = losses;
            let expected = match (losses, lost.is_empty()) {
                (3, true) => Err(Errno::AGAIN),
                (3, false) => Err(Errno::NOBUFS),
                _ => Ok(5),
            };
            let lost = lost.clone();
            let (mut diag, log) = diag(move |asked| {
                if left > 0 {
                    left -= 1;
                    return lost.clone();
                }
                vec![asked.row(&Row::new(ENDS, 5)).into()]
            });
            let found = diag.get(&pair(ENDS), None).map(|row| row.cookie.value());
            assert_eq!(found, expected);
            assert_eq!(questions(&log).len(), 3.min(losses + 1));
        }
    }
}

#[test]
fn a_late_answer_is_not_taken_for_the_answer_to_the_next_question() {
    let mut first = None;
    let (mut diag, _) = diag(move |asked| match first.replace(asked.clone()) {
        None => vec![],
        Some(first) => vec![
            first.row(&Row::new(ENDS, 5)).into(),
            asked.row(&Row::new(ENDS, 6)).into(),
        ],
    });
    let found = diag.get(&pair(ENDS), None).unwrap();
    assert_eq!(found.cookie.value(), 6);
}

#[test]
fn a_look_up_gives_what_the_kernel_gave() {
    let listener = "10.0.0.1:80 0.0.0.0:*";
    let answer = |row: Row| {
        let (mut diag, _) = diag(move |asked| vec![asked.row(&row).into()]);
        diag.get(&pair(ENDS), None).unwrap()
    };
    // It is for the caller to see that these are not what was asked for.
    let found = answer(Row::new(listener, 8).state(State::Listening));
    assert_eq!(
        (found.state, found.pair),
        (State::Listening, pair(listener))
    );
    let other = "10.0.0.1:80 10.0.0.3:1";
    assert_eq!(answer(Row::new(other, 8)).pair, pair(other));
    assert_eq!(answer(Row::new(ENDS, 8).mptcp()).mptcp, Some(true));
    assert_eq!(answer(Row::new(ENDS, 8)).mptcp, Some(false));
}

#[test]
fn an_answer_without_a_socket_is_no_socket() {
    let answer = |answer: fn(&Asked) -> Vec<u8>| {
        let (mut diag, _) = diag(move |asked| vec![answer(asked).into()]);
        diag.get(&pair(ENDS), None).unwrap_err()
    };
    assert_eq!(answer(|asked| asked.acknowledged(None)), Errno::PROTO);
    assert_eq!(answer(|asked| asked.done(None)), Errno::PROTO);
    let missing = answer(|asked| asked.acknowledged(Some(Errno::NOENT)));
    assert_eq!(missing, Errno::NOENT);
}

/// Returns the result of a destruction that the kernel answers like this.
fn destruction(
    answer: impl Fn(&Asked) -> Vec<Answer> + Send + Sync + 'static,
) -> Result<(), Errno> {
    let (mut diag, log) = diag(move |asked| answer(asked));
    let result = diag.destroy(&pair(ENDS), Cookie::new(0x1_0000_0002).unwrap());
    assert_eq!(destroyed(&log), [0x1_0000_0002], "asked once");
    result
}

#[test]
fn only_the_acknowledgement_is_success() {
    assert_eq!(
        destruction(|asked| vec![asked.acknowledged(None).into()]),
        Ok(())
    );
    for errno in [Errno::NOENT, Errno::PERM, Errno::OPNOTSUPP, Errno::INVAL] {
        let refused = destruction(move |asked| vec![asked.acknowledged(Some(errno)).into()]);
        assert_eq!(refused, Err(errno));
    }
    assert_eq!(destruction(|_| vec![]), Err(Errno::AGAIN));
    assert_eq!(
        destruction(|_| vec![Errno::NOBUFS.into()]),
        Err(Errno::NOBUFS)
    );
}

#[test]
fn odd_answers_to_a_destruction_are_no_success() {
    let odd: [fn(&Asked) -> Vec<u8>; 6] = [
        |asked| asked.row(&Row::new(ENDS, 0x1_0000_0002)),
        |asked| asked.done(None),
        // The end of a dump, without a number.
        |asked| testing::message(3, 0, asked.sequence, &[]),
        // An error without a number, and one that is none.
        |asked| testing::message(2, 0, asked.sequence, &[]),
        |asked| testing::message(2, 0, asked.sequence, &1_i32.to_ne_bytes()),
        |_| vec![1, 2, 3],
    ];
    for answer in odd {
        let result = destruction(move |asked| vec![answer(asked).into()]);
        assert_eq!(result, Err(Errno::PROTO));
    }
    let truncated = destruction(|asked| vec![Answer::TooLong(asked.acknowledged(None))]);
    assert_eq!(truncated, Err(Errno::MSGSIZE));
    let forged = destruction(|asked| vec![Answer::Stranger(asked.acknowledged(None))]);
    assert_eq!(forged, Err(Errno::AGAIN));
    let late =
        destruction(|asked| vec![testing::acknowledged(asked.sequence.wrapping_sub(1), 0).into()]);
    assert_eq!(late, Err(Errno::AGAIN));
}

fn names(cookies: impl IntoIterator<Item = u64>) -> Vec<(Pair, Cookie)> {
    let name = |cookie| (pair(ENDS), Cookie::new(cookie).unwrap());
    cookies.into_iter().map(name).collect()
}

/// Returns the results of the destruction of 1, 2, ... when the kernel answers like this.
fn destructions(
    count: u64,
    answer: impl Fn(&Asked) -> Vec<Answer> + Send + Sync + 'static,
) -> Vec<Result<(), Errno>> {
    let (mut diag, log) = diag(move |asked| answer(asked));
    let words = diag.destroy_many(&names(1..=count));
    assert_eq!(destroyed(&log), (1..=count).collect::<Vec<_>>());
    words
}

#[test]
fn silence_is_success_only_with_the_last_acknowledgement() {
    let (done, lost) = (Ok(()), Err(Errno::AGAIN));
    let honest = |asked: &Asked| vec![asked.acknowledged(None).into()];
    assert_eq!(destructions(0, honest), []);
    assert_eq!(destructions(1, honest), [done]);
    assert_eq!(destructions(4, honest), [done; 4]);
    let no = Some(Errno::PERM);
    let words = destructions(4, move |asked| match asked.cookie {
        2 | 4 => vec![asked.acknowledged(no).into()],
        _ => vec![asked.acknowledged(None).into()],
    });
    // A refusal of the last is as good an answer.
    assert_eq!(words, [done, Err(Errno::PERM), done, Err(Errno::PERM)]);
    let words = destructions(4, move |asked| match asked.cookie {
        2 => vec![asked.acknowledged(no).into()],
        _ => vec![],
    });
    assert_eq!(words, [lost, Err(Errno::PERM), lost, lost]);
}

#[test]
fn after_a_loss_silence_says_nothing() {
    let (done, lost) = (Ok(()), Err(Errno::AGAIN));
    for (at, trouble) in (1..=4).flat_map(|at| {
        [
            Errno::NOBUFS.into(),
            Answer::TooLong(vec![0; 20]),
            vec![1, 2, 3].into(),
        ]
        .map(|trouble| (at, trouble))
    }) {
        let words = destructions(4, move |asked| {
            let mut answers = Vec::new();
            if asked.cookie == at {
                answers.push(trouble.clone());
            }
            if asked.cookie == 2 {
                answers.push(asked.acknowledged(Some(Errno::BUSY)).into());
            } else if asked.acknowledge {
                answers.push(asked.acknowledged(None).into());
            }
            answers
        });
        assert_eq!(words, [lost, Err(Errno::BUSY), lost, done]);
    }
}

#[test]
fn odd_answers_among_many_are_no_success() {
    let lost = Err(Errno::AGAIN);
    let odd: [fn(&Asked) -> Vec<u8>; 4] = [
        |asked| asked.row(&Row::new(ENDS, 1)),
        |asked| asked.done(None),
        // Success of one that was not to be acknowledged, and two words on one.
        |asked| {
            [
                testing::message(testing::NOOP, 0, 0, &[]),
                asked.acknowledged(None),
            ]
            .concat()
        },
        |asked| {
            [
                asked.acknowledged(Some(Errno::PERM)),
                asked.acknowledged(None),
            ]
            .concat()
        },
    ];
    for answer in odd {
        let words = destructions(3, move |asked| match asked.cookie {
            2 => vec![answer(asked).into()],
            _ => vec![asked.acknowledged(None).into()],
        });
        assert_eq!(words, [Ok(()), lost, Ok(())]);
    }
    // What another process says, or what is said of a request of another batch, is nothing.
    let words = destructions(2, |asked| {
        vec![
            Answer::Stranger(asked.acknowledged(Some(Errno::PERM))),
            testing::acknowledged(asked.sequence.wrapping_sub(2), 1).into(),
            testing::acknowledged(asked.sequence.wrapping_add(2), 1).into(),
            asked.acknowledged(None).into(),
        ]
    });
    assert_eq!(words, [Ok(()); 2]);
}

#[test]
fn what_is_not_sent_is_not_done() {
    for errno in [Errno::MSGSIZE, Errno::NOBUFS] {
        let (mut diag, _) = diag(move |_| vec![Answer::Unsent(errno)]);
        assert_eq!(diag.destroy_many(&names(1..=3)), [Err(errno); 3]);
        let found = diag.get_many(&names(1..=3));
        assert!(found.iter().all(|found| *found == Err(Errno::AGAIN)));
    }
}

#[test]
fn many_go_in_batches_that_leave_room_for_every_answer() {
    let (mut diag, log) = diag(|asked| vec![asked.acknowledged(Some(Errno::NOENT)).into()]);
    let words = diag.destroy_many(&names(1..=600));
    assert_eq!(words, vec![Err(Errno::NOENT); 600]);
    let log = log.lock().unwrap();
    let fences: Vec<_> = log
        .iter()
        .filter(|asked| asked.acknowledge)
        .map(|asked| asked.cookie)
        .collect();
    assert_eq!(fences, [256, 512, 600]);
}

#[test]
fn many_are_looked_up_at_once() {
    let (mut diag, log) = diag(|asked| match asked.cookie {
        7 => vec![],
        8 => vec![asked.acknowledged(Some(Errno::NOENT)).into()],
        9 => vec![Errno::NOBUFS.into()],
        10 => vec![asked.done(None).into()],
        cookie => vec![asked.row(&Row::new(ENDS, cookie)).into()],
    });
    let found = diag.get_many(&names(1..=200));
    assert_eq!(questions(&log).len(), 200);
    for (number, found) in (1..).zip(found) {
        let expected = match number {
            7 | 9 => Err(Errno::AGAIN),
            8 => Err(Errno::NOENT),
            10 => Err(Errno::PROTO),
            number => Ok(number),
        };
        assert_eq!(found.map(|row| row.cookie.value()), expected);
    }
}

#[test]
fn the_probes_destroy_nothing() {
    let probe = |kernel: Kernel| {
        let mut kernel = kernel;
        let (mut diag, log) = diag(move |asked| kernel.answer(asked));
        let answers = (
            diag.probe(),
            diag.probe_one_dump(),
            diag.probe_right(),
            diag.probe_destroy(&pair(ENDS)),
        );
        assert_eq!(destroyed(&log), [0]);
        answers
    };
    let kernel = Kernel::of([Row::new(ENDS, 1)]);
    assert_eq!(probe(kernel.clone()), (Ok(()), Ok(()), Ok(()), Ok(())));
    let unprivileged = Kernel {
        refusal: Some(Errno::PERM),
        ..kernel.clone()
    };
    assert_eq!(probe(unprivileged).2, Err(Errno::PERM));
    let without = Kernel {
        no_destroy: true,
        ..kernel
    };
    assert_eq!(probe(without).3, Err(Errno::OPNOTSUPP));
    let (mut nothing, _) = diag(Asked::unknown);
    assert_eq!(nothing.probe(), Err(Errno::NOENT));
}

/// A kernel that never comes to an end: to each question it says the same again and again.
struct Endless {
    say: fn(&Row, u32) -> Answer,
    answer: Answer,
    said: Arc<AtomicU32>,
}

impl Channel for Endless {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let sequence = u32::from_ne_bytes(datagram[8..12].try_into().unwrap());
        self.answer = (self.say)(&Row::new(ENDS, 7), sequence);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        self.said.fetch_add(1, Ordering::Relaxed);
        let (bytes, from_kernel) = match &self.answer {
            Answer::Datagram(bytes) => (bytes, true),
            Answer::Stranger(bytes) => (bytes, false),
            Answer::Error(errno) => return Err(*errno),
            Answer::TooLong(_) | Answer::Unsent(_) => unreachable!(),
        };
        let length = bytes.len();
        buffer[..length].copy_from_slice(bytes);
        Ok(Datagram {
            length,
            from_kernel,
        })
    }
}

fn endless(say: fn(&Row, u32) -> Answer) -> (Diag, impl Fn() -> u32) {
    let said = Arc::new(AtomicU32::new(0));
    let diag = Diag::new(Endless {
        say,
        answer: Errno::AGAIN.into(),
        said: Arc::clone(&said),
    });
    (diag, move || said.swap(0, Ordering::Relaxed))
}

#[test]
fn what_has_no_end_is_an_error_after_a_million_datagrams() {
    let no_answers: [fn(&Row, u32) -> Answer; 2] = [
        |row, sequence| Answer::Stranger(row.message(sequence)),
        |row, sequence| row.message(sequence.wrapping_sub(1)).into(),
    ];
    for say in no_answers {
        let (mut diag, said) = endless(say);
        assert_eq!(diag.get(&pair(ENDS), None), Err(Errno::PROTO));
        assert_eq!(said(), DATAGRAMS);
        assert_eq!(dumped(&mut diag), (vec![], Some(Errno::PROTO.into())));
        // One that may have been destroyed, and the rest of the dump that was given up.
        let lost = Err(Errno::AGAIN);
        assert_eq!(diag.destroy_many(&names(1..=2)), [lost; 2]);
        assert_eq!(said(), 3 * DATAGRAMS);
    }
    // Losses that are told without end.
    let (mut diag, said) = endless(|_, _| Errno::NOBUFS.into());
    assert_eq!(diag.destroy_many(&names(1..=2)), [Err(Errno::AGAIN); 2]);
    assert_eq!(said(), DATAGRAMS);
}

#[test]
fn a_walk_in_circles_hands_its_rows_out_and_ends() {
    let (mut diag, said) = endless(|row, sequence| row.message(sequence).into());
    // Who has seen enough can stop,
    assert_eq!(diag.dump(ALL).unwrap().take(1000).count(), 1000);
    assert_eq!(said(), 1000);
    // and who does not comes to an end.
    let mut dump = diag.dump(ALL).unwrap();
    let rows = dump.by_ref().take_while(Result::is_ok).count();
    assert_eq!(rows, DATAGRAMS as usize);
    assert!(dump.next().is_none());
    assert_eq!(said(), 2 * DATAGRAMS);
}

proptest! {
    /// However the kernel interrupts: what stays in the table is yielded once, and nothing twice.
    #[test]
    fn a_dump_yields_each_socket_once(rounds in prop::collection::vec(
        prop::collection::btree_set(0_u64..20, 0..12), 1..8,
    ), in_datagram in 1_usize..4) {
        let mut seen: Vec<u64> = rounds.iter().flatten().copied().collect();
        seen.sort_unstable();
        seen.dedup();
        let count = rounds.len();
        let mut round = 0;
        let (mut cookies, error, log) = dump_of(move |asked| {
            let rows = numbered(rounds[round].iter().copied());
            round += 1;
            let mut answers: Vec<Answer> =
                rows.chunks(in_datagram).map(|rows| asked.rows(rows).into()).collect();
            let done = asked.done(None);
            answers.push(if round < count { interrupted(done) } else { done }.into());
            answers
        });
        cookies.sort_unstable();
        prop_assert_eq!((cookies, error), (seen, None));
        prop_assert_eq!(questions(&log).len(), count);
    }

    #[test]
    fn no_answer_makes_it_panic_or_hang(
        datagrams in prop::collection::vec(
            (any::<bool>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..100)), 0..6,
        ),
    ) {
        let answer = move |asked: &Asked| {
            let answer = |(whole, kind, bytes): &(bool, u8, Vec<u8>)| match whole {
                // A message of the right sequence, so that its body is read.
                true => testing::message(u16::from(kind % 24), 0, asked.sequence, bytes).into(),
                false => Answer::Datagram(bytes.clone()),
            };
            datagrams.iter().map(answer).collect::<Vec<_>>()
        };
        let (mut diag, _) = diag(answer);
        let _ = dumped(&mut diag);
        let _ = diag.get(&pair(ENDS), None);
        let _ = diag.destroy(&pair(ENDS), Cookie::new(1).unwrap());
        let _ = diag.probe();
    }
}
