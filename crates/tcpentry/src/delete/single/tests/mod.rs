mod borrowing;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::delete::borrow::Failure;
use crate::privilege::is_administrator;
use crate::set_entry::TcpRow;
use crate::sock_diag::fake::{
    Answer, Asked, Kernel, Log, Question, Row, destroyed, diags, pair, questions,
};
use crate::sock_diag::testing;
use crate::table::query::Query;

const ENDS: &str = "10.0.0.1:80 10.0.0.2:5000";
const LISTENER: &str = "10.0.0.1:80 0.0.0.0:*";

fn table(kernel: impl FnMut(&Asked) -> Vec<Answer> + Send + Sync + 'static) -> (TcpTable, Log) {
    let (diags, log) = diags(kernel);
    (TcpTable::of(diags), log)
}

fn table_of(mut kernel: Kernel) -> (TcpTable, Log) {
    table(move |asked| kernel.answer(asked))
}

/// Returns the socket as a table of it alone shows it: what was listed a moment ago.
fn listed(row: &Row) -> Connection {
    let (mut table, _) = table_of(Kernel::of([row.clone()]));
    let query = Query::in_states(crate::States::ALL).with_info();
    let mut rows = table.connections(&query).unwrap();
    rows.next().unwrap().unwrap()
}

/// Deletes the socket of this cookie as a kernel's table shows it.
fn delete(kernel: Kernel, row: &Row, options: &Options) -> (Result<Method, Error>, Vec<u64>) {
    let (mut table, log) = table_of(kernel);
    let result = table.delete(&listed(row), options);
    (result.map(|deleted| deleted.method), destroyed(&log))
}

fn by(method: MethodChoice) -> Options {
    Options::default().with_method(method)
}

/// Returns the kind of a refusal for want of rights, for whoever runs this.
fn denied() -> ErrorKind {
    if is_administrator() {
        ErrorKind::NotElevated
    } else {
        ErrorKind::AccessDenied
    }
}

#[test]
fn a_connection_is_destroyed_by_its_cookie() {
    for state in [
        State::Established,
        State::SynSent,
        State::SynRecv,
        State::FinWait1,
        State::FinWait2,
        State::TimeWait,
        State::CloseWait,
        State::LastAck,
        State::Closing,
        State::Unknown(14),
    ] {
        let row = Row::new(ENDS, 7).state(state);
        let (result, sent) = delete(Kernel::of([row.clone()]), &row, &Options::default());
        assert_eq!((result.unwrap(), sent), (Method::SockDiag, vec![7]));
    }
}

#[test]
fn found_and_deleted_in_one_go_takes_two_questions() {
    let (mut table, log) = table_of(Kernel::of([Row::new(ENDS, 7).owned()]));
    let options = Options::default();
    let deleted = table.find_and_delete(&pair(ENDS).into(), &options).unwrap();
    assert_eq!(deleted.connection.cookie.value(), 7);
    assert_eq!(questions(&log), [Question::Get, Question::Destroy]);
    let error = table.find_and_delete(&pair(ENDS).into(), &options);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.operation(), Operation::Delete);
    let listener = Row::new(LISTENER, 9).state(State::Listening);
    let (mut table, log) = table_of(Kernel::of([listener]));
    let error = table.find_and_delete(&pair(LISTENER).into(), &options);
    assert_eq!(
        error.unwrap_err().kind(),
        ErrorKind::Refused(Guard::Listener)
    );
    assert_eq!(destroyed(&log), []);
}

#[test]
fn what_has_ended_meanwhile_is_gone_whatever_has_its_name() {
    let row = Row::new(ENDS, 7).owned();
    for table in [
        vec![],
        vec![Row::new(ENDS, 8)],
        vec![Row::new(LISTENER, 9).state(State::Listening)],
    ] {
        let kernel = Kernel::of(table);
        let (result, sent) = delete(kernel, &row, &Options::default());
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.operation(), Operation::Delete);
        assert_eq!(sent, [], "what is not there is not even asked for");
    }
}

#[test]
fn what_is_closed_and_about_to_leave_the_table_is_gone() {
    let row = Row::new(ENDS, 7).owned();
    // Listed so, or since.
    for state in [State::Closed, State::Established] {
        let (mut table, log) = table_of(Kernel::of([row.clone().state(State::Closed)]));
        let listed = Connection {
            state,
            ..listed(&row)
        };
        let error = table.delete(&listed, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(destroyed(&log), []);
    }
}

#[test]
fn what_ends_between_the_look_and_the_destruction_is_gone() {
    let row = Row::new(ENDS, 7).owned();
    let mut kernel = Kernel::of([row.clone()]);
    let (mut table, log) = table(move |asked| {
        if asked.question == Question::Destroy {
            kernel.rows.clear();
        }
        kernel.answer(asked)
    });
    let error = table
        .delete(&listed(&row), &Options::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(destroyed(&log), [7]);
}

#[test]
fn what_has_become_a_listener_meanwhile_is_guarded_as_one() {
    // The same cookie under the old name, as the kernel's look-up falls through to it.
    let was = Row::new(ENDS, 7).owned();
    let (mut table, log) = table(|asked| {
        if asked.question == Question::Destroy {
            return vec![asked.acknowledged(None).into()];
        }
        let now = Row::new(LISTENER, 7).state(State::Listening).owned();
        vec![asked.row(&now).into()]
    });
    for options in [Options::default(), Options::default().with_listeners()] {
        let error = table.delete(&listed(&was), &options).unwrap_err();
        assert_ne!(error.outcome(), crate::Outcome::Deleted);
    }
    assert_eq!(destroyed(&log), []);
}

#[test]
fn a_kernel_that_cant_look_does_not_say_gone() {
    let (mut table, _) = table(Asked::unknown);
    let connection = listed(&Row::new(ENDS, 7));
    for method in [MethodChoice::Auto, MethodChoice::SockDiag] {
        let error = table.delete(&connection, &by(method)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(error.cause().contains("tcp_diag is missing"), "{error}");
        let error = table.check(&connection, &by(method)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
    }
}

#[test]
fn a_connection_that_was_listed_without_info_is_looked_up_first() {
    let connection = Connection {
        mptcp: None,
        ..listed(&Row::new(ENDS, 7))
    };
    let (mut table, log) = table_of(Kernel::of([Row::new(ENDS, 7)]));
    assert!(table.delete(&connection, &Options::default()).is_ok());
    // The second look is because it has no owner, see `confirm`.
    let (get, destroy) = (Question::Get, Question::Destroy);
    assert_eq!(questions(&log), [get, destroy, get]);
    // Where it turns out to be MPTCP, its subflow is left alone.
    let (mut table, log) = table_of(Kernel::of([Row::new(ENDS, 7).mptcp()]));
    let error = table.delete(&connection, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    assert_eq!(destroyed(&log), []);
    // And where it is gone, nothing is sent at all.
    let (mut table, log) = table_of(Kernel::default());
    let error = table.delete(&connection, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(destroyed(&log), []);
}

#[test]
fn not_permitted_is_denied_or_not_elevated() {
    for (row, method) in [
        (Row::new(ENDS, 7), MethodChoice::Auto),
        (Row::new(ENDS, 7), MethodChoice::SockDiag),
        // With an owner who is not found here.
        (Row::new(ENDS, 7).owned(), MethodChoice::Auto),
    ] {
        let kernel = Kernel {
            refusal: Some(Errno::PERM),
            ..Kernel::of([row.clone()])
        };
        let (result, sent) = delete(kernel.clone(), &row, &by(method));
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.errno()), (denied(), Some(1)));
        assert!(error.cause().contains("CAP_NET_ADMIN"), "{error}");
        assert!(error.hint().unwrap().contains("CAP_NET_ADMIN"));
        assert_eq!(sent, [7]);
        let (mut table, log) = table_of(kernel);
        let error = table.check(&listed(&row), &by(method)).unwrap_err();
        assert_eq!(error.kind(), denied());
        assert_eq!(destroyed(&log), [0]);
    }
}

#[test]
fn an_unprivileged_caller_learns_that_it_is_gone_and_no_more() {
    let kernel = Kernel {
        refusal: Some(Errno::PERM),
        ..Kernel::default()
    };
    let (result, _) = delete(kernel, &Row::new(ENDS, 7), &Options::default());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_kernel_without_sock_destroy_has_no_way_for_what_nobody_holds() {
    let row = Row::new(ENDS, 7);
    let kernel = Kernel {
        no_destroy: true,
        ..Kernel::of([row.clone()])
    };
    for (method, hint) in [
        (MethodChoice::Auto, "another kernel"),
        (MethodChoice::SockDiag, "borrowing"),
    ] {
        let (mut table, _) = table_of(kernel.clone());
        let deleted = table.delete(&listed(&row), &by(method)).unwrap_err();
        let checked = table.check(&listed(&row), &by(method)).unwrap_err();
        for error in [deleted, checked] {
            assert_eq!(error.kind(), ErrorKind::NotSupported);
            assert_eq!((error.win32(), error.errno()), (50, Some(95)));
            assert!(
                error.cause().contains("CONFIG_INET_DIAG_DESTROY"),
                "{error}"
            );
            assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
        }
    }
}

#[test]
fn a_kernel_that_cant_destroy_a_state_is_not_said_to_lack_sock_destroy() {
    let row = Row::new(ENDS, 7).state(State::TimeWait);
    let kernel = Kernel {
        refusal: Some(Errno::OPNOTSUPP),
        ..Kernel::of([row.clone()])
    };
    for method in [MethodChoice::Auto, MethodChoice::SockDiag] {
        let (result, sent) = delete(kernel.clone(), &row, &by(method));
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(error.cause().contains("in this state"), "{error}");
        assert_eq!(sent, [7, 0]);
    }
}

#[test]
fn any_other_refusal_is_an_error_of_the_system() {
    for errno in [Errno::INVAL, Errno::BUSY, Errno::IO] {
        let row = Row::new(ENDS, 7);
        let kernel = Kernel {
            refusal: Some(errno),
            ..Kernel::of([row.clone()])
        };
        let (result, _) = delete(kernel, &row, &Options::default());
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Os);
        assert_eq!(error.errno(), Some(errno.raw_os_error()));
        assert!(error.cause().starts_with("SOCK_DESTROY: "), "{error}");
    }
}

/// A hint that sends an administrator for rights which change nothing costs them the night.
#[test]
fn more_rights_are_advised_only_where_they_help() {
    let connection = listed(&Row::new(ENDS, 7));
    let hint = |fallback: Fallback, failure: Failure| {
        let error = fallback.not_borrowed(&connection, &failure);
        error.hint().unwrap().to_owned()
    };
    let not_found = || Failure::NotFound {
        hidden: vec![],
        has_moved: false,
    };
    for why in [
        Fallback::Asked,
        Fallback::NoDestroy,
        Fallback::NotInThisState,
        Fallback::Mptcp,
        Fallback::Unreachable,
    ] {
        assert!(
            !hint(why, Failure::NoDescriptor).contains("root"),
            "{why:?}"
        );
        assert!(!hint(why, Failure::Unavailable).contains("root"), "{why:?}");
        assert!(!hint(why, not_found()).contains("NET_ADMIN"), "{why:?}");
    }
    assert!(hint(Fallback::NotPermitted, Failure::NoDescriptor).contains("NET_ADMIN"));
    assert!(hint(Fallback::NotPermitted, Failure::Unavailable).contains("NET_ADMIN"));
}

/// SELinux's `nlmsg_write`: look-ups are answered, and the request for a deletion is not even taken.
#[test]
fn where_a_security_module_forbids_destruction_it_is_denied_and_that_is_named() {
    let row = Row::new(ENDS, 7);
    for unsent in [true, false] {
        for method in [MethodChoice::Auto, MethodChoice::SockDiag] {
            for dry in [true, false] {
                let mut kernel = Kernel::of([row.clone()]);
                let (mut table, _) = table(move |asked| match asked.question {
                    Question::Destroy if unsent => vec![Answer::Unsent(Errno::ACCESS)],
                    Question::Destroy => vec![asked.acknowledged(Some(Errno::ACCESS)).into()],
                    _ => kernel.answer(asked),
                });
                let (connection, options) = (listed(&row), by(method));
                let error = if dry {
                    table.check(&connection, &options).unwrap_err()
                } else {
                    table.delete(&connection, &options).unwrap_err()
                };
                assert_eq!(error.outcome(), crate::Outcome::Denied, "{error}");
                assert!(error.cause().contains("SELinux"), "{error}");
                let hint = error.hint().unwrap();
                assert!(hint.contains("seccomp") && hint.contains("SELinux: ausearch"));
            }
        }
    }
}

/// Opens a table whose kernel loses the answers to the first destructions.
fn losing(mut kernel: Kernel, mut losses: usize, lost: Vec<Answer>) -> (TcpTable, Log) {
    table(move |asked| {
        let answer = kernel.answer(asked);
        if asked.question == Question::Destroy && losses > 0 {
            losses -= 1;
            return lost.clone();
        }
        answer
    })
}

#[test]
fn a_lost_acknowledgement_is_never_success() {
    for lost in [vec![], vec![Errno::NOBUFS.into()]] {
        let row = Row::new(ENDS, 7).owned();
        let connection = listed(&row);
        // It was done, and nobody knows by whom.
        let (mut table, log) = losing(Kernel::of([row.clone()]), 1, lost.clone());
        let error = table.delete(&connection, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(destroyed(&log), [7, 7]);
        // It was not done, and is asked for again.
        let kernel = Kernel {
            refusal: Some(Errno::PERM),
            ..Kernel::of([row.clone()])
        };
        let (mut table, log) = losing(kernel, 1, lost.clone());
        let error = table.delete(&connection, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), denied());
        assert_eq!(destroyed(&log), [7, 7]);
        // And once more lost.
        let (mut table, _) = losing(Kernel::of([row.clone()]), 2, lost.clone());
        let error = table.delete(&connection, &Options::default()).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::NotFound,
            "it is gone, whoever did it"
        );
        let kernel = Kernel {
            refusal: Some(Errno::PERM),
            ..Kernel::of([row])
        };
        let (mut table, _) = losing(kernel, 2, lost.clone());
        let error = table.delete(&connection, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Os, "it is still there");
    }
}

#[test]
fn an_acknowledgement_after_a_lost_one_is_success() {
    let row = Row::new(ENDS, 7).owned();
    let (connection, mut asked_before) = (listed(&row), false);
    let mut kernel = Kernel::of([row]);
    let (mut table, log) = table(move |asked| {
        if asked.question != Question::Destroy {
            kernel.answer(asked)
        } else if std::mem::replace(&mut asked_before, true) {
            vec![asked.acknowledged(None).into()]
        } else {
            vec![]
        }
    });
    assert!(table.delete(&connection, &Options::default()).is_ok());
    assert_eq!(destroyed(&log), [7, 7]);
}

/// While a socket ends and its four-tuple changes hands, one look finds it and the next does not (once in 430,000
/// deletions of the soak, Linux 6.18).
#[test]
fn what_one_look_missed_is_asked_for_once_more() {
    let row = Row::new(ENDS, 7).owned();
    let connection = listed(&row);
    for ends_after_looks in [None, Some(2)] {
        let mut kernel = Kernel::of([row.clone()]);
        let (mut destructions, mut looks) = (0, 0);
        let (mut table, log) = table(move |asked| {
            match asked.question {
                Question::Destroy => destructions += 1,
                _ => looks += 1,
            }
            if ends_after_looks.is_some_and(|last| looks > last) {
                kernel.rows.clear();
            }
            if asked.question == Question::Destroy
                && (destructions == 1 || ends_after_looks.is_some())
            {
                return vec![asked.acknowledged(Some(Errno::NOENT)).into()];
            }
            kernel.answer(asked)
        });
        let result = table.delete(&connection, &Options::default());
        match ends_after_looks {
            None => assert_eq!(result.unwrap().method, Method::SockDiag),
            Some(_) => assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound),
        }
        assert_eq!(destroyed(&log), [7, 7]);
    }
}

#[test]
fn an_orphan_that_outlives_its_acknowledgement_is_not_deleted() {
    let kernel = |row: &Row| Kernel {
        lies: true,
        ..Kernel::of([row.clone()])
    };
    let orphan = Row::new(ENDS, 7).state(State::FinWait1);
    let (result, sent) = delete(kernel(&orphan), &orphan, &Options::default());
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.win32()), (ErrorKind::Os, 31));
    assert!(error.cause().contains("still in the table"), "{error}");
    assert_eq!(sent, [7]);
    // Its name may belong to the next connection already.
    let next = Kernel::of([orphan.clone(), Row::new(ENDS, 8)]);
    let (result, _) = delete(next, &orphan, &Options::default());
    assert_eq!(result.unwrap(), Method::SockDiag);
}

#[test]
fn the_subflow_of_an_mptcp_connection_is_left_alone() {
    for row in [Row::new(ENDS, 7).mptcp(), Row::new(ENDS, 7).mptcp().owned()] {
        for method in [MethodChoice::SockDiag, MethodChoice::Auto] {
            let (mut table, log) = table_of(Kernel::of([row.clone()]));
            let deleted = table.delete(&listed(&row), &by(method)).unwrap_err();
            let checked = table.check(&listed(&row), &by(method)).unwrap_err();
            for error in [deleted, checked] {
                assert!(error.cause().contains("MPTCP"), "{error}");
                let denied = error.kind() == denied();
                assert!(denied || error.kind() == ErrorKind::NotSupported);
            }
            assert_eq!(destroyed(&log), []);
        }
    }
}

#[test]
fn a_twin_that_hides_the_connection_does_not_make_it_gone() {
    let hidden = Row::new(ENDS, 3).bound_to(3);
    let kernel = Kernel::of([Row::new(ENDS, 1), hidden.clone()]);
    for method in [MethodChoice::Auto, MethodChoice::SockDiag] {
        let (mut table, log) = table_of(kernel.clone());
        let deleted = table.delete(&listed(&hidden), &by(method)).unwrap_err();
        assert_eq!(destroyed(&log), [3, 3]);
        let checked = table.check(&listed(&hidden), &by(method)).unwrap_err();
        for error in [deleted, checked] {
            assert_eq!(error.kind(), ErrorKind::NotSupported);
            assert!(error.cause().contains("unbound socket"), "{error}");
        }
    }
    // Without the twin it is found by its device.
    let (result, _) = delete(Kernel::of([hidden.clone()]), &hidden, &Options::default());
    assert_eq!(result.unwrap(), Method::SockDiag);
}

#[test]
fn a_listener_only_by_name() {
    let listener = Row::new(LISTENER, 9).state(State::Listening).owned();
    let kernel = Kernel::of([listener.clone()]);
    let (result, sent) = delete(kernel.clone(), &listener, &Options::default());
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused(Guard::Listener));
    assert_eq!(sent, []);
    let options = Options::default().with_listeners();
    let (result, sent) = delete(kernel, &listener, &options);
    assert_eq!((result.unwrap(), sent), (Method::SockDiag, vec![9]));
}

#[test]
fn every_listener_of_a_group_can_be_reached() {
    // The kernel chooses one of them by the peer's port.
    let group = [5, 6, 7].map(|cookie| Row::new(LISTENER, cookie).state(State::Listening).owned());
    let connection = listed(&group[1]);
    let mut whole = Kernel::of(group.clone());
    let mut kernels = group.map(|row| Kernel::of([row]));
    let (mut table, log) = table(move |asked| {
        if asked.question.is_dump() {
            return whole.answer(asked);
        }
        let chosen = usize::from(asked.pair.peer().port()) % 3;
        kernels[chosen].answer(asked)
    });
    let options = Options::default().with_listeners();
    assert_eq!(
        table.check(&connection, &options).unwrap(),
        Method::SockDiag
    );
    assert_eq!(destroyed(&log), [0]);
    assert!(table.delete(&connection, &options).is_ok());
    assert_eq!(destroyed(&log), [0, 6, 6]);
}

#[test]
fn a_bound_socket_is_no_connection() {
    let bound = Row::new(LISTENER, 9).state(State::BoundInactive);
    let options = Options::default().with_listeners();
    let (result, sent) = delete(Kernel::of([bound.clone()]), &bound, &options);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    assert_eq!(sent, []);
}

#[test]
fn a_listener_that_has_been_shut_down_is_gone() {
    let listener = Row::new(LISTENER, 9).state(State::Listening).owned();
    let bound = listener.clone().state(State::BoundInactive);
    for mptcp in [None, Some(false)] {
        let connection = Connection {
            mptcp,
            ..listed(&listener)
        };
        let (mut table, _) = table_of(Kernel::of([bound.clone()]));
        let options = Options::default().with_listeners();
        let error = table.delete(&connection, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

/// With this machine's kernel: the port that a listener was given stays its own.
#[test]
fn a_listener_whose_descriptor_was_borrowed_is_deleted() {
    let any = TcpListener::bind("127.83.84.67:0").unwrap();
    let address = any.local_addr().unwrap();
    drop(any);
    let listener = TcpListener::bind(address).unwrap();
    let mut table = TcpTable::open().unwrap();
    let nobody = "0.0.0.0:0".parse().unwrap();
    let pair = Pair::new(address.into(), nobody).unwrap();
    let found = table.find(&pair.into()).unwrap();
    let options = by(MethodChoice::Borrow).with_listeners();
    let deleted = table.delete(&found, &options).unwrap();
    assert_eq!(deleted.method, Method::Borrow);
    assert!(std::net::TcpStream::connect(address).is_err());
    // It is gone for whoever has listed it before.
    let error = table.delete(&found, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    drop(listener);
}

#[test]
fn a_rehearsal_destroys_nothing() {
    for row in [
        Row::new(ENDS, 7),
        Row::new(ENDS, 7).bound_to(3),
        Row::new(LISTENER, 7).state(State::Listening),
    ] {
        let (mut table, log) = table_of(Kernel::of([row.clone()]));
        let options = Options::default().with_listeners();
        let method = table.check(&listed(&row), &options).unwrap();
        assert_eq!(method, Method::SockDiag);
        assert_eq!(destroyed(&log), [0]);
    }
    let (mut table, log) = table_of(Kernel::of([Row::new(ENDS, 8)]));
    let checked = table.check(&listed(&Row::new(ENDS, 7)), &Options::default());
    assert_eq!(checked.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(destroyed(&log), []);
}

fn row(ends: &str) -> TcpRow {
    let end = |text: &str| text.replace('*', "0").parse().unwrap();
    let (local, remote) = ends.split_once(' ').unwrap();
    TcpRow::deleting(end(local), end(remote))
}

#[test]
fn the_entry_of_a_connection_is_set() {
    let (mut table, log) = table_of(Kernel::of([Row::new(ENDS, 7)]));
    let deleted = table.set_entry(&row(ENDS)).unwrap();
    assert_eq!(deleted.connection.cookie.value(), 7);
    assert_eq!(destroyed(&log), [7]);
    assert_eq!(table.set_entry(&row(ENDS)).unwrap_err().win32(), 317);
}

#[test]
fn the_checks_of_an_entry_come_in_their_order() {
    let kind = |kernel: Kernel, row: TcpRow, win32: u32| {
        let (mut table, log) = table_of(kernel);
        let error = table.set_entry(&row).unwrap_err();
        assert_eq!(error.operation(), Operation::SetEntry);
        assert_eq!(error.win32(), win32, "{error}");
        (error.kind(), destroyed(&log))
    };
    let unprivileged = |rows: Vec<Row>| Kernel {
        refusal: Some(Errno::PERM),
        ..Kernel::of(rows)
    };
    let mut other_state = row(ENDS);
    other_state.state = 5;
    let invalid = kind(Kernel::default(), other_state, 87);
    assert_eq!(invalid, (ErrorKind::InvalidParameter, vec![]));
    let missing = kind(unprivileged(vec![]), row(ENDS), 317);
    assert_eq!(missing, (ErrorKind::NotFound, vec![]));
    let listener = Row::new(LISTENER, 9).state(State::Listening);
    let behind = kind(unprivileged(vec![listener.clone()]), row(ENDS), 317);
    assert_eq!(behind, (ErrorKind::NotFound, vec![]));
    let named = kind(unprivileged(vec![listener]), row(LISTENER), 317);
    assert_eq!(named, (ErrorKind::Refused(Guard::Listener), vec![]));
    let group = [1, 2].map(|cookie| Row::new(LISTENER, cookie).state(State::Listening));
    let named = kind(unprivileged(group.into()), row(LISTENER), 317);
    assert_eq!(named, (ErrorKind::Refused(Guard::Listener), vec![]));
    let several = vec![Row::new(ENDS, 3).bound_to(3), Row::new(ENDS, 4).bound_to(4)];
    let ambiguous = kind(unprivileged(several), row(ENDS), 1168);
    assert_eq!(ambiguous, (ErrorKind::Ambiguous, vec![]));
    let zero = kind(
        Kernel::of([Row::new(ENDS, 7)]),
        row("0.0.0.0:0 0.0.0.0:0"),
        317,
    );
    assert_eq!(zero, (ErrorKind::NotFound, vec![]));
    let code = if is_administrator() { 317 } else { 5 };
    let not_permitted = kind(unprivileged(vec![Row::new(ENDS, 7)]), row(ENDS), code);
    assert_eq!(not_permitted, (denied(), vec![7]));
}

/// A message of a hostile kernel: most of them look like an answer.
#[derive(Clone, Debug)]
enum Word {
    Acknowledged(i32),
    Done(i32),
    /// The ends asked for (or others), a state, a cookie, whether it is MPTCP.
    Row(bool, u8, u64, bool),
    /// A message of any kind with these bytes.
    Message(u16, Vec<u8>),
    /// The answer, of an earlier sequence.
    Late,
    Stranger,
    TooLong,
    Lost,
    Bytes(Vec<u8>),
}

fn words() -> impl Strategy<Value = Vec<Word>> {
    let errno = prop::sample::select(vec![0, 0, 0, 1, 2, 2, 22, 95, 105, -1]);
    let cookie = prop::sample::select(vec![COOKIE, COOKIE, 1, u64::MAX]);
    let bytes = prop::collection::vec(any::<u8>(), 0..80);
    let word = prop_oneof![
        4 => errno.clone().prop_map(Word::Acknowledged),
        2 => errno.prop_map(Word::Done),
        4 => (any::<bool>(), 1_u8..14, cookie, any::<bool>())
            .prop_map(|(same, state, cookie, mptcp)| Word::Row(same, state, cookie, mptcp)),
        1 => (0_u16..24, bytes.clone()).prop_map(|(kind, bytes)| Word::Message(kind, bytes)),
        1 => Just(Word::Late),
        1 => Just(Word::Stranger),
        1 => Just(Word::TooLong),
        1 => Just(Word::Lost),
        1 => bytes.prop_map(Word::Bytes),
    ];
    prop::collection::vec(word, 0..3)
}

const COOKIE: u64 = 0x7000_0000_0000_0007;

fn say(asked: &Asked, word: &Word) -> Answer {
    match word {
        Word::Acknowledged(errno) => testing::acknowledged(asked.sequence, *errno).into(),
        Word::Done(errno) => testing::done(asked.sequence, *errno).into(),
        Word::Row(same, state, cookie, mptcp) => {
            let row = Row {
                pair: if *same { pair(ENDS) } else { pair(LISTENER) },
                mptcp: *mptcp,
                ..Row::new(ENDS, *cookie).state(State::from_kernel(*state))
            };
            asked.row(&row).into()
        }
        Word::Message(kind, bytes) => testing::message(*kind, 0, asked.sequence, bytes).into(),
        Word::Late => testing::acknowledged(asked.sequence.wrapping_sub(1), 0).into(),
        Word::Stranger => Answer::Stranger(asked.acknowledged(None)),
        Word::TooLong => Answer::TooLong(asked.acknowledged(None)),
        Word::Lost => Errno::NOBUFS.into(),
        Word::Bytes(bytes) => bytes.clone().into(),
    }
}

/// Opens a table whose kernel gives the right answer where the conversation has none of its own; returns with it the record of
/// the cookies whose destruction it has acknowledged.
fn hostile(
    conversation: Vec<Option<Vec<Word>>>,
    row: Row,
) -> (TcpTable, Log, Arc<Mutex<Vec<u64>>>) {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&acknowledged);
    let mut honest = Kernel::of([row]);
    let mut turns = conversation.into_iter().cycle();
    let (table, log) = table(move |asked| {
        let answers = match turns.next().unwrap() {
            Some(words) => words.iter().map(|word| say(asked, word)).collect(),
            None => honest.answer(asked),
        };
        let acknowledgement = asked.acknowledged(None);
        let acknowledges = |answer: &Answer| matches!(answer, Answer::Datagram(bytes) if bytes.starts_with(&acknowledgement));
        if asked.question == Question::Destroy && answers.iter().any(acknowledges) {
            record.lock().unwrap().push(asked.cookie);
        }
        answers
    });
    (table, log, acknowledged)
}

fn conversations() -> impl Strategy<Value = Vec<Option<Vec<Word>>>> {
    let turn = prop_oneof![Just(None), words().prop_map(Some)];
    prop::collection::vec(turn, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..Default::default() })]

    /// Whatever the kernel answers: that no destruction of "any socket" is sent is asserted by the
    /// fake kernel; that success is nothing but an acknowledgement for this very cookie, here.
    #[test]
    fn success_is_an_acknowledged_destruction_of_this_cookie(
        conversation in conversations(),
        listens: bool, known in prop::option::of(any::<bool>()), bound: bool, only: bool,
    ) {
        let ends = if listens { LISTENER } else { ENDS };
        let state = if listens { State::Listening } else { State::Established };
        let row = Row::new(ends, COOKIE).state(state);
        let row = if bound { row.bound_to(3) } else { row };
        // An owner only where nothing is borrowed from the processes of this machine.
        let row = if only { row.owned() } else { row };
        let method = if only { MethodChoice::SockDiag } else { MethodChoice::Auto };
        let options = by(method).with_listeners();
        let connection = Connection { mptcp: known, ..listed(&row) };

        let (mut table, log, acknowledged) = hostile(conversation, row);
        let checked = table.check(&connection, &options);
        prop_assert!(!matches!(checked, Ok(Method::Borrow)));
        prop_assert!(destroyed(&log).iter().all(|&cookie| cookie == 0));
        log.lock().unwrap().clear();
        if let Ok(deleted) = table.delete(&connection, &options) {
            prop_assert_eq!(deleted.method, Method::SockDiag);
            prop_assert_eq!(deleted.connection.cookie, connection.cookie);
            prop_assert!(acknowledged.lock().unwrap().contains(&COOKIE));
        }
        // The other one asks whether there is SOCK_DESTROY at all.
        prop_assert!(destroyed(&log).iter().all(|cookie| [COOKIE, 0].contains(cookie)));
    }

    /// Sets an entry by a row, whose cookie is the kernel's word.
    #[test]
    fn setting_an_entry_is_no_more_credulous(conversation in conversations()) {
        let (mut table, _, acknowledged) = hostile(conversation, Row::new(ENDS, COOKIE));
        if let Ok(deleted) = table.set_entry(&row(ENDS)) {
            prop_assert_eq!(deleted.method, Method::SockDiag);
            prop_assert!(deleted.connection.pair.same_ends(&pair(ENDS)));
            prop_assert!(acknowledged.lock().unwrap().contains(&deleted.connection.cookie.value()));
        }
    }
}

#[test]
fn a_borrowed_socket_that_can_not_be_disconnected_says_what_to_do() {
    let connection = listed(&Row::new(ENDS, 7));
    let error = |fallback: Fallback, errno| fallback.not_disconnected(&connection, errno);
    let hint = |fallback: Fallback| error(fallback, Errno::BUSY).hint().unwrap().to_owned();
    assert!(hint(Fallback::NotPermitted).contains("CAP_NET_ADMIN"));
    assert!(!hint(Fallback::Mptcp).contains("CAP_NET_ADMIN"));
    assert_eq!(error(Fallback::Asked, Errno::BUSY).win32(), 170);
    assert_eq!(error(Fallback::NotPermitted, Errno::IO).hint(), None);
    let mut subflow = connection.clone();
    for (mptcp, kind) in [
        (Some(true), ErrorKind::NotSupported),
        (None, ErrorKind::NotSupported),
        (Some(false), ErrorKind::Os),
    ] {
        subflow.mptcp = mptcp;
        let error = Fallback::NotPermitted.not_disconnected(&subflow, Errno::INVAL);
        assert_eq!(error.kind(), kind, "{mptcp:?}");
    }
}

#[test]
fn the_version_of_a_kernel() {
    use crate::delete::kernel::version;
    assert_eq!(version("6.18.44-cloud"), Some((6, 18)));
    assert_eq!(version("5.10.0-32-cloud-amd64"), Some((5, 10)));
    assert_eq!(version("7.2"), Some((7, 2)));
    assert_eq!((version("linux"), version("7")), (None, None));
}

/// Opens a table whose kernel misses its sockets from now on until so many grace periods have passed.
fn replacing(mut kernel: Kernel, graces: usize) -> (TcpTable, Log) {
    let mut missing = graces;
    table(move |asked| match asked.question {
        Question::Grace => {
            missing = missing.saturating_sub(1);
            vec![]
        }
        Question::Get | Question::Destroy if missing > 0 => {
            let hidden = |row: &Row| row.state != State::Listening;
            let rows = kernel.rows.clone();
            kernel.rows.retain(|row| !hidden(row));
            let answer = kernel.answer(asked);
            kernel.rows = rows;
            answer
        }
        _ => kernel.answer(asked),
    })
}

fn graces(log: &Log) -> usize {
    let questions = questions(log);
    let graces = questions.iter().filter(|asked| **asked == Question::Grace);
    graces.count()
}

#[test]
fn what_is_missed_while_its_entry_is_replaced_is_not_gone() {
    let row = Row::new(ENDS, 7).owned();
    let listener = Row::new(LISTENER, 1).state(State::Listening).owned();
    for (rows, state, replacements) in [
        (vec![row.clone()], State::Established, 1),
        // It was a connection when it was seen, and the listener says nothing of it.
        (vec![listener.clone(), row.clone()], State::Established, 1),
        // A request, which becomes a socket and then TIME_WAIT.
        (vec![listener.clone(), row.clone()], State::SynRecv, 2),
    ] {
        let kernel = Kernel::of(rows);
        let mut connection = listed(&row);
        connection.state = state;
        let (mut table, log) = replacing(kernel.clone(), replacements);
        let deleted = table.delete(&connection, &Options::default());
        assert_eq!(deleted.unwrap().method, Method::SockDiag);
        assert_eq!((destroyed(&log), graces(&log)), (vec![7], replacements));
        let (mut table, _) = replacing(kernel.clone(), replacements);
        assert!(table.check(&connection, &Options::default()).is_ok());
        let (mut table, _) = replacing(kernel, replacements);
        let found = table.lookup.get_or_scan(&row.pair, connection.cookie, None);
        assert!(found.unwrap().is_some());
    }
}

/// Sockets that may have been missed wait for a grace period, and no others.
#[test]
fn only_what_may_have_been_missed_costs_a_grace_period() {
    let row = Row::new(ENDS, 7).owned();
    let waits = |rows: Vec<Row>, row: &Row| {
        let (mut table, log) = table_of(Kernel::of(rows));
        let result = table.delete(&listed(row), &Options::default());
        (result.err().map(|error| error.kind()), graces(&log))
    };
    let gone = Some(ErrorKind::NotFound);
    assert_eq!(waits(vec![row.clone()], &row), (None, 0));
    assert_eq!(waits(vec![], &row), (gone, 1));
    // The four-tuple is another one's.
    assert_eq!(waits(vec![Row::new(ENDS, 8)], &row), (gone, 0));
    // Their entries are replaced by no other.
    for state in [State::TimeWait, State::CloseWait, State::LastAck] {
        assert_eq!(waits(vec![], &row.clone().state(state)), (gone, 0));
    }
    let orphan = Row::new(ENDS, 7).state(State::TimeWait);
    assert_eq!(waits(vec![orphan.clone()], &orphan), (None, 0));
}

/// The kernel found the socket before its entry was replaced, and described it or refused it afterwards.
#[test]
fn what_was_seen_leaving_the_table_is_looked_for_once_more() {
    let row = Row::new(ENDS, 7).state(State::TimeWait);
    for (state, ends) in [
        (State::Closed, ENDS),
        (State::Closed, "10.0.0.1:* 10.0.0.2:5000"),
        (State::FinWait2, "10.0.0.1:* 10.0.0.2:5000"),
    ] {
        let leaving = Row::new(ends, 7).state(state);
        let mut kernel = Kernel::of([row.clone()]);
        let mut looks = 0;
        let (mut table, log) = table(move |asked| {
            looks += u32::from(asked.question == Question::Get);
            if looks == 1 && asked.question == Question::Get {
                return vec![asked.row(&leaving).into()];
            }
            kernel.answer(asked)
        });
        let was = Row::new(ENDS, 7).state(State::FinWait2);
        assert!(table.delete(&listed(&was), &Options::default()).is_ok());
        assert_eq!((destroyed(&log), graces(&log)), (vec![7], 0));
    }
}

/// So it may have been listed, too.
#[test]
fn what_was_listed_while_it_left_the_table_is_looked_for_again() {
    for ends in [ENDS, "10.0.0.1:* 10.0.0.2:5000"] {
        let mut connection = listed(&Row::new(ends, 7));
        connection.state = State::Closed;
        let kernel = Kernel::of([Row::new(ENDS, 7).state(State::TimeWait)]);
        let (mut table, log) = table_of(kernel);
        let deleted = table.delete(&connection, &Options::default()).unwrap();
        assert_eq!(deleted.connection.pair, pair(ENDS));
        assert_eq!(destroyed(&log), [7]);
    }
}

/// Deletes a real socket from a made-up kernel, which answers so; returns what it saw of the socket's option.
fn delete_from_lost_address(
    refusal: Option<Errno>,
    options: &Options,
) -> (Result<Deleted, Error>, Vec<bool>, bool) {
    let ends = tcpentry_testkit::tcp::connected();
    let own = ends.server.try_clone().unwrap();
    let mut row = Row::new(ENDS, rustix::net::sockopt::socket_cookie(&own).unwrap());
    row.inode = u32::try_from(rustix::fs::fstat(&own).unwrap().st_ino).unwrap();
    let connection = listed(&row);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let mut kernel = Kernel::of([row]);
    let (mut table, _) = table(move |asked| {
        if asked.question == Question::Destroy && asked.cookie != 0 {
            record
                .lock()
                .unwrap()
                .push(crate::sys::is_transparent(&own).unwrap());
            if let Some(errno) = refusal {
                return vec![asked.acknowledged(Some(errno)).into()];
            }
        }
        kernel.answer(asked)
    });
    table.lookup.addresses = crate::netns::without_local_addresses();
    let result = table.delete(&connection, options);
    let seen = seen.lock().unwrap().clone();
    let after = crate::sys::is_transparent(&ends.server).unwrap();
    (result, seen, after)
}

/// The option is set at the very deletion only, and put back whatever the kernel says.
#[test]
fn the_option_of_a_lost_address_is_put_back_also_where_the_deletion_fails() {
    tcpentry_testkit::isolated(|| {
        for refusal in [
            None,
            Some(Errno::BUSY),
            Some(Errno::NOENT),
            Some(Errno::AGAIN),
        ] {
            let (result, seen, after) = delete_from_lost_address(refusal, &Options::default());
            assert!(!after, "{refusal:?}");
            assert!(!seen.is_empty() && seen.iter().all(|&set| set), "{seen:?}");
            match (refusal, result) {
                (None, Ok(deleted)) => {
                    assert_eq!(deleted.reset, PeerReset::SentFromLostAddress);
                }
                // It is borrowed again, and has other ends than the made-up kernel says.
                (Some(Errno::NOENT), Err(error)) => assert_eq!(error.kind(), ErrorKind::NotFound),
                (Some(_), Err(error)) => assert_eq!(error.kind(), ErrorKind::Os),
                (_, result) => panic!("{refusal:?}: {result:?}"),
            }
        }
    });
}

#[test]
fn the_option_is_not_set_where_nothing_may_be_borrowed() {
    tcpentry_testkit::isolated(|| {
        let options = by(MethodChoice::SockDiag);
        let (result, seen, after) = delete_from_lost_address(None, &options);
        assert_eq!(result.unwrap().reset, PeerReset::NotSent(NoReset::Method));
        assert_eq!((seen, after), (vec![false], false));
    });
}
