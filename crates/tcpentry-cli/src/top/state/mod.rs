//! What the screen shows and remembers: pure, changed only by keys and by what the worker tells.

mod arrange;
mod column;
mod edit;
mod frame;
mod log;
mod row;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tcpentry::{Method, Outcome};

pub(crate) use arrange::{Arranged, Arrangement, Group, Grouping, Line};
pub(crate) use column::{Column, bytes, sign};
pub(crate) use edit::Edit;
pub(crate) use frame::{Frame, Question};
use log::Utc;
pub(crate) use log::{Entry, Log};
pub(crate) use row::{Change, Facts, Holders, Key, May, Refusal, Row};

use super::message::{Command, Details, Item, Shown, Target, Update, Wrong};
use super::suggest;

/// Everything between keys and screen.
#[derive(Debug)]
pub(crate) struct Top {
    pub(crate) mode: Mode,
    pub(crate) frame: Arc<Frame>,
    pub(crate) arrangement: Arrangement,
    arranged: Arranged,
    pub(crate) lines: Vec<Line>,
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

#[derive(Clone, Debug, Eq, PartialEq)]
enum Chosen {
    Row(Key),
    Group(String),
}

/// The filter: what is shown, and what is being typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilterLine {
    pub(crate) edit: Edit,
    /// What is shown by it now.
    pub(crate) applied: String,
    /// What was shown when typing began.
    before: String,
    pub(crate) wrong: Option<Wrong>,
    serial: u64,
    /// What the worker was asked for, until it has answered.
    asked: Option<String>,
    /// It was entered, and not only typed, when the worker was asked.
    entered: bool,
}

/// What is about to be deleted, or has been.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preview {
    serial: u64,
    pub(crate) asked: usize,
    pub(crate) items: Option<Vec<Item>>,
    /// They were on the screen: nobody confirms what he can't have seen.
    pub(crate) seen: bool,
    pub(crate) scroll: usize,
    /// Since it was confirmed: what became of how many.
    pub(crate) running: Option<Counts>,
    pub(crate) done: bool,
}

/// What became of a deletion's connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) deleted: usize,
    pub(crate) gone: usize,
    pub(crate) not: usize,
}

impl Preview {
    /// What `y` deletes: those of which the rehearsal said that it may be done.
    fn confirmed(&self) -> Vec<Target> {
        let items = self.items.iter().flatten();
        items
            .filter(|item| matches!(item.may, May::By(_)))
            .map(|item| item.target.clone())
            .collect()
    }

    pub(crate) fn deletable(&self) -> usize {
        let items = self.items.iter().flatten();
        items.filter(|item| matches!(item.may, May::By(_))).count()
    }
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
            Update::Filter { serial, result } if serial == self.filter.serial => {
                self.take_filter(result);
            }
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
            Update::Preview { serial, items } => {
                let preview = self
                    .preview
                    .as_mut()
                    .filter(|preview| preview.serial == serial);
                if let Some(preview) = preview {
                    preview.items = Some(items);
                }
            }
            Update::Outcome {
                serial,
                target,
                result,
            } => self.take_outcome(serial, &target, &result, now),
            Update::Done { serial } => self.take_end(serial, now),
            Update::Trouble(text) => self.trouble = Some(text),
            // Of a filter that has been changed since.
            Update::Filter { .. } => {}
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

    /// Makes the lines anew, and keeps the cursor on what it was on.
    fn lay_out(&mut self) {
        self.lines = self.arranged.lines(&self.open);
        let stays = self.chosen.as_ref().and_then(|chosen| {
            let is_it = |line: &Line| self.is_on(*line, chosen);
            match self.lines.get(self.cursor) {
                Some(line) if is_it(line) => Some(self.cursor),
                _ => self.lines.iter().position(is_it),
            }
        });
        // Where it has gone, the cursor stays in its place of the screen.
        let place = stays.unwrap_or(self.cursor);
        if stays.is_some() && place != self.cursor {
            let on_screen = self.cursor.saturating_sub(self.first);
            self.first = place.saturating_sub(on_screen);
        }
        self.move_to(place);
    }

    fn is_on(&self, line: Line, chosen: &Chosen) -> bool {
        match (line, chosen) {
            (Line::Row(place), Chosen::Row(key)) => self.frame.rows[place as usize].key == *key,
            (Line::Group(place), Chosen::Group(name)) => {
                self.arranged.groups[place as usize].name == *name
            }
            _ => false,
        }
    }

    /// Moves the cursor to a line, and the screen with it.
    pub(crate) fn move_to(&mut self, line: usize) {
        self.cursor = line.min(self.lines.len().saturating_sub(1));
        self.chosen = self.lines.get(self.cursor).map(|line| match line {
            Line::Row(place) => Chosen::Row(self.frame.rows[*place as usize].key),
            Line::Group(place) => Chosen::Group(self.arranged.groups[*place as usize].name.clone()),
        });
        self.keep_in_view();
    }

    /// Moves it by so many lines.
    pub(crate) fn move_by(&mut self, lines: isize) {
        self.move_to(self.cursor.saturating_add_signed(lines));
    }

    /// How many lines fit on the screen.
    pub(crate) fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.keep_in_view();
    }

    fn keep_in_view(&mut self) {
        let last = self.lines.len().saturating_sub(self.height);
        let nearest = self.cursor.saturating_sub(self.height - 1);
        self.first = self
            .first
            .clamp(nearest, self.cursor.max(nearest))
            .min(last);
    }

    /// The lines on the screen.
    pub(crate) fn visible(&self) -> &[Line] {
        let end = (self.first + self.height).min(self.lines.len());
        self.lines.get(self.first..end).unwrap_or_default()
    }

    pub(crate) fn row(&self, place: u32) -> &Row {
        &self.frame.rows[place as usize]
    }

    pub(crate) fn group(&self, place: u32) -> &Group {
        &self.arranged.groups[place as usize]
    }

    pub(crate) fn is_open(&self, group: &Group) -> bool {
        self.open.contains(&group.name)
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

    /// The row under the cursor.
    pub(crate) fn current(&self) -> Option<&Row> {
        match self.lines.get(self.cursor)? {
            Line::Row(place) => Some(self.row(*place)),
            Line::Group(_) => None,
        }
    }

    /// The rows that a line stands for.
    fn rows_of(&self, line: Line) -> Vec<Key> {
        let key = |place: &u32| self.row(*place).key;
        match line {
            Line::Row(place) => vec![key(&place)],
            Line::Group(place) => self.group(place).rows.iter().map(key).collect(),
        }
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
                Line::Row(place) => Some(self.row(*place)),
                Line::Group(_) => None,
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
            Some(Line::Group(place)) => {
                let name = self.group(*place).name.clone();
                if !self.open.remove(&name) {
                    self.open.insert(name);
                }
                self.lay_out();
            }
            Some(Line::Row(_)) => self.show_details(),
            None => {}
        }
    }

    pub(crate) fn show_details(&mut self) {
        let Some(row) = self.current() else { return };
        let target = target_of(row);
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
        let hidden = Column::ALL
            .into_iter()
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

    // The filter.

    pub(crate) fn start_typing(&mut self) {
        // The answer to what was asked before is still to come, and closes nothing.
        let asked = self.filter.asked.as_ref();
        self.filter.before = asked.unwrap_or(&self.filter.applied).clone();
        // Who looks for something else need not delete what was looked for before.
        self.filter.edit.clear();
        self.filter.entered = false;
        self.filter.wrong = None;
        self.mode = Mode::Filter;
    }

    /// What is offered for what was typed: a filter that may be meant; of nothing, the one that is shown.
    pub(crate) fn suggestion(&self) -> Option<String> {
        let typed = self.filter.edit.text();
        if typed.is_empty() {
            return Some(self.filter.before.clone()).filter(|before| !before.is_empty());
        }
        suggest::filter(&typed)
    }

    /// Takes that.
    pub(crate) fn take_suggestion(&mut self) {
        if let Some(suggestion) = self.suggestion() {
            self.filter.edit = Edit::of(&suggestion);
            self.typed();
        }
    }

    /// Asks what the text selects.
    pub(crate) fn typed(&mut self) {
        self.send_filter(true);
    }

    fn send_filter(&mut self, typing: bool) {
        let serial = self.next_serial();
        self.filter.serial = serial;
        self.filter.entered = !typing;
        let text = self.filter.edit.text();
        self.filter.asked = Some(text.clone());
        self.ask(Command::Filter {
            serial,
            text,
            typing,
        });
    }

    /// Enters it: the line stays open where it makes no sense.
    ///
    /// What is no filter and can be taken for one is taken for it.
    pub(crate) fn enter_filter(&mut self) {
        if let Some(meant) = suggest::filter(&self.filter.edit.text()) {
            self.filter.edit = Edit::of(&meant);
        }
        self.send_filter(false);
    }

    /// Goes back to what was shown before typing.
    pub(crate) fn abandon_filter(&mut self) {
        self.filter.edit = Edit::of(&self.filter.before);
        self.filter.wrong = None;
        self.mode = Mode::Table;
        self.send_filter(false);
    }

    /// Shows everything again.
    pub(crate) fn clear_filter(&mut self) {
        self.filter.edit.clear();
        self.send_filter(false);
    }

    fn take_filter(&mut self, result: Result<String, Wrong>) {
        let asked = self.filter.asked.take();
        match result {
            Ok(_) => {
                self.filter.applied = asked.unwrap_or_default();
                self.filter.wrong = None;
                if self.filter.entered && self.mode == Mode::Filter {
                    self.mode = Mode::Table;
                }
            }
            Err(wrong) => {
                self.filter.wrong = Some(wrong);
                // It was given up, and has to be mended: unless something else is done by now, like confirming a deletion.
                if self.filter.entered && self.mode == Mode::Table {
                    self.mode = Mode::Filter;
                }
            }
        }
    }

    // Deletion.

    /// Asks what a deletion of the marked would do, or of what is under the cursor.
    pub(crate) fn prepare_deletion(&mut self, now: Instant) {
        let keys: HashSet<Key> = if self.marks.is_empty() {
            let line = self.lines.get(self.cursor).copied();
            line.map(|line| self.rows_of(line))
                .into_iter()
                .flatten()
                .collect()
        } else {
            self.marks.clone()
        };
        // In the order of the screen.
        let groups = self.arranged.groups.iter().flat_map(|group| &group.rows);
        let places = self.arranged.order.iter().chain(groups);
        let rows = places.map(|place| self.row(*place));
        let targets: Vec<_> = rows
            .filter(|row| keys.contains(&row.key) && row.is_there())
            .map(target_of)
            .collect();
        if targets.is_empty() {
            self.say("nothing to delete: it is gone", now);
        } else {
            self.prepare_deletion_of(targets);
        }
    }

    pub(crate) fn prepare_deletion_of(&mut self, targets: Vec<Target>) {
        let serial = self.next_serial();
        self.preview = Some(Preview {
            serial,
            asked: targets.len(),
            ..Preview::default()
        });
        self.mode = Mode::Preview;
        self.ask(Command::Rehearse { serial, targets });
    }

    /// Deletes exactly what the preview shows, if it has shown it yet.
    pub(crate) fn confirm_deletion(&mut self, now: Instant) {
        let Some(preview) = &mut self.preview else {
            return;
        };
        if preview.running.is_some() || !preview.seen {
            return;
        }
        let targets = preview.confirmed();
        if targets.is_empty() {
            return;
        }
        let serial = preview.serial;
        preview.running = Some(Counts::default());
        preview.scroll = 0;
        // What is refused has been seen; it is told in the log as well.
        let refused: Vec<_> = preview
            .items
            .iter()
            .flatten()
            .filter_map(|item| match &item.may {
                May::No(refusal) => Some((item.target.clone(), refusal.clone())),
                May::By(_) => None,
            })
            .collect();
        for (target, refusal) in refused {
            self.take_outcome(serial, &target, &Err(refusal), now);
        }
        self.deleting = Some(serial);
        self.ask(Command::Delete { serial, targets });
    }

    /// Closes the preview: unless it was confirmed, nothing is deleted.
    pub(crate) fn leave_preview(&mut self, now: Instant) {
        if let Some(preview) = self.preview.take() {
            // The rest goes on where it was; the log and the rows tell.
            if preview.running.is_none() {
                self.say("not confirmed: nothing was deleted", now);
            }
        }
        self.mode = Mode::Table;
    }

    fn take_outcome(
        &mut self,
        serial: u64,
        target: &Target,
        result: &Result<Method, Refusal>,
        now: Instant,
    ) {
        let outcome = match result {
            Ok(_) => Outcome::Deleted,
            Err(refusal) => refusal.outcome,
        };
        self.outcomes.insert(target.key, (outcome, now));
        if matches!(outcome, Outcome::Deleted | Outcome::Gone) {
            self.marks.remove(&target.key);
        }
        self.log.push(Entry::of(target, result));
        let preview = self
            .preview
            .as_mut()
            .filter(|preview| preview.serial == serial);
        if let Some(counts) = preview.and_then(|preview| preview.running.as_mut()) {
            match outcome {
                Outcome::Deleted => counts.deleted += 1,
                Outcome::Gone => counts.gone += 1,
                _ => counts.not += 1,
            }
        }
    }

    /// Whether there are outcomes still to come.
    pub(crate) fn is_deleting(&self) -> bool {
        self.deleting.is_some()
    }

    fn take_end(&mut self, serial: u64, now: Instant) {
        if self.deleting == Some(serial) {
            self.deleting = None;
        }
        let counts = match &mut self.preview {
            Some(preview) if preview.serial == serial => {
                preview.done = true;
                preview.running.unwrap_or_default()
            }
            _ => return,
        };
        let Counts { deleted, gone, not } = counts;
        let parts = [
            (deleted, "deleted"),
            (gone, "already gone"),
            (not, "not deleted (l: log)"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        self.say(parts.join(", "), now);
        // All is well: the rows show it.
        if not == 0 {
            self.preview = None;
            for mode in [&mut self.mode, &mut self.behind_help] {
                if *mode == Mode::Preview {
                    *mode = Mode::Table;
                }
            }
        }
    }
}

fn target_of(row: &Row) -> Target {
    Target {
        key: row.key,
        connection: row.connection.clone(),
        netns: row.netns.clone(),
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
