//! What is drawn: a widget for each part of the screen. Nothing here changes what is shown, or asks the kernel.

mod columns;
mod details;
mod filter;
mod help;
mod help_text;
mod log;
mod preview;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod theme;

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::Line;

#[cfg(test)]
pub(super) use help_text::HELP;
pub(crate) use theme::Theme;

use super::state::{Mode, Top};
use crate::args::Column;

/// Where things were drawn, for the mouse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Areas {
    pub(crate) rows: Rect,
    header: Rect,
    columns: Vec<(Column, std::ops::Range<u16>)>,
}

impl Areas {
    /// The column whose title is there.
    pub(crate) fn column_at(&self, at: Position) -> Option<Column> {
        let here = |(_, range): &&(Column, std::ops::Range<u16>)| range.contains(&at.x);
        let found = self.columns.iter().find(here)?;
        self.header.contains(at).then_some(found.0)
    }
}

/// Draws the screen, and tells the state how many lines of the table fit on it, and that a preview was to be seen.
pub(crate) fn draw(frame: &mut Frame<'_>, top: &mut Top, theme: Theme, now: Instant) -> Areas {
    // The first and the last line, and one of the table, are always there.
    let lines = frame.area().height;
    let filter = filter::height(top).min(lines.saturating_sub(3));
    let parts = [
        Constraint::Length(1),
        Constraint::Length(filter),
        Constraint::Min(1),
        Constraint::Length(1),
    ];
    let [status, line, body, bottom] = Layout::vertical(parts).areas(frame.area());
    status::draw(frame, status, top);
    filter::draw(frame, line, top, theme);
    let mut areas = Areas::default();
    match top.mode {
        Mode::Table | Mode::Filter => areas = table::draw(frame, body, top, theme),
        mode => {
            top.height = usize::from(body.height.max(1));
            match mode {
                Mode::Preview => {
                    preview::draw(frame, body, top, theme);
                    if let Some(preview) = &mut top.preview {
                        // On a screen of a few letters nobody sees what it is about.
                        let is_readable = body.width >= READABLE && !body.is_empty();
                        preview.seen = preview.items.is_some() && is_readable;
                    }
                }
                Mode::Details => details::draw(frame, body, top, theme),
                Mode::Help => help::draw(frame, body, top, theme),
                Mode::Columns => columns::draw(frame, body, top),
                _ => log::draw(frame, body, top, theme),
            }
        }
    }
    status::draw_bottom(frame, bottom, top, theme, now);
    areas
}

/// Draws lines below each other, as many as there is room for.
fn draw_lines<'l>(frame: &mut Frame<'_>, area: Rect, lines: impl IntoIterator<Item = Line<'l>>) {
    for (line, y) in lines.into_iter().zip(area.y..area.bottom()) {
        frame.render_widget(
            line,
            Rect {
                y,
                height: 1,
                ..area
            },
        );
    }
}

/// How wide a screen has to be for a preview: it names an end.
const READABLE: u16 = 20;
