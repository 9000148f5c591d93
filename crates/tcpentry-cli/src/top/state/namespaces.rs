//! The network namespaces that are shown, and their column.

use super::columns::ColumnChooser;
use crate::args::TopColumn;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShownNamespaces {
    /// All of them are shown, not only those named on the command line.
    pub(crate) all: bool,
    /// All of them were asked for; the worker's answer takes its time.
    all_requested: bool,
    /// Their column was added when all of them were shown.
    column_added: bool,
}

impl ShownNamespaces {
    /// Returns true where all are to be requested from now on.
    pub(super) fn toggle(&mut self) -> bool {
        self.all_requested = !self.all_requested;
        self.all_requested
    }

    /// Returns true where all are shown, or will be.
    pub(super) const fn are_all_requested(&self) -> bool {
        self.all_requested
    }

    /// Takes the worker's answer, and shows the column while all namespaces are shown.
    pub(super) fn set(&mut self, all: bool, columns: &mut ColumnChooser) {
        self.all = all;
        self.all_requested = all;
        let shown = &mut columns.shown;
        if all && !shown.contains(&TopColumn::Netns) {
            shown.insert(shown.len().min(3), TopColumn::Netns);
            self.column_added = true;
        } else if !all && std::mem::take(&mut self.column_added) {
            shown.retain(|column| *column != TopColumn::Netns);
        }
    }
}
