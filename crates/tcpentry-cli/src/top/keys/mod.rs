//! Keys and the mouse: a handler for each part of the screen.

mod cells;
mod columns;
mod details;
mod edit;
mod filter;
mod help;
mod left;
mod log;
mod mouse;
mod order;
mod places;
mod preview;
mod save;
mod scroll;
mod table;
#[cfg(test)]
mod tests;

use std::time::Instant;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::message::SeekStep;
use super::state::{Focus, TerminalRequest, Top};
use super::view::Areas;

/// Returns true for a key that has to wait until what was entered is shown. Those that go back or end it do not.
pub(crate) fn has_to_wait(top: &Top, event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let is_awaited = top.focus == Focus::Filter && top.filter.is_awaited();
    is_awaited && key.code != KeyCode::Esc && !is_control
}

/// Handles an event of the terminal. `areas` says where the table was drawn.
pub(crate) fn handle(top: &mut Top, event: &Event, areas: &Areas, now: Instant) {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let (focus, notice) = (top.focus, top.messages.notice.clone());
            press(top, *key, now);
            // What was said about another part of the screen is over, unless it was said just now.
            if top.focus != focus && top.messages.notice == notice {
                top.messages.notice = None;
            }
        }
        Event::Mouse(mouse) => mouse::handle(top, *mouse, areas),
        Event::Paste(text) => paste(top, text),
        // A new size is taken into account when drawing.
        _ => {}
    }
}

fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        match key.code {
            KeyCode::Char('c') => return top.request = Some(TerminalRequest::Quit),
            KeyCode::Char('z') => return top.request = Some(TerminalRequest::Suspend),
            KeyCode::Char('l') => return top.request = Some(TerminalRequest::Redraw),
            _ => {}
        }
    }
    let is_typing = matches!(top.focus, Focus::Filter | Focus::Save);
    // A letter with Ctrl or Alt is not that letter: an Esc and a `y` that arrive together are read as Alt-y, and must not confirm.
    let is_chord = key.modifiers.intersects(!KeyModifiers::SHIFT);
    if !is_typing && is_chord && matches!(key.code, KeyCode::Char(_)) {
        return;
    }
    match key.code {
        KeyCode::F(1) => return top.open_help(),
        KeyCode::Char('?') if !is_typing => return top.open_help(),
        KeyCode::Char('x')
            if !is_typing && (top.holds.are_any() || top.deletion.is_paced_running()) =>
        {
            top.end_holds(now);
            return top.stop_deletion(now);
        }
        KeyCode::Char(key) if matches!(top.focus, Focus::Table | Focus::Details) => {
            if let Some(step) = seek_step(key) {
                return top.seek(step, now);
            }
        }
        _ => {}
    }
    match top.focus {
        Focus::Table => table::press(top, key, now),
        Focus::Filter => filter::press(top, key),
        Focus::Preview => preview::press(top, key, now),
        Focus::Details => details::press(top, key, now),
        Focus::Help => help::press(top, key),
        Focus::Columns => columns::press(top, key),
        Focus::Left => left::press(top, key),
        Focus::Order => order::press(top, key),
        Focus::Cells => cells::press(top, key),
        Focus::Places => places::press(top, key, now),
        Focus::Log => log::press(top, key),
        Focus::Save => save::press(top, key),
    }
}

/// Returns the way to another frame that a key stands for.
const fn seek_step(key: char) -> Option<SeekStep> {
    Some(match key {
        ',' => SeekStep::FrameBefore,
        '.' => SeekStep::NextFrame,
        '[' => SeekStep::MinuteBack,
        ']' => SeekStep::MinuteOn,
        _ => return None,
    })
}

/// Inserts pasted text into the line being edited, and never treats it as keys. A line break becomes a space.
fn paste(top: &mut Top, text: &str) {
    let text = text.replace(['\n', '\r', '\t'], " ");
    match top.focus {
        Focus::Filter => {
            text.chars().for_each(|c| top.filter.edit.insert(c));
            top.preview_filter();
        }
        Focus::Save => text.chars().for_each(|c| top.log.file_name.insert(c)),
        _ => {}
    }
}
