//! Texts in cells: of a width, cut where they are longer, and never out of their place.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Which part of a text is left out where it is too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    /// Of words.
    End,
    /// Of endpoints, whose port is at the end.
    Start,
}

pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The text in exactly so many columns.
pub(super) fn fitted(text: &str, columns: usize, right: bool, cut: Cut) -> String {
    let text = clipped(text, columns, cut);
    let blanks = " ".repeat(columns.saturating_sub(text.width()));
    if right {
        blanks + &text
    } else {
        text + &blanks
    }
}

/// The text in so many columns at the most.
pub(super) fn clipped(text: &str, columns: usize, cut: Cut) -> String {
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
        Cut::End => text.chars().take_while(|c| fits(c)).chain(['…']).collect(),
        Cut::Start => {
            let kept: Vec<_> = text.chars().rev().take_while(|c| fits(c)).collect();
            ['…'].into_iter().chain(kept.into_iter().rev()).collect()
        }
    }
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
            assert_eq!(fitted(text, columns, false, cut), shown, "{text}");
            assert_eq!(width(&fitted(text, columns, false, cut)), columns, "{text}");
        }
        assert_eq!(fitted("7", 3, true, Cut::End), "  7");
    }
}
