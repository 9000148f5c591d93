//! The cells of a row, in one piece of text that is used again for the next row: a table of a million is written
//! without an allocation.

use std::fmt;
use std::io::Write as _;

use anstyle::Style;
use itoa::Buffer;
use tcpentry::{Endpoint, Method, Outcome, State};

use super::text::{ENDPOINT_ROOM, FixedText};

/// The cells of one row: texts without control characters, and their colours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    /// The texts, each with a tab behind it.
    text: Vec<u8>,
    /// The end of each text, before its tab.
    ends: Vec<(usize, Style)>,
}

impl Cells {
    /// Removes all cells.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Adds a cell.
    pub(crate) fn put(&mut self, value: impl Show) {
        self.styled(value, Style::new());
    }

    /// Adds a cell in a colour.
    pub(crate) fn styled(&mut self, value: impl Show, style: Style) {
        value.show(&mut self.text);
        self.ends.push((self.text.len(), style));
        self.text.push(b'\t');
    }

    /// Adds a cell of formatted text.
    pub(crate) fn formatted(&mut self, text: fmt::Arguments<'_>) {
        // Writing to memory can't fail.
        let _ = self.text.write_fmt(text);
        self.put("");
    }

    /// Adds a cell of the texts that `each` adds, with `between` between two of them; or of `none` where it adds none.
    pub(crate) fn joined(
        &mut self,
        between: &str,
        none: &str,
        each: impl FnOnce(&mut dyn FnMut(&str)),
    ) {
        let mut is_empty = true;
        each(&mut |text| {
            if !std::mem::take(&mut is_empty) {
                between.show(&mut self.text);
            }
            text.show(&mut self.text);
        });
        self.put(if is_empty { none } else { "" });
    }

    /// Returns the texts and colours.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Style)> {
        let mut start = 0;
        self.ends.iter().map(move |&(end, style)| {
            let text = std::str::from_utf8(&self.text[start..end]);
            start = end + 1;
            (text.expect("only texts were put into it"), style)
        })
    }

    /// Returns the row as a line: a tab between two cells, and one behind the last.
    pub(crate) fn tabbed(&self) -> &[u8] {
        &self.text
    }
}

/// A value that can stand in a cell.
pub(crate) trait Show {
    fn show(self, out: &mut Vec<u8>);
}

impl Show for &str {
    fn show(self, out: &mut Vec<u8>) {
        out.extend(self.as_bytes());
    }
}

impl Show for String {
    fn show(self, out: &mut Vec<u8>) {
        out.extend(self.as_bytes());
    }
}

impl Show for u32 {
    fn show(self, out: &mut Vec<u8>) {
        out.extend(Buffer::new().format(self).as_bytes());
    }
}

/// Values whose `Display` is a word.
macro_rules! show_words {
    ($($word:ty),*) => {$(
        impl Show for $word {
            fn show(self, out: &mut Vec<u8>) {
                let _ = write!(out, "{self}");
            }
        }
    )*};
}
show_words!(Method, Outcome);

impl Show for State {
    fn show(self, out: &mut Vec<u8>) {
        match self.name() {
            Some(name) => name.show(out),
            None => self.to_string().show(out),
        }
    }
}

impl Show for Endpoint {
    fn show(self, out: &mut Vec<u8>) {
        let mut place = [0; ENDPOINT_ROOM];
        let mut text = FixedText::new(&mut place);
        text.endpoint(self);
        let length = text.len();
        out.extend(&place[..length]);
    }
}

impl<T: Show> Show for Option<T> {
    fn show(self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.show(out),
            None => out.extend(NOTHING.as_bytes()),
        }
    }
}

/// The text of a cell without a value.
const NOTHING: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleared_cells_are_used_again() {
        let mut cells = Cells::default();
        for _ in 0..2 {
            cells.clear();
            cells.put("a");
            cells.put(7);
            cells.put(None::<&str>);
            cells.formatted(format_args!("{:x}", 255));
            assert_eq!(cells.tabbed(), b"a\t7\t-\tff\t");
            let texts: Vec<_> = cells.iter().map(|(text, _)| text).collect();
            assert_eq!(texts, ["a", "7", "-", "ff"]);
        }
    }
}
