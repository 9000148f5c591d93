//! A line of text that is being edited.

/// The text, and the position of the cursor in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Edit {
    text: Vec<char>,
    cursor: usize,
}

impl Edit {
    pub(crate) fn of(text: &str) -> Self {
        let text: Vec<_> = text.chars().collect();
        let cursor = text.len();
        Self { text, cursor }
    }

    pub(crate) fn text(&self) -> String {
        self.text.iter().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the number of characters before the cursor.
    pub(crate) const fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) fn insert(&mut self, c: char) {
        // Pasted text may contain anything; a filter and a path have no control characters.
        if !c.is_control() && !is_invisible(c) && self.text.len() < MAX_LENGTH {
            self.text.insert(self.cursor, c);
            self.cursor += 1;
        }
    }

    pub(crate) fn delete_before(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.text.remove(self.cursor);
        }
    }

    pub(crate) fn delete_after(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    /// Deletes the word before the cursor, as Ctrl-W does in a shell.
    pub(crate) fn delete_word(&mut self) {
        let is_blank = |edit: &Self| edit.text[edit.cursor - 1].is_whitespace();
        while self.cursor > 0 && is_blank(self) {
            self.delete_before();
        }
        while self.cursor > 0 && !is_blank(self) {
            self.delete_before();
        }
    }

    /// Deletes all of the text, as Ctrl-U does in a shell.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    pub(crate) fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.text.len());
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }
}

/// Returns true for a character that is invisible or changes the direction of the text beside it.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// The limit in characters; a filter is far shorter.
const MAX_LENGTH: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_edited_as_a_shell_does() {
        let mut edit = Edit::of("port 80");
        edit.delete_word();
        assert_eq!(edit.text(), "port ");
        edit.delete_word();
        assert_eq!(edit.text(), "");
        edit.delete_word();
        "äb\u{1b}\u{202e}c".chars().for_each(|c| edit.insert(c));
        assert_eq!(
            edit.text(),
            "äbc",
            "no control characters, and none that turn the text"
        );
        edit.home();
        edit.right();
        edit.delete_after();
        edit.insert('x');
        assert_eq!((edit.text().as_str(), edit.cursor()), ("äxc", 2));
        edit.left();
        edit.left();
        edit.left();
        edit.delete_before();
        assert_eq!((edit.text().as_str(), edit.cursor()), ("äxc", 0));
    }
}
