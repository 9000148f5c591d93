//! The steps of entering a filter: it is typed, tried, entered or abandoned.

use super::super::message::{FilterProblem, WorkerCommand};
use super::{Edit, Focus, Top, suggest};

impl Top {
    /// Opens the line of the filter, empty.
    pub(crate) fn open_filter(&mut self) {
        // A request may be unanswered; its answer must not close the line.
        let requested = self.filter.requested.as_ref();
        self.filter.before = requested.unwrap_or(&self.filter.applied).clone();
        self.filter.edit.clear();
        self.filter.entered = false;
        self.filter.problem = None;
        self.focus = Focus::Filter;
    }

    /// Replaces what was typed by the suggestion.
    pub(crate) fn accept_suggestion(&mut self) {
        if let Some(suggestion) = self.filter.suggestion() {
            self.filter.edit = Edit::of(&suggestion);
            self.preview_filter();
        }
    }

    /// Shows what the text selects while it is being typed.
    pub(crate) fn preview_filter(&mut self) {
        self.send_filter(true);
    }

    fn send_filter(&mut self, typing: bool) {
        let serial = self.outbox.next_serial();
        self.filter.serial = serial;
        self.filter.entered = !typing;
        let text = self.filter.edit.text();
        self.filter.requested = Some(text.clone());
        self.outbox.push(WorkerCommand::Filter {
            serial,
            text,
            typing,
        });
    }

    /// Enters the text, or the filter that it stands for. On an error the line stays open.
    pub(crate) fn enter_filter(&mut self) {
        if let Some(meant) = suggest::filter(&self.filter.edit.text()) {
            self.filter.edit = Edit::of(&meant);
        }
        self.send_filter(false);
    }

    /// Goes back to the filter that was in effect before.
    pub(crate) fn abandon_filter(&mut self) {
        self.filter.edit = Edit::of(&self.filter.before);
        self.filter.problem = None;
        self.focus = Focus::Table;
        self.send_filter(false);
    }

    /// Removes the filter.
    pub(crate) fn clear_filter(&mut self) {
        self.filter.edit.clear();
        self.send_filter(false);
    }

    pub(super) fn apply_filter_result(&mut self, serial: u64, result: Result<(), FilterProblem>) {
        if serial != self.filter.serial {
            // The text has changed since.
            return;
        }
        let requested = self.filter.requested.take();
        match result {
            Ok(()) => {
                let applied = requested.unwrap_or_default();
                if applied != self.filter.applied {
                    self.table.show_top();
                }
                self.filter.applied = applied;
                self.filter.problem = None;
                if self.filter.entered && self.focus == Focus::Filter {
                    self.focus = Focus::Table;
                }
            }
            Err(problem) => {
                self.filter.problem = Some(problem);
                // It has to be corrected; but the line does not open over another part of the screen, such as a preview.
                if self.filter.entered && self.focus == Focus::Table {
                    self.focus = Focus::Filter;
                }
            }
        }
    }
}
