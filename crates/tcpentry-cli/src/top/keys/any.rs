//! Any keys and any answers, in any order: nothing panics, the cursor is on a line, and only what a preview named is deleted.

use std::collections::{HashMap, HashSet};

use crossterm::event::{Event, KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::collection::vec;
use proptest::prelude::*;
use tcpentry::{Method, State};

use super::super::message::{DetailText, SocketTarget, Update, WorkerCommand};
use super::super::model::Row;
use super::super::model::testing::{key, row, row_of};
use super::super::state::Mode;
use super::super::testing::{Desk, answer, cookies, guarded, problem};

#[derive(Clone, Debug)]
enum Step {
    Press(KeyCode, KeyModifiers),
    Paste,
    Click(u16, u16),
    /// The table is read: which are there, and whether they are in other states or between the ends of another one.
    Read(Vec<(u64, u8)>),
    /// One of the rehearsals that were asked for is answered, sparing some.
    Rehearsed(usize, Vec<u64>),
    /// One of the filters that were asked for is answered.
    Filtered(usize, bool),
    /// One of the deletions that were ordered is told, as a whole or without its end.
    Deleted(usize, bool),
    Details(u64),
    Draw(u16, u16),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let letters = "/*  dddyyyyyuirsacpl+-<>hjkgGn?qx".chars();
    let letters: Vec<_> = letters.map(KeyCode::Char).collect();
    let others = vec![
        KeyCode::Enter,
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Esc,
        KeyCode::Tab,
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
        4 => (0..3usize, vec(1..12u64, 0..12)).prop_map(|(which, spared)| Step::Rehearsed(which, spared)),
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
        // Another one between the same ends.
        2 => {
            let mut row = row(*cookie);
            row.key = key(cookie + 100);
            row.connection.cookie = row.key.cookie;
            row
        }
        _ => row(*cookie),
    };
    all.iter().map(row).collect()
}

/// A worker that answers when it likes, and remembers what it has allowed.
#[derive(Default)]
struct Worker {
    rehearsals: Vec<(u64, Vec<SocketTarget>)>,
    filters: Vec<u64>,
    orders: Vec<(u64, Vec<SocketTarget>)>,
    /// What may be deleted, of each answer.
    allowed: HashMap<u64, Vec<u64>>,
}

impl Worker {
    fn take(&mut self, command: WorkerCommand) {
        match command {
            WorkerCommand::Preview { serial, targets } => self.rehearsals.push((serial, targets)),
            WorkerCommand::Filter { serial, .. } => self.filters.push(serial),
            WorkerCommand::Delete { serial, targets } => {
                // It was answered, it was not ordered before, and it is what the answer allowed.
                let allowed = self.allowed.remove(&serial);
                assert_eq!(Some(cookies(targets.iter())), allowed, "{serial}");
                self.orders.push((serial, targets));
            }
            _ => {}
        }
    }

    fn answers(&mut self, step: &Step) -> Vec<Update> {
        match step {
            Step::Rehearsed(which, spared) if *which < self.rehearsals.len() => {
                let (serial, targets) = self.rehearsals.remove(*which);
                let all = cookies(targets.iter()).into_iter();
                // About half of them, whoever has come in their places too.
                let spared: Vec<_> = spared.iter().flat_map(|it| [*it, it + 100]).collect();
                let allowed = all.filter(|cookie| !spared.contains(cookie));
                self.allowed.insert(serial, allowed.collect());
                vec![answer(serial, targets, &spared)]
            }
            Step::Filtered(which, ok) if *which < self.filters.len() => {
                let serial = self.filters.remove(*which);
                let result = if *ok { Ok(()) } else { Err(problem(2, 3)) };
                vec![Update::Filter { serial, result }]
            }
            Step::Deleted(which, whole) if *which < self.orders.len() => {
                let (serial, targets) = self.orders.remove(*which);
                let outcome = |(place, target)| Update::Outcome {
                    serial,
                    target: Box::new(target),
                    result: match place {
                        3 => Err(guarded()),
                        _ => Ok(Method::SockDiag),
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
            if matches!(top.mode, Mode::Table | Mode::Filter) {
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
    // Whoever looks at a preview has one.
    assert!(top.mode != Mode::Preview || top.deletion.preview.is_some());
    assert!(top.mode != Mode::Details || top.details.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..Default::default() })]

    #[test]
    fn whatever_is_pressed_and_told_only_what_a_preview_allowed_is_deleted(
        steps in vec(step(), 1..120),
    ) {
        let mut desk = Desk::with((1..12).map(row).collect());
        let mut worker = Worker::default();
        for step in &steps {
            let confirms = matches!(step, Step::Press(KeyCode::Char('y'), KeyModifiers::NONE))
                && desk.top.deletion.preview.as_ref().is_some_and(|preview| preview.seen);
            take(&mut desk, step);
            for update in worker.answers(step) {
                desk.receive(update);
            }
            for command in desk.requested() {
                assert!(confirms || !matches!(command, WorkerCommand::Delete { .. }));
                worker.take(command);
            }
            desk.top.request = None;
            assert_sound(&desk);
        }
    }
}
