//! "Gone" is confirmed for many at once, and in order.

use super::*;
use crate::filter::Filter;
use crate::select::Selection;
use crate::select::names::SystemNames;

/// Counts the waits. On a slow machine there are more, because nothing is held back for long.
fn graces(log: &Log) -> usize {
    let log = log.lock().unwrap();
    let graces = log.iter().filter(|asked| asked.question == Question::Grace);
    graces.count()
}

fn gone(numbers: impl IntoIterator<Item = u64>) -> Fact {
    let gone = |number| (number, Err(ErrorKind::NotFound));
    numbers.into_iter().map(gone).collect()
}

/// Opens a table whose kernel misses its sockets until so many grace periods have passed.
fn missing(kernel: &Shared, graces: u32) -> (TcpTable, Log) {
    let kernel = Arc::clone(kernel);
    let mut left = graces;
    table(move |asked| {
        if asked.question == Question::Grace {
            left = left.saturating_sub(1);
        }
        if left > 0 && matches!(asked.question, Question::Get | Question::Destroy) {
            return Kernel::default().answer(asked);
        }
        kernel.lock().unwrap().answer(asked)
    })
}

#[test]
fn many_that_are_gone_take_a_wait_for_thousands() {
    let (mut table, log) = table_of(&shared([]));
    let told = delete_all(&mut table, listed(&rows(1..=5000)));
    assert_eq!(told, gone(1..=5000));
    // More of them where so many take longer than those that wait may grow old.
    let graces = graces(&log);
    assert!((3..100).contains(&graces), "{graces}");
}

/// Each end that is destroyed takes the other one with it.
#[test]
fn those_that_go_with_another_wait_together() {
    for refusal in [None, Some(Errno::PERM)] {
        let kernel = shared(rows(1..=40));
        kernel.lock().unwrap().refusal = refusal;
        let inner = Arc::clone(&kernel);
        let (mut table, log) = table(move |asked| {
            let mut kernel = inner.lock().unwrap();
            let answer = kernel.answer(asked);
            if asked.question == Question::Destroy && asked.cookie % 2 == 1 {
                kernel.rows.retain(|row| row.cookie != asked.cookie + 1);
            }
            answer
        });
        let told = without_rights(delete_all(&mut table, listed(&rows(1..=40))));
        let first = match refusal {
            None => Ok(Method::SockDiag),
            Some(_) => Err(ErrorKind::NotSupported),
        };
        let expected: Fact = (1..=40)
            .map(|number| match number % 2 {
                1 => (number, first),
                _ => (number, Err(ErrorKind::NotFound)),
            })
            .collect();
        assert_eq!(told, expected);
        let graces = graces(&log);
        assert!((1..20).contains(&graces), "{graces}");
    }
}

#[test]
fn what_was_only_missed_is_deleted_in_its_turn() {
    for (state, replacements) in [(State::Established, 1), (State::SynRecv, 2)] {
        let kernel = shared(rows(3..=600));
        let (mut table, log) = missing(&kernel, replacements);
        let mut named = listed(&rows(1..=600));
        for connection in &mut named {
            connection.state = state;
        }
        let told = delete_all(&mut table, named);
        let expected = [gone(1..=2), deleted(3..=600)].concat();
        assert_eq!(told, expected);
        let at_least = usize::try_from(replacements).unwrap();
        assert!((at_least..100).contains(&graces(&log)));
        assert_eq!(numbers_left(&kernel), []);
    }
}

/// One that is found after a grace period is no longer as it was listed.
#[test]
fn what_was_only_missed_is_evaluated_before_it_is_deleted() {
    let named = listed(&rows(1..=3));
    let in_time_wait = row(2).state(State::TimeWait);
    let (mut table, _) = table_of(&shared([]));
    let filter = Filter::parse("state established", &SystemNames::new(&table)).unwrap();
    let selection = Selection::new(filter, States::CONNECTIONS, &mut table).unwrap();
    let options = Options::default();
    for options in [
        options.clone().in_same_state(),
        options.while_selected(Arc::new(selection)),
    ] {
        let kernel = shared([in_time_wait.clone(), row(3)]);
        let (mut table, _) = missing(&kernel, 1);
        let mut told = Fact::new();
        table.delete_all(named.clone(), &options, teller(&mut told));
        let spared = (2, Err(ErrorKind::Spared));
        assert_eq!(told, [gone(1..=1), vec![spared], deleted(3..=3)].concat());
        assert_eq!(numbers_left(&kernel), [2]);
    }
}

/// A caller that logs each batch before the next one has nothing left to wait for.
#[test]
fn prompt_reports_come_before_the_next_batch_even_in_doubt() {
    let kernel = shared(rows(2..=600));
    let (mut table, log) = missing(&kernel, 0);
    let mut most = 0;
    let mut reported = 0;
    let options = Options::default().with_prompt_reports();
    table.delete_all(listed(&rows(1..=600)), &options, |_, _| {
        most = most.max(destroyed(&log).len() - reported);
        reported += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(reported, 600);
    assert!(most <= DESTROY_BATCH, "{most}");
}

#[test]
fn a_rehearsal_waits_together_too() {
    let kernel = shared(rows(2..=100));
    let (mut table, log) = missing(&kernel, 1);
    let mut told = Fact::new();
    let named = listed(&rows(1..=100));
    table.check_all(named, &Options::default(), teller(&mut told));
    assert_eq!(told, [gone(1..=1), deleted(2..=100)].concat());
    assert!((1..20).contains(&graces(&log)));
    assert_eq!(numbers_left(&kernel), (2..=100).collect::<Vec<_>>());
}

/// An acknowledged deletion needs no second look, but for requests: one that was accepted lives on.
#[test]
fn what_was_acknowledged_waits_for_nothing_unless_it_was_a_request() {
    let request = |number: u64| Row::new(&format!("10.0.0.1:80 10.0.0.2:{number}"), number);
    let request = |number| request(number).state(State::SynRecv);
    let requests: Vec<_> = (1..=300).map(request).collect();
    for (rows, waits) in [(rows(1..=300), 0..1), (requests, 2..100)] {
        let named = listed(&rows);
        let listener = Row::new("10.0.0.1:80 0.0.0.0:*", 999).state(State::Listening);
        let kernel = shared([rows, vec![listener]].concat());
        let (mut table, log) = table_of(&kernel);
        assert_eq!(delete_all(&mut table, named), deleted(1..=300));
        assert!(waits.contains(&graces(&log)), "{}", graces(&log));
    }
    let kernel = shared([request(2)]);
    let named = listed(&kernel.lock().unwrap().rows);
    let accepted = Row::new("10.0.0.1:80 10.0.0.2:2", 2).owned();
    let inner = Arc::clone(&kernel);
    let (mut table, _) = table(move |asked| {
        let mut kernel = inner.lock().unwrap();
        if asked.question == Question::Grace {
            kernel.rows.push(accepted.clone());
        }
        kernel.answer(asked)
    });
    assert_eq!(delete_all(&mut table, named), [(2, Err(ErrorKind::Os))]);
}

/// Whoever has had enough is still told what was done, and nothing is deleted that a second look finds.
#[test]
fn after_a_break_what_is_there_after_all_is_left_alone() {
    let listener = Row::new("10.0.0.9:80 0.0.0.0:*", 9).state(State::Listening);
    let named = [listed(&[listener.owned()]), listed(&rows(1..=3))].concat();
    // The answers to its deletion get lost, and then it is missed once.
    let kernel = shared(rows(2..=3));
    let inner = Arc::clone(&kernel);
    let (mut sent, mut complete) = (false, false);
    let (mut table, log) = table(move |asked| {
        sent |= asked.question == Question::Destroy;
        complete |= asked.question == Question::Grace;
        match asked.question {
            Question::Destroy => vec![],
            Question::Get if !sent => Kernel::of(rows(1..=3)).answer(asked),
            Question::Get if !complete => Kernel::default().answer(asked),
            _ => inner.lock().unwrap().answer(asked),
        }
    });
    let mut told = Fact::new();
    table.delete_all(named, &Options::default(), |connection, result| {
        let result = result.map_err(|error| error.kind());
        told.push((
            connection.cookie.value(),
            result.map(|ending| ending.method),
        ));
        ControlFlow::Break(())
    });
    let refused = (9, Err(ErrorKind::Refused(Guard::Listener)));
    assert_eq!(told, [vec![refused], gone(1..=1)].concat());
    assert!(graces(&log) >= 1);
    assert_eq!(destroyed(&log), [1, 2, 3]);
}
