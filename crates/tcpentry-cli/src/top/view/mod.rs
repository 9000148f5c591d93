//! Drawing: a file for each part of the screen. The only state changed here is what depends on the size of the screen.

mod areas;
mod bottom;
mod cells;
mod charts;
mod choices;
mod columns;
mod details;
mod ends;
mod filter;
mod graph;
mod help;
mod help_text;
mod layout;
mod left;
mod lines;
mod log;
mod order;
mod places;
mod preview;
#[cfg(test)]
mod screens;
mod signs;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod totals;

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};

pub(crate) use areas::Areas;
#[cfg(test)]
pub(super) use help_text::HELP;
pub(crate) use signs::Signs;
pub(crate) use theme::Theme;

use super::state::{Focus, Top};

/// Draws the screen. Sets in the state the number of lines that fit, and that a preview has been seen.
pub(crate) fn draw(frame: &mut Frame<'_>, top: &mut Top, theme: Theme, now: Instant) -> Areas {
    let theme = Theme {
        palette: top.palette,
        ..theme
    };
    // The first line, the last line and one of the table always have room.
    let lines = frame.area().height;
    let filter = filter::height(top).min(lines.saturating_sub(3));
    let is_table = matches!(top.focus, Focus::Table | Focus::Filter);
    let totals = u16::from(is_table && lines >= MIN_LINES_WITH_TOTALS);
    let parts = [
        Constraint::Length(1),
        Constraint::Length(totals),
        Constraint::Length(filter),
        Constraint::Min(1),
        Constraint::Length(1),
    ];
    let [status, total, line, body, bottom] = Layout::vertical(parts).areas(frame.area());
    filter::draw(frame, line, top, theme);
    let mut areas = Areas::default();
    match top.focus {
        Focus::Table | Focus::Filter => areas = table::draw(frame, body, top, theme),
        mode => {
            top.table.height = usize::from(body.height.max(1));
            match mode {
                Focus::Preview => {
                    let has_room = preview::draw(frame, body, top, theme);
                    if let Some(preview) = &mut top.deletion.preview {
                        // A screen of a few columns or lines does not show what would be deleted.
                        let is_readable = body.width >= MIN_READABLE_WIDTH && has_room;
                        preview.seen = preview.items.is_some() && is_readable;
                    }
                }
                Focus::Details => details::draw(frame, body, top, theme),
                Focus::Help => help::draw(frame, body, top, theme),
                Focus::Left => left::draw(frame, body, top, theme, now),
                Focus::Columns => columns::draw(frame, body, top),
                Focus::Order => order::draw(frame, body, top, theme),
                Focus::Cells => cells::draw(frame, body, top, theme),
                Focus::Places => places::draw(frame, body, top, theme),
                _ => log::draw(frame, body, top, theme),
            }
        }
    }
    // The position depends on the height of the table.
    status::draw(frame, status, top, totals > 0, now);
    totals::draw(frame, total, top, theme, &mut areas);
    bottom::draw(frame, bottom, top, theme, now);
    areas
}

/// The number of lines from which the totals have one.
const MIN_LINES_WITH_TOTALS: u16 = 24;
/// The width from which a preview shows a whole end.
const MIN_READABLE_WIDTH: u16 = 20;
