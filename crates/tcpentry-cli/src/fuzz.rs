//! The text of a row for the fuzz target `text`, and for the test that replays its corpus: a panic in it is a finding.
//!
//! Nothing of it is stable.

#![allow(missing_docs, reason = "it is for nobody else")]
#![allow(clippy::missing_panics_doc, reason = "a panic is what it is there for")]

use tcpentry::{ScopedEndpoint, TcpTable};

use crate::command::list::bench::rows_as_tabs;

/// Writes a row as `list` does for scripts, from tables of digits, and compares it with what `Display` writes. The input is that of
/// [`tcpentry::fuzz::row`].
pub fn text(data: &[u8]) {
    let Some(row) = tcpentry::fuzz::row(data) else {
        return;
    };
    let mut devices = TcpTable::open().expect("everybody may open one").devices();
    let device = row.interface().map(|interface| devices.name(interface));
    let local = ScopedEndpoint::new(row.local(), device);
    let line = format!(
        "{}\t{}\t{}\t{local}\t{}\n",
        row.state,
        row.recv_queue,
        row.send_queue,
        row.peer()
    );
    let written = rows_as_tabs(&[row]);
    let written = std::str::from_utf8(&written).expect("it is text");
    let (_, written) = written.split_once('\n').expect("a header comes first");
    assert_eq!(written, line);
}
