//! The keys of a line editor.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::state::Edit;

/// Handles a key of a line editor. Returns true where the text has changed, `None` for any other key.
pub(super) fn edit(edit: &mut Edit, key: KeyEvent) -> Option<bool> {
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
