//! The report of a deletion on all hosts: the rows, why something was not deleted, and the sum.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};

use tcpentry::Outcome;

use super::object::RemoteObject;
use super::rows::{MergedRow, RowForm, RowWriter};
use super::verdict::{FleetTally, HostVerdict};
use crate::args::DeleteArgs;
use crate::exit::{Exit, Tally};
use crate::message::{notice, print_error, print_hint, sentence};
use crate::output::{Shape, stdout};
use crate::stream::Stdout;

/// The report of a host of one connection.
#[derive(Debug)]
pub(super) struct Reported {
    pub(super) row: MergedRow,
    pub(super) outcome: Outcome,
    /// The reason why it was not deleted, for a table.
    complaint: Option<RemoteComplaint>,
}

/// The reason why a connection was not deleted, fit for a terminal.
#[derive(Debug)]
struct RemoteComplaint {
    cause: String,
    ends: String,
    hint: Option<String>,
}

impl Reported {
    /// Makes it of an object that a host has sent as this line; `None` for one that has no outcome.
    pub(super) fn new(
        form: &RowForm,
        host: &str,
        object: &RemoteObject,
        line: &str,
    ) -> Option<Self> {
        let outcome = object.outcome()?;
        let is_explained = outcome != Outcome::Deleted && form.shape != Shape::Json;
        Some(Self {
            row: form.row(host, object, line),
            outcome,
            complaint: is_explained.then(|| RemoteComplaint::new(object)),
        })
    }
}

impl RemoteComplaint {
    fn new(object: &RemoteObject) -> Self {
        let text = |text: &Option<String>| {
            let text: String = text
                .iter()
                .flat_map(|text| text.chars())
                .take(LONGEST)
                .collect();
            sentence(text.as_bytes())
        };
        Self {
            cause: text(&object.error),
            ends: format!("{} {}", text(&object.local), text(&object.peer)),
            hint: object.hint.is_some().then(|| text(&object.hint)),
        }
    }
}

/// The report.
#[expect(clippy::struct_excessive_bools, reason = "none depends on another")]
pub(super) struct FleetReport {
    writer: RowWriter<BufWriter<Stdout>>,
    /// Set once standard output could not be written.
    is_lost: bool,
    /// Set where those that were deleted are not reported.
    is_quiet: bool,
    /// Set where there is a sum at the end.
    sums_up: bool,
    dry_run: bool,
    tally: FleetTally,
    /// The outcomes on the host whose turn it is.
    of_host: Tally,
    /// The reasons on that host, each with the number of connections, and the first of them.
    complaints: BTreeMap<String, (u64, RemoteComplaint)>,
    /// The hints that have been printed.
    hints: Vec<String>,
}

impl FleetReport {
    pub(super) fn new(args: &DeleteArgs, form: &RowForm) -> Self {
        let header = !args.output.no_header && !args.report.quiet;
        Self {
            writer: RowWriter::new(stdout(), form, header),
            is_lost: false,
            is_quiet: args.report.quiet,
            sums_up: !args.report.quiet && form.shape != Shape::Json,
            dry_run: args.dry_run,
            tally: FleetTally::default(),
            of_host: Tally::default(),
            complaints: BTreeMap::new(),
            hints: Vec::new(),
        }
    }

    /// Counts and writes what the host whose turn it is has reported of a connection.
    pub(super) fn add(&mut self, reported: Reported) {
        let Reported {
            row,
            outcome,
            complaint,
        } = reported;
        self.count(outcome);
        let is_left_out = self.is_quiet && outcome == Outcome::Deleted;
        if !is_left_out && !self.is_lost {
            let written = self.writer.write(&row);
            self.check_written(written);
        }
        if let Some(complaint) = complaint {
            let cause = complaint.cause.clone();
            if self.complaints.len() < MAX_CAUSES || self.complaints.contains_key(&cause) {
                self.complaints.entry(cause).or_insert((0, complaint)).0 += 1;
            }
        }
    }

    /// Counts a connection of that host that is not reported by itself.
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.tally.count(outcome);
        self.of_host.count(outcome);
    }

    /// Ends the part of a host: says why something was not deleted there.
    pub(super) fn end_host(&mut self, host: &str, verdict: HostVerdict) {
        self.flush();
        for (_, (count, first)) in std::mem::take(&mut self.complaints) {
            let RemoteComplaint { cause, ends, hint } = first;
            let what = match count {
                1 => ends,
                many => format!("{many} connections"),
            };
            print_error(&format!("{host}: cannot delete {what}: {cause}"));
            if let Some(hint) = hint.filter(|hint| !self.hints.contains(hint)) {
                print_hint(&hint);
                if self.hints.len() < MAX_CAUSES {
                    self.hints.push(hint);
                }
            }
        }
        self.tally.count_host(verdict, &self.of_host);
        self.of_host = Tally::default();
    }

    /// Counts that all of it was refused.
    pub(super) fn refuse(&mut self) {
        self.tally
            .count_host(HostVerdict::Ended(Exit::Guarded), &Tally::default());
    }

    /// Returns the number of connections that were deleted.
    pub(super) const fn deleted(&self) -> u64 {
        self.tally.reported().deleted()
    }

    pub(super) fn flush(&mut self) {
        // Without a row there is no header either.
        if !self.is_lost && !self.tally.reported().is_empty() {
            let written = self.writer.flush();
            self.check_written(written);
        }
    }

    /// Goes on without standard output once it can't be written, as on one host.
    fn check_written(&mut self, written: io::Result<()>) {
        let Err(error) = written else { return };
        self.is_lost = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            notice(&format!(
                "cannot write to standard output: {error}; the report there is not complete"
            ));
        }
    }

    /// Prints the sum, and returns the exit code for all hosts.
    pub(super) fn end(mut self) -> Exit {
        self.flush();
        let tally = self.tally.reported();
        if self.sums_up && !tally.is_empty() {
            let would_be = if self.dry_run { "would be: " } else { "" };
            notice(&format!("{would_be}{tally}"));
        }
        if self.dry_run && self.sums_up {
            notice("dry run: nothing was deleted");
        }
        let exit = self.tally.exit();
        if self.sums_up && exit == Exit::Nothing && tally.is_empty() {
            notice("no connection matches on these hosts");
        }
        exit
    }
}

/// The number of characters that are shown of a reason.
const LONGEST: usize = 500;
/// The number of different reasons of one host that are shown.
const MAX_CAUSES: usize = 50;
