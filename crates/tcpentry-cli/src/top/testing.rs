//! A screen for tests: updates and keys go in, drawings and commands come out. No terminal, no kernel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use tcpentry::{Method, Outcome};

use super::keys;
use super::message::{FilterProblem, PreviewItem, SocketTarget, Update, WorkerCommand};
use super::model::{
    Arranged, Arrangement, Baseline, Deletability, Frame, NotDeleted, Row, RowKey, TableLine,
};
use super::once;
use super::state::Top;
use super::view::{self, Areas, Signs, Theme};
use crate::args::{Args, Command, Palette, TopColumn};

pub(super) struct Desk {
    pub(super) top: Top,
    pub(super) now: Instant,
    pub(super) theme: Theme,
    pub(super) areas: Areas,
    /// Words are found at once.
    pub(super) finds: bool,
    frame: Arc<Frame>,
}

impl Desk {
    /// Returns a screen with these rows, sorted by peer.
    pub(super) fn with(rows: Vec<Row>) -> Self {
        let arrangement = Arrangement {
            by: TopColumn::Peer,
            ..Arrangement::default()
        };
        let columns = TopColumn::DEFAULT.to_vec();
        let mut desk = Self {
            top: Top::new(columns, arrangement, Duration::from_secs(1)),
            now: Instant::now(),
            theme: Theme {
                color: true,
                palette: Palette::default(),
                signs: Signs::UTF_8,
            },
            areas: Areas::default(),
            finds: true,
            frame: Arc::default(),
        };
        desk.top.table.set_height(20);
        desk.read(rows);
        desk
    }

    /// Deletes at the pace of these words of a command line from now on.
    pub(super) fn set_pace(&mut self, words: &str) {
        let words = format!("tcpentry top {words}");
        let Some(Command::Top(args)) = Args::parse_from(words.split_whitespace()).command else {
            panic!("{words}");
        };
        self.top.deletion.set_pace(&args.pace);
    }

    /// Delivers a new reading of the table.
    pub(super) fn read(&mut self, rows: Vec<Row>) {
        self.read_after(rows, Baseline::Previous);
    }

    pub(super) fn read_after(&mut self, rows: Vec<Row>, baseline: Baseline) {
        self.frame = Arc::new(self.frame.followed_by(rows, baseline, self.now));
        self.show_again();
    }

    /// Delivers the frame in the order chosen by now.
    pub(super) fn show_again(&mut self) {
        let arrangement = self.top.table.arrangement;
        let find = self.top.table.find().clone();
        self.receive(Update::Frame {
            frame: Arc::clone(&self.frame),
            arrangement,
            arranged: Arranged::new(&self.frame, arrangement, &find),
            find,
        });
    }

    pub(super) fn receive(&mut self, update: Update) {
        self.top.update(update, self.now);
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    pub(super) fn happen(&mut self, event: &Event) {
        keys::handle(&mut self.top, event, &self.areas, self.now);
        // The worker sends what it has found.
        if self.finds && self.top.filter.is_finding {
            self.show_again();
        }
    }

    pub(super) fn press(&mut self, code: KeyCode) {
        self.press_with(code, KeyModifiers::NONE);
    }

    pub(super) fn press_with(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.happen(&Event::Key(KeyEvent::new(code, modifiers)));
    }

    /// Returns true where a key has to wait for what was entered.
    pub(super) fn waits(&self, code: KeyCode) -> bool {
        let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
        keys::has_to_wait(&self.top, &event)
    }

    pub(super) fn type_in(&mut self, text: &str) {
        text.chars().for_each(|c| self.press(KeyCode::Char(c)));
    }

    /// Takes the commands to the worker.
    pub(super) fn requested(&mut self) -> Vec<WorkerCommand> {
        self.top.take_commands()
    }

    /// Takes the commands, and returns serial and text of the last filter.
    pub(super) fn requested_filter(&mut self) -> (u64, String) {
        let commands = self.requested().into_iter().rev();
        let mut filters = commands.filter_map(|command| match command {
            WorkerCommand::Filter { serial, text, .. } => Some((serial, text)),
            _ => None,
        });
        filters.next().expect("a filter was requested")
    }

    /// Takes the commands, and returns serial and targets of the last preview.
    pub(super) fn requested_preview(&mut self) -> (u64, Vec<SocketTarget>) {
        let commands = self.requested().into_iter().rev();
        let mut previews = commands.filter_map(|command| match command {
            WorkerCommand::Preview { serial, targets } => Some((serial, targets)),
            _ => None,
        });
        previews.next().expect("a preview was requested")
    }

    /// Takes the commands, and returns the cookies of each deletion.
    pub(super) fn requested_deletions(&mut self) -> Vec<Vec<u64>> {
        let deletions = self.requested().into_iter();
        let deletions = deletions.filter_map(|command| match command {
            WorkerCommand::Delete { targets, .. } => Some(cookies(targets.iter())),
            _ => None,
        });
        deletions.collect()
    }

    /// Opens and draws a preview in which all but the protected sockets can be deleted.
    pub(super) fn open_preview(&mut self, protected: &[u64]) -> u64 {
        self.press(KeyCode::Char('d'));
        let (serial, targets) = self.requested_preview();
        self.receive(answer(serial, targets, protected));
        self.draw(120, 20);
        serial
    }

    pub(super) fn apply_filter(&mut self, text: &str) {
        self.type_in("/");
        self.type_in(text);
        self.press(KeyCode::Enter);
        let (serial, _) = self.requested_filter();
        self.receive(Update::Filter {
            serial,
            result: Ok(()),
        });
    }

    pub(super) fn buffer(&mut self, columns: u16, lines: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        let Self {
            top,
            areas,
            theme,
            now,
            ..
        } = self;
        let draw = |frame: &mut ratatui::Frame<'_>| *areas = view::draw(frame, top, *theme, *now);
        terminal.draw(draw).unwrap();
        terminal.backend().buffer().clone()
    }

    /// Draws a screen of this size, and returns its text.
    pub(super) fn draw(&mut self, columns: u16, lines: u16) -> String {
        once::text(&self.buffer(columns, lines))
    }

    /// Returns the cookies of the lines; 0 for a group.
    pub(super) fn lines(&self) -> Vec<u64> {
        let cookie = |line: &TableLine| match line {
            TableLine::Group(_) => 0,
            TableLine::Row(place) => self.top.table.row(*place).key.cookie.value(),
        };
        self.top.table.lines.iter().map(cookie).collect()
    }

    /// Returns the cookie of the row under the cursor.
    pub(super) fn current(&self) -> Option<u64> {
        Some(self.top.table.current_row()?.key.cookie.value())
    }

    pub(super) fn marked(&self) -> Vec<u64> {
        sorted(self.top.marks.keys().iter())
    }
}

/// Returns the answer to a preview: all but the protected sockets can be deleted.
pub(super) fn answer(serial: u64, targets: Vec<SocketTarget>, protected: &[u64]) -> Update {
    let item = |target: SocketTarget| PreviewItem {
        holders: "7 nginx".to_owned(),
        user: "root".to_owned(),
        deletability: if protected.contains(&target.key.cookie.value()) {
            guarded().into()
        } else {
            Deletability::By(Method::SockDiag)
        },
        target,
    };
    Update::Preview {
        serial,
        items: targets.into_iter().map(item).collect(),
        basis: Arc::default(),
    }
}

pub(super) fn guarded() -> NotDeleted {
    NotDeleted {
        outcome: Outcome::Guarded,
        cause: "it carries your own session".to_owned(),
        hint: Some("--own-session takes that guard away".to_owned()),
    }
}

pub(super) fn problem(column: usize, length: usize) -> FilterProblem {
    FilterProblem {
        column,
        length,
        message: "what is that?".to_owned(),
        hint: None,
    }
}

pub(super) fn cookies<'t>(targets: impl Iterator<Item = &'t SocketTarget>) -> Vec<u64> {
    targets.map(|target| target.key.cookie.value()).collect()
}

fn sorted<'k>(keys: impl Iterator<Item = &'k RowKey>) -> Vec<u64> {
    let mut cookies: Vec<_> = keys.map(|key| key.cookie.value()).collect();
    cookies.sort_unstable();
    cookies
}
