//! The readings of what is typed: a filter, or words to be found on the rows; of one word also the exact filters that it may
//! stand for.

use std::net::{IpAddr, SocketAddr};

use tcpentry::Filter;

use super::super::model::{Find, Row};
use super::candidates::{bare, candidates, count_rows};

/// A text as it is understood.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct TypedText {
    /// The words that are on the row, as they were typed.
    pub(crate) words: String,
    /// The filter in the language of `tcpentry list`.
    pub(crate) filter: String,
    /// The number of characters before the filter.
    pub(crate) column: usize,
}

impl TypedText {
    /// Reads a text: a filter begins with one of its words and goes on; anything else is searched for as it stands, up to an
    /// `and` before a filter.
    pub(crate) fn of(text: &str) -> Self {
        let trimmed = text.trim();
        if trimmed.is_empty() || is_filter(text) {
            return Self::of_filter(text.to_owned());
        }
        if let Some(filter) = exact(trimmed) {
            return Self::of_filter(filter);
        }
        let mut joints = text.match_indices(AND);
        let joint = joints.find(|(at, _)| is_filter(&text[at + AND.len()..]));
        let Some((at, _)) = joint else {
            return Self {
                words: trimmed.to_owned(),
                ..Self::default()
            };
        };
        let (before, filter) = (&text[..at], &text[at + AND.len()..]);
        Self {
            words: before.trim().to_owned(),
            filter: filter.to_owned(),
            column: (before.chars().chain(AND.chars())).count(),
        }
    }

    const fn of_filter(filter: String) -> Self {
        Self {
            words: String::new(),
            filter,
            column: 0,
        }
    }

    pub(crate) fn find(&self) -> Find {
        Find::of(&self.words)
    }

    /// Returns the words with another filter, as they are typed.
    pub(crate) fn with_filter(&self, filter: &str) -> String {
        if self.words.is_empty() {
            filter.to_owned()
        } else {
            format!("{}{AND}{filter}", self.words)
        }
    }
}

/// Returns true for what begins with a word of the language and goes on.
fn is_filter(text: &str) -> bool {
    let trimmed = text.trim();
    let is_word = !text
        .trim_start()
        .contains(|c: char| !c.is_ascii_alphanumeric());
    Filter::starts_with_keyword(trimmed) && (!is_word || COMPLETE.contains(&trimmed))
}

/// Returns the filter that a text stands for which is on no row as it is: a network, `localhost`, or both ends.
fn exact(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(local), Some(peer), None) => {
            let is_end = |word: &str| word.parse::<SocketAddr>().is_ok();
            (is_end(local) && is_end(peer)).then(|| format!("src {local} and dst {peer}"))
        }
        (Some("localhost"), None, None) => Some("host 127.0.0.0/8 or host [::1]".to_owned()),
        (Some(word), None, None) => {
            let (address, length) = word.split_once('/')?;
            let address = bare(address).parse().ok()?;
            let length: u8 = length.parse().ok()?;
            let (most, text) = match address {
                IpAddr::V4(address) => (32, format!("host {address}/{length}")),
                IpAddr::V6(address) => (128, format!("host [{address}]/{length}")),
            };
            (length <= most).then_some(text)
        }
        _ => None,
    }
}

/// A filter that a word may stand for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ExactReading {
    pub(crate) filter: String,
    /// The number of rows that it selects.
    pub(crate) count: usize,
}

impl ExactReading {
    /// Returns the first words of the filter: `process` for a process of the name that was typed.
    pub(crate) fn label(&self) -> &str {
        self.filter.split(' ').next().unwrap_or_default()
    }
}

/// Returns the filters that a word may stand for, and that select some of the rows.
pub(crate) fn exact_readings<'r>(
    text: &str,
    rows: impl Iterator<Item = &'r Row>,
) -> Vec<ExactReading> {
    let word = text.trim();
    let mut candidates = candidates(word);
    if candidates.is_empty() {
        return Vec::new();
    }
    count_rows(&mut candidates, rows);
    // The beginning of a name is offered where it is no whole one.
    let is_whole = candidates.iter().any(|(filter, _, count)| {
        *count > 0 && filter.starts_with("process ") && !filter.ends_with('*')
    });
    candidates.retain(|(filter, _, count)| *count > 0 && !(is_whole && filter.ends_with('*')));
    let readings = candidates.into_iter();
    readings
        .map(|(filter, _, count)| ExactReading { filter, count })
        .collect()
}

/// The joint of words and a filter.
const AND: &str = " and ";
/// Filters of one word.
const COMPLETE: &[&str] = &["autobound"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tcpentry::{State, SystemNames, TcpTable};

    use super::super::super::model::HolderNames;
    use super::super::super::model::testing::{row, row_of};
    use super::*;

    #[test]
    fn a_filter_is_one_from_its_second_word_on() {
        for text in [
            "",
            " ",
            "state close-wait",
            "state ",
            "dport = :80",
            "sport=:80",
            "(port 80",
            "not process x",
            "autobound",
        ] {
            let typed = TypedText::of(text);
            assert_eq!((&*typed.words, &*typed.filter), ("", text));
        }
        for (text, filter) in [
            ("localhost", "host 127.0.0.0/8 or host [::1]"),
            ("10.0.0.0/8", "host 10.0.0.0/8"),
            ("[2001:db8::]/32", "host [2001:db8::]/32"),
            ("192.0.2.1:443 [::1]:9", "src 192.0.2.1:443 and dst [::1]:9"),
        ] {
            let typed = TypedText::of(text);
            assert_eq!((&*typed.words, &*typed.filter), ("", filter));
        }
        for text in [
            "nginx",
            "443",
            ":443",
            "10.0.0.1",
            "10.0.0.1:80",
            "a b",
            "state",
            "user",
            "x;y",
            "10.0.0.0/33",
            "port-proxy",
            "close-wait",
            "rock and roll",
            "a and state",
        ] {
            let typed = TypedText::of(text);
            assert_eq!((&*typed.words, &*typed.filter), (text, ""));
        }
    }

    #[test]
    fn words_and_a_filter_are_joined_by_and() {
        for (text, words, filter, column) in [
            ("nginx and port = :80", "nginx", "port = :80", 10),
            ("ä b and not user x", "ä b", "not user x", 8),
            (
                "a and b and state x and user y",
                "a and b",
                "state x and user y",
                12,
            ),
            ("process a and state b", "", "process a and state b", 0),
        ] {
            let typed = TypedText::of(text);
            let is = (&*typed.words, &*typed.filter, typed.column);
            assert_eq!(is, (words, filter, column));
            assert_eq!(typed.with_filter(filter), text);
        }
    }

    /// Returns rows of several meanings of one word.
    fn rows() -> Vec<Row> {
        let held = |mut row: Row, text: &str| {
            row.resolved.holders = Some(Arc::new(HolderNames {
                text: text.to_owned(),
                ..HolderNames::default()
            }));
            row
        };
        let mut rows = vec![
            held(row(1), "443 root, 7 x"),
            held(row_of(2, State::CloseWait), "8 rootkit"),
            held(row(3), "9 rootkit"),
        ];
        rows[2].names_mut().user = Some("x".into());
        rows[1].names_mut().netns = Some("root".into());
        rows[1].names_mut().unit = Some("docker:3f9c1a675236".into());
        rows[2].names_mut().unit = Some("x.service".into());
        rows
    }

    fn offered(text: &str) -> String {
        let rows = rows();
        let readings = exact_readings(text, rows.iter()).into_iter();
        let readings = readings.map(|it| format!("{} {}", it.filter, it.count));
        readings.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_exact_readings_of_a_word_are_offered_with_the_number_of_their_rows() {
        for (word, expected) in [
            ("root", "process root 1, user root 2, netns root 1"),
            ("rootk", "process rootk* 2"),
            ("x", "process x 1, user x 1, unit x 1"),
            ("x.service", "unit x.service 1"),
            ("docker:3f9c1a675236", "container docker:3f9c1a675236 1"),
            ("443", "port = :443 3, pid 443 1"),
            (":50000", "port = :50000 3"),
            ("8", "pid 8 1"),
            ("CLOSE_WAIT", "state close-wait 1"),
            ("198.51.100.2", "host 198.51.100.2 1"),
            ("198.51.100.2:50000", "host 198.51.100.2:50000 1"),
            ("::ffff:198.51.100.2", "host [::ffff:198.51.100.2] 1"),
            ("nobody", ""),
            ("", ""),
            ("two words", ""),
            ("x;y", ""),
            ("not", ""),
        ] {
            assert_eq!(offered(word), expected, "{word}");
        }
    }

    #[test]
    fn what_is_offered_is_a_filter() {
        let table = TcpTable::open().unwrap();
        let names = SystemNames::new(&table);
        // Those of users and network namespaces that are there.
        for word in [
            "rootk",
            "x.service",
            "443",
            "close-wait",
            "198.51.100.2:50000",
            "docker:3f9c1a675236",
        ] {
            for reading in exact_readings(word, rows().iter()) {
                let parsed = Filter::parse(&reading.filter, &names);
                assert!(parsed.is_ok(), "{reading:?}: {:?}", parsed.err());
            }
        }
    }
}
