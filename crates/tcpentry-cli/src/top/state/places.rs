//! The network namespaces and containers with their connections.

use std::collections::HashMap;

use super::super::model::{RateSum, Rates, Row};
use super::candidates::candidates;

/// The list of namespaces and containers, the largest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaceList {
    pub(crate) places: Vec<ListedPlace>,
    /// The line of the cursor.
    pub(crate) cursor: usize,
    /// All namespaces are shown only for this list.
    pub(super) has_added_namespaces: bool,
}

/// A network namespace or a container.
#[derive(Clone, Debug)]
pub(crate) struct ListedPlace {
    /// The filter that selects its connections.
    pub(crate) term: String,
    pub(crate) count: usize,
    pub(crate) rates: Option<Rates>,
}

impl PlaceList {
    /// Takes the places of these rows. The cursor stays on its place.
    pub(super) fn take<'r>(&mut self, rows: impl Iterator<Item = &'r Row>) {
        let current = self.current().map(|place| place.term.clone());
        let mut sums: HashMap<(&str, &str), (usize, RateSum)> = HashMap::new();
        for row in rows.filter(|row| row.is_present()) {
            let names = [
                ("netns ", row.names.netns.as_deref()),
                ("container ", row.unit()),
            ];
            for (keyword, name) in names {
                let Some(name) = name else { continue };
                let (count, sum) = sums.entry((keyword, name)).or_default();
                *count += 1;
                sum.add(row);
            }
        }
        let places = sums
            .into_iter()
            .filter_map(|((keyword, name), (count, sum))| {
                let mut terms = candidates(name).into_iter().map(|(term, ..)| term);
                Some(ListedPlace {
                    term: terms.find(|term| term.starts_with(keyword))?,
                    count,
                    rates: sum.get(),
                })
            });
        self.places = places.collect();
        let order = |place: &ListedPlace| (std::cmp::Reverse(place.count), place.term.clone());
        self.places.sort_by_cached_key(order);
        let mut places = self.places.iter();
        let found = places.position(|place| Some(&place.term) == current.as_ref());
        self.cursor = found.unwrap_or(self.cursor);
        self.move_by(0);
    }

    /// Moves the cursor down, or up.
    pub(crate) fn move_by(&mut self, lines: isize) {
        let last = self.places.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(lines).min(last);
    }

    pub(super) fn current(&self) -> Option<&ListedPlace> {
        self.places.get(self.cursor)
    }
}
