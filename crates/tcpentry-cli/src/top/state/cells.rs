//! The rows that have the same cell as the current one: only these, or all others.

use std::net::IpAddr;

use super::super::message::SocketKind;
use super::super::model::Row;
use super::candidates::{CountedFilter, candidates, holders};
use crate::args::TopColumn;

/// The cells of a row or a group, one of which is to be chosen.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellChooser {
    /// The rows with the cell are to be left out, not to be shown alone.
    pub(crate) is_negated: bool,
    pub(crate) cells: Vec<Cell>,
}

/// A cell, as the filter that selects the rows which have it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Cell {
    /// The letter by which it is chosen: that of its column; of a port, the capital.
    pub(crate) letter: char,
    pub(crate) column: TopColumn,
    pub(crate) term: String,
    /// The number of rows in the table that have it.
    pub(crate) count: usize,
}

/// Returns the filters for the cells of a row, as far as the language has them. A row that stands for both ends of its
/// connection is selected by its ends whichever way round, so that both are, or neither.
pub(super) fn terms(row: &Row, is_joined: bool) -> Vec<(TopColumn, char, CountedFilter)> {
    let (local, peer) = (row.connection.local(), row.connection.peer());
    let mut terms: Vec<(TopColumn, char, CountedFilter)> = Vec::new();
    let mut end = |column: TopColumn, words: [&str; 2], address: IpAddr, port: u16| {
        let ends = move |row: &Row| {
            let (local, peer) = (row.connection.local(), row.connection.peer());
            match column {
                _ if is_joined => [local, peer],
                TopColumn::Local => [local; 2],
                _ => [peer; 2],
            }
        };
        let words = if is_joined { ["host", "port"] } else { words };
        let address = address.to_canonical();
        let text = match address {
            IpAddr::V4(address) => format!("{} {address}", words[0]),
            IpAddr::V6(address) => format!("{} [{address}]", words[0]),
        };
        let has_address = move |row: &Row| {
            let mut ends = ends(row).into_iter();
            ends.any(|end| end.address().to_canonical() == address)
        };
        let letter = column.letter();
        if !address.is_unspecified() {
            terms.push((column, letter, (text, Box::new(has_address), 0)));
        }
        if port != 0 {
            let text = format!("{} = :{port}", words[1]);
            let has_port = move |row: &Row| ends(row).iter().any(|end| end.port() == port);
            let capital = letter.to_ascii_uppercase();
            terms.push((column, capital, (text, Box::new(has_port), 0)));
        }
    };
    end(
        TopColumn::Local,
        ["src", "sport"],
        local.address(),
        local.port(),
    );
    end(
        TopColumn::Peer,
        ["dst", "dport"],
        peer.address(),
        peer.port(),
    );
    let state = row.connection.state.to_string();
    let words = [
        (TopColumn::State, "state ", Some(&*state)),
        (
            TopColumn::Process,
            "process ",
            holders(row).next().map(|(_, name)| name),
        ),
        (TopColumn::User, "user ", row.names.user.as_deref()),
        (TopColumn::Unit, "unit ", row.unit()),
        (TopColumn::Unit, "container ", row.unit()),
        (TopColumn::Netns, "netns ", row.names.netns.as_deref()),
    ];
    for (column, keyword, word) in words {
        let all = word.map(candidates).unwrap_or_default().into_iter();
        let mut of_column =
            all.filter(|(term, ..)| term.starts_with(keyword) && !term.ends_with('*'));
        terms.extend(of_column.next().map(|term| (column, column.letter(), term)));
    }
    terms
}

/// Returns the filter that selects, of what this one does, only the rows of a term, or all others.
pub(super) fn narrowed(filter: &str, term: &str, is_negated: bool, kind: SocketKind) -> String {
    let (mut clauses, mut rest) = split_clauses(filter);
    if let Some(state) = term.strip_prefix("state ") {
        clauses = if is_negated {
            // An exclusion alone is of all states, not of those that are shown.
            let all = match kind {
                SocketKind::Connections => "state connected exclude bucket",
                SocketKind::Listening => "state listening",
                SocketKind::All => "state all",
            };
            let before = if clauses.is_empty() { all } else { &*clauses };
            format!("{before} exclude {state}")
        } else {
            term.to_owned()
        };
    } else {
        let not = if is_negated { "not " } else { "" };
        rest = match rest.as_str() {
            "" => format!("{not}{term}"),
            rest if may_have_or(rest) => format!("( {rest} ) and {not}{term}"),
            rest => format!("{rest} and {not}{term}"),
        };
    }
    let parts = [clauses, rest].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// Splits a filter into its clauses of states, which come first, and the rest.
fn split_clauses(filter: &str) -> (String, String) {
    let mut words = filter.split_whitespace().peekable();
    let mut clauses = Vec::new();
    while let Some(word) = words.next_if(|word| ["state", "exclude", "excl"].contains(word)) {
        clauses.push(word);
        clauses.extend(words.next());
    }
    let clauses = clauses.join(" ");
    let mut rest = filter.trim_start();
    for word in clauses.split(' ').filter(|word| !word.is_empty()) {
        rest = rest.strip_prefix(word).unwrap_or(rest).trim_start();
    }
    (clauses, rest.trim_end().to_owned())
}

/// Returns true where terms may be joined by `or` outside parentheses: nothing else can be joined to them then.
fn may_have_or(filter: &str) -> bool {
    let is_quoted = filter.contains(['"', '\'', '\\']);
    let mut depth = 0_i32;
    let mut word = String::new();
    for c in filter.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '|' {
            word.push(c);
            continue;
        }
        if (depth == 0 || is_quoted) && (word == "or" || word.contains('|')) {
            return true;
        }
        word.clear();
        depth += i32::from(c == '(') - i32::from(c == ')');
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tcpentry::netns::Namespace;
    use tcpentry::{Filter, State, SystemNames, TcpTable};

    use super::super::super::model::HolderNames;
    use super::super::super::model::testing::row_of;
    use super::*;

    #[test]
    fn a_cell_is_joined_to_the_filter() {
        let table = TcpTable::open().unwrap();
        let names = SystemNames::new(&table);
        for (filter, term, only, others) in [
            ("", "port = :1", "port = :1", "not port = :1"),
            (
                "dst 10.0.0.1",
                "port = :1",
                "dst 10.0.0.1 and port = :1",
                "dst 10.0.0.1 and not port = :1",
            ),
            (
                "port = :1 or port = :2",
                "dst 10.0.0.1",
                "( port = :1 or port = :2 ) and dst 10.0.0.1",
                "( port = :1 or port = :2 ) and not dst 10.0.0.1",
            ),
            (
                "(port = :1|port = :2) and dst 10.0.0.1",
                "src 10.0.0.2",
                "(port = :1|port = :2) and dst 10.0.0.1 and src 10.0.0.2",
                "(port = :1|port = :2) and dst 10.0.0.1 and not src 10.0.0.2",
            ),
            (
                "process \"a(\" or port = :2",
                "dst 10.0.0.1",
                "( process \"a(\" or port = :2 ) and dst 10.0.0.1",
                "( process \"a(\" or port = :2 ) and not dst 10.0.0.1",
            ),
            (
                "state  connected exclude syn-sent  port = :1",
                "state close-wait",
                "state close-wait port = :1",
                "state connected exclude syn-sent exclude close-wait port = :1",
            ),
            (
                "state connected",
                "port = :1",
                "state connected port = :1",
                "state connected not port = :1",
            ),
            (
                "port = :1",
                "state close-wait",
                "state close-wait port = :1",
                "state connected exclude bucket exclude close-wait port = :1",
            ),
        ] {
            for (is_negated, expected) in [(false, only), (true, others)] {
                let is = narrowed(filter, term, is_negated, SocketKind::Connections);
                assert_eq!(is, expected, "{filter:?} {term:?}");
                let parsed = Filter::parse(&is, &names);
                assert!(parsed.is_ok(), "{is}: {:?}", parsed.err());
            }
        }
    }

    #[test]
    fn the_states_without_one_are_those_that_were_shown() {
        let table = TcpTable::open().unwrap();
        let names = SystemNames::new(&table);
        let text = narrowed("", "state closing", true, SocketKind::Connections);
        let is = Filter::parse(&text, &names).unwrap();
        let states = tcpentry::connection::States::CONNECTIONS.without(State::Closing);
        assert_eq!(is.states(), Some(states));
    }

    #[test]
    fn what_is_offered_is_a_filter() {
        let table = TcpTable::open().unwrap();
        let names = SystemNames::new(&table);
        let mut row = row_of(7, State::CloseWait);
        row.names_mut().unit = Some("docker:3f9c1a675236".into());
        // Whatever it is called here.
        row.names_mut().netns = Some(Namespace::own().unwrap().to_string().into());
        row.resolved.holders = Some(Arc::new(HolderNames {
            text: "8 nginx, 9 other".to_owned(),
            ..HolderNames::default()
        }));
        let offered = terms(&row, false).into_iter();
        let offered: Vec<_> = offered
            .map(|(_, letter, (term, ..))| (letter, term))
            .collect();
        for (_, term) in &offered {
            let parsed = Filter::parse(term, &names);
            assert!(parsed.is_ok(), "{term}: {:?}", parsed.err());
        }
        let letters: String = offered.iter().map(|(letter, _)| letter).collect();
        assert_eq!(letters, "lLpPsreun");
        // Names that the language does not take as they stand.
        row.names_mut().user = Some("?".into());
        row.names_mut().unit = None;
        row.names_mut().netns = None;
        row.resolved.holders = Some(Arc::new(HolderNames {
            text: "8 tmux: server".to_owned(),
            ..HolderNames::default()
        }));
        let letters = terms(&row, false).into_iter().map(|(_, letter, _)| letter);
        assert_eq!(letters.collect::<String>(), "lLpPs");
    }
}
