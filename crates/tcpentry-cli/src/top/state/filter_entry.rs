//! The steps of entering a filter or words to be found: typed, tried, entered or abandoned.

use super::super::message::{FilterProblem, WorkerCommand};
use super::super::model::Find;
use super::reading::{ExactReading, TypedText, exact_readings};
use super::{Edit, Focus, Top};

impl Top {
    /// Opens the line of the filter, empty.
    pub(crate) fn open_filter(&mut self) {
        // A request may be unanswered; its answer must not close the line.
        let requested = self.filter.requested.as_ref();
        self.filter.before = requested.unwrap_or(&self.filter.applied).clone();
        self.filter.open();
        self.focus = Focus::Filter;
    }

    /// Returns the text that was in effect when the line was opened.
    pub(crate) fn filter_before(&self) -> Option<&str> {
        Some(&*self.filter.before).filter(|before| !before.is_empty())
    }

    /// Returns the filters that the word may stand for, and that select rows which are there.
    pub(crate) fn offered(&self) -> Vec<ExactReading> {
        let text = self.filter.edit.text();
        if TypedText::of(&text).filter.is_empty() {
            exact_readings(&text, self.table.frame.rows.iter())
        } else {
            Vec::new()
        }
    }

    /// Replaces what was typed by the filter that it may stand for, and that by the next; on an empty line, by the text that was
    /// in effect.
    pub(crate) fn accept_suggestion(&mut self) {
        let typed = self.filter.edit.text();
        if typed.trim().is_empty() {
            if !self.filter.before.is_empty() {
                self.filter.edit = Edit::of(&self.filter.before);
                self.preview_filter();
            }
            return;
        }
        if self.filter.readings.0.is_empty() {
            let offered = self.offered().into_iter().map(|it| it.filter);
            let all: Vec<_> = [typed].into_iter().chain(offered).collect();
            if all.len() == 1 {
                return;
            }
            self.filter.readings = (all, 0);
        }
        let (readings, place) = &mut self.filter.readings;
        *place = (*place + 1) % readings.len();
        self.filter.edit = Edit::of(&readings[*place]);
        self.send_filter(true);
    }

    /// Shows what the text selects while it is being typed.
    pub(crate) fn preview_filter(&mut self) {
        self.filter.forget_choice();
        self.send_filter(true);
    }

    /// Shows an earlier line that was entered, or a later one.
    pub(crate) fn recall_filter(&mut self, is_earlier: bool) {
        if self.filter.recall(is_earlier) {
            self.send_filter(true);
        }
    }

    fn send_filter(&mut self, typing: bool) {
        let serial = self.outbox.next_serial();
        self.filter.serial = serial;
        self.filter.entered = !typing;
        let text = self.filter.edit.text();
        let typed = TypedText::of(&text);
        let (find, filter) = (typed.find(), typed.filter);
        // Of a filter alone, what is shown stays until it is known to be one.
        let is_complete = find.is_empty() || self.find(find);
        self.filter.is_finding = !is_complete;
        self.filter.requested = Some(text);
        let is_in_effect = filter.trim().is_empty() && self.filter.sent.trim().is_empty();
        self.filter.sent.clone_from(&filter);
        self.filter.is_answered = is_in_effect;
        if is_in_effect {
            // The table has all rows; but not all that is to be known of them.
            if is_complete {
                self.apply_filter_result(serial, Ok(()));
            }
            return;
        }
        self.outbox.push(WorkerCommand::Filter {
            serial,
            text: filter,
            typing,
        });
    }

    /// Takes the rows that the worker has found.
    pub(super) fn finish_find(&mut self) {
        if !std::mem::take(&mut self.filter.is_finding) {
            return;
        }
        if self.filter.entered && self.focus == Focus::Filter && self.take_meaning() {
            self.send_filter(false);
        } else if self.filter.is_answered {
            self.apply_filter_result(self.filter.serial, Ok(()));
        }
    }

    /// Replaces a word that is on no row by what it may stand for. Returns false where there is nothing.
    fn take_meaning(&mut self) -> bool {
        let is_found = self.table.present() > 0 || self.filter.is_finding;
        let meant = if is_found {
            None
        } else {
            self.offered().into_iter().next()
        };
        let is_taken = meant.is_some();
        if let Some(meant) = meant {
            self.filter.edit = Edit::of(&meant.filter);
        }
        is_taken
    }

    /// Enters the text. A word that is on no row is what it may stand for. On an error the line stays open.
    pub(crate) fn enter_filter(&mut self) {
        self.take_meaning();
        let text = self.filter.edit.text();
        self.filter.remember(&text);
        self.filter.forget_choice();
        self.send_filter(false);
    }

    /// Goes back to the text that was in effect before.
    pub(crate) fn abandon_filter(&mut self) {
        self.filter.edit = Edit::of(&self.filter.before);
        self.filter.problem = None;
        self.focus = Focus::Table;
        // What was typed is no longer searched for, however late the worker answers.
        self.find(Find::default());
        self.send_filter(false);
    }

    /// Shows all rows.
    pub(crate) fn clear_filter(&mut self) {
        self.filter.edit.clear();
        self.send_filter(false);
    }

    pub(super) fn apply_filter_result(&mut self, serial: u64, result: Result<(), FilterProblem>) {
        // The text has changed since.
        if serial != self.filter.serial {
            return;
        }
        self.filter.is_answered = true;
        // There is more to it than the filter.
        if self.filter.is_finding && result.is_ok() {
            return;
        }
        self.filter.is_finding = false;
        let requested = self.filter.requested.take();
        match result {
            Ok(()) => {
                let Some(applied) = requested else { return };
                if TypedText::of(&applied).words.is_empty() {
                    self.find(Find::default());
                }
                if applied != self.filter.applied {
                    self.table.show_top();
                }
                self.filter.applied = applied;
                self.filter.problem = None;
                if self.filter.entered && self.focus == Focus::Filter {
                    self.focus = Focus::Table;
                }
            }
            Err(mut problem) => {
                let typed = requested.as_deref().map(TypedText::of);
                problem.column += typed.map_or(0, |typed| typed.column);
                self.filter.problem = Some(problem);
                // It has to be corrected; but the line does not open over another part of the screen, such as a preview.
                if self.filter.entered && self.focus == Focus::Table {
                    self.focus = Focus::Filter;
                }
            }
        }
    }
}
