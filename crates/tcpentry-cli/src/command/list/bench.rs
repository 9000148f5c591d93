//! What the benchmark measures that is no part of the interface: rows become text, without the table that they come from
//! and the pipe that they go to.
//!
//! It is there for `benches/` only, and only with the feature `bench-internals`. Nothing of it is stable.

use tcpentry::{Attribution, Connection, TcpTable};

use super::{Rows, columns};
use crate::args::ShowArgs;
use crate::output::{Cells, Columns, Shape, View};
use crate::sites::Site;

/// What `tcpentry list` prints of these rows for scripts.
///
/// It opens a table, some microseconds, so that they should be many.
///
/// # Panics
/// Where no table can be opened.
pub fn rows_as_tabs(rows: &[Connection]) -> Vec<u8> {
    let shape = Shape::Tabs;
    let site = Site {
        table: TcpTable::open().expect("everybody may open one"),
        name: None,
        inode: None,
    };
    let show = ShowArgs {
        process: false,
        user: false,
        info: false,
        container: false,
    };
    let mut view = View::nowhere(&show, false, shape, &site);
    let mut knowledge = Attribution::new();
    let mut out = Vec::new();
    let lines = Columns::new(&mut out, shape, columns(Some(&view)), true);
    let mut to = Rows::Lines(lines, Cells::default());
    for row in rows {
        let added = to.add(&mut view, row, &mut knowledge);
        assert!(added.is_ok(), "a row tells all of it, and a Vec takes it");
    }
    to.flush().expect("a Vec takes it");
    drop(to);
    out
}
