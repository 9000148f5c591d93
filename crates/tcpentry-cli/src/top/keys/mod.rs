//! Keys and the mouse: a handler for each part of the screen.

mod columns;
mod details;
mod filter;
mod help;
mod log;
mod mouse;
mod preview;
mod save;
mod table;
#[cfg(test)]
mod tests;

use std::time::Instant;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::state::{Edit, Focus, TerminalRequest, Top};
use super::view::Areas;

/// Handles an event of the terminal. `areas` says where the table was drawn.
pub(crate) fn handle(top: &mut Top, event: &Event, areas: &Areas, now: Instant) {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => press(top, *key, now),
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
        _ => {}
    }
    match top.focus {
        Focus::Table => table::press(top, key, now),
        Focus::Filter => filter::press(top, key),
        Focus::Preview => preview::press(top, key, now),
        Focus::Details => details::press(top, key, now),
        Focus::Help => help::press(top, key),
        Focus::Columns => columns::press(top, key),
        Focus::Log => log::press(top, key),
        Focus::Save => save::press(top, key),
    }
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

/// Handles a key of a line editor. Returns whether the text has changed, or `None` for any other key.
fn edit(edit: &mut Edit, key: KeyEvent) -> Option<bool> {
    let before = edit.text();
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('a') if control => edit.home(),
        KeyCode::Char('e') if control => edit.end(),
        KeyCode::Char('u') if control => edit.clear(),
        KeyCode::Char('w') if control => edit.delete_word(),
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(c) => edit.insert(c),
        KeyCode::Backspace => edit.delete_before(),
        KeyCode::Delete => edit.delete_after(),
        KeyCode::Left => edit.left(),
        KeyCode::Right => edit.right(),
        KeyCode::Home => edit.home(),
        KeyCode::End => edit.end(),
        _ => return None,
    }
    Some(edit.text() != before)
}

/// Returns the number of lines by which a key scrolls a page of this height.
fn scrolled(key: KeyEvent, page: usize) -> Option<isize> {
    let page = isize::try_from(page).unwrap_or(isize::MAX);
    Some(match key.code {
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::PageUp => -page,
        KeyCode::PageDown | KeyCode::Char(' ') => page,
        KeyCode::Home | KeyCode::Char('g') => isize::MIN,
        KeyCode::End | KeyCode::Char('G') => isize::MAX,
        _ => return None,
    })
}
