//! Any keys and any answers, in any order: nothing panics, the cursor is on a line, and only what a preview showed is deleted.

use std::collections::{HashMap, HashSet};

use crossterm::event::{Event, KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::collection::vec;
use proptest::prelude::*;
use tcpentry::delete::Ending;
use tcpentry::{Method, State};

use super::super::super::message::{DetailText, SocketTarget, Update, WorkerCommand};
use super::super::super::model::Row;
use super::super::super::model::testing::{key, row, row_of};
use super::super::super::state::Focus;
use super::super::super::testing::{Desk, answer, cookies, guarded, problem};

#[derive(Clone, Debug)]
enum Step {
    Press(KeyCode, KeyModifiers),
    Paste,
    Click(u16, u16),
    /// A reading of the table: cookies, each with a number for its state or for a successor between the same ends.
    Read(Vec<(u64, u8)>),
    /// An answer to one of the requested previews, which protects some.
    Previewed(usize, Vec<u64>),
    /// An answer to one of the requested filters.
    Filtered(usize, bool),
    /// The outcomes of one of the requested deletions, with or without its end.
    Deleted(usize, bool),
    Details(u64),
    Draw(u16, u16),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let letters = "/*  dddyyyyyuirsacpl+-<>hjkgGFn?qxeEoto=!NnnbbhWT".chars();
    let letters: Vec<_> = letters.map(KeyCode::Char).collect();
    let others = vec![
        KeyCode::Enter,
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Delete,
        KeyCode::Backspace,
    ];
    let plain = Just(KeyModifiers::NONE);
    let modifiers =
        prop_oneof![9 => plain, 1 => Just(KeyModifiers::ALT), 1 => Just(KeyModifiers::CONTROL)];
    let letter = prop::sample::select(letters);
    let other = prop::sample::select(others);
    let code = prop_oneof![3 => letter, 2 => other];
    prop_oneof![
        12 => (code, modifiers).prop_map(|(code, modifiers)| Step::Press(code, modifiers)),
        1 => Just(Step::Paste),
        1 => (0..90u16, 0..26u16).prop_map(|(x, y)| Step::Click(x, y)),
        3 => vec((1..12u64, 0..5u8), 0..12).prop_map(Step::Read),
        4 => (0..3usize, vec(1..12u64, 0..12)).prop_map(|(which, protected)| Step::Previewed(which, protected)),
        1 => (0..3usize, any::<bool>()).prop_map(|(which, ok)| Step::Filtered(which, ok)),
        2 => (0..3usize, any::<bool>()).prop_map(|(which, whole)| Step::Deleted(which, whole)),
        1 => (1..12u64).prop_map(Step::Details),
        4 => (1..90u16, 1..26u16).prop_map(|(columns, lines)| Step::Draw(columns, lines)),
        1 => (0..5u64).prop_map(Step::Wait),
    ]
}

fn rows(all: &[(u64, u8)]) -> Vec<Row> {
    let row = |(cookie, kind): &(u64, u8)| match kind {
        0 => row_of(*cookie, State::CloseWait),
        1 => row_of(*cookie, State::TimeWait),
        // Another socket between the same ends.
        2 => {
            let mut row = row(*cookie);
            row.key = key(cookie + 100);
            row
        }
        _ => row(*cookie),
    };
    all.iter().map(row).collect()
}

/// A worker that answers at any time, and remembers what it has allowed.
#[derive(Default)]
struct FakeWorker {
    previews: Vec<(u64, Vec<SocketTarget>)>,
    filters: Vec<u64>,
    deletions: Vec<(u64, Vec<SocketTarget>)>,
    /// The cookies of all previews that were confirmed.
    confirmed: HashSet<u64>,
    /// The deletable cookies of each preview, by serial.
    allowed: HashMap<u64, Vec<u64>>,
}

impl FakeWorker {
    fn take(&mut self, command: WorkerCommand) {
        match command {
            WorkerCommand::Preview { serial, targets } => self.previews.push((serial, targets)),
            WorkerCommand::Filter { serial, .. } => self.filters.push(serial),
            WorkerCommand::Delete {
                serial,
                targets,
                paced: true,
                ..
            } => {
                // It was confirmed, and is deleted once.
                let cookies = cookies(targets.iter());
                let allowed = self.allowed.get_mut(&serial).expect("it was answered");
                let place = allowed.iter().position(|it| [*it] == cookies[..]);
                let cookie = allowed.remove(place.expect("it was allowed, and not deleted before"));
                assert!(self.confirmed.contains(&cookie), "{cookie}");
                assert!(self.deletions.is_empty(), "one after the other");
                self.deletions.push((serial, targets));
            }
            WorkerCommand::Delete {
                serial,
                targets,
                paced: false,
                ..
            } => {
                // The preview was answered, was not confirmed before, and allowed exactly these.
                let allowed = self.allowed.remove(&serial);
                assert_eq!(Some(cookies(targets.iter())), allowed, "{serial}");
                self.deletions.push((serial, targets));
            }
            _ => {}
        }
    }

    fn answers(&mut self, step: &Step) -> Vec<Update> {
        match step {
            Step::Previewed(which, protected) if *which < self.previews.len() => {
                let (serial, targets) = self.previews.remove(*which);
                let all = cookies(targets.iter()).into_iter();
                // About half of them, and their successors.
                let protected: Vec<_> = protected.iter().flat_map(|it| [*it, it + 100]).collect();
                let allowed = all.filter(|cookie| !protected.contains(cookie));
                self.allowed.insert(serial, allowed.collect());
                vec![answer(serial, targets, &protected)]
            }
            Step::Filtered(which, ok) if *which < self.filters.len() => {
                let serial = self.filters.remove(*which);
                let result = if *ok { Ok(()) } else { Err(problem(2, 3)) };
                vec![Update::Filter { serial, result }]
            }
            Step::Deleted(which, whole) if *which < self.deletions.len() => {
                let (serial, targets) = self.deletions.remove(*which);
                let outcome = |(place, target)| Update::Outcome {
                    serial,
                    target: Box::new(target),
                    result: match place {
                        3 => Err(guarded()),
                        _ => Ok(Ending::foreseen(Method::SockDiag)),
                    },
                };
                let outcomes = (0..).zip(targets).map(outcome);
                let end = whole.then_some(Update::Done { serial });
                outcomes.chain(end).collect()
            }
            Step::Details(cookie) => vec![Update::Details {
                key: key(*cookie),
                details: Box::new(DetailText::default()),
            }],
            _ => Vec::new(),
        }
    }
}

fn take(desk: &mut Desk, step: &Step) {
    match step {
        Step::Press(code, modifiers) => desk.press_with(*code, *modifiers),
        Step::Paste => desk.happen(&Event::Paste("yd*\ny".to_owned())),
        Step::Click(column, row) => desk.happen(&Event::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: *column,
            row: *row,
            modifiers: KeyModifiers::NONE,
        })),
        Step::Read(all) => desk.read(rows(all)),
        Step::Draw(columns, lines) => {
            desk.draw(*columns, *lines);
            let top = &mut desk.top;
            if matches!(top.focus, Focus::Table | Focus::Filter) {
                let shown = top.table.first..top.table.first + top.table.height;
                assert!(shown.contains(&top.table.cursor), "{shown:?}");
            }
            top.request_unresolved();
        }
        Step::Wait(seconds) => desk.wait(*seconds),
        _ => {}
    }
}

fn assert_sound(desk: &Desk) {
    let top = &desk.top;
    assert!(top.table.cursor < top.table.lines.len().max(1));
    assert!(top.columns.cursor < top.columns.choices().len());
    assert!(!top.columns.shown.is_empty());
    let there: HashSet<_> = top.table.frame.rows.iter().map(|row| row.key).collect();
    assert!(top.marks.keys().is_subset(&there));
    // The focused part has what it shows.
    assert!(top.focus != Focus::Preview || top.deletion.preview.is_some());
    assert!(top.focus != Focus::Details || top.details.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..Default::default() })]

    #[test]
    fn whatever_the_keys_and_answers_only_what_a_preview_allowed_is_deleted(
        steps in vec(step(), 1..120),
        pace in prop::sample::select(vec!["", "--rate 1/s", "--spread 3s"]),
    ) {
        let mut desk = Desk::with((1..12).map(row).collect());
        desk.set_pace(pace);
        let mut worker = FakeWorker::default();
        for step in &steps {
            let confirms = matches!(step, Step::Press(KeyCode::Char('y'), KeyModifiers::NONE))
                && desk.top.deletion.preview.as_ref().is_some_and(|preview| preview.seen);
            if let Some(preview) = desk.top.deletion.preview.as_ref().filter(|_| confirms) {
                let shown = preview.items().iter().map(|item| item.target.key.cookie.value());
                worker.confirmed.extend(shown);
            }
            take(&mut desk, step);
            for update in worker.answers(step) {
                desk.receive(update);
            }
            desk.top.send_due(desk.now);
            for command in desk.requested() {
                assert!(confirms || !matches!(command, WorkerCommand::Delete { paced: false, .. }));
                worker.take(command);
            }
            desk.top.request = None;
            assert_sound(&desk);
        }
    }
}
