//! The report: each attempt as soon as it is made, and the sum of all at the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use tcpentry::{Attribution, Outcome, TcpTable};

use super::attempt::Attempt;
use super::complaints::Complaints;
use super::line::{Complaint, ReportForm, ReportLine, log_text};
use super::near_miss;
use super::peers::{PeersNotTold, describe_peer};
use super::progress::{Progress, describe_left};
use super::syslog::SystemLog;
use crate::args::DeleteArgs;
use crate::exit::{Exit, Tally};
use crate::message::{notice, print_error, print_hint};
use crate::output::{Cells, Columns, Shape, View, columns_of_delete, line, stdout};
use crate::stream::Stderr;
use crate::tables::NamespaceTable;

/// Reports each attempt as soon as it is made, and counts them.
///
/// A report that can't be written any more never stops the deletions.
#[expect(clippy::struct_excessive_bools, reason = "none depends on another")]
pub(super) struct Report {
    sink: Sink,
    /// The memory of the row before.
    cells: Cells,
    /// Set once standard output could not be written.
    lost: bool,
    /// The time when standard output was last flushed; `None` until there is something to write.
    flushed: Option<Instant>,
    /// One for each table.
    views: Vec<View>,
    log: Option<SystemLog>,
    progress: Progress<Stderr>,
    /// The number of those that wait for their turn, and the time of the last of them.
    left: Option<(usize, Instant)>,
    repeated: RepeatedCauses,
    complaints: Complaints,
    peers: PeersNotTold,
    /// Set when each connection that was not deleted is explained by itself.
    explains_each: bool,
    verbose: bool,
    /// The hints that have been printed: each is printed once.
    hints: BTreeSet<String>,
    tally: Tally,
    /// Set when the outcomes are summed up at the end; a single one is its own summary.
    sums_up: bool,
    dry_run: bool,
    quiet: bool,
}

/// The form of what goes to standard output.
enum Sink {
    Lines(Columns<Box<dyn Write>>),
    Json(Box<dyn Write>),
}

impl Report {
    /// Opens the report. Where `--syslog` is given and there is no log, returns the exit code: nothing may be
    /// deleted that would not be logged.
    pub(super) fn new<'t>(
        args: &DeleteArgs,
        tables: impl Iterator<Item = &'t mut NamespaceTable>,
    ) -> Result<Self, Exit> {
        let shape = Shape::of(&args.output);
        let out: Box<dyn Write> = Box::new(stdout());
        let views: Vec<_> = tables.map(|table| view(args, table)).collect();
        let sink = if shape == Shape::Json {
            Sink::Json(out)
        } else {
            let header = !args.output.no_header && !args.report.quiet;
            let mut columns = columns_of_delete(args.dry_run);
            columns.extend(views.first().map(View::columns).unwrap_or_default());
            Sink::Lines(Columns::new(out, shape, columns, header))
        };
        let log = if args.report.syslog && !args.dry_run {
            Some(SystemLog::open().map_err(|error| {
                print_error(&format!(
                    "--syslog: cannot reach /dev/log: {error}; nothing was deleted"
                ));
                print_hint("start the system's log daemon, or leave --syslog out");
                Exit::Failed
            })?)
        } else {
            None
        };
        Ok(Self {
            sink,
            cells: Cells::default(),
            lost: false,
            flushed: None,
            views,
            log,
            progress: Progress::on_terminal(args.report.quiet || args.pace.is_paced()),
            left: None,
            repeated: RepeatedCauses::new(args.report.verbose),
            complaints: Complaints::default(),
            peers: PeersNotTold::default(),
            explains_each: args.report.verbose,
            verbose: args.report.verbose,
            hints: BTreeSet::new(),
            tally: Tally::default(),
            sums_up: !args.report.quiet && shape != Shape::Json,
            dry_run: args.dry_run,
            quiet: args.report.quiet,
        })
    }

    /// Leaves out the sum at the end, of a single connection.
    pub(super) fn without_summary(self) -> Self {
        Self {
            sums_up: false,
            explains_each: true,
            ..self
        }
    }

    /// Adds a table, and returns its index.
    pub(super) fn add_table(&mut self, args: &DeleteArgs, table: &mut NamespaceTable) -> usize {
        self.views.push(view(args, table));
        self.views.len() - 1
    }

    /// Forgets what was read about processes, as [`Attribution::forget`] does.
    pub(super) fn forget(&mut self) {
        self.views.iter_mut().for_each(View::forget);
    }

    /// Returns the view of a table.
    pub(super) fn view(&mut self, table: usize) -> &mut View {
        &mut self.views[table]
    }

    /// Counts an attempt and reports it.
    pub(super) fn add(&mut self, attempt: &Attempt, attribution: &RefCell<Attribution>) {
        let outcome = attempt.outcome();
        self.tally.count(outcome);
        self.log(attempt);
        let now = Instant::now();
        self.show_progress(now);
        if self.quiet && outcome == Outcome::Deleted {
            return;
        }
        let wanted = match &self.sink {
            _ if self.lost => ReportForm::Complaint,
            Sink::Lines(_) => ReportForm::Row,
            Sink::Json(_) => ReportForm::Object {
                dry_run: self.dry_run,
            },
        };
        let cells = std::mem::take(&mut self.cells);
        let mut attribution = attribution.borrow_mut();
        let line = ReportLine::new(attempt, wanted, &mut self.views, &mut attribution, cells);
        self.print(line);
        self.note_peer(attempt);
        // The first is not written alone: the widths of the columns come from those that follow at once.
        if now - *self.flushed.get_or_insert(now) >= FLUSH_INTERVAL {
            self.flushed = Some(now);
            self.flush();
        }
    }

    /// Writes a line to standard output, and its complaint to standard error.
    fn print(&mut self, reported: ReportLine) {
        let written = match (&mut self.sink, &reported.cells, &reported.object) {
            (Sink::Lines(columns), Some(cells), _) => columns.row(cells),
            (Sink::Json(out), _, Some(object)) => line(out, object),
            _ => Ok(()),
        };
        self.check_written(written);
        if let Some(subflows) = &reported.subflows {
            self.notice(subflows);
        }
        if let (Sink::Lines(_), Some(complaint)) = (&self.sink, reported.complaint) {
            // Without rows, nothing else says which connection it was.
            if self.explains_each || self.lost || !complaint.candidates.is_empty() {
                self.complain(&complaint);
            } else {
                self.complaints.push(complaint);
            }
        }
        self.cells = reported.cells.unwrap_or_default();
    }

    /// Notes what the peer learned, where that is out of the ordinary: the object of JSON has it.
    fn note_peer(&mut self, attempt: &Attempt) {
        if matches!(self.sink, Sink::Json(_)) {
            return;
        }
        if !self.explains_each {
            self.peers.add(attempt);
        } else if let Some(text) = describe_peer(attempt) {
            if self.verbose || attempt.is_peer_left_waiting() {
                self.notice(&text);
            }
        }
    }

    /// Flushes standard output.
    pub(super) fn flush(&mut self) {
        self.show_progress(Instant::now());
        // Without a row there is no header either.
        if self.flushed.is_none() || self.lost {
            return;
        }
        if self.left.is_some() {
            // Both may be on one terminal.
            self.progress.clear();
        }
        let written = match &mut self.sink {
            Sink::Lines(columns) => columns.flush(),
            Sink::Json(out) => out.flush(),
        };
        self.check_written(written);
    }

    /// Shows how many are left to be deleted, and until when.
    pub(super) fn show_left(&mut self, left: usize, end: Instant) {
        self.left = Some((left, end));
        self.show_progress(Instant::now());
    }

    fn show_progress(&mut self, now: Instant) {
        let (tally, left) = (&self.tally, self.left);
        if tally.is_empty() && left.is_none() {
            return;
        }
        self.progress.update(now, || {
            let left = left.map(|(left, end)| {
                describe_left(left, end.saturating_duration_since(now), SystemTime::now())
            });
            let done = Some(tally.to_string()).filter(|_| !tally.is_empty());
            let parts: Vec<_> = done.into_iter().chain(left).collect();
            parts.join(", ")
        });
    }

    /// Goes on without standard output once it can't be written: neither the deletions nor the exit code depend on
    /// it.
    fn check_written(&mut self, written: io::Result<()>) {
        let Err(error) = written else { return };
        self.lost = true;
        // A reader that has gone away knows it.
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.notice(&format!(
                "cannot write to standard output: {error}; the report there is not complete"
            ));
        }
    }

    /// Writes an attempt to the system log.
    fn log(&mut self, attempt: &Attempt) {
        let Some(log) = &mut self.log else { return };
        let text = log_text(attempt, &mut self.views[attempt.table]);
        let outcome = attempt.outcome();
        if let Err(error) = log.record(outcome, &text) {
            // All that follow may fail alike.
            let cause = format!("cannot write to the system log: {error}");
            if self.repeated.is_printed(&cause) {
                self.notice(&format!("{cause}: {outcome} {text}"));
            }
        }
    }

    /// Prints why a connection was not deleted, and what to do.
    fn complain(&mut self, complaint: &Complaint) {
        if !self.repeated.is_printed(&complaint.cause) {
            return;
        }
        self.print_complaint(&complaint.text, complaint.hint.as_ref());
        complaint
            .candidates
            .iter()
            .for_each(|candidate| notice(candidate));
    }

    fn print_complaint(&mut self, text: &str, hint: Option<&String>) {
        self.progress.clear();
        print_error(text);
        if let Some(hint) = hint.filter(|hint| self.hints.insert((*hint).clone())) {
            print_hint(hint);
        }
    }

    /// Flushes standard output, and prints each reason why connections of this round were not deleted.
    pub(super) fn end_round(&mut self) {
        self.left = None;
        self.flush();
        let all: Vec<_> = self.complaints.take().collect();
        for (text, hint) in all {
            self.print_complaint(&text, hint.as_ref());
        }
        let peers: Vec<_> = self.peers.take().collect();
        for text in peers {
            self.notice(&text);
        }
    }

    /// Prints which connections there are between the addresses that an attempt has named in vain.
    pub(super) fn describe_near_miss(&mut self, attempt: &Attempt, table: &mut TcpTable) {
        if self.quiet || matches!(self.sink, Sink::Json(_)) {
            return;
        }
        let view = &mut self.views[attempt.table];
        if let Some(text) = near_miss::describe(attempt, table, view) {
            print_hint(&text);
        }
    }

    /// Prints something beside the outcomes.
    pub(super) fn notice(&mut self, text: &str) {
        self.progress.clear();
        notice(text);
    }

    /// Returns true as long as nothing has been reported.
    pub(super) fn is_empty(&self) -> bool {
        self.tally.is_empty()
    }

    /// Returns the number of those that were deleted.
    pub(super) const fn deleted(&self) -> u64 {
        self.tally.deleted()
    }

    /// Counts sockets that are not reported one by one.
    pub(super) fn count_together(&mut self, outcome: Outcome, count: u64) {
        self.tally.count_many(outcome, count);
    }

    /// Prints the sum, and returns the exit code for all of them.
    pub(super) fn end(mut self) -> Exit {
        self.end_round();
        self.progress.clear();
        self.repeated.print_rest();
        if self.sums_up && !self.tally.is_empty() {
            let would_be = if self.dry_run { "would be: " } else { "" };
            notice(&format!("{would_be}{}", self.tally));
        }
        if self.dry_run && matches!(self.sink, Sink::Lines(_)) {
            notice("dry run: nothing was deleted");
        }
        self.tally.exit()
    }
}

/// Returns the view of a table.
fn view(args: &DeleteArgs, table: &mut NamespaceTable) -> View {
    let shape = Shape::of(&args.output);
    View::new(&args.show, false, shape, table)
}

/// The causes that have been printed, so that thousands of one are not.
struct RepeatedCauses {
    counts: BTreeMap<String, u64>,
    print_all: bool,
}

impl RepeatedCauses {
    fn new(print_all: bool) -> Self {
        Self {
            counts: BTreeMap::new(),
            print_all,
        }
    }

    /// Counts a cause, and returns true for the first of its kind.
    fn is_printed(&mut self, cause: &str) -> bool {
        let count = self.counts.entry(cause.to_owned()).or_default();
        *count += 1;
        self.print_all || *count <= MAX_REPEATED
    }

    /// Prints how many were left out.
    fn print_rest(&self) {
        for (cause, count) in &self.counts {
            if let (Some(more @ 1..), false) = (count.checked_sub(MAX_REPEATED), self.print_all) {
                print_error(&format!("and {more} more: {cause}"));
            }
        }
    }
}

/// The longest time that a report is held back while others follow.
const FLUSH_INTERVAL: Duration = Duration::from_millis(50);
/// The number of times that one cause is printed.
const MAX_REPEATED: u64 = 10;
