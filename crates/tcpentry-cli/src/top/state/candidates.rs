//! The exact filters that a word may stand for. What is offered is a filter that the language takes.

use std::net::{IpAddr, SocketAddr};

use tcpentry::{Filter, State};

use super::super::model::Row;
use crate::output::BETWEEN_HOLDERS;

/// A filter, the rows that it selects, and their number so far.
pub(super) type CountedFilter = (String, Box<dyn Fn(&Row) -> bool>, usize);

/// Counts the rows of each that are present.
pub(super) fn count_rows<'r>(
    candidates: &mut [CountedFilter],
    rows: impl Iterator<Item = &'r Row>,
) {
    for row in rows.filter(|row| row.is_present()) {
        for (_, is_of, count) in &mut *candidates {
            *count += usize::from(is_of(row));
        }
    }
}

/// Returns the filters that a word may stand for.
pub(super) fn candidates(word: &str) -> Vec<CountedFilter> {
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
        let is_of = move |row: &Row| row.names.device.as_deref() == Some(&name);
        add(format!("dev {word}"), Box::new(is_of));
    } else if word.contains(':') && word.chars().all(is_label) {
        let name = word.to_owned();
        let is_of = move |row: &Row| row.unit() == Some(&name);
        add(format!("container {word}"), Box::new(is_of));
    }
    // `pid:1`, `docker:3f9c1a675236`, `/run/docker/netns/default`, `net:[4026531840]`
    let is_netns = |c: char| is_label(c) || "/[]".contains(c);
    let is_option = word.starts_with('-');
    if !word.is_empty()
        && !is_option
        && word.chars().all(is_netns)
        && !Filter::starts_with_keyword(word)
    {
        let name = word.to_owned();
        let is_of = move |row: &Row| row.names.netns.as_deref() == Some(&name);
        add(format!("netns {word}"), Box::new(is_of));
    }
    all
}

/// Returns the pid and the name of each holder that is known.
pub(super) fn holders(row: &Row) -> impl Iterator<Item = (&str, &str)> {
    let known = row.resolved.holders.as_deref();
    let each = known
        .into_iter()
        .flat_map(|known| known.text.split(BETWEEN_HOLDERS));
    each.filter_map(|holder| holder.split_once(' '))
}

/// Returns an address without its brackets.
pub(super) fn bare(address: &str) -> &str {
    address.trim_start_matches('[').trim_end_matches(']')
}
