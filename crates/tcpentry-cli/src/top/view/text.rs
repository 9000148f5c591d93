//! Text of a fixed width: padded, truncated, wrapped.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Signs;

/// The part of a text that is left out where it is too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    /// For words.
    End,
    /// For endpoints, whose port is at the end.
    Start,
}

pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Pads or truncates the text to exactly this many columns.
pub(super) fn fitted(
    text: &str,
    columns: usize,
    align_right: bool,
    cut: Cut,
    signs: Signs,
) -> String {
    let text = clipped(text, columns, cut, signs);
    let padding = " ".repeat(columns.saturating_sub(text.width()));
    if align_right {
        padding + &text
    } else {
        text + &padding
    }
}

/// Truncates the text to at most this many columns.
pub(super) fn clipped(text: &str, columns: usize, cut: Cut, signs: Signs) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let mut taken = 0;
    let mut fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= room
    };
    match cut {
        Cut::End => text
            .chars()
            .take_while(|c| fits(c))
            .chain([signs.ellipsis])
            .collect(),
        Cut::Start => {
            let kept: Vec<_> = text.chars().rev().take_while(|c| fits(c)).collect();
            [signs.ellipsis]
                .into_iter()
                .chain(kept.into_iter().rev())
                .collect()
        }
    }
}

/// Breaks the text into lines of at most this many columns, at spaces where possible.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let is_full = used + word.trim_end().width() > columns;
        if is_full && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let width = c.width().unwrap_or(0);
            // A space that does not fit at the end of a line is dropped.
            if used + width > columns && c == ' ' {
                continue;
            }
            if used + width > columns && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("there is one").push(c);
            used += width;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_take_exactly_their_columns() {
        for (text, columns, cut, shown) in [
            ("abc", 5, Cut::End, "abc  "),
            ("abcdef", 4, Cut::End, "abc…"),
            ("10.0.0.1:443", 6, Cut::Start, "…1:443"),
            ("日本語", 4, Cut::End, "日… "),
            ("日本語", 6, Cut::End, "日本語"),
            ("abc", 0, Cut::End, ""),
            ("abc", 1, Cut::End, "…"),
        ] {
            assert_eq!(
                fitted(text, columns, false, cut, Signs::UTF_8),
                shown,
                "{text}"
            );
            assert_eq!(
                width(&fitted(text, columns, false, cut, Signs::UTF_8)),
                columns,
                "{text}"
            );
        }
        assert_eq!(fitted("7", 3, true, Cut::End, Signs::UTF_8), "  7");
    }

    #[test]
    fn long_texts_go_on_in_the_next_line() {
        for (text, columns, lines) in [
            ("a bc def", 4, &["a bc", "def"][..]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("a bcdefg", 3, &["a ", "bcd", "efg"]),
            ("日本語", 4, &["日本", "語"]),
            ("", 3, &[""]),
            ("ab", 0, &["a", "b"]),
        ] {
            assert_eq!(wrapped(text, columns), lines, "{text}");
        }
    }
}
