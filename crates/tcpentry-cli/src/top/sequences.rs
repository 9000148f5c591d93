//! Escape sequences that a terminal sends by itself: told from keys, also where they come when nobody waits for them any more.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

/// The place within an escape sequence.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Within {
    #[default]
    Nothing,
    /// After ESC.
    Escape,
    /// After `ESC [` or `ESC O`, until a final character.
    Control,
    /// After `ESC ]`, until BEL or `ESC \`.
    Text,
    /// After an ESC in such a text.
    EscapeInText,
}

impl Within {
    /// Returns the place after this character, and whether the character is part of a sequence.
    pub(super) const fn step(self, c: char) -> (Self, bool) {
        match (self, c) {
            (Self::Text | Self::EscapeInText, ESC) => (Self::EscapeInText, true),
            (_, ESC) => (Self::Escape, true),
            (Self::Text, BEL) => (Self::Nothing, true),
            // No sequence has any other control character, as that of Ctrl-C.
            (Self::Nothing, _) | (_, '\0'..' ') => (Self::Nothing, false),
            (Self::Escape | Self::EscapeInText, '[' | 'O') => (Self::Control, true),
            (Self::Escape | Self::EscapeInText, ']') => (Self::Text, true),
            (Self::Escape | Self::EscapeInText, _) | (Self::Control, '@'..='~') => {
                (Self::Nothing, true)
            }
            (Self::Control | Self::Text, _) => (self, true),
        }
    }
}

/// Takes the sequences that crossterm (0.29) reports as keys out of the keys: `ESC ]` is Alt-`]` to it, and what follows letters,
/// of which a colour has the `d` that deletes.
///
/// It knows the answer to a request for attributes, and reports it to nobody. Each sequence is recognised also where ESC came alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateAnswers {
    within: Within,
    since: Instant,
}

impl LateAnswers {
    /// Begins at this place, which was reached at `now`.
    pub(super) const fn after(within: Within, now: Instant) -> Self {
        Self { within, since: now }
    }

    /// Returns true for an event that is part of a sequence, and no key.
    pub(super) fn takes(&mut self, event: &Event, now: Instant) -> bool {
        let Event::Key(key) = event else { return false };
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let limit = match self.within {
            Within::Escape => AFTER_ESC,
            _ => WHOLE_SEQUENCE,
        };
        if now.saturating_duration_since(self.since) > limit {
            self.within = Within::Nothing;
        }
        let before = self.within;
        let c = match key.code {
            KeyCode::Esc => ESC,
            KeyCode::Char('g') if key.modifiers.contains(KeyModifiers::CONTROL) => BEL,
            KeyCode::Char(_) if key.modifiers.contains(KeyModifiers::CONTROL) => '\0',
            KeyCode::Char(c) => c,
            _ => '\0',
        };
        let begun = if key.modifiers.contains(KeyModifiers::ALT) {
            before.step(ESC).0
        } else {
            before
        };
        let (after, is_part) = begun.step(c);
        self.within = after;
        match (before, after) {
            // An Esc, or another letter with Alt, that begins nothing.
            (Within::Nothing | Within::Escape, Within::Nothing | Within::Escape) => {
                self.since = now;
                false
            }
            (Within::Nothing | Within::Escape, _) => {
                self.since = now;
                true
            }
            _ => is_part,
        }
    }
}

pub(super) const ESC: char = '\x1b';
pub(super) const BEL: char = '\x07';
/// The longest that ESC and what follows it are apart: by hand they are further.
const AFTER_ESC: Duration = Duration::from_millis(50);
/// The longest time that keys are taken for the rest of a sequence.
const WHOLE_SEQUENCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use crossterm::event::KeyEvent;

    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    fn letters(text: &str) -> Vec<Event> {
        let letter = |c| key(KeyCode::Char(c), KeyModifiers::NONE);
        text.chars().map(letter).collect()
    }

    fn alt(c: char) -> Event {
        key(KeyCode::Char(c), KeyModifiers::ALT)
    }

    fn esc() -> Event {
        key(KeyCode::Esc, KeyModifiers::NONE)
    }

    /// Returns the letters that are left as keys, of events that come at once.
    fn left(late: &mut LateAnswers, events: Vec<Event>, now: Instant) -> Vec<Event> {
        let mut events = events;
        events.retain(|event| !late.takes(event, now));
        events
    }

    fn listening(now: Instant) -> LateAnswers {
        LateAnswers::after(Within::Nothing, now)
    }

    #[test]
    fn a_late_colour_presses_no_key() {
        let now = Instant::now();
        let bel = || key(KeyCode::Char('g'), KeyModifiers::CONTROL);
        let rests = [
            "11;rgb:dddd/dddd/dddd",
            "11;rgb:d/y/q",
            "dyqdyq",
            "",
            "[]Oé",
        ];
        let starts = [vec![alt(']')], [vec![esc()], letters("]")].concat()];
        let ends = [
            vec![bel()],
            vec![alt('\\')],
            [vec![esc()], letters("\\")].concat(),
        ];
        for (rest, start, end) in rests.iter().flat_map(|rest| {
            let pairs = starts
                .iter()
                .flat_map(|start| ends.iter().map(move |end| (start, end)));
            pairs.map(move |(start, end)| (rest, start, end))
        }) {
            let events = [start.clone(), letters(rest), end.clone(), letters("dy")].concat();
            let keys = left(&mut listening(now), events, now);
            // crossterm has already told an Esc that came alone.
            let keys: Vec<_> = keys.into_iter().filter(|it| *it != esc()).collect();
            assert_eq!(keys, letters("dy"), "{start:?} {rest} {end:?}");
        }
    }

    #[test]
    fn attributes_that_came_in_two_pieces_press_no_key() {
        let now = Instant::now();
        let events = [vec![esc()], letters("[?64;1;9;15;21;22cd")].concat();
        let expected = [vec![esc()], letters("d")].concat();
        assert_eq!(left(&mut listening(now), events, now), expected);
        for (within, rest) in [
            (Within::Escape, "]11;rgb:dddd/d"),
            (Within::Escape, "[?62;c"),
            (Within::Control, "?62;c"),
            (Within::Text, "11;rgb:dyq"),
        ] {
            let mut late = LateAnswers::after(within, now);
            assert_eq!(left(&mut late, letters(rest), now), [], "{within:?}");
        }
    }

    #[test]
    fn an_answer_without_an_end_holds_keys_up_only_for_a_moment() {
        let start = Instant::now();
        let mut late = listening(start);
        let events = [vec![alt(']')], letters("11;rgb:dyq")].concat();
        assert_eq!(left(&mut late, events, start), []);
        let later = start + WHOLE_SEQUENCE;
        assert_eq!(left(&mut late, letters("dyq"), later), []);
        let later = later + Duration::from_millis(1);
        assert_eq!(left(&mut late, letters("dyq"), later), letters("dyq"));
        // Ctrl-C is no part of it.
        assert_eq!(left(&mut late, vec![alt(']')], later), []);
        let ctrl_c = vec![key(KeyCode::Char('c'), KeyModifiers::CONTROL)];
        assert_eq!(left(&mut late, ctrl_c.clone(), later), ctrl_c);
        assert_eq!(left(&mut late, letters("d"), later), letters("d"));
    }

    #[test]
    fn keys_stay_keys() {
        let now = Instant::now();
        let keys = [
            vec![esc()],
            letters("dyq[]\\O"),
            vec![alt('x'), alt('\\'), esc(), esc()],
            letters("q"),
            vec![key(KeyCode::Left, KeyModifiers::ALT), Event::Resize(80, 24)],
            vec![key(KeyCode::Enter, KeyModifiers::NONE), esc()],
        ];
        assert_eq!(left(&mut listening(now), keys.concat(), now), keys.concat());
        // Typed one after the other.
        let mut late = listening(now);
        assert!(!late.takes(&esc(), now));
        let later = now + AFTER_ESC + Duration::from_millis(1);
        assert_eq!(left(&mut late, letters("]d"), later), letters("]d"));
    }
}
