//! The steps of narrowing the table: to a cell of the current line, or to a network namespace or container.

use std::time::Instant;

use tcpentry::State;

use super::super::model::{GroupKey, Row, TableLine};
use super::candidates::{CountedFilter, count_rows};
use super::cells::{Cell, CellChooser, narrowed, terms};
use super::places::PlaceList;
use super::reading::TypedText;
use super::{Edit, Focus, Top};
use crate::args::{Grouping, TopColumn};

impl Top {
    /// Offers the cells of the current line; of a group, those that all its rows have.
    pub(crate) fn open_cells(&mut self, is_negated: bool) {
        let Some(line) = self.table.current_line() else {
            return;
        };
        let rows: Vec<&Row> = match line {
            TableLine::Row(place) => vec![self.table.row(place)],
            TableLine::Group(place) => {
                let rows = self.table.group(place).rows.iter();
                let rows = rows.map(|place| self.table.row(*place));
                rows.filter(|row| row.is_present()).collect()
            }
        };
        let Some(first) = rows.first() else { return };
        // Holders may have been looked up since the frame.
        let mut known = (*first).clone();
        known.resolved = self.resolved(first);
        let is_joined = match line {
            TableLine::Row(place) => self.table.other_end(place).is_some(),
            TableLine::Group(_) => false,
        };
        let mut terms = terms(&known, is_joined);
        if self.table.arrangement.grouping == Grouping::Network {
            let network = GroupKey::of(first, Grouping::Network);
            let term = format!("dst {}", network.text());
            let is_of = move |row: &Row| GroupKey::of(row, Grouping::Network) == network;
            terms.push((TopColumn::Peer, 'p', (term, Box::new(is_of), 0)));
        }
        let has = |(_, _, (_, is_of, _)): &(_, _, CountedFilter)| {
            is_of(&known) && rows[1..].iter().all(|row| is_of(row))
        };
        terms.retain(has);
        let keys = terms.iter().map(|(column, letter, _)| (*column, *letter));
        let keys: Vec<_> = keys.collect();
        let mut counted: Vec<_> = terms.into_iter().map(|(.., term)| term).collect();
        count_rows(&mut counted, self.table.rows_in_order());
        let cells = keys.into_iter().zip(counted);
        let cells = cells.map(|((column, letter), (term, _, count))| Cell {
            letter,
            column,
            term,
            // Of the row itself the holder may be known only since the frame.
            count: count.max(1),
        });
        self.cells = CellChooser {
            is_negated,
            cells: cells.collect(),
        };
        self.focus = Focus::Cells;
    }

    /// Narrows the filter to the rows with a cell, or to all others.
    pub(crate) fn narrow_to(&mut self, cell: &Cell) {
        self.narrow(&cell.term, self.cells.is_negated);
    }

    fn narrow(&mut self, term: &str, is_negated: bool) {
        let requested = self.filter.requested.as_ref();
        let before = requested.unwrap_or(&self.filter.applied).clone();
        let typed = TypedText::of(&before);
        let filter = narrowed(&typed.filter, term, is_negated, self.kind);
        self.apply_text(before, &typed.with_filter(&filter));
    }

    /// Narrows the filter to a state.
    pub(crate) fn narrow_to_state(&mut self, state: State) {
        self.narrow(&format!("state {state}"), false);
    }

    /// Puts a text into effect as if it had been typed, in the place of the one before.
    pub(super) fn apply_text(&mut self, before: String, text: &str) {
        self.focus = Focus::Table;
        self.filter.before = before;
        self.filter.problem = None;
        self.filter.edit = Edit::of(text);
        self.enter_filter();
    }

    /// Lists all network namespaces and containers, whatever the filter is.
    pub(crate) fn open_places(&mut self, now: Instant) {
        self.open_filter();
        self.preview_filter();
        let has_added_namespaces = !self.namespaces.are_all_requested();
        if has_added_namespaces {
            self.toggle_namespaces(now);
        }
        self.places = PlaceList {
            has_added_namespaces,
            ..PlaceList::default()
        };
        self.focus = Focus::Places;
        self.update_places();
    }

    /// Takes the places of the frame, while they are listed.
    pub(super) fn update_places(&mut self) {
        if self.focus == Focus::Places {
            self.places.take(self.table.all_rows());
        }
    }

    /// Goes back to what was shown before.
    pub(crate) fn close_places(&mut self, now: Instant) {
        self.abandon_filter();
        if self.places.has_added_namespaces {
            self.toggle_namespaces(now);
        }
    }

    /// Shows only the connections of the current place.
    pub(crate) fn enter_place(&mut self) {
        if let Some(place) = self.places.current() {
            let term = place.term.clone();
            let before = self.filter.before.clone();
            self.apply_text(before, &term);
        }
    }
}
