//! The rows of all hosts: the column HOST, and then the columns and words of the command on one host, or its JSON.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use tcpentry::escape::escape_for_terminal;

use super::object::{RemoteObject, RemoteProcess};
use crate::args::ShowArgs;
use crate::message::sentence;
use crate::output::{
    BETWEEN_HOLDERS, Cells, ColumnSpec, Columns, ContainerLabel, Shape, columns_asked_for,
    columns_of_delete, columns_of_list, duration, holder_of, style_of,
};
use anstyle::{AnsiColor, Style};

/// The rows of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RowKind {
    List,
    Delete {
        dry_run: bool,
    },
    /// Connections that are about to be deleted.
    Preview,
    Doctor,
}

/// The form of the rows of one command, by its options.
#[derive(Clone, Debug)]
pub(super) struct RowForm {
    pub(super) kind: RowKind,
    pub(super) show: ShowArgs,
    /// Set where network namespaces are shown.
    pub(super) netns: bool,
    pub(super) id: bool,
    pub(super) shape: Shape,
}

/// A row, ready to be written.
#[derive(Clone, Debug)]
pub(super) enum MergedRow {
    Cells(Cells),
    Json(Vec<u8>),
}

impl RowForm {
    /// Returns the columns.
    pub(super) fn columns(&self) -> Vec<ColumnSpec> {
        let mut columns = vec![ColumnSpec::left("HOST")];
        columns.extend(match self.kind {
            RowKind::List => columns_of_list(),
            RowKind::Delete { dry_run } => columns_of_delete(dry_run),
            RowKind::Preview => ["STATE", "LOCAL", "PEER"].map(ColumnSpec::left).to_vec(),
            RowKind::Doctor => ["STATUS", "CHECK", "DETAIL"].map(ColumnSpec::left).to_vec(),
        });
        if self.kind != RowKind::Doctor {
            columns.extend(columns_asked_for(
                &self.show, self.netns, self.id, self.shape,
            ));
        }
        columns
    }

    /// Makes the row of an object that a host has sent as this line.
    pub(super) fn row(&self, host: &str, object: &RemoteObject, line: &str) -> MergedRow {
        if self.shape == Shape::Json {
            MergedRow::Json(object.line_with_host(host, line))
        } else {
            MergedRow::Cells(self.cells(host, object))
        }
    }

    /// Returns the cells of a row.
    pub(super) fn cells(&self, host: &str, object: &RemoteObject) -> Cells {
        let mut cells = Cells::default();
        cells.put(host);
        if self.kind == RowKind::Doctor {
            put_finding(object, &mut cells);
            return cells;
        }
        if let RowKind::Delete { .. } = self.kind {
            match object.outcome() {
                Some(outcome) => cells.styled(text(object.outcome.as_deref()), style_of(outcome)),
                None => cells.put(None::<&str>),
            }
        }
        cells.put(text(object.state.as_deref()));
        if self.kind == RowKind::List {
            put_number(object.recv_queue, &mut cells);
            put_number(object.send_queue, &mut cells);
        }
        cells.put(text(object.local.as_deref()));
        cells.put(text(object.peer.as_deref()));
        if let RowKind::Delete { .. } = self.kind {
            cells.put(text(object.method.as_deref()));
        }
        self.put_asked_for(host, object, &mut cells);
        cells
    }

    /// Adds the cells of the columns that options ask for.
    fn put_asked_for(&self, host: &str, object: &RemoteObject, cells: &mut Cells) {
        // Who holds a socket without an owner is not a question.
        let of_owner = |known: Option<String>| known.or(object.inode.map(|_| "?".to_owned()));
        if self.netns {
            cells.put(text(object.netns_name.as_deref()));
        }
        if self.show.process {
            let processes = object.processes.as_deref().unwrap_or_default();
            cells.put(of_owner(holders(processes)));
        }
        if self.show.user {
            cells.put(of_owner(text(object.user.as_deref())));
        }
        if self.show.container {
            cells.put(object.container.as_ref().map(container));
            cells.put(text(object.unit.as_deref()));
        }
        if self.show.info {
            self.put_counters(object, cells);
        }
        if self.id {
            let id = text(object.id.as_deref());
            cells.put(id.map(|id| format!("{host}/{id}")));
        }
    }

    fn put_counters(&self, object: &RemoteObject, cells: &mut Cells) {
        // What is counted of a listener says nothing.
        let counts =
            |number: Option<u64>| number.filter(|_| object.state.as_deref() != Some("listening"));
        let times = [
            object.idle_ms.map(|ms| (Duration::from_millis(ms), ms)),
            counts(object.rtt_us).map(|us| (Duration::from_micros(us), us)),
        ];
        for time in times {
            match time {
                Some((time, _)) if self.shape.is_human() => cells.put(duration(time)),
                Some((_, raw)) => put_number(Some(raw), cells),
                None => put_number(None, cells),
            }
        }
        put_number(counts(object.retransmits), cells);
        put_number(counts(object.total_retransmits), cells);
    }
}

fn put_finding(object: &RemoteObject, cells: &mut Cells) {
    let color = match object.status.as_deref() {
        Some("ok") => AnsiColor::Green.on_default(),
        Some("missing") => AnsiColor::Red.on_default(),
        _ => Style::new(),
    };
    cells.styled(text(object.status.as_deref()), color);
    cells.put(text(object.check.as_deref()));
    let fix = object.fix.as_ref().map(|fix| format!(" -> {fix}"));
    let detail = object.detail.as_deref().unwrap_or_default();
    let all = format!("{detail}{}", fix.unwrap_or_default());
    cells.put(sentence(shortened(&all, LONGEST_DETAIL).as_bytes()));
}

fn put_number(number: Option<u64>, cells: &mut Cells) {
    match number {
        Some(number) => cells.formatted(format_args!("{number}")),
        None => cells.put(None::<&str>),
    }
}

/// Returns a text as a cell may have it: short, and with nothing in it that a terminal would act upon.
fn text(text: Option<&str>) -> Option<String> {
    text.map(|text| escape_for_terminal(shortened(text, LONGEST_TEXT).as_bytes()))
}

/// Returns as much of a text as a row has room for.
fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn holders(processes: &[RemoteProcess]) -> Option<String> {
    let shown = processes.iter().take(MOST_HOLDERS);
    let shown = shown.map(|it| holder_of(it.pid, shortened(&it.name, LONGEST_TEXT).as_bytes()));
    let mut shown: Vec<_> = shown.collect();
    if processes.len() > MOST_HOLDERS {
        shown.push("...".to_owned());
    }
    (!shown.is_empty()).then(|| shown.join(BETWEEN_HOLDERS))
}

/// Returns a container as `list` shows it.
fn container(container: &ContainerLabel) -> String {
    escape_for_terminal(shortened(&container.to_string(), LONGEST_TEXT).as_bytes())
}

/// Writes rows.
pub(super) enum RowWriter<W: Write> {
    Lines(Columns<W>),
    Json(W),
}

impl<W: Write> RowWriter<W> {
    pub(super) fn new(out: W, form: &RowForm, header: bool) -> Self {
        match form.shape {
            Shape::Json => Self::Json(out),
            shape => Self::Lines(Columns::new(out, shape, form.columns(), header)),
        }
    }

    pub(super) fn write(&mut self, row: &MergedRow) -> io::Result<()> {
        match (self, row) {
            (Self::Lines(columns), MergedRow::Cells(cells)) => columns.row(cells),
            (Self::Json(out), MergedRow::Json(line)) => out.write_all(line),
            // A form makes rows of one kind.
            _ => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(columns) => columns.flush(),
            Self::Json(out) => out.flush(),
        }
    }
}

/// The number of characters of a text that are shown: more than any name has.
const LONGEST_TEXT: usize = 300;
const LONGEST_DETAIL: usize = 2000;
const MOST_HOLDERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn form(kind: RowKind) -> RowForm {
        let show = ShowArgs {
            process: true,
            user: true,
            info: true,
            container: true,
        };
        RowForm {
            kind,
            show,
            netns: true,
            id: true,
            shape: Shape::Tabs,
        }
    }

    fn shown(kind: RowKind, line: &str) -> String {
        let form = form(kind);
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&mut out, &form, false);
        let object = RemoteObject::parse(line).unwrap();
        writer.write(&form.row("h", &object, line)).unwrap();
        writer.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_has_the_words_of_list() {
        let line = r#"{"id":"1/x","state":"established","local":"127.0.0.1:1","peer":"127.0.0.1:2","netns_name":"blue",
            "inode":7,"processes":[{"pid":1,"name":"a b","start":1},{"pid":2,"name":"c"}],"user":"root","unit":"a.service",
            "container":{"runtime":"docker","id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","name":null,
            "pod":null,"user":7},"recv_queue":3,"send_queue":4,"idle_ms":1500,"rtt_us":30,"retransmits":0,"total_retransmits":1}"#;
        assert_eq!(
            shown(RowKind::List, &line.replace('\n', "")),
            "h\testablished\t3\t4\t127.0.0.1:1\t127.0.0.1:2\tblue\t1 a\\x20b, 2 c\troot\tuser:7:docker:0123456789ab\ta.service\t\
             1500\t30\t0\t1\th/1/x\n"
        );
    }

    #[test]
    fn what_is_missing_is_shown_as_list_shows_it() {
        let none = "h\t-\t-\t-\ta\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\n";
        assert_eq!(shown(RowKind::List, r#"{"local":"a"}"#), none);
        let unseen = "h\tdeleted\t-\ta\t-\t-\t-\t?\t?\t-\t-\t-\t-\t-\t-\t-\n";
        let line = r#"{"local":"a","inode":1,"outcome":"deleted","processes":[]}"#;
        assert_eq!(shown(RowKind::Delete { dry_run: false }, line), unseen);
    }

    #[test]
    fn nothing_hostile_gets_through_and_nothing_gigantic() {
        let name = "x".repeat(100_000);
        let line = format!(
            r#"{{"local":"\u001b[2J\tA\n","peer":"{name}","inode":1,"processes":[{{"pid":1,"name":"\u202e{name}"}}]}}"#
        );
        let row = shown(RowKind::List, &line);
        assert!(row.len() < 2000 && row.lines().count() == 1, "{row}");
        assert!(row.contains(r"\u{1b}[2J\tA\n"), "{row}");
        assert_eq!(row.matches('\t').count(), 15, "{row}");
        let finding =
            r#"{"check":"x","status":"missing","detail":"it's \u001b[m","fix":"do 'it'"}"#;
        assert_eq!(
            shown(RowKind::Doctor, finding),
            "h\tmissing\tx\tit's \\u{1b}[m -> do 'it'\n"
        );
    }
}
