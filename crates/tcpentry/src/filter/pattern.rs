//! Names with `*`: of processes and containers.

/// A name to compare with: `*` stands for any bytes, `\*` for a star, `\\` for a backslash.
///
/// Any other backslash stands for itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern {
    /// As written, with its escapes.
    text: String,
    /// The literal text before, between and behind the stars: one more piece than there are stars.
    pieces: Vec<String>,
}

impl Pattern {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut pieces = vec![String::new()];
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let escaped = (character == '\\')
                .then(|| characters.next_if(|next| matches!(next, '*' | '\\')))
                .flatten();
            match (character, escaped) {
                ('*', None) => pieces.push(String::new()),
                (literal, escaped) => {
                    let piece = pieces.last_mut().expect("there is always a last piece");
                    piece.push(escaped.unwrap_or(literal));
                }
            }
        }
        Self { text, pieces }
    }

    /// Returns the pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns true where a star stands for anything.
    pub(crate) fn has_wildcard(&self) -> bool {
        self.pieces.len() > 1
    }

    /// Matches a name. Each piece between two stars is taken where it comes first: no name makes it try twice.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let [beginning, middle @ .., end] = &self.pieces[..] else {
            return self.pieces[0].as_bytes() == name;
        };
        let Some(mut name) = name
            .strip_prefix(beginning.as_bytes())
            .and_then(|name| name.strip_suffix(end.as_bytes()))
        else {
            return false;
        };
        let mut between = middle.iter().filter(|piece| !piece.is_empty());
        between.all(|piece| {
            let found = name
                .windows(piece.len())
                .position(|part| part == piece.as_bytes());
            found.is_some_and(|at| {
                name = &name[at + piece.len()..];
                true
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_is_exact_but_for_its_stars() {
        let matches = |pattern: &str, name: &[u8]| Pattern::new(pattern).matches(name);
        for (pattern, name, expected) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx:", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("n*", "nginx", true),
            ("*x", "nginx", true),
            ("n*x", "nginx", true),
            ("n*g*x", "nginx", true),
            ("n*g*g*x", "nginx", false),
            ("aa*aa", "aaa", false),
            ("aa*aa", "aaaa", true),
            ("*ab*ab*", "xabab", true),
            ("*ab*ab*", "xaba", false),
            ("**", "anything", true),
            ("a**b", "ab", true),
            ("?", "a", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"\**", "*x", true),
            (r"a\\*", r"a\b", true),
            (r"\\", r"\", true),
            (r"\n", r"\n", true),
            (r"\", r"\", true),
        ] {
            assert_eq!(
                matches(pattern, name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
        assert!(matches("a*b", b"a\xff\xfe\nb"));
        assert!(!matches("a\u{fffd}b", b"a\xffb"));
    }

    /// Tries everything.
    fn matches_slowly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, _) => name.is_empty(),
            (Some((b'*', rest)), None) => matches_slowly(rest, name),
            (Some((b'*', rest)), Some((_, later))) => {
                matches_slowly(rest, name) || matches_slowly(pattern, later)
            }
            (Some((one, rest)), Some((other, later))) => {
                one == other && matches_slowly(rest, later)
            }
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_says(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
            let fast = Pattern::new(pattern.clone()).matches(name.as_bytes());
            prop_assert_eq!(fast, matches_slowly(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
