use super::*;
use crate::connection::Cookie;
use crate::connection::identity::NetnsId;
use crate::sock_diag::fake::{Answer, Asked, Kernel, Log, Question, Row, diags, pair, questions};
use crate::table::query::Query;

const ENDS: &str = "10.0.0.1:80 10.0.0.2:5000";
const LISTENER: &str = "10.0.0.1:80 0.0.0.0:*";

fn table(kernel: impl FnMut(&Asked) -> Vec<Answer> + Send + Sync + 'static) -> (TcpTable, Log) {
    let (diags, log) = diags(kernel);
    (TcpTable::of(diags), log)
}

fn table_of(rows: impl Into<Vec<Row>>) -> (TcpTable, Log) {
    let mut kernel = Kernel::of(rows);
    table(move |asked| kernel.answer(asked))
}

/// Makes a table whose kernel misses its one connection until a grace period is over.
fn blind_until_grace() -> TcpTable {
    let mut kernel = Kernel::of([Row::new(ENDS, 7)]);
    let mut complete = false;
    let (table, _) = table(move |asked| {
        complete |= asked.question == Question::Grace;
        if complete {
            kernel.answer(asked)
        } else {
            Kernel::default().answer(asked)
        }
    });
    table
}

fn find(rows: impl Into<Vec<Row>>, target: Pair) -> Result<u64, Error> {
    let (mut table, _) = table_of(rows);
    let found = table.find(&target.into());
    found.map(|connection| connection.cookie.value())
}

fn on(interface: u32) -> Pair {
    pair(ENDS).on(Interface::new(interface))
}

#[test]
fn an_unbound_connection_is_found_by_one_question() {
    let (mut table, log) = table_of([Row::new(ENDS, 1).bound_to(3), Row::new(ENDS, 2)]);
    let found = table.find(&pair(ENDS).into()).unwrap();
    assert_eq!(found.cookie.value(), 2);
    assert_eq!(questions(&log), [Question::Get]);
}

#[test]
fn nothing_there_is_not_found() {
    for target in [pair(ENDS), on(3), pair(LISTENER)] {
        let error = find([], target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.operation(), Operation::Find);
        assert_eq!(error.pair(), Some(target));
        assert_eq!((error.win32(), error.errno()), (317, Some(2)));
    }
}

#[test]
fn a_kernel_that_cant_look_does_not_say_not_found() {
    for target in [pair(ENDS), on(3), pair(LISTENER)] {
        let (mut table, _) = table(Asked::unknown);
        let error = table.find(&target.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(error.cause().contains("tcp_diag is missing"), "{error}");
        assert!(error.hint().unwrap().contains("modprobe tcp_diag"));
    }
    let (mut table, _) = table(Asked::unknown);
    let error = table.connections(&Query::default()).unwrap().next();
    assert_eq!(error.unwrap().unwrap_err().kind(), ErrorKind::NotSupported);
    let identity = identity(&mut table, 1);
    let error = table.find(&identity.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
}

#[test]
fn the_listener_of_the_local_end_is_not_the_connection() {
    for listener in [LISTENER, "0.0.0.0:80 0.0.0.0:*"] {
        let listener = Row::new(listener, 9).state(State::Listening);
        let error = find([listener], pair(ENDS)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    // Behind a listener's answer there may be a connection that is bound to a device.
    let listener = Row::new(LISTENER, 9).state(State::Listening);
    let bound = Row::new(ENDS, 2).bound_to(3);
    assert_eq!(find([listener, bound], pair(ENDS)).unwrap(), 2);
}

#[test]
fn a_listener_is_found_by_its_own_name() {
    let rows = [
        Row::new(ENDS, 1),
        Row::new(LISTENER, 2).state(State::Listening),
    ];
    assert_eq!(find(rows, pair(LISTENER)).unwrap(), 2);
    let bound = [Row::new(LISTENER, 3).state(State::BoundInactive)];
    let (mut table, _) = table_of(bound);
    let found = table.find(&pair(LISTENER).into()).unwrap();
    assert_eq!(found.state, State::BoundInactive);
}

#[test]
fn a_connection_to_port_0_is_a_connection() {
    let ends = "10.0.0.1:80 10.0.0.2:*";
    let rows = [
        Row::new(LISTENER, 1).state(State::Listening),
        Row::new(ends, 2).state(State::SynSent),
    ];
    assert_eq!(find(rows.clone(), pair(ends)).unwrap(), 2);
    let (mut table, _) = table_of(rows);
    let found = table
        .lookup
        .get_or_scan(&pair(ends), Cookie::new(2).unwrap(), None);
    assert_eq!(found.unwrap().unwrap().cookie.value(), 2);
}

#[test]
fn without_an_interface_the_only_bound_socket_is_meant() {
    let [three, four] = [3, 4].map(|index| Row::new(ENDS, index.into()).bound_to(index));
    assert_eq!(find([three.clone()], pair(ENDS)).unwrap(), 3);
    let error = find([three.clone(), four.clone()], pair(ENDS)).unwrap_err();
    assert_eq!((error.kind(), error.win32()), (ErrorKind::Ambiguous, 1168));
    let candidates = error.candidates().iter();
    let candidates: Vec<_> = candidates.map(|row| row.cookie.value()).collect();
    assert_eq!(candidates, [3, 4]);
    assert_eq!(find([three, four], on(4)).unwrap(), 4);
}

#[test]
fn with_an_interface_only_the_socket_bound_to_it_is_meant() {
    let unbound = Row::new(ENDS, 1);
    let three = Row::new(ENDS, 3).bound_to(3);
    let gone = find([unbound.clone()], on(3)).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    // The unbound one hides it from the exact look-up.
    assert_eq!(find([unbound, three.clone()], on(3)).unwrap(), 3);
    assert_eq!(find([three], on(3)).unwrap(), 3);
}

#[test]
fn several_listeners_of_one_port_are_ambiguous() {
    let [one, two] = [1, 2].map(|cookie| Row::new(LISTENER, cookie).state(State::Listening));
    let error = find([one, two], pair(LISTENER)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert!(error.hint().unwrap().contains("identity"));
}

#[test]
fn what_the_kernel_says_beside_is_an_error_of_the_system() {
    for (errno, win32) in [(Errno::NOMEM, 8), (Errno::ACCESS, 5), (Errno::IO, 31)] {
        let (mut table, _) = table(move |asked| vec![asked.acknowledged(Some(errno)).into()]);
        let error = table.find(&pair(ENDS).into()).unwrap_err();
        let kind = match errno {
            Errno::PERM | Errno::ACCESS => ErrorKind::AccessDenied,
            _ => ErrorKind::Os,
        };
        assert_eq!(error.kind(), kind);
        assert_eq!(error.errno(), Some(errno.raw_os_error()));
        assert_eq!(error.win32(), win32);
    }
    // An answer with another cookie than the one that was asked for.
    let (mut table, _) = table(|asked| vec![asked.row(&Row::new(ENDS, 77)).into()]);
    let identity = identity(&mut table, 1);
    let error = table.find(&identity.into()).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::PROTO.raw_os_error()));
}

#[test]
fn a_table_that_never_rests_says_so() {
    let (mut table, _) = table(|asked| {
        let end = asked.done(None);
        vec![crate::sock_diag::fake::interrupted(end).into()]
    });
    let error = table.connections(&Query::default()).unwrap().next();
    let error = error.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Os);
    assert_eq!(error.hint(), Some("try again"));
    assert_eq!(error.errno(), Some(Errno::INTR.raw_os_error()));
}

fn identity(table: &mut TcpTable, cookie: u64) -> Identity {
    Identity {
        boot: table.boot().unwrap(),
        netns: table.netns(),
        cookie: Cookie::new(cookie).unwrap(),
        pair: pair(ENDS),
    }
}

#[test]
fn an_identity_finds_its_socket_or_none() {
    let (mut table, _) = table_of([Row::new(ENDS, 2)]);
    let named = identity(&mut table, 2);
    let found = table.find(&named.into()).unwrap();
    assert_eq!(table.identity(&found).unwrap(), named);
    // A later connection between the same ends.
    let earlier = identity(&mut table, 1);
    let error = table.find(&earlier.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn an_identity_finds_a_socket_that_the_look_up_does_not_reach() {
    let (mut table, _) = table_of([Row::new(ENDS, 1), Row::new(ENDS, 3).bound_to(3)]);
    let mut named = identity(&mut table, 3);
    named.pair = on(3);
    assert_eq!(table.find(&named.into()).unwrap().cookie.value(), 3);
    let (mut table, _) = table_of([1, 2].map(|n| Row::new(LISTENER, n).state(State::Listening)));
    let mut named = identity(&mut table, 2);
    named.pair = pair(LISTENER);
    assert_eq!(table.find(&named.into()).unwrap().cookie.value(), 2);
}

#[test]
fn an_identity_whose_socket_listens_by_now_is_gone() {
    // Its owner has disconnected it and made a listener of it: the cookie is still the same.
    let (mut table, _) = table_of([Row::new(LISTENER, 2).state(State::Listening)]);
    let named = identity(&mut table, 2);
    let error = table.find(&named.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn an_identity_of_another_namespace_is_not_looked_up() {
    let (mut table, log) = table_of([Row::new(ENDS, 2)]);
    let here = identity(&mut table, 2);
    for netns in [NetnsId::Cookie(2), NetnsId::Inode(1)] {
        let other_netns = Identity { netns, ..here };
        let error = table.find(&other_netns.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OtherNetns);
        assert_eq!(error.win32(), 1168);
    }
    assert_eq!(questions(&log), []);
}

#[test]
fn an_identity_of_another_boot_is_refused_where_it_means_a_socket_here() {
    let (mut table, _) = table_of([Row::new(ENDS, 2)]);
    let boot = "0b7b7ad56e244a0f9b9ae1ccbc5d0f1d".parse().unwrap();
    let mut of_cookie = |cookie| {
        let here = identity(&mut table, cookie);
        table.find(&Identity { boot, ..here }.into()).unwrap_err()
    };
    let error = of_cookie(2);
    assert_eq!(error.kind(), ErrorKind::Refused(Guard::OtherBoot));
    assert_eq!(error.win32(), 1168);
    let error = of_cookie(3);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.cause().contains("another boot id"), "{error}");
}

#[test]
fn a_walk_that_repeats_a_socket_does_not_make_it_ambiguous() {
    let (mut table, _) = table(|asked| {
        let bound = Row::new(ENDS, 3).bound_to(3);
        let answer = match asked.question {
            Question::Get => asked.acknowledged(Some(Errno::NOENT)),
            _ => [asked.rows([&bound, &bound]), asked.done(None)].concat(),
        };
        vec![answer.into()]
    });
    let found = table.find(&pair(ENDS).into()).unwrap();
    assert_eq!(found.cookie.value(), 3);
}

/// A look-up by the ends, too, may come while one entry takes the place of another.
#[test]
fn what_is_missed_while_its_entry_is_replaced_is_found() {
    let found = blind_until_grace().find(&pair(ENDS).into()).unwrap();
    assert_eq!(found.cookie.value(), 7);
}

/// One wait for all of them, and a second for those of which a listener may have requests.
#[test]
fn many_that_are_gone_are_waited_for_once() {
    for (listener, graces) in [(false, 1), (true, 2)] {
        let mut rows = vec![Row::new(ENDS, 7), Row::new("10.0.0.3:80 10.0.0.4:81", 9)];
        if listener {
            rows.push(Row::new("10.0.0.1:80 0.0.0.0:*", 3).state(State::Listening));
        }
        let mut kernel = Kernel::of(rows);
        let (diags, log) = diags(move |asked| kernel.answer(asked));
        let mut table = TcpTable::of(diags);
        let identity = |ends: &str, cookie| {
            Target::Identity(Identity {
                boot: crate::netns::boot_id().unwrap(),
                netns: table.netns,
                cookie: Cookie::new(cookie).unwrap(),
                pair: pair(ends),
            })
        };
        let mut targets = vec![identity(ENDS, 7), pair("10.0.0.3:80 10.0.0.4:81").into()];
        for number in 0..200 {
            targets.push(identity(
                &format!("10.0.0.1:80 10.0.0.9:{}", 6000 + number),
                number + 20,
            ));
            targets.push(pair(&format!("10.0.0.1:80 10.0.0.8:{}", 6000 + number)).into());
        }
        let found = table.find_all(&targets);
        assert_eq!(found.len(), targets.len());
        let cookies = found[..2]
            .iter()
            .map(|found| found.as_ref().unwrap().cookie.value());
        assert_eq!(cookies.collect::<Vec<_>>(), [7, 9]);
        for (target, found) in targets.iter().zip(&found).skip(2) {
            let error = found.as_ref().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{target:?}");
            assert!(
                error.to_string().contains(&target.pair().to_string()),
                "{error}"
            );
        }
        let waits = log.lock().unwrap();
        let waits = waits
            .iter()
            .filter(|asked| asked.question == Question::Grace);
        assert_eq!(waits.count(), graces);
    }
}

#[test]
fn what_is_missed_once_is_found_among_many() {
    let mut table = blind_until_grace();
    let at_once = table.find_unconfirmed(&pair(ENDS).into());
    assert_eq!(at_once.unwrap_err().kind(), ErrorKind::NotFound);
    let found = table.find_all(&[pair("10.0.0.5:80 10.0.0.6:80").into(), pair(ENDS).into()]);
    assert_eq!(found[0].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(found[1].as_ref().unwrap().cookie.value(), 7);
}
