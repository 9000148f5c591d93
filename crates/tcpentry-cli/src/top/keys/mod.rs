//! What keys and the mouse do: a handler for each mode.

#[cfg(test)]
mod any;
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

use super::state::{Edit, Mode, Request, Top};
use super::view::Areas;

/// Takes in what happened at the terminal. `areas` is what was drawn where.
pub(crate) fn handle(top: &mut Top, event: &Event, areas: &Areas, now: Instant) {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => press(top, *key, now),
        Event::Mouse(mouse) => mouse::handle(top, *mouse, areas),
        Event::Paste(text) => paste(top, text),
        // Another size is seen when it is drawn.
        _ => {}
    }
}

fn press(top: &mut Top, key: KeyEvent, now: Instant) {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        match key.code {
            KeyCode::Char('c') => return top.request = Some(Request::Quit),
            KeyCode::Char('z') => return top.request = Some(Request::Suspend),
            KeyCode::Char('l') => return top.request = Some(Request::Redraw),
            _ => {}
        }
    }
    let types = matches!(top.mode, Mode::Filter | Mode::Save);
    // A letter with Ctrl or Alt is not that letter: an Esc and a `y` that arrive together are read as Alt-y, and mean no.
    let is_chord = key.modifiers.intersects(!KeyModifiers::SHIFT);
    if !types && is_chord && matches!(key.code, KeyCode::Char(_)) {
        return;
    }
    match key.code {
        KeyCode::F(1) => return top.show_help(),
        KeyCode::Char('?') if !types => return top.show_help(),
        _ => {}
    }
    match top.mode {
        Mode::Table => table::press(top, key, now),
        Mode::Filter => filter::press(top, key),
        Mode::Preview => preview::press(top, key, now),
        Mode::Details => details::press(top, key, now),
        Mode::Help => help::press(top, key),
        Mode::Columns => columns::press(top, key),
        Mode::Log => log::press(top, key),
        Mode::Save => save::press(top, key),
    }
}

/// What is pasted is text for the line that is edited, and never keys; a new line parts words.
fn paste(top: &mut Top, text: &str) {
    let text = text.replace(['\n', '\r', '\t'], " ");
    match top.mode {
        Mode::Filter => {
            text.chars().for_each(|c| top.filter.edit.insert(c));
            top.typed();
        }
        Mode::Save => text.chars().for_each(|c| top.save.insert(c)),
        _ => {}
    }
}

/// The keys of a line that is edited; whether the text has changed, where this was one of them.
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

/// By how many lines a key scrolls a text, on a page of so many.
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
