//! Text of a fixed width: padded, truncated, wrapped.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Signs;

/// The part of a text that is left out where it is too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    /// For words.
    End,
    /// For holders: the number of others stays, and the name before it is cut.
    Name,
    /// For names of hosts before a port, which stays: the start of the name stays in any case, because it tells that it is
    /// no address.
    Host,
    /// For the holders of client and server: each has a part of the room.
    Both,
    /// For endpoints, whose port stays: what tells addresses apart is at both their ends.
    Middle,
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
    let ellipsis = signs.ellipsis;
    match cut {
        Cut::End => format!("{}{ellipsis}", start(text, room)),
        Cut::Name => {
            // A name has no space.
            let others = text.rfind(" +").unwrap_or(text.len());
            let (name, others) = text.split_at(others);
            match room.checked_sub(others.width()) {
                Some(room) if room >= MIN_NAME_WIDTH => {
                    format!("{}{ellipsis}{others}", start(name, room))
                }
                _ => format!("{}{ellipsis}", start(text, room)),
            }
        }
        Cut::Both => {
            let Some((client, server)) = text.split_once(signs.to) else {
                return clipped(text, columns, Cut::End, signs);
            };
            // Names say more than pids.
            let (client, server) = (without_pid(client), without_pid(server));
            let room = columns.saturating_sub(width(signs.to));
            if room < 2 * MIN_NAME_WIDTH {
                return clipped(client, columns, Cut::Name, signs);
            }
            // What one does not need the other has.
            let half = (room / 2).max(room.saturating_sub(width(server)));
            let client = clipped(client, half, Cut::Name, signs);
            let server = clipped(server, room - width(&client), Cut::Name, signs);
            format!("{client}{}{server}", signs.to)
        }
        Cut::Host => {
            let port = text.rfind(':').unwrap_or(text.len());
            let (name, port) = text.split_at(port);
            let both_ends = room.saturating_sub(port.width() + 2) / 2;
            match room.checked_sub(port.width()) {
                Some(_) if both_ends >= MIN_NAME_WIDTH => {
                    let tail = end(name, room - port.width() - both_ends);
                    format!("{}{ellipsis}{tail}{port}", start(name, both_ends))
                }
                Some(room) if room >= MIN_NAME_WIDTH => {
                    format!("{}{ellipsis}{port}", start(name, room))
                }
                _ => format!("{}{ellipsis}", start(name, room)),
            }
        }
        Cut::Middle => {
            let port = text.rfind(':').map_or(0, |at| text[at..].width());
            // A part of the address stands before the port, or else it would be nobody's.
            let tail = (port + 2).max(room.div_ceil(2)).min(room);
            // One or two characters of the start would only mislead.
            let tail = if room - tail < 3 { room } else { tail };
            let tail = end(text, tail);
            format!("{}{ellipsis}{tail}", start(text, room - tail.width()))
        }
    }
}

/// Returns the characters that fit in this many columns.
fn start(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    let too_much = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > columns
    });
    &text[..too_much.map_or(text.len(), |(at, _)| at)]
}

/// Returns a holder without the pid before its name.
fn without_pid(holder: &str) -> &str {
    match holder.split_once(' ') {
        Some((pid, name)) if pid.parse::<u32>().is_ok() => name,
        _ => holder,
    }
}

/// Returns the last characters that fit in this many columns.
fn end(text: &str, columns: usize) -> String {
    let reversed: String = text.chars().rev().collect();
    start(&reversed, columns).chars().rev().collect()
}

/// Joins fields by two spaces, in as many lines as it takes. A field that is longer than a line is cut.
pub(super) fn packed(
    fields: impl IntoIterator<Item = (String, Cut)>,
    columns: usize,
    signs: Signs,
) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    for (field, cut) in fields {
        let field = clipped(&field, columns, cut, signs);
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(&field);
        } else if line.width() + 2 + field.trim_end().width() <= columns {
            line.push_str("  ");
            line.push_str(&field);
        } else {
            lines.push(field);
        }
    }
    lines
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

/// The width below which nothing is to be read of a holder.
const MIN_NAME_WIDTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_take_exactly_their_columns() {
        for (text, columns, cut, shown) in [
            ("abc", 5, Cut::End, "abc  "),
            ("abcdef", 4, Cut::End, "abc…"),
            ("10.0.0.1:443", 6, Cut::Middle, "…1:443"),
            ("198.51.100.1:50000", 11, Cut::Middle, "…00.1:50000"),
            ("198.51.100.1:50000", 14, Cut::Middle, "198.5….1:50000"),
            (
                "[2001:db8:85a3::8a2e:370:7334]:443",
                22,
                Cut::Middle,
                "[2001:db8:…0:7334]:443",
            ),
            (
                "www.example.com:https",
                21,
                Cut::Host,
                "www.example.com:https",
            ),
            ("www.example.com:https", 16, Cut::Host, "www…le.com:https"),
            ("\"7.100.51.198.a\":443", 14, Cut::Host, "\"7.…198.a\":443"),
            ("www.example.com:https", 10, Cut::Host, "www…:https"),
            ("www.example.com:https", 8, Cut::Host, "www.exa…"),
            (
                "12 curl → 7 nginx +3",
                20,
                Cut::Both,
                "12 curl → 7 nginx +3",
            ),
            ("12 curl → 7 nginx +3", 17, Cut::Both, "curl → nginx +3  "),
            ("12 python3 → 7 nginx", 12, Cut::Both, "pyt… → nginx"),
            ("... → 7 nginx", 12, Cut::Both, "... → nginx "),
            ("12 curl → 7 nginx +3", 8, Cut::Both, "curl    "),
            ("日本語", 4, Cut::End, "日… "),
            ("日本語", 6, Cut::End, "日本語"),
            ("7 nginx +12", 11, Cut::Name, "7 nginx +12"),
            ("7 nginx +12", 10, Cut::Name, "7 ngi… +12"),
            ("7 nginx +12", 7, Cut::Name, "7 ngin…"),
            ("7 nginx", 5, Cut::Name, "7 ng…"),
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
