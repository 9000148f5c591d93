//! What the screen shows and remembers: pure, changed only by keys and by what the worker tells.

mod cursor;
mod deletion;
mod edit;
mod filter;
mod log;
mod suggest;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::Outcome;

use cursor::Chosen;
pub(crate) use deletion::{Counts, Preview};
pub(crate) use edit::Edit;
pub(crate) use filter::FilterLine;
use log::Utc;
pub(crate) use log::{Entry, Log};

use super::message::{Command, Details, Shown, Target, Update};
use super::model::{Arranged, Arrangement, Facts, Frame, Key, Row, TableLine};
use crate::args::Column;

/// Everything between keys and screen.
#[derive(Debug)]
pub(crate) struct Top {
    pub(crate) mode: Mode,
    pub(crate) frame: Arc<Frame>,
    pub(crate) arrangement: Arrangement,
    arranged: Arranged,
    pub(crate) lines: Vec<TableLine>,
    /// The groups that are open, by name.
    open: HashSet<String>,
    pub(crate) columns: Vec<Column>,
    /// What is looked up since the frame was read.
    facts: HashMap<Key, Facts>,
    /// What was asked for since then.
    looked: HashSet<Key>,
    /// What the cursor is on: it stays there wherever that moves.
    chosen: Option<Chosen>,
    /// The line of the cursor.
    pub(crate) cursor: usize,
    /// The first line that is shown, and how many are.
    pub(crate) first: usize,
    pub(crate) height: usize,
    /// How many lines the text has that is shown instead of the table.
    pub(crate) text_height: usize,
    /// The line that was clicked last.
    pub(crate) clicked: Option<usize>,
    pub(crate) marks: HashSet<Key>,
    pub(crate) filter: FilterLine,
    pub(crate) shown: Shown,
    pub(crate) all_netns: bool,
    pub(crate) interval: Duration,
    pub(crate) paused: bool,
    pub(crate) preview: Option<Preview>,
    pub(crate) details: Option<DetailsPane>,
    pub(crate) chooser: usize,
    /// How far the help is scrolled, and what it covers.
    pub(crate) help: usize,
    behind_help: Mode,
    pub(crate) log: Log,
    pub(crate) save: Edit,
    /// The deletion that is running.
    deleting: Option<u64>,
    /// What became of those whose deletion was asked for, and when.
    outcomes: HashMap<Key, (Outcome, Instant)>,
    netns: NetnsColumn,
    /// What is said at the bottom, and since when.
    pub(crate) notice: Option<(String, Instant)>,
    /// Why there is no newer frame.
    pub(crate) trouble: Option<String>,
    serial: u64,
    /// What is to be sent to the worker.
    outbox: Vec<Command>,
    /// What only the terminal can do.
    pub(crate) request: Option<Request>,
}

/// The namespaces as far as they are asked for: the answer takes its time.
#[derive(Clone, Copy, Debug, Default)]
struct NetnsColumn {
    /// Whether all are wanted.
    wanted: bool,
    /// Whether their column was added for that.
    added: bool,
}

/// What the keys mean.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mode {
    #[default]
    Table,
    Filter,
    Preview,
    Details,
    Help,
    Columns,
    Log,
    Save,
}

/// What is asked of whoever owns the terminal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    Quit,
    Suspend,
    /// Redraw everything.
    Redraw,
    /// Into the terminal's clipboard.
    Copy(String),
    /// The log, into a new file of this name.
    Save(String),
}

/// All that is known of one connection.
#[derive(Clone, Debug)]
pub(crate) struct DetailsPane {
    pub(crate) target: Target,
    pub(crate) details: Option<Box<Details>>,
    pub(crate) scroll: usize,
}

impl Top {
    pub(crate) fn new(columns: Vec<Column>, arrangement: Arrangement, interval: Duration) -> Self {
        Self {
            mode: Mode::Table,
            frame: Arc::default(),
            arrangement,
            arranged: Arranged::default(),
            lines: Vec::new(),
            open: HashSet::new(),
            columns,
            facts: HashMap::new(),
            looked: HashSet::new(),
            chosen: None,
            cursor: 0,
            first: 0,
            height: 1,
            text_height: 0,
            clicked: None,
            marks: HashSet::new(),
            filter: FilterLine::default(),
            shown: Shown::default(),
            all_netns: false,
            interval,
            paused: false,
            preview: None,
            details: None,
            chooser: 0,
            help: 0,
            behind_help: Mode::Table,
            log: Log::default(),
            save: Edit::default(),
            deleting: None,
            outcomes: HashMap::new(),
            netns: NetnsColumn::default(),
            notice: None,
            trouble: None,
            serial: 0,
            outbox: Vec::new(),
            request: None,
        }
    }

    /// What has to be sent to the worker since the last time.
    pub(crate) fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.outbox)
    }

    fn ask(&mut self, command: Command) {
        self.outbox.push(command);
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) fn say(&mut self, text: impl Into<String>, now: Instant) {
        self.notice = Some((text.into(), now));
    }

    /// Takes in what the worker tells.
    pub(crate) fn update(&mut self, update: Update, now: Instant) {
        match update {
            Update::Frame {
                frame,
                arrangement,
                arranged,
            } => self.take_frame(frame, arrangement, arranged, now),
            Update::Facts(facts) => self.facts.extend(facts),
            Update::Filter { serial, result } => self.take_filter(serial, result),
            Update::Namespaces { all, notes } => {
                self.take_namespaces(all);
                if let Some(note) = notes.first() {
                    let more = notes.len() - 1;
                    let more = if more > 0 {
                        format!(" (and {more} more)")
                    } else {
                        String::new()
                    };
                    self.say(format!("{note}{more}"), now);
                }
            }
            Update::Details { key, details } => {
                let pane = self.details.as_mut().filter(|pane| pane.target.key == key);
                if let Some(pane) = pane {
                    pane.details = Some(details);
                }
            }
            Update::Preview { serial, items } => self.take_preview(serial, items),
            Update::Outcome {
                serial,
                target,
                result,
            } => self.take_outcome(serial, &target, &result, now),
            Update::Done { serial } => self.take_end(serial, now),
            Update::Trouble(text) => self.trouble = Some(text),
        }
    }

    fn take_frame(
        &mut self,
        frame: Arc<Frame>,
        arrangement: Arrangement,
        arranged: Arranged,
        now: Instant,
    ) {
        self.trouble = None;
        self.frame = frame;
        self.facts.clear();
        self.looked.clear();
        self.arranged = if arrangement == self.arrangement || self.frame.is_large() {
            arranged
        } else {
            Arranged::new(&self.frame, self.arrangement)
        };
        let there: HashSet<Key> = if self.marks.is_empty() && self.outcomes.is_empty() {
            HashSet::new()
        } else {
            self.frame.rows.iter().map(|row| row.key).collect()
        };
        // Nothing is marked that is not to be seen.
        self.marks.retain(|key| there.contains(key));
        // What was refused is a connection like others after a while; the log keeps it.
        let is_new = |at: Instant| now.saturating_duration_since(at) < TOLD;
        self.outcomes
            .retain(|key, (_, at)| there.contains(key) && is_new(*at));
        self.lay_out();
    }

    pub(crate) fn facts(&self, row: &Row) -> Facts {
        match self.facts.get(&row.key) {
            Some(facts) => facts.or(&row.facts),
            None => row.facts.clone(),
        }
    }

    pub(crate) fn outcome(&self, key: Key) -> Option<Outcome> {
        self.outcomes.get(&key).map(|(outcome, _)| *outcome)
    }

    /// Asks for what is not known of the rows on the screen.
    pub(crate) fn look(&mut self) {
        let is_known = |row: &Row| {
            let facts = self.facts(row);
            facts.may.is_some() && (facts.holders.is_some() || row.connection.inode.is_none())
        };
        let unknown: Vec<_> = self
            .visible()
            .iter()
            .filter_map(|line| match line {
                TableLine::Row(place) => Some(self.row(*place)),
                TableLine::Group(_) => None,
            })
            .filter(|row| row.is_there() && !is_known(row) && !self.looked.contains(&row.key))
            .map(|row| row.key)
            .collect();
        if !unknown.is_empty() {
            self.looked.extend(&unknown);
            self.ask(Command::Look(unknown));
        }
    }

    // What keys do.

    /// Marks what is under the cursor, or takes the mark away, and goes on.
    pub(crate) fn toggle_mark(&mut self) {
        let Some(line) = self.lines.get(self.cursor).copied() else {
            return;
        };
        let keys = self.rows_of(line);
        if keys.iter().all(|key| self.marks.contains(key)) {
            for key in &keys {
                self.marks.remove(key);
            }
        } else {
            self.marks.extend(keys);
        }
        self.move_by(1);
    }

    /// Marks all that the filter selects.
    pub(crate) fn mark_all(&mut self) {
        let rows = self.frame.rows.iter().filter(|row| row.is_there());
        self.marks.extend(rows.map(|row| row.key));
    }

    pub(crate) fn unmark_all(&mut self) {
        self.marks.clear();
    }

    /// Opens the group under the cursor, or closes it; on a row, shows its details.
    pub(crate) fn enter(&mut self) {
        match self.lines.get(self.cursor) {
            Some(TableLine::Group(place)) => {
                let name = self.group(*place).name.clone();
                if !self.open.remove(&name) {
                    self.open.insert(name);
                }
                self.lay_out();
            }
            Some(TableLine::Row(_)) => self.show_details(),
            None => {}
        }
    }

    pub(crate) fn show_details(&mut self) {
        let Some(row) = self.current() else { return };
        let target = Target::from(row);
        self.ask(Command::Details(Some(target.clone())));
        self.details = Some(DetailsPane {
            target,
            details: None,
            scroll: 0,
        });
        self.mode = Mode::Details;
    }

    pub(crate) fn hide_details(&mut self) {
        self.details = None;
        self.ask(Command::Details(None));
        self.mode = Mode::Table;
    }

    pub(crate) fn arrange(&mut self, arrangement: Arrangement) {
        if arrangement.grouping != self.arrangement.grouping {
            self.open.clear();
            self.first = 0;
        }
        let is_known = self.arrangement.needs_holders() || !arrangement.needs_holders();
        self.arrangement = arrangement;
        // Keys don't wait for a large table, nor for owners: the worker sends it in its new order.
        if is_known && !self.frame.is_large() {
            self.arranged = Arranged::new(&self.frame, arrangement);
            self.lay_out();
        }
        self.ask(Command::Arrange(arrangement));
    }

    pub(crate) fn toggle_pause(&mut self) {
        self.paused = !self.paused;
        self.send_interval();
    }

    /// Reads the table twice as often, or half as often.
    pub(crate) fn change_interval(&mut self, longer: bool) {
        let shortest = INTERVALS[0];
        let next = if longer {
            INTERVALS.iter().find(|interval| **interval > self.interval)
        } else {
            INTERVALS
                .iter()
                .rev()
                .find(|interval| **interval < self.interval)
        };
        self.interval = next.copied().unwrap_or(self.interval).max(shortest);
        self.send_interval();
    }

    fn send_interval(&mut self) {
        let interval = (!self.paused).then_some(self.interval);
        self.ask(Command::Every(interval));
    }

    pub(crate) fn refresh(&mut self) {
        self.ask(Command::Refresh);
    }

    pub(crate) fn show(&mut self, shown: Shown, now: Instant) {
        self.shown = shown;
        self.say(format!("showing {}", shown.name()), now);
        self.ask(Command::Show(shown));
    }

    pub(crate) fn toggle_netns(&mut self, now: Instant) {
        let all = !self.netns.wanted;
        self.netns.wanted = all;
        if all {
            self.say("looking for network namespaces", now);
        }
        self.ask(Command::AllNamespaces(all));
    }

    /// Shows their names where there are several.
    fn take_namespaces(&mut self, all: bool) {
        self.all_netns = all;
        self.netns.wanted = all;
        let is_shown = self.columns.contains(&Column::Netns);
        if all && !is_shown {
            self.columns
                .insert(self.columns.len().min(3), Column::Netns);
            self.netns.added = true;
        } else if !all && std::mem::take(&mut self.netns.added) {
            self.columns.retain(|column| *column != Column::Netns);
        }
    }

    /// All columns as the chooser lists them: those that are shown first, in their order.
    pub(crate) fn choices(&self) -> Vec<Column> {
        let hidden = Column::all()
            .iter()
            .copied()
            .filter(|column| !self.columns.contains(column));
        self.columns.iter().copied().chain(hidden).collect()
    }

    /// Keeps the chooser on a column that has moved.
    pub(crate) fn follow_choice(&mut self, column: Column) {
        let place = self.choices().iter().position(|it| *it == column);
        self.chooser = place.unwrap_or_default();
    }

    /// How far a text can be scrolled: until its end is on the screen.
    fn last_of_text(&self) -> usize {
        (self.text_height + 1).saturating_sub(self.height)
    }

    /// Scrolls what is shown instead of the table, by so many lines.
    pub(crate) fn scroll(&mut self, lines: isize) {
        let to = |place: usize, most: usize| place.saturating_add_signed(lines).min(most);
        match self.mode {
            Mode::Preview => {
                if let Some(preview) = &mut self.preview {
                    let count = preview.items.as_ref().map_or(0, Vec::len);
                    preview.scroll = to(preview.scroll, count.saturating_sub(1));
                }
            }
            Mode::Details => {
                let last = self.last_of_text();
                if let Some(pane) = &mut self.details {
                    pane.scroll = to(pane.scroll, last);
                }
            }
            Mode::Help => self.help = to(self.help, self.last_of_text()),
            // Upwards is back in time.
            Mode::Log => self.log.scroll(lines.saturating_neg()),
            Mode::Table | Mode::Filter => self.move_by(lines),
            Mode::Columns | Mode::Save => {}
        }
    }

    pub(crate) fn show_help(&mut self) {
        if self.mode != Mode::Help {
            self.behind_help = std::mem::replace(&mut self.mode, Mode::Help);
            self.help = 0;
        }
    }

    pub(crate) fn hide_help(&mut self) {
        self.mode = self.behind_help;
    }

    /// A name for the log that no file has yet.
    pub(crate) fn propose_name(&mut self) {
        let now = Utc(std::time::SystemTime::now()).to_string();
        self.save = Edit::of(&format!("tcpentry-{}.log", now.replace(':', "-")));
    }
}

/// How long a row shows what became of its deletion.
const TOLD: Duration = Duration::from_secs(10);
/// How often the table can be read.
pub(crate) const INTERVALS: [Duration; 8] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
