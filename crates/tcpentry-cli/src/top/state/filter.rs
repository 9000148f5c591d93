//! The line of the filter: what is shown, and what is being typed.

use super::super::message::{Command, Wrong};
use super::suggest;
use super::{Edit, Mode, Top};

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

impl Top {
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

    pub(super) fn take_filter(&mut self, serial: u64, result: Result<(), Wrong>) {
        if serial != self.filter.serial {
            // Of a text that has been changed since.
            return;
        }
        let asked = self.filter.asked.take();
        match result {
            Ok(()) => {
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
}
