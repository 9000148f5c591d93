//! Names with `*`: of processes and containers.

use crate::process::Process;

/// A name to compare with: `*` stands for any bytes, `\*` for a star, `\\` for a backslash.
///
/// Any other backslash stands for itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern {
    /// The text as written, with its escapes.
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

    /// Makes the pattern of exactly this name: its stars and backslashes are literal.
    pub(crate) fn exactly(name: &str) -> Self {
        Self::new(name.replace('\\', r"\\").replace('*', r"\*"))
    }

    /// Returns the pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns true where a star stands for anything.
    pub(crate) fn has_wildcard(&self) -> bool {
        self.pieces.len() > 1
    }

    /// Returns `true` for a path, or a name that is longer than the kernel keeps: those are compared with the executable.
    pub(super) fn is_of_executable(&self) -> bool {
        let literal: usize = self.pieces.iter().map(String::len).sum();
        self.has_slash() || (literal > Process::LONGEST_COMM && !self.has_wildcard())
    }

    fn has_slash(&self) -> bool {
        self.pieces.iter().any(|piece| piece.contains('/'))
    }

    /// Matches the path of an executable: whole where the pattern is a path, else its last part.
    pub(super) fn matches_executable(&self, path: &[u8]) -> bool {
        let compared = if self.has_slash() {
            Some(path)
        } else {
            path.rsplit(|&byte| byte == b'/').next()
        };
        compared.is_some_and(|compared| self.matches(compared))
    }

    /// Returns `true` where it may mean a process of this name in the kernel whose executable the caller may not see.
    pub(super) fn may_match_unseen(&self, name: &[u8]) -> bool {
        let base = self.base();
        if name.len() < Process::LONGEST_COMM {
            return self.has_slash() && base.matches(name);
        }
        // It may be the beginning of a longer one.
        let fixed = base.pieces[0].as_bytes();
        match base.pieces.len() {
            1 => fixed.starts_with(name),
            _ => name.starts_with(fixed) || fixed.starts_with(name),
        }
    }

    /// Returns the pattern of the last part of a path.
    fn base(&self) -> Self {
        let last = self.pieces.iter().rposition(|piece| piece.contains('/'));
        let (first, rest) = self.pieces[last.unwrap_or(0)..]
            .split_first()
            .expect("there is always a last piece");
        let first = first.rsplit('/').next().unwrap_or_default();
        let pieces = std::iter::once(first.to_owned())
            .chain(rest.iter().cloned())
            .collect();
        Self {
            text: self.text.clone(),
            pieces,
        }
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

    #[test]
    fn a_long_name_or_a_path_is_that_of_the_executable() {
        let path = &b"/usr/lib/systemd/systemd-resolved"[..];
        for (text, is_meant) in [
            ("systemd-resolved", true),
            ("systemd-resolver", false),
            ("/usr/lib/systemd/systemd-resolved", true),
            ("/usr/lib/*/systemd-resolved", true),
            ("/lib/systemd/systemd-resolved", false),
            ("*/systemd-resolved", true),
            ("systemd/systemd-resolved", false),
        ] {
            assert!(Pattern::new(text).is_of_executable(), "{text}");
            assert_eq!(
                Pattern::new(text).matches_executable(path),
                is_meant,
                "{text}"
            );
        }
        for text in ["systemd-resolve", "systemd-resolv*", "*", ""] {
            assert!(!Pattern::new(text).is_of_executable(), "{text}");
        }
        // Of one that hides, the kernel tells fifteen bytes.
        for (text, name, may_be_meant) in [
            ("systemd-resolved", "systemd-resolve", true),
            ("/opt/systemd-resolved", "systemd-resolve", true),
            ("systemd-*d", "systemd-resolve", true),
            ("systemd-timesyncd", "systemd-resolve", false),
            ("system*", "systemd-resolve", true),
            ("nginx*", "systemd-resolve", false),
            ("/usr/sbin/nginx", "nginx", true),
            ("/usr/sbin/nginx", "nginy", false),
            ("a-very-long-name-indeed", "a-very-long", false),
        ] {
            let may_be = Pattern::new(text).may_match_unseen(name.as_bytes());
            assert_eq!(may_be, may_be_meant, "{text} {name}");
        }
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
