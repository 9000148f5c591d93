//! For the benchmark: the cost of a refresh after the kernel has answered, by number of rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tcpentry::connection::TcpInfo;
use tcpentry::{Connection, Cookie, Inode, Pair, State};

use super::message::Update;
use super::model::{Arranged, Arrangement, Baseline, Find, Frame, Row, RowKey, RowNames, Sorter};
use super::state::Top;
use super::view::{self, Signs, Theme};
use crate::args::{Palette, TopColumn};

/// A table in which each step of a refresh can be repeated.
#[derive(Debug)]
pub struct Refresh {
    rows: Vec<Row>,
    frame: Arc<Frame>,
    sorter: Sorter,
    top: Top,
    terminal: Terminal<TestBackend>,
    now: Instant,
}

impl Refresh {
    /// Returns a table of established connections of a server.
    pub fn of(rows: u32) -> Self {
        let now = Instant::now();
        let names = Arc::new(RowNames {
            user: Some("root".into()),
            ..RowNames::default()
        });
        let row = |number| row(number, Arc::clone(&names), now);
        let rows: Vec<_> = (1..=rows).map(row).collect();
        let arrangement = Arrangement::default();
        let top = Top::new(
            TopColumn::DEFAULT.to_vec(),
            arrangement,
            Duration::from_secs(1),
        );
        let Ok(terminal) = Terminal::new(TestBackend::new(160, 50));
        let frame = Frame::default().followed_by(rows.clone(), Baseline::Previous, now);
        let mut refresh = Self {
            rows,
            frame: Arc::new(frame),
            sorter: Sorter::default(),
            top,
            terminal,
            now,
        };
        refresh.take(refresh.arranged());
        refresh
    }

    /// Returns rows as newly read. Making them is part of the cost of reading.
    pub fn read(&self) -> Rows {
        Rows(self.rows.clone())
    }

    /// Compares rows with the frame, as the worker does.
    pub fn merge(&self, rows: Rows) -> usize {
        let frame = self.frame.followed_by(rows.0, Baseline::Previous, self.now);
        frame.present
    }

    /// Sorts a frame of which no order is known.
    pub fn arranged(&self) -> FrameOrder {
        FrameOrder(Arranged::new(
            &self.frame,
            Arrangement::default(),
            &Find::default(),
        ))
    }

    /// Sorts the frame from the order of the one before, as the worker does.
    pub fn arranged_again(&mut self) -> FrameOrder {
        let find = Find::default();
        let arranged = self
            .sorter
            .arrange(&self.frame, Arrangement::default(), &find);
        FrameOrder(arranged)
    }

    /// Applies the worker's update; keys wait for it.
    pub fn take(&mut self, order: FrameOrder) {
        let update = Update::Frame {
            frame: Arc::clone(&self.frame),
            arrangement: Arrangement::default(),
            find: Find::default(),
            arranged: order.0,
        };
        self.top.update(update, self.now);
    }

    /// Draws the screen; keys wait for it.
    pub fn draw(&mut self) {
        let Self {
            terminal, top, now, ..
        } = self;
        let theme = Theme {
            color: true,
            palette: Palette::default(),
            signs: Signs::UTF_8,
        };
        let Ok(_) = terminal.draw(|frame| _ = view::draw(frame, top, theme, *now));
    }

    /// Moves the cursor to the end, or back to the start.
    pub fn jump(&mut self) {
        let last = self.top.table.lines.len() - 1;
        let to = if self.top.table.cursor == last {
            0
        } else {
            last
        };
        self.top.table.move_to(to);
    }
}

/// The rows of one reading.
#[derive(Clone, Debug)]
pub struct Rows(Vec<Row>);

/// The order of a frame.
#[derive(Clone, Debug)]
pub struct FrameOrder(Arranged);

fn row(number: u32, names: Arc<RowNames>, seen: Instant) -> Row {
    // Neighbours in the kernel's table are not neighbours by address.
    let [a, b, c, d] = number.wrapping_mul(0x9e37_79b1).to_be_bytes();
    let local = "192.0.2.1:443".parse().expect("it is an end");
    let peer = std::net::SocketAddr::from(([10, a, b, c], 1024 + u16::from(d)));
    let pair = Pair::new(local, peer.into()).expect("they are of one family");
    let cookie = Cookie::new(number.into()).expect("they begin with 1");
    let mut connection = Connection::named(pair, cookie, State::Established);
    connection.inode = Inode::new(number);
    connection.info = Some(Box::new(TcpInfo::default()));
    Row::new(RowKey { netns: 0, cookie }, &connection, names, seen.into())
}
