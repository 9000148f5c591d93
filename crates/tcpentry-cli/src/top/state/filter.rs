//! The line of the filter: what is in effect, and what is being typed.

use super::super::message::FilterProblem;
use super::Edit;

#[derive(Clone, Debug, Default)]
pub(crate) struct FilterLine {
    pub(crate) edit: Edit,
    /// The text in effect: a filter, or words to be found.
    pub(crate) applied: String,
    /// The text that was in effect when typing began.
    pub(super) before: String,
    /// The error in what was typed.
    pub(crate) problem: Option<FilterProblem>,
    pub(super) serial: u64,
    /// The filter that the worker was sent last.
    pub(super) sent: String,
    /// The text of the line for which that was sent, until it has answered.
    pub(super) requested: Option<String>,
    /// True if that text was entered, not only typed.
    pub(super) entered: bool,
    /// The worker has answered to the filter of that text, or need not.
    pub(super) is_answered: bool,
    /// The worker looks for the words of that text.
    pub(crate) is_finding: bool,
    /// The texts that were entered before, the latest last.
    history: Vec<String>,
    /// The line of the history that is shown.
    recalled: Option<usize>,
    /// The word that was typed and its exact readings, of which Tab shows one after the other; the place of the one shown.
    pub(super) readings: (Vec<String>, usize),
}

impl FilterLine {
    /// Puts a filter of the command line into effect.
    pub(crate) fn start_with(&mut self, filter: &str) {
        filter.clone_into(&mut self.applied);
        filter.clone_into(&mut self.sent);
        self.remember(filter);
    }

    /// Begins a new line.
    pub(super) fn open(&mut self) {
        self.edit.clear();
        self.forget_choice();
        self.entered = false;
        self.problem = None;
    }

    /// Returns true where a text was entered that is not yet in effect: keys are about what it will show.
    pub(crate) const fn is_awaited(&self) -> bool {
        self.entered && self.requested.is_some()
    }

    /// Forgets the readings and the line of the history that were shown: the text has been edited.
    pub(super) fn forget_choice(&mut self) {
        self.readings = (Vec::new(), 0);
        self.recalled = None;
    }

    /// Remembers a text that was entered.
    pub(super) fn remember(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.history.retain(|it| it != text);
            self.history.push(text.to_owned());
            if self.history.len() > MAX_HISTORY {
                self.history.remove(0);
            }
        }
    }

    /// Returns true where the keys that move go through the history: nothing has been typed.
    pub(crate) fn is_recalling(&self) -> bool {
        self.recalled.is_some() || self.edit.is_empty()
    }

    /// Shows an earlier line of the history, or a later one. Returns false where there is none.
    pub(super) fn recall(&mut self, is_earlier: bool) -> bool {
        let next = match (self.recalled, is_earlier) {
            (None, true) => self.history.len().checked_sub(1),
            (Some(place), true) => place.checked_sub(1),
            (Some(place), false) => Some(place + 1),
            (None, false) => None,
        };
        let Some(next) = next else { return false };
        let text = self.history.get(next);
        self.edit = text.map_or_else(Edit::default, |text| Edit::of(text));
        self.recalled = text.map(|_| next);
        true
    }

    pub(crate) fn has_history(&self) -> bool {
        !self.history.is_empty()
    }

    /// Returns what Tab shows next, where it shows one reading after the other.
    pub(crate) fn next_reading(&self) -> Option<&str> {
        let (readings, place) = &self.readings;
        let next = (place + 1) % readings.len().max(1);
        readings.get(next).map(String::as_str)
    }
}

/// The number of lines of the history.
const MAX_HISTORY: usize = 100;
