//! The step that only the benchmark measures by itself: rows become text, without the table that they come from
//! and the pipe that they go to.
//!
//! It is there for `benches/` only, and only with the feature `bench-internals`. Nothing of it is stable.

use tcpentry::{Attribution, Connection, TcpTable};

use super::ListWriter;
use crate::args::ShowArgs;
use crate::output::{Shape, View};
use crate::tables::NamespaceTable;

/// Returns what `tcpentry list` prints of these rows for scripts.
///
/// It opens a table, some microseconds, so that they should be many.
///
/// # Panics
/// Where no table can be opened.
pub fn rows_as_tabs(rows: &[Connection]) -> Vec<u8> {
    let shape = Shape::Tabs;
    let table = NamespaceTable {
        table: TcpTable::open().expect("everybody may open one"),
        name: None,
        plain_name: None,
        inode: None,
    };
    let show = ShowArgs {
        process: false,
        user: false,
        info: false,
        container: false,
    };
    let mut view = View::without_identities(&show, false, shape, &table);
    let mut attribution = Attribution::new();
    let mut out = Vec::new();
    let mut to = ListWriter::new(&mut out, shape, Some(&view), true);
    for row in rows {
        let added = to.add(&mut view, row, &mut attribution);
        assert!(added.is_ok(), "nothing else is read, and a Vec takes it");
    }
    to.flush().expect("a Vec takes it");
    drop(to);
    out
}
