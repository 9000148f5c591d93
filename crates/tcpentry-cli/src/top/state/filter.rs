//! The filter: the one in effect, and the one being typed.

use super::super::message::FilterProblem;
use super::{Edit, suggest};

#[derive(Clone, Debug, Default)]
pub(crate) struct FilterLine {
    pub(crate) edit: Edit,
    /// The filter in effect.
    pub(crate) applied: String,
    /// The filter that was in effect when typing began.
    pub(super) before: String,
    /// The error in what was typed.
    pub(crate) problem: Option<FilterProblem>,
    pub(super) serial: u64,
    /// The text that was sent to the worker, until it has answered.
    pub(super) requested: Option<String>,
    /// True if that text was entered, not only typed.
    pub(super) entered: bool,
}

impl FilterLine {
    /// Returns the filter that the text may stand for; for an empty text, the one that was in effect before.
    pub(crate) fn suggestion(&self) -> Option<String> {
        let typed = self.edit.text();
        if typed.is_empty() {
            return Some(self.before.clone()).filter(|before| !before.is_empty());
        }
        suggest::filter(&typed)
    }
}
