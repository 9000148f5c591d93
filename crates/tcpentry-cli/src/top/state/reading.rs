//! The readings of what is typed: a filter, or words to be found on the rows; of one word also the exact filters that it may
//! stand for.

use std::net::{IpAddr, SocketAddr};

use tcpentry::{Filter, State};

use super::super::model::{Find, Row};
use crate::output::BETWEEN_HOLDERS;

/// A text as it is understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TypedText {
    /// A filter in the language of `tcpentry list`.
    Filter(String),
    /// Words that are on the row.
    Find(Find),
}

impl TypedText {
    /// Reads a text: a filter begins with one of its words and goes on; anything else is searched for as it stands.
    pub(crate) fn of(text: &str) -> Self {
        let trimmed = text.trim();
        let is_word = !text
            .trim_start()
            .contains(|c: char| !c.is_ascii_alphanumeric());
        let is_filter =
            Filter::starts_with_keyword(trimmed) && (!is_word || COMPLETE.contains(&trimmed));
        if trimmed.is_empty() || is_filter {
            return Self::Filter(text.to_owned());
        }
        match exact(trimmed) {
            Some(filter) => Self::Filter(filter),
            None => Self::Find(Find::of(trimmed)),
        }
    }
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
    for row in rows.filter(|row| row.is_present()) {
        for (_, is_of, count) in &mut candidates {
            *count += usize::from(is_of(row));
        }
    }
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

/// A filter, the rows that it selects, and their number so far.
type CountedFilter = (String, Box<dyn Fn(&Row) -> bool>, usize);

fn candidates(word: &str) -> Vec<CountedFilter> {
    let mut all: Vec<CountedFilter> = Vec::new();
    let mut add = |filter: String, is_of: Box<dyn Fn(&Row) -> bool>| all.push((filter, is_of, 0));
    let addresses = |row: &Row| {
        let connection = &row.connection;
        [connection.local(), connection.peer()]
            .map(|end| (end.address().to_canonical(), end.port()))
    };
    if let Ok(port) = word.strip_prefix(':').unwrap_or(word).parse::<u16>() {
        let is_of = move |row: &Row| addresses(row).iter().any(|(_, it)| *it == port);
        add(format!("port = :{port}"), Box::new(is_of));
    }
    if let Ok(pid) = word.parse::<u32>() {
        let pid = pid.to_string();
        let is_of = move |row: &Row| holders(row).any(|(it, _)| it == pid);
        add(format!("pid {word}"), Box::new(is_of));
    }
    if let Ok(address) = bare(word).parse::<IpAddr>() {
        let text = match address {
            IpAddr::V4(address) => format!("host {address}"),
            IpAddr::V6(address) => format!("host [{address}]"),
        };
        let address = address.to_canonical();
        let is_of = move |row: &Row| addresses(row).iter().any(|(it, _)| *it == address);
        add(text, Box::new(is_of));
    } else if let Ok(end) = word.parse::<SocketAddr>() {
        let wanted = (end.ip().to_canonical(), end.port());
        let is_of = move |row: &Row| addresses(row).contains(&wanted);
        add(format!("host {end}"), Box::new(is_of));
    }
    let state = word.to_ascii_lowercase().replace('_', "-");
    if let Ok(wanted) = state.parse::<State>() {
        let is_of = move |row: &Row| row.connection.state == wanted;
        add(format!("state {state}"), Box::new(is_of));
    }
    let is_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let is_label = |c: char| is_name(c) || c == ':' || c == '@';
    if !word.is_empty() && word.chars().all(is_name) && !Filter::starts_with_keyword(word) {
        let name = word.to_owned();
        let is_of = move |row: &Row| holders(row).any(|(_, it)| it == name);
        add(format!("process {word}"), Box::new(is_of));
        let name = word.to_owned();
        let is_of = move |row: &Row| holders(row).any(|(_, it)| it.starts_with(&name));
        add(format!("process {word}*"), Box::new(is_of));
        let name = word.to_owned();
        let is_of = move |row: &Row| row.names.user.as_deref() == Some(&name);
        add(format!("user {word}"), Box::new(is_of));
        let (name, service) = (word.to_owned(), format!("{word}.service"));
        let is_of = move |row: &Row| {
            let unit = row.unit();
            unit == Some(&service) || unit == Some(&name) && name.contains('.')
        };
        add(format!("unit {word}"), Box::new(is_of));
        let name = word.to_owned();
        let is_of = move |row: &Row| row.names.netns.as_deref() == Some(&name);
        add(format!("netns {word}"), Box::new(is_of));
        let name = word.to_owned();
        let is_of = move |row: &Row| row.names.device.as_deref() == Some(&name);
        add(format!("dev {word}"), Box::new(is_of));
    } else if word.contains(':') && word.chars().all(is_label) {
        let name = word.to_owned();
        let is_of = move |row: &Row| row.unit() == Some(&name);
        add(format!("container {word}"), Box::new(is_of));
    }
    all
}

/// Returns the pid and the name of each holder that is known.
fn holders(row: &Row) -> impl Iterator<Item = (&str, &str)> {
    let known = row.resolved.holders.as_deref();
    let each = known
        .into_iter()
        .flat_map(|known| known.text.split(BETWEEN_HOLDERS));
    each.filter_map(|holder| holder.split_once(' '))
}

fn bare(address: &str) -> &str {
    address.trim_start_matches('[').trim_end_matches(']')
}

/// Filters of one word.
const COMPLETE: &[&str] = &["autobound"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tcpentry::{SystemNames, TcpTable};

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
            assert_eq!(
                TypedText::of(text),
                TypedText::Filter(text.to_owned()),
                "{text}"
            );
        }
        for (text, filter) in [
            ("localhost", "host 127.0.0.0/8 or host [::1]"),
            ("10.0.0.0/8", "host 10.0.0.0/8"),
            ("[2001:db8::]/32", "host [2001:db8::]/32"),
            ("192.0.2.1:443 [::1]:9", "src 192.0.2.1:443 and dst [::1]:9"),
        ] {
            assert_eq!(
                TypedText::of(text),
                TypedText::Filter(filter.to_owned()),
                "{text}"
            );
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
        ] {
            assert_eq!(
                TypedText::of(text),
                TypedText::Find(Find::of(text)),
                "{text}"
            );
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
