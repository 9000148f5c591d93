//! Colours, of the sixteen that every terminal has. A sign says the same where colour is off.

use ratatui::style::{Color, Modifier, Style};
use tcpentry::Outcome;

use super::super::model::Change;
use super::Signs;
use crate::args::Palette;

/// Text that stands out.
pub(super) const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
pub(super) const HEADER: Style = Style::new().add_modifier(Modifier::REVERSED);
/// The title of the column by which rows are sorted.
pub(super) const SORTED: Style = HEADER.add_modifier(Modifier::BOLD);

/// Highlights the line under the cursor.
pub(super) fn under_cursor(style: Style) -> Style {
    style.add_modifier(Modifier::REVERSED)
}

/// Returns the sign of an order.
pub(super) const fn arrow(descending: bool) -> char {
    if descending { 'v' } else { '^' }
}

/// Returns the sign of a change, which is shown with or without colour.
pub(super) const fn sign(change: Change) -> char {
    match change {
        Change::None => ' ',
        Change::New { .. } => '+',
        Change::State { .. } => '~',
        Change::Left { .. } => '-',
    }
}

/// The colours, on or off, and the signs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) color: bool,
    pub(crate) palette: Palette,
    pub(crate) signs: Signs,
}

impl Theme {
    fn in_color(self, color: Color) -> Style {
        let color = match (self.palette, color) {
            _ if !self.color => return Style::new(),
            (Palette::None, _) => return Style::new(),
            // On a light background these are hardly seen.
            (Palette::Light, Color::Yellow) => Color::Blue,
            (Palette::Light, Color::Cyan) => Color::DarkGray,
            (_, color) => color,
        };
        Style::new().fg(color)
    }

    pub(crate) fn mark(self) -> Style {
        self.in_color(Color::Magenta).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn change(self, change: Change) -> Style {
        match change {
            Change::None => Style::new(),
            Change::New { .. } => self.in_color(Color::Green),
            Change::State { .. } => self.in_color(Color::Yellow),
            Change::Left { .. } => self.in_color(Color::Red),
        }
    }

    pub(crate) fn outcome(self, outcome: Outcome) -> Style {
        let color = match outcome {
            Outcome::Deleted => Color::Green,
            Outcome::Gone | Outcome::Guarded | Outcome::Spared => Color::Yellow,
            _ => Color::Red,
        };
        self.in_color(color).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn error(self) -> Style {
        self.in_color(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Returns the style of hints and of the names of values.
    pub(crate) fn aside(self) -> Style {
        self.in_color(Color::Cyan)
    }
}
