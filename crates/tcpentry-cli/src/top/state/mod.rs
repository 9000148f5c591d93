//! The state behind the screen. Only keys and the worker's updates change it; it does no I/O.

mod candidates;
mod cells;
mod columns;
mod confirmation;
mod counts;
mod deletion;
mod detail_history;
mod edit;
mod filter;
mod filter_entry;
mod focus;
mod holds;
#[cfg(test)]
mod joined_ends_tests;
mod kept;
mod left;
mod log;
mod lookups;
mod marks;
mod namespaces;
mod narrowing;
mod outbox;
mod pace;
mod paced;
mod peer_names;
mod places;
mod reading;
mod table;
#[cfg(test)]
mod tests;
mod text_pane;
mod totals;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::Outcome;

use cells::CellChooser;
use columns::ColumnChooser;
pub(crate) use counts::Counts;
use deletion::Deletions;
pub(crate) use deletion::Preview;
pub(crate) use detail_history::{ChartKind, DetailHistory};
pub(crate) use edit::Edit;
pub(crate) use filter::FilterLine;
pub(crate) use focus::Focus;
use holds::Holds;
pub(crate) use holds::{HOLD_TIME, describe_peers};
pub(crate) use kept::KeptSettings;
pub(crate) use left::LeftRow;
use left::LeftRows;
pub(crate) use log::{DeletionLog, LogEntry};
use lookups::Lookups;
use marks::Marks;
use namespaces::ShownNamespaces;
use outbox::Outbox;
pub(crate) use pace::INTERVALS;
use pace::Pace;
pub(crate) use paced::describe_stopped;
use peer_names::PeerNames;
use places::PlaceList;
use table::TableView;
use text_pane::{DetailsPane, HelpPane, Scroll};

use super::message::{SeekStep, SocketKind, SocketTarget, Update, WorkerCommand};
use super::model::{Arranged, Arrangement, Find, Frame, Resolved, Row, RowKey, TableLine};
use crate::args::{Grouping, Palette, TopColumn};

/// Everything between keys and screen.
#[derive(Debug)]
pub(crate) struct Top {
    pub(crate) focus: Focus,
    pub(crate) table: TableView,
    pub(crate) columns: ColumnChooser,
    pub(crate) cells: CellChooser,
    pub(crate) places: PlaceList,
    lookups: Lookups,
    pub(crate) names: PeerNames,
    pub(crate) marks: Marks,
    pub(crate) filter: FilterLine,
    pub(crate) kind: SocketKind,
    pub(crate) palette: Palette,
    /// Nobody has said whether the background is light, and the terminal may know.
    pub(crate) asks_background: bool,
    pub(crate) namespaces: ShownNamespaces,
    pub(crate) pace: Pace,
    /// The rows are those of a recording.
    pub(crate) is_replay: bool,
    pub(crate) deletion: Deletions,
    pub(crate) holds: Holds,
    pub(crate) details: Option<DetailsPane>,
    pub(crate) help: HelpPane,
    pub(crate) left: LeftRows,
    pub(crate) log: DeletionLog,
    pub(crate) messages: Messages,
    outbox: Outbox,
    /// A request that only the owner of the terminal can fulfil.
    pub(crate) request: Option<TerminalRequest>,
}

/// A request to the owner of the terminal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TerminalRequest {
    Quit,
    Suspend,
    /// Redraw everything.
    Redraw,
    /// Copy this to the terminal's clipboard.
    Copy(String),
    /// Save the log in a new file of this name.
    Save(String),
    /// Keep these settings for later runs.
    Keep(KeptSettings),
}

/// The messages at the bottom of the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Messages {
    /// A notice, shown for a while, and the time at which it was given.
    pub(crate) notice: Option<(String, Instant)>,
    /// The reason why there is no newer frame.
    pub(crate) trouble: Option<String>,
}

impl Top {
    pub(crate) fn new(
        columns: Vec<TopColumn>,
        arrangement: Arrangement,
        interval: Duration,
    ) -> Self {
        Self {
            focus: Focus::Table,
            table: TableView::new(arrangement),
            columns: ColumnChooser::new(columns),
            cells: CellChooser::default(),
            places: PlaceList::default(),
            lookups: Lookups::default(),
            names: PeerNames::default(),
            marks: Marks::default(),
            filter: FilterLine::default(),
            kind: SocketKind::default(),
            palette: Palette::default(),
            asks_background: false,
            namespaces: ShownNamespaces::default(),
            pace: Pace::new(interval),
            is_replay: false,
            deletion: Deletions::default(),
            holds: Holds::default(),
            details: None,
            help: HelpPane::default(),
            left: LeftRows::default(),
            log: DeletionLog::default(),
            messages: Messages::default(),
            outbox: Outbox::default(),
            request: None,
        }
    }

    /// Returns true where rates are shown of each row or decide its place, which takes two readings.
    pub(crate) fn shows_rates(&self) -> bool {
        let shown = self.columns.shown.iter();
        shown.chain([&self.table.arrangement.by]).any(|column| {
            matches!(
                column,
                TopColumn::Received | TopColumn::Sent | TopColumn::History
            )
        })
    }

    /// Takes the commands to be sent to the worker.
    pub(crate) fn take_commands(&mut self) -> Vec<WorkerCommand> {
        self.outbox.take()
    }

    /// Shows a notice at the bottom of the screen.
    pub(crate) fn notify(&mut self, text: impl Into<String>, now: Instant) {
        self.messages.notice = Some((text.into(), now));
    }

    // Updates from the worker.

    /// Applies an update from the worker.
    pub(crate) fn update(&mut self, update: Update, now: Instant) {
        match update {
            Update::Frame {
                frame,
                arrangement,
                find,
                arranged,
            } => self.set_frame(frame, (arrangement, &find), arranged, now),
            Update::Resolved(resolved) => self.lookups.add(resolved),
            Update::Filter { serial, result } => self.apply_filter_result(serial, result),
            Update::Namespaces { all, notes } => {
                self.namespaces.set(all, &mut self.columns);
                if let Some(note) = notes.first() {
                    let more = match notes.len() - 1 {
                        0 => String::new(),
                        more => format!(" (and {more} more)"),
                    };
                    self.notify(format!("{note}{more}"), now);
                }
            }
            Update::Details { key, details } => {
                let pane = self.details.as_mut().filter(|pane| pane.target.key == key);
                if let Some(pane) = pane {
                    // Reading a large table takes at most half of the time.
                    let read_time = self.table.frame.read_time;
                    pane.take(details, self.pace.interval.max(2 * read_time));
                }
            }
            Update::Preview {
                serial,
                items,
                basis,
            } => self.deletion.set_items(serial, items, basis),
            Update::Outcome {
                serial,
                target,
                result,
            } => self.record_outcome(serial, &target, &result, now),
            Update::Done { serial } => self.finish_deletion(serial, now),
            Update::HoldEnded { serial, reason } => self.finish_hold(serial, reason, now),
            Update::HostName { address, name } => self.names.add(address, name, now),
            Update::Services(services) => self.names.set_services(services),
            Update::Trouble(text) => self.messages.trouble = Some(text),
        }
    }

    fn set_frame(
        &mut self,
        frame: Arc<Frame>,
        by: (Arrangement, &Find),
        arranged: Arranged,
        now: Instant,
    ) {
        self.messages.trouble = None;
        let Self {
            left,
            lookups,
            deletion,
            ..
        } = self;
        left.add(&frame, |row| (lookups.of(row), deletion.outcome(row.key)));
        self.lookups.clear();
        let present: HashSet<RowKey> = if self.marks.is_empty() && !self.deletion.has_outcomes() {
            HashSet::new()
        } else {
            frame.rows.iter().map(|row| row.key).collect()
        };
        self.marks.take_frame(&present, &self.table.frame, &frame);
        self.deletion.retain_outcomes(&present, now);
        let is_found = by.1 == self.table.find();
        self.table.set_frame(frame, by, arranged);
        self.update_places();
        if let Some(back) = self.holds.find_back(&self.table.frame, now) {
            self.notify(back, now);
        }
        if is_found {
            self.finish_find();
        }
    }

    // Lookups.

    /// Returns what has been looked up of a row.
    pub(crate) fn resolved(&self, row: &Row) -> Resolved {
        self.lookups.of(row)
    }

    /// Returns the outcome of a row's deletion, for a while.
    pub(crate) fn outcome(&self, key: RowKey) -> Option<Outcome> {
        self.deletion.outcome(key)
    }

    /// Requests what is not known of the rows on the screen.
    pub(crate) fn request_unresolved(&mut self) {
        let unknown = self.lookups.request(self.table.visible_rows());
        if !unknown.is_empty() {
            self.outbox.push(WorkerCommand::Resolve(unknown));
        }
    }

    /// Requests the names of the peers on the screen, while names are shown.
    pub(crate) fn request_names(&mut self, now: Instant) {
        self.names.want(self.table.visible_peers(), now);
    }

    // Actions of keys.

    /// Shows names, or addresses again.
    pub(crate) fn toggle_names(&mut self, now: Instant) {
        self.names.toggle();
        let notice = if self.names.are_on() {
            "names, as this machine resolves them; filters and / know addresses"
        } else {
            "addresses"
        };
        self.notify(notice, now);
    }

    /// Marks the line under the cursor, or unmarks it, and moves on.
    pub(crate) fn toggle_mark(&mut self) {
        if self.table.current_line().is_some() {
            self.marks.toggle(self.table.current_keys());
            self.table.move_by(1);
        }
    }

    /// Returns the number of marked rows that the filter does not select.
    pub(crate) fn count_hidden_marks(&self) -> usize {
        if self.table.find().is_empty() && !self.table.arrangement.joins_ends {
            return self.marks.hidden().len();
        }
        let rows = self.table.rows_in_order();
        let shown = rows.filter(|row| self.marks.contains(row.key)).count();
        self.marks.count().saturating_sub(shown)
    }

    /// Marks all rows that the filter selects.
    pub(crate) fn mark_all(&mut self) {
        let rows = self.table.rows_in_order();
        let present = rows.filter(|row| row.is_present());
        self.marks.add(present.map(|row| row.key));
    }

    /// Expands or collapses the group under the cursor; on a row, opens its details.
    pub(crate) fn enter(&mut self) {
        match self.table.current_line() {
            Some(TableLine::Group(place)) => self.table.toggle_group(place),
            Some(TableLine::Row(_)) => self.open_details(),
            None => {}
        }
    }

    fn open_details(&mut self) {
        self.table.hold();
        let Some(row) = self.table.current_row() else {
            return;
        };
        let target = SocketTarget::from(row);
        self.outbox
            .push(WorkerCommand::Details(Some(target.clone())));
        self.details = Some(DetailsPane::new(target));
        self.focus = Focus::Details;
    }

    pub(crate) fn close_details(&mut self) {
        self.details = None;
        self.outbox.push(WorkerCommand::Details(None));
        self.focus = Focus::Table;
    }

    /// Shows the counters by the kernel's names, or in groups.
    pub(crate) fn toggle_kernel_names(&mut self) {
        if let Some(pane) = &mut self.details {
            pane.has_kernel_names = !pane.has_kernel_names;
        }
    }

    pub(crate) fn arrange(&mut self, arrangement: Arrangement) {
        self.table.arrange(arrangement);
        self.send_arrangement();
    }

    fn send_arrangement(&mut self) {
        let find = self.table.find().clone();
        let command = WorkerCommand::Arrange(self.table.arrangement, find);
        self.outbox.push(command);
    }

    /// Shows only the rows that have these words. Returns false where the worker has to send them.
    pub(super) fn find(&mut self, find: Find) -> bool {
        if *self.table.find() == find {
            return !self.filter.is_finding;
        }
        let is_complete = self.table.set_find(find);
        self.send_arrangement();
        is_complete
    }

    /// Sorts by a column, in its natural direction.
    pub(crate) fn sort_by(&mut self, column: TopColumn) {
        self.arrange(Arrangement {
            by: column,
            descending: column.format().largest_first,
            ..self.table.arrangement
        });
    }

    /// Groups the rows by another property, or no longer.
    pub(crate) fn group_by(&mut self, grouping: Grouping) {
        let arrangement = self.table.regrouped(grouping);
        self.arrange(arrangement);
    }

    /// Returns the grouping beside the current one: by host only where rows have one.
    pub(crate) fn neighbour_grouping(&self, step: fn(Grouping) -> Grouping) -> Grouping {
        match step(self.table.arrangement.grouping) {
            Grouping::Host if !self.columns.has_hosts() => step(Grouping::Host),
            grouping => grouping,
        }
    }

    /// Returns the columns of the table, in their order.
    pub(crate) fn visible_columns(&self) -> Vec<TopColumn> {
        self.columns.visible(self.table.arrangement.grouping)
    }

    /// Returns the columns that the table can be sorted by: those of most use first are those on the screen.
    pub(crate) fn order_choices(&self) -> Vec<TopColumn> {
        let mut choices = self.visible_columns();
        let is_grouped = self.table.arrangement.grouping != Grouping::None;
        let others = self.columns.all();
        let others = others.filter(|column| is_grouped || *column != TopColumn::Count);
        let others: Vec<_> = others.filter(|column| !choices.contains(column)).collect();
        choices.extend(others);
        choices
    }

    /// Shows both ends of a connection within the host as one row, or each by itself.
    pub(crate) fn toggle_joined_ends(&mut self, now: Instant) {
        let before = self.table.arrangement;
        let joins_ends = !before.joins_ends;
        self.arrange(Arrangement {
            joins_ends,
            ..before
        });
        let notice = match (joins_ends, self.table.count_joined()) {
            (false, _) => "each end is a row".to_owned(),
            // The worker is asked.
            (true, _) if self.table.frame.is_large() => {
                "both ends of a connection are one row".to_owned()
            }
            (true, 0) => {
                "of no connection both ends are in this table, in the same state".to_owned()
            }
            (true, 1) => "both ends of 1 connection are one row".to_owned(),
            (true, count) => format!("both ends of {count} connections are one row each"),
        };
        self.notify(notice, now);
    }

    /// Reverses the order.
    pub(crate) fn reverse(&mut self) {
        let arrangement = self.table.arrangement;
        self.arrange(arrangement.sorted_by(arrangement.by));
    }

    pub(crate) fn toggle_pause(&mut self) {
        self.pace.paused = !self.pace.paused;
        self.send_pace();
    }

    /// Goes to another frame of a replay; a frame alone pauses it.
    pub(crate) fn seek(&mut self, step: SeekStep, now: Instant) {
        if !self.is_replay {
            return self.notify("only a replay (--replay FILE) goes back and on", now);
        }
        let is_frame = matches!(step, SeekStep::FrameBefore | SeekStep::NextFrame);
        if is_frame && !self.pace.paused {
            self.toggle_pause();
        }
        self.outbox.push(WorkerCommand::Seek(step));
    }

    /// Reads the table less often.
    pub(crate) fn lengthen_interval(&mut self) {
        self.pace.lengthen();
        self.send_pace();
    }

    /// Reads the table more often.
    pub(crate) fn shorten_interval(&mut self) {
        self.pace.shorten();
        self.send_pace();
    }

    fn send_pace(&mut self) {
        self.outbox
            .push(WorkerCommand::Every(self.pace.effective()));
    }

    /// Reads the table now.
    pub(crate) fn refresh(&mut self) {
        self.outbox.push(WorkerCommand::Refresh);
    }

    /// Shows sockets in other states.
    pub(crate) fn show_kind(&mut self, kind: SocketKind, now: Instant) {
        self.kind = kind;
        self.table.show_top();
        self.notify(format!("showing {}", kind.name()), now);
        self.outbox.push(WorkerCommand::ShowKind(kind));
    }

    pub(crate) fn toggle_namespaces(&mut self, now: Instant) {
        let all = self.namespaces.toggle();
        self.table.show_top();
        if all {
            self.notify("looking for network namespaces", now);
        }
        self.outbox.push(WorkerCommand::AllNamespaces(all));
    }

    /// Scrolls the part of the screen that keys go to, down by this many lines, or up.
    pub(crate) fn scroll(&mut self, lines: isize) {
        let height = self.table.height;
        match self.focus {
            Focus::Preview => self.deletion.scroll_preview(lines),
            Focus::Details => {
                if let Some(pane) = &mut self.details {
                    pane.scroll.by(lines, height);
                }
            }
            Focus::Help => self.help.scroll.by(lines, height),
            Focus::Left => self.left.scroll.by(lines, height),
            // Upwards is back in time.
            Focus::Log => self.log.scroll(lines.saturating_neg()),
            Focus::Table | Focus::Filter => self.table.move_by(lines),
            Focus::Places => self.places.move_by(lines),
            Focus::Columns | Focus::Order | Focus::Cells | Focus::Save => {}
        }
    }

    /// Changes the colours.
    pub(crate) fn change_palette(&mut self, now: Instant) {
        self.palette = self.palette.next();
        self.notify(format!("theme: {}", self.palette.name()), now);
    }

    /// Returns the settings that a key keeps for later runs.
    pub(crate) fn kept(&self) -> KeptSettings {
        let Arrangement {
            by,
            descending,
            grouping,
            ..
        } = self.table.arrangement;
        KeptSettings {
            columns: self.columns.shown.clone(),
            sort: Some(by),
            reverse: descending != by.format().largest_first,
            interval: Some(self.pace.interval),
            group: Some(grouping),
            theme: Some(self.palette),
        }
    }

    pub(crate) fn open_help(&mut self) {
        if self.focus != Focus::Help {
            self.help.behind = std::mem::replace(&mut self.focus, Focus::Help);
            self.help.scroll.offset = 0;
        }
    }

    pub(crate) fn close_help(&mut self) {
        self.focus = self.help.behind;
    }
}
