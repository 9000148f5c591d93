//! The columns that fit on the screen, and their widths.

use super::super::model::{TableLine, short_state};
use super::super::state::Top;
use super::Signs;
use super::ends::{end, group_end, processes};
use super::graph::graph;
use super::text::{Cut, width};
use crate::args::{Grouping, TopColumn};

/// The texts of the lines on the screen, in the visible columns.
pub(super) struct RowTexts {
    pub(super) columns: Vec<TopColumn>,
    pub(super) rows: Vec<RowText>,
    grouping: Grouping,
}

/// The texts of a row, or of a group.
pub(super) struct RowText {
    /// The text of each visible column, and the part of it that is left out where it is too long.
    pub(super) cells: Vec<(String, Cut)>,
    /// The text of the state on a narrow screen.
    pub(super) short_state: String,
}

impl RowTexts {
    pub(super) fn of(top: &Top, signs: Signs) -> Self {
        let columns = top.visible_columns();
        let grouping = top.table.arrangement.grouping;
        let of_group = |place: u32| {
            let group = top.table.group(place);
            let text = |column: &TopColumn| match column {
                TopColumn::History => (graph(&group.history, signs), Cut::End),
                TopColumn::Local | TopColumn::Peer => group_end(top, group, *column),
                TopColumn::Process => (group.text(*column, grouping), Cut::Name),
                column => (group.text(*column, grouping), Cut::End),
            };
            RowText {
                cells: columns.iter().map(text).collect(),
                short_state: group.text(TopColumn::State, grouping),
            }
        };
        let of_row = |place: u32| {
            let row = top.table.row(place);
            let (resolved, outcome) = (top.resolved(row), top.outcome(row.key));
            let outcome = outcome.map(|outcome| outcome.to_string());
            let text = |column: &TopColumn| match (column, &outcome) {
                (TopColumn::State, Some(outcome)) => (outcome.clone(), Cut::End),
                (TopColumn::History, _) => (graph(&row.history.values(), signs), Cut::End),
                (TopColumn::Local | TopColumn::Peer, _) => end(top, row, *column),
                (TopColumn::Process, _) => processes(top, place, signs),
                _ => (column.text(row, &resolved), Cut::End),
            };
            let cells = columns.iter().map(text).collect();
            let short_state = outcome.unwrap_or_else(|| short_state(row.connection.state));
            RowText { cells, short_state }
        };
        let texts = |line: &TableLine| match line {
            TableLine::Group(place) => of_group(*place),
            TableLine::Row(place) => of_row(*place),
        };
        Self {
            rows: top.table.visible().iter().map(texts).collect(),
            columns,
            grouping,
        }
    }

    /// Returns the width of the widest text of a column.
    fn widest(&self, place: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(place));
        cells.map(|(text, _)| width(text)).max().unwrap_or(0)
    }

    /// Returns the columns that stay while others are scrolled.
    fn fixed(&self, sorted: TopColumn) -> [TopColumn; 3] {
        match self.grouping.column() {
            Some(name) => [sorted, name, TopColumn::Count],
            None => [sorted, TopColumn::State, TopColumn::Peer],
        }
    }

    /// Returns all columns, those of most use first.
    fn by_use(&self) -> Vec<TopColumn> {
        let Some(name) = self.grouping.column() else {
            return USE.to_vec();
        };
        let others = USE_OF_GROUPS.into_iter().filter(|column| *column != name);
        [name].into_iter().chain(others).collect()
    }

    fn widest_short_state(&self) -> usize {
        let texts = self.rows.iter().map(|row| width(&row.short_state));
        texts.max().unwrap_or(0)
    }
}

/// A column on the screen: its index among the visible ones, and its width.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PlacedColumn {
    pub(super) place: usize,
    pub(super) column: TopColumn,
    pub(super) width: usize,
}

/// The columns on the screen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TableLayout {
    pub(super) columns: Vec<PlacedColumn>,
    /// States are shown in four letters.
    pub(super) has_short_states: bool,
    /// Columns are left out.
    pub(super) is_cut: bool,
}

impl TableLayout {
    /// Chooses the columns that fit.
    ///
    /// Where not all do, those of most use are shown (`USE`), the ends of connections shortened for the first of them. An
    /// offset scrolls instead: behind the column of the order, state and peer come the others from that one on.
    pub(super) fn of(cells: &RowTexts, sorted: TopColumn, room: usize, offset: usize) -> Self {
        let columns = &*cells.columns;
        let fixed = cells.fixed(sorted);
        let by_use = cells.by_use();
        let widths = Widths {
            columns,
            cells,
            sorted,
            room,
        };
        let mut fit = Fit {
            chosen: Vec::new(),
            // The gap behind the last column may be off the screen.
            left: room + GAP,
        };
        let wanted: Vec<TopColumn> = if offset == 0 {
            let is_shown = |column: &TopColumn| columns.contains(column);
            let first = [sorted].into_iter().filter(is_shown);
            let by_use = by_use.iter().copied().filter(is_shown);
            first
                .chain(by_use.filter(|column| *column != sorted))
                .collect()
        } else {
            let (fixed, others) = split(columns, &fixed);
            fixed
                .into_iter()
                .chain(others.into_iter().skip(offset))
                .collect()
        };
        let name = cells.grouping.column();
        let main = name.map_or(MAIN, |_| MAIN_OF_GROUPS);
        let is_main =
            |column: &TopColumn| offset > 0 || *column == sorted || by_use[..main].contains(column);
        let last = wanted.last().copied();
        let (main, others): (Vec<_>, Vec<_>) = wanted.iter().partition(|it| is_main(it));
        for column in main {
            let fits = fit.add(widths.place(column), widths.least(column));
            // Scrolled, no column is passed over.
            if !fits && offset > 0 {
                break;
            }
        }
        let ends_and_names = [
            TopColumn::Peer,
            TopColumn::Local,
            TopColumn::Process,
            TopColumn::Unit,
        ];
        for column in name.into_iter().chain(ends_and_names) {
            fit.grow(widths.place(column), widths.full(column));
        }
        let state = widths.place(TopColumn::State);
        let full_state = widths.full(TopColumn::State);
        let has_short_states = !fit.grow_at_once(state, full_state);
        for column in others {
            fit.add(widths.place(column), widths.full(column));
        }
        // Names that are longer than usual take what is left.
        let is_of_names = |column: &TopColumn| match column {
            TopColumn::State => widths.is_grouped(),
            column => !matches!(column, TopColumn::Local | TopColumn::Peer),
        };
        for column in by_use.into_iter().filter(is_of_names) {
            fit.grow(widths.place(column), widths.content(column));
        }
        // Scrolled, those on the left are known to be missing.
        let is_cut = if offset == 0 {
            fit.chosen.len() < columns.len()
        } else {
            let last = last.and_then(|column| widths.place(column));
            !fit.chosen.iter().any(|(place, _)| Some(*place) == last)
        };
        fit.chosen.sort_unstable();
        let columns = fit.chosen.into_iter().map(|(place, width)| PlacedColumn {
            place,
            column: columns[place],
            width,
        });
        Self {
            columns: columns.collect(),
            has_short_states,
            is_cut,
        }
    }

    /// Returns the offset from which all columns to the right are on the screen.
    pub(super) fn last_offset(cells: &RowTexts, sorted: TopColumn, room: usize) -> usize {
        if !Self::of(cells, sorted, room, 0).is_cut {
            return 0;
        }
        let (fixed, others) = split(&cells.columns, &cells.fixed(sorted));
        let is_whole = |offset: &usize| {
            let shown = Self::of(cells, sorted, room, *offset).columns.len();
            shown == fixed.len() + others.len() - offset
        };
        let last = others.len().saturating_sub(1);
        (1..=last).find(is_whole).unwrap_or(last)
    }
}

/// Splits the columns into those that stay while the others are scrolled, and the others.
fn split(columns: &[TopColumn], fixed: &[TopColumn]) -> (Vec<TopColumn>, Vec<TopColumn>) {
    let columns = columns.iter().copied();
    columns.partition(|column| fixed.contains(column))
}

/// The widths of the columns, by their content.
struct Widths<'w> {
    columns: &'w [TopColumn],
    cells: &'w RowTexts,
    sorted: TopColumn,
    room: usize,
}

impl Widths<'_> {
    fn place(&self, column: TopColumn) -> Option<usize> {
        self.columns.iter().position(|it| *it == column)
    }

    /// Returns the width in which a column shows all.
    fn full(&self, column: TopColumn) -> usize {
        let most = match column {
            TopColumn::State if self.is_grouped() => MAX_STATES_WIDTH,
            _ => column.format().max_width,
        };
        self.content(column).min(most).max(self.title(column))
    }

    /// Returns the width of the widest text.
    fn content(&self, column: TopColumn) -> usize {
        let place = self.place(column);
        place.map_or(0, |place| self.cells.widest(place))
    }

    fn is_grouped(&self) -> bool {
        self.cells.grouping != Grouping::None
    }

    /// Returns the width from which a column is of use.
    fn least(&self, column: TopColumn) -> usize {
        let full = self.full(column);
        match column {
            TopColumn::State if self.is_grouped() => full.min(14),
            TopColumn::State => full.min(self.cells.widest_short_state().max(self.title(column))),
            // The state has room beside it.
            TopColumn::Peer => {
                let left = self.room.saturating_sub(self.least(TopColumn::State) + GAP);
                full.min(22).min(left.max(MIN_END_WIDTH))
            }
            TopColumn::Local => full.min(16),
            TopColumn::Process | TopColumn::Unit => full.min(12),
            _ => full,
        }
    }

    /// Returns the width of the title with the arrow of the order. A minimum for numbers keeps the other columns in place
    /// while they change.
    fn title(&self, column: TopColumn) -> usize {
        let format = column.format();
        let title = width(format.title) + usize::from(column == self.sorted);
        if format.align_right {
            title.max(MIN_NUMBER_WIDTH)
        } else {
            title
        }
    }
}

/// The columns chosen so far, by their place, with their widths, and the room that is left.
struct Fit {
    chosen: Vec<(usize, usize)>,
    left: usize,
}

impl Fit {
    /// Adds a column if there is room; the first two are cut where there is none. Returns true where it was added.
    fn add(&mut self, place: Option<usize>, width: usize) -> bool {
        let Some(place) = place else { return true };
        let room = self.left.saturating_sub(GAP);
        let width = match self.chosen.len() {
            0 => width.min(room.max(1)),
            1 if room >= MIN_END_WIDTH => width.min(room),
            _ if width <= room => width,
            _ => return false,
        };
        self.left = self.left.saturating_sub(width + GAP);
        self.chosen.push((place, width));
        true
    }

    /// Widens a column as far as there is room.
    fn grow(&mut self, place: Option<usize>, full: usize) {
        if let Some((_, width)) = self.chosen.iter_mut().find(|(it, _)| Some(*it) == place) {
            let more = full.saturating_sub(*width).min(self.left);
            *width += more;
            self.left -= more;
        }
    }

    /// Widens a column if there is room for all of it. Returns true where it is that wide.
    fn grow_at_once(&mut self, place: Option<usize>, full: usize) -> bool {
        let width = self.chosen.iter().find(|(it, _)| Some(*it) == place);
        match width {
            Some((_, width)) if full.saturating_sub(*width) > self.left => false,
            _ => {
                self.grow(place, full);
                true
            }
        }
    }
}

/// All columns, those of most use first.
const USE: [TopColumn; 18] = [
    TopColumn::Peer,
    TopColumn::State,
    TopColumn::Host,
    TopColumn::Process,
    TopColumn::Received,
    TopColumn::Sent,
    TopColumn::DeleteBy,
    TopColumn::Netns,
    TopColumn::Local,
    TopColumn::Idle,
    TopColumn::User,
    TopColumn::Retransmits,
    TopColumn::Rtt,
    TopColumn::RecvQueue,
    TopColumn::SendQueue,
    TopColumn::Unit,
    TopColumn::History,
    TopColumn::Count,
];
/// All columns where rows are grouped; the column of the groups' names is before them.
const USE_OF_GROUPS: [TopColumn; 18] = [
    TopColumn::Count,
    TopColumn::State,
    TopColumn::Received,
    TopColumn::Sent,
    TopColumn::Idle,
    TopColumn::Peer,
    TopColumn::Rtt,
    TopColumn::Process,
    TopColumn::Local,
    TopColumn::Host,
    TopColumn::Netns,
    TopColumn::User,
    TopColumn::Unit,
    TopColumn::Retransmits,
    TopColumn::RecvQueue,
    TopColumn::SendQueue,
    TopColumn::History,
    TopColumn::DeleteBy,
];
/// The width up to which the states of a group are shown before other columns.
const MAX_STATES_WIDTH: usize = 24;
/// The number of spaces between two columns.
pub(super) const GAP: usize = 1;
/// The minimum width of a column of numbers.
const MIN_NUMBER_WIDTH: usize = 5;
/// The width below which nothing is to be read of an end.
const MIN_END_WIDTH: usize = 8;
/// The number of those that are shown also where that shortens the ends; of groups, their names.
const MAIN: usize = 10;
const MAIN_OF_GROUPS: usize = 7;
