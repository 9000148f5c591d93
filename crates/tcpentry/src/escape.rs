//! Names from outside on a terminal: any user may give a process any name.

use std::fmt::Write as _;

/// Makes a name from outside fit for a terminal: control characters, what changes the direction of text, what nobody
/// sees, and what is not UTF-8 become escapes.
///
/// ```
/// assert_eq!(tcpentry::escape::escape_for_terminal(b"nginx"), "nginx");
/// assert_eq!(tcpentry::escape::escape_for_terminal(b"\x1b[2J\xff"), "\\u{1b}[2J\\xff");
/// assert_eq!(tcpentry::escape::escape_for_terminal("\u{3164}".as_bytes()), "\\u{3164}");
/// ```
pub fn escape_for_terminal(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.push_str(r"\\"),
                plain if is_plain(plain) => out.push(plain),
                // Those of ASCII have short escapes, as `\n`.
                other if !is_blank(other) => out.extend(other.escape_debug()),
                other => out.extend(other.escape_unicode()),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Returns true for a character that a terminal shows as itself, in a cell of its own.
///
/// ```
/// use tcpentry::escape::is_plain;
/// assert!(is_plain('a') && is_plain(' ') && is_plain('"') && is_plain('\\'));
/// assert!(!is_plain('\u{1b}') && !is_plain('\u{202e}') && !is_plain('\u{2800}'));
/// ```
pub fn is_plain(character: char) -> bool {
    // Rust's escapes are those of the categories Cc, Cf, Cs, Co, Cn, Zl, Zp, of Zs but for the space, and of
    // Grapheme_Extend; and of what its own literals need.
    let is_of_literals = matches!(character, '"' | '\'' | '\\');
    is_of_literals || (character.escape_debug().len() == 1 && !is_blank(character))
}

/// Returns true for a letter or symbol, by its category, that nobody sees: the rest of Default_Ignorable_Code_Point (the
/// fillers of Hangul), what takes no cell of its own (conjoining vowels and finals of Hangul, prefixed letters of India), and
/// what is drawn blank.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{115f}'                   // HANGUL CHOSEONG FILLER
        | '\u{1160}'..='\u{11ff}'    // HANGUL JUNGSEONG FILLER, and the conjoining vowels and finals behind it
        | '\u{d7b0}'..='\u{d7ff}'    // those of Hangul Jamo Extended-B
        | '\u{2800}'                 // BRAILLE PATTERN BLANK
        | '\u{3164}'                 // HANGUL FILLER
        | '\u{fffc}'                 // OBJECT REPLACEMENT CHARACTER
        | '\u{ffa0}'                 // HALFWIDTH HANGUL FILLER
        | '\u{13441}' | '\u{13442}'  // EGYPTIAN HIEROGLYPH FULL BLANK, HALF BLANK
        // What is drawn into the cell of the letter behind it: Grapheme_Cluster_Break=Prepend
        | '\u{d4e}' | '\u{a8fa}' | '\u{111c2}' | '\u{111c3}' | '\u{113d1}' | '\u{1193f}' | '\u{11941}'
        | '\u{11a84}'..='\u{11a89}' | '\u{11d46}' | '\u{11f02}'
        | '\u{1d159}'                // MUSICAL SYMBOL NULL NOTEHEAD
    )
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

    #[test]
    fn names_that_nobody_sees_are_escaped() {
        let seen = |character: char| escape_for_terminal(character.to_string().as_bytes());
        for blank in [
            '\u{3164}',
            '\u{2800}',
            '\u{115f}',
            '\u{1160}',
            '\u{ffa0}',
            '\u{1161}',
            '\u{d7b0}',
            '\u{13441}',
            '\u{1d159}',
            '\u{200b}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{ad}',
            '\u{34f}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{fe0f}',
            '\u{a0}',
            '\u{1680}',
            '\u{2003}',
            '\u{3000}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{16fe4}',
            '\u{301}',
            '\u{e000}',
        ] {
            let escaped = format!("\\u{{{:x}}}", u32::from(blank));
            assert_eq!(seen(blank), escaped);
            assert!(!is_plain(blank), "{escaped}");
        }
        for plain in ['a', ' ', '\'', '"', '가', 'ᄀ', '⠁', '名', 'é', '🦀', 'ﾡ'] {
            assert_eq!(seen(plain), plain.to_string());
        }
    }
}
