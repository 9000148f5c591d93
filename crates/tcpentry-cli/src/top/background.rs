//! The background of the terminal, for which it is asked (OSC 11) before its keys are read.
//!
//! The crate terminal-colorsaurus (1.0) asks the same, but loses the keys that are typed meanwhile, and doesn't tell where in an answer its
//! time ended, so that the rest would be keys.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rustix::stdio::stdin;

use super::sequences::{BEL, Within};
use crate::args::Palette;
use crate::terminal::TerminalInput;

/// Returns the colours for the background that a terminal reports in `COLORFGBG`, as `0;15`, if it does.
pub(super) fn reported(value: Option<&str>) -> Option<Palette> {
    match value?.rsplit(';').next()?.parse::<u8>().ok()? {
        7 | 15 => Some(Palette::Light),
        _ => Some(Palette::Dark),
    }
}

/// Returns true for a terminal, by its `TERM`, that may answer.
pub(super) fn may_answer(term: Option<&str>) -> bool {
    // GNU screen passes the question on, and answers the second one first. Eterm and the console have no answer.
    let silent = ["", "dumb", "linux", "Eterm", "screen"];
    term.is_some_and(|term| !silent.contains(&term) && !term.starts_with("screen."))
}

/// Asks the terminal, which is in raw mode, and hears it until it has answered, at most for a moment.
///
/// Every terminal answers the second question, for its attributes; after that no colour comes any more.
pub(super) fn ask(out: &mut impl Write) -> io::Result<TerminalAnswers> {
    let mut heard = TerminalAnswers::default();
    // Where it can't be read without waiting, no answer is worth a screen that never comes.
    let Ok(input) = TerminalInput::reopen(stdin()) else {
        return Ok(heard);
    };
    out.write_all(QUESTIONS)?;
    out.flush()?;
    let deadline = Instant::now() + LIMIT;
    while !heard.is_answered && heard.length < MAX_LENGTH {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let mut text = [0; 256];
        match input.read_within(left, &mut text)? {
            None => {}
            // That it is gone is told by the reader of keys.
            Some(0) => break,
            Some(length) => text[..length].iter().for_each(|byte| heard.hear(*byte)),
        }
    }
    Ok(heard)
}

/// The answers of the terminal, and the keys that came meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct TerminalAnswers {
    within: Within,
    /// The beginning of the sequence, after its introduction.
    sequence: Vec<u8>,
    palette: Option<Palette>,
    is_answered: bool,
    keys: Vec<u8>,
    length: usize,
}

impl TerminalAnswers {
    fn hear(&mut self, byte: u8) {
        self.length += 1;
        let before = self.within;
        let (after, is_part) = before.step(char::from(byte));
        self.within = after;
        match (before, after) {
            _ if !is_part => self.keys.push(byte),
            (Within::Control | Within::Text, _) if before == after => {
                let room = MAX_SEQUENCE - self.sequence.len();
                self.sequence.extend([byte].iter().take(room));
            }
            (Within::Text, Within::EscapeInText) => self.hear_text(),
            (Within::Text, _) if char::from(byte) == BEL => self.hear_text(),
            (Within::Control, _) => {
                self.is_answered |= byte == b'c' && self.sequence.first() == Some(&b'?');
            }
            (_, Within::Control | Within::Text) => self.sequence.clear(),
            _ => {}
        }
    }

    fn hear_text(&mut self) {
        if let Some(color) = self.sequence.strip_prefix(b"11;").and_then(color) {
            self.palette = Some(palette_on(color));
        }
        self.sequence.clear();
    }

    /// Returns the colours for its background, if it has told it.
    pub(super) const fn palette(&self) -> Option<Palette> {
        self.palette
    }

    /// Returns the place in a sequence whose rest is still to come.
    pub(super) const fn within(&self) -> Within {
        self.within
    }

    /// Returns the keys that were typed meanwhile, as far as they are single characters.
    pub(super) fn keys(&self) -> Vec<KeyEvent> {
        let text = String::from_utf8_lossy(&self.keys);
        text.chars().filter_map(key).collect()
    }
}

/// Returns the key of a character, as crossterm does.
fn key(c: char) -> Option<KeyEvent> {
    let (code, modifiers) = match c {
        '\r' => (KeyCode::Enter, KeyModifiers::NONE),
        '\t' => (KeyCode::Tab, KeyModifiers::NONE),
        '\x7f' => (KeyCode::Backspace, KeyModifiers::NONE),
        '\x01'..='\x1a' => {
            let letter = char::from(u8::try_from(c).ok()? - 1 + b'a');
            (KeyCode::Char(letter), KeyModifiers::CONTROL)
        }
        char::REPLACEMENT_CHARACTER => return None,
        _ if c.is_control() => return None,
        _ if c.is_uppercase() => (KeyCode::Char(c), KeyModifiers::SHIFT),
        _ => (KeyCode::Char(c), KeyModifiers::NONE),
    };
    Some(KeyEvent::new(code, modifiers))
}

/// Returns red, green and blue, from 0 to 1, of a colour as terminals tell it: `rgb:ffff/ffff/ffff`, `rgba:` with its opacity.
fn color(text: &[u8]) -> Option<[f64; 3]> {
    let text = std::str::from_utf8(text).ok()?;
    let (kind, parts) = text.split_once(':')?;
    let parts: Option<Vec<f64>> = parts.split('/').map(part).collect();
    match (kind, parts?.as_slice()) {
        ("rgb", &[red, green, blue]) | ("rgba", &[red, green, blue, _]) => Some([red, green, blue]),
        _ => None,
    }
}

/// Returns a part of a colour: one to four hexadecimal digits, of which the largest is 1.
fn part(digits: &str) -> Option<f64> {
    let largest = match digits.len() {
        1 => 0xf_u16,
        2 => 0xff,
        3 => 0xfff,
        4 => 0xffff,
        _ => return None,
    };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let value = u16::from_str_radix(digits, 16).ok()?;
    Some(f64::from(value) / f64::from(largest))
}

/// Returns the colours for this background, by its relative luminance (WCAG 2).
///
/// The curve of sRGB is a polynomial here, of the same value within 0.002: `powf` would have every run of the program map libm.
fn palette_on(color: [f64; 3]) -> Palette {
    let linear = |part: f64| part * (part * (part * 0.305_306 + 0.682_171) + 0.012_523);
    let [red, green, blue] = color.map(linear);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    if luminance > 0.5 {
        Palette::Light
    } else {
        Palette::Dark
    }
}

/// The background (OSC 11), and the primary attributes (DA1).
const QUESTIONS: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";
/// The longest time to wait. A later answer is taken out of the keys.
const LIMIT: Duration = Duration::from_millis(150);
/// The number of bytes after which it is no longer heard: a terminal that sends without end is none.
const MAX_LENGTH: usize = 4096;
/// The length of a sequence that is looked at; that of a colour is less than half of it.
const MAX_SEQUENCE: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(text: &[u8]) -> TerminalAnswers {
        let mut heard = TerminalAnswers::default();
        for byte in text {
            heard.hear(*byte);
        }
        heard
    }

    fn typed(heard: &TerminalAnswers) -> String {
        let letter = |key: &KeyEvent| key.code.as_char();
        heard.keys().iter().filter_map(letter).collect()
    }

    #[test]
    fn a_light_background_is_recognised() {
        for (value, palette) in [
            (None, None),
            (Some(""), None),
            (Some("0;default"), None),
            (Some("15;0"), Some(Palette::Dark)),
            (Some("0;15"), Some(Palette::Light)),
            (Some("0;default;7"), Some(Palette::Light)),
        ] {
            assert_eq!(reported(value), palette, "{value:?}");
        }
        for (answer, palette) in [
            ("rgb:ffff/ffff/ffff", Some(Palette::Light)),
            ("rgb:fd/f6/e3", Some(Palette::Light)),
            ("rgba:f/f/f/0", Some(Palette::Light)),
            ("rgb:bc/bc/bc", Some(Palette::Light)),
            ("rgb:bb/bb/bb", Some(Palette::Dark)),
            ("rgb:0/0/f", Some(Palette::Dark)),
            ("rgb:000/000/000", Some(Palette::Dark)),
            ("rgb:ffff/ffff", None),
            ("rgb:ffff/ffff/ffff/ffff", None),
            ("rgb:fffff/ffff/ffff", None),
            ("rgb:+f/ff/ff", None),
            ("rgb://", None),
            ("#ffffff", None),
            ("?", None),
        ] {
            for end in ["\x07", "\x1b\\", "\x1b"] {
                let text = format!("\x1b]11;{answer}{end}\x1b[?62;4c");
                let heard = heard(text.as_bytes());
                assert_eq!(heard.palette(), palette, "{text:?}");
                assert!(heard.is_answered && heard.keys().is_empty(), "{text:?}");
                assert_eq!(heard.within(), Within::Nothing, "{text:?}");
            }
        }
        // Another colour than the background.
        assert_eq!(heard(b"\x1b]10;rgb:f/f/f\x07").palette(), None);
    }

    #[test]
    fn keys_that_are_typed_meanwhile_stay_keys_and_no_others_come() {
        let text = "q\x1b]11;rgb:d/d/d\x1b\\/\x1b[A\x1bOBé\x1bd\x1b[200~\x1b[?1;2cT";
        assert_eq!(typed(&heard(text.as_bytes())), "q/éT");
        let keys = heard(b"\x03\r\t\x7f\0\x1c\xff").keys();
        let expected = [
            KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
            KeyCode::Enter.into(),
            KeyCode::Tab.into(),
            KeyCode::Backspace.into(),
        ];
        assert_eq!(keys, expected);
        // Ctrl-C ends a text that has no end.
        assert_eq!(heard(b"\x1b]11;rgb:\x03").keys(), expected[..1]);
    }

    #[test]
    fn only_terminals_that_may_answer_are_asked() {
        for term in ["xterm-256color", "tmux-256color", "screen-256color", "foot"] {
            assert!(may_answer(Some(term)), "{term}");
        }
        for term in [
            "",
            "dumb",
            "linux",
            "Eterm",
            "screen",
            "screen.xterm-256color",
        ] {
            assert!(!may_answer(Some(term)), "{term}");
        }
        assert!(!may_answer(None));
    }

    proptest! {
        #[test]
        fn every_colour_is_read_with_any_number_of_digits(
            parts in [(0_u16.., 1_usize..=4), (0_u16.., 1_usize..=4), (0_u16.., 1_usize..=4)],
        ) {
            let digits = parts.map(|(value, length)| format!("{value:04x}")[4 - length..].to_owned());
            let read = color(format!("rgb:{}", digits.join("/")).as_bytes());
            let read = read.expect("a colour");
            for (part, digits) in read.iter().zip(&digits) {
                prop_assert!((0.0..=1.0).contains(part));
                prop_assert_eq!(*part >= 1.0, digits.bytes().all(|digit| digit == b'f'));
                prop_assert_eq!(*part <= 0.0, digits.bytes().all(|digit| digit == b'0'));
            }
        }

        #[test]
        fn whatever_is_answered_takes_bounded_memory_and_presses_no_key(
            text in proptest::collection::vec(any::<u8>(), 0..2000),
        ) {
            let all = heard(&text);
            prop_assert!(all.sequence.len() <= MAX_SEQUENCE);
            prop_assert!(all.keys.len() <= text.len());
            // In a text nothing is a key but control characters.
            let mut text = text;
            text.retain(|byte| !(..b' ').contains(byte));
            let all = heard(&[b"\x1b]11;", text.as_slice()].concat());
            prop_assert!(all.keys().is_empty() && all.palette().is_none());
            prop_assert!(all.sequence.len() <= MAX_SEQUENCE);
        }

        #[test]
        fn an_answer_is_the_same_in_pieces_and_among_keys(
            before in "[a-zA-Z/]{0,5}", after in "[a-zA-Z/]{0,5}", is_light: bool,
        ) {
            let digit = if is_light { 'd' } else { '3' };
            let text = format!("{before}\x1b]11;rgb:{digit}/{digit}/{digit}\x07\x1b[?6c{after}");
            let heard = heard(text.as_bytes());
            prop_assert_eq!(typed(&heard), format!("{before}{after}"));
            let palette = if is_light { Palette::Light } else { Palette::Dark };
            prop_assert_eq!(heard.palette(), Some(palette));
        }
    }
}
