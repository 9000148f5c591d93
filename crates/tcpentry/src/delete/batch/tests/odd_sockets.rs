//! Sockets that look plain in a batch and are not.

use super::*;

/// A change of the table of a kernel while it answers.
type Change = Box<dyn FnMut(&Asked, &mut Kernel) + Send + Sync>;

/// Opens a table that changes before and after each answer of its kernel.
fn changing(kernel: &Shared, mut before: Change, mut after: Change) -> (TcpTable, Log) {
    let kernel = Arc::clone(kernel);
    table(move |asked| {
        let mut kernel = kernel.lock().unwrap();
        before(asked, &mut kernel);
        let answer = kernel.answer(asked);
        after(asked, &mut kernel);
        answer
    })
}

fn replace(kernel: &mut Kernel, row: &Row) {
    let place = kernel.rows.iter().position(|it| it.cookie == row.cookie);
    kernel.rows[place.unwrap()] = row.clone();
}

#[test]
fn a_request_in_a_batch_may_become_mptcp_and_is_looked_at() {
    let mut all = rows(1..=20);
    all[6] = row(7).state(State::SynRecv);
    let kernel = shared(all);
    // It is accepted after the kernel was asked for MPTCP, and before the first is destroyed or looked at.
    let accept: Change = Box::new(|asked, kernel| {
        if matches!(asked.question, Question::Get | Question::Destroy) && asked.cookie != 0 {
            replace(kernel, &row(7).mptcp());
        }
    });
    let (mut table, log) = changing(&kernel, accept, Box::new(|_, _| {}));
    let (told, result) = delete_matching(&mut table, |_| Action::Delete);
    result.unwrap();
    let mut expected = deleted(1..=20);
    expected[6].1 = Err(ErrorKind::NotSupported);
    assert_eq!(without_rights(told), expected);
    assert!(
        !destroyed(&log).contains(&7),
        "a part of MPTCP is not a connection"
    );
    assert_eq!(numbers_left(&kernel), [7]);
    // What is a connection already can't become one, and is not looked at.
    let gets = log.lock().unwrap();
    let gets = gets.iter().filter(|it| it.question == Question::Get);
    assert!(gets.map(|it| it.cookie).all(|it| it == 7 || it == 0));
}

#[test]
fn an_orphan_on_a_device_that_outlives_its_acknowledgement_is_not_deleted() {
    let orphan = |number| {
        let orphan = row(number).state(State::FinWait1).bound_to(3);
        Row { inode: 0, ..orphan }
    };
    let orphans = [1, 2, 3].map(orphan);
    let kernel = shared(orphans.clone());
    // The kernel says yes and does nothing; then one that is bound to no device gets the same ends, which hides it.
    let lie: Change = Box::new(|asked, kernel| kernel.lies = asked.cookie == 2);
    let hide: Change = Box::new(|asked, kernel| {
        if asked.question == Question::Destroy && asked.cookie == 2 {
            let twin = Row {
                cookie: 99,
                ..row(2)
            };
            kernel.rows.insert(0, twin);
        }
    });
    let (mut table, _) = changing(&kernel, lie, hide);
    let told = delete_all(&mut table, listed(&orphans));
    let mut expected = deleted(1..=3);
    expected[1].1 = Err(ErrorKind::Os);
    assert_eq!(told, expected);
    assert_eq!(numbers_left(&kernel), [99, 2]);
}

#[test]
fn an_orphan_of_no_device_is_asked_for_once_more() {
    let orphans = [1, 2].map(|number| Row {
        inode: 0,
        ..row(number).state(State::LastAck)
    });
    let kernel = shared(orphans.clone());
    let lie: Change = Box::new(|asked, kernel| kernel.lies = asked.cookie == 2);
    let (mut table, log) = changing(&kernel, lie, Box::new(|_, _| {}));
    let told = delete_all(&mut table, listed(&orphans));
    assert_eq!(told[0].1, Ok(Method::SockDiag));
    assert_eq!(told[1].1, Err(ErrorKind::Os));
    assert_eq!(destroyed(&log), [1, 2]);
}
