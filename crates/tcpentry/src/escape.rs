//! Names from outside on a terminal: any user may give his process any name.

use std::fmt::Write as _;

/// Makes a name from outside fit for a terminal: control characters, what changes the direction of
/// text, what is invisible and what is no UTF-8 become escapes.
///
/// ```
/// assert_eq!(tcpentry::escape::escape_for_terminal(b"nginx"), "nginx");
/// assert_eq!(tcpentry::escape::escape_for_terminal(b"\x1b[2J\xff"), "\\u{1b}[2J\\xff");
/// ```
pub fn escape_for_terminal(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\'' => out.push(character),
                // Everything that is not printable, and the backslash itself.
                other => out.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_lose_their_power() {
        assert_eq!(
            escape_for_terminal("a\u{202e}b\u{200b}c\nd".as_bytes()),
            "a\\u{202e}b\\u{200b}c\\nd"
        );
        assert_eq!(escape_for_terminal("grün 'ok'".as_bytes()), "grün 'ok'");
        assert_eq!(escape_for_terminal(b"\\x"), "\\\\x");
        assert_eq!(escape_for_terminal(b"\x9b31m\xc2\x9b"), "\\x9b31m\\u{9b}");
    }
}
