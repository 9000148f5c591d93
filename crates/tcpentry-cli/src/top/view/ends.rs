//! The ends of connections as the table shows them: addresses and ports, or their names.

use super::super::model::{Group, GroupKey, Row};
use super::super::state::Top;
use super::Signs;
use super::text::Cut;
use crate::args::{Grouping, TopColumn};

/// Returns the text of a row's end, and the part of it that is left out where it is too long.
pub(super) fn end(top: &Top, row: &Row, column: TopColumn) -> (String, Cut) {
    let address = || (column.text(row, &row.resolved), Cut::Middle);
    if column == TopColumn::Local {
        let (text, cut) = address();
        let port = row.connection.local().port();
        return match (top.names.service(port), text.rsplit_once(':')) {
            (Some(service), Some((address, _))) => (format!("{address}:{service}"), cut),
            _ => (text, cut),
        };
    }
    let peer = row.connection.peer();
    let cut = match top.names.of(peer.address()) {
        Some(_) => Cut::Host,
        None => Cut::Middle,
    };
    let named = top.names.describe(peer);
    named.map_or_else(address, |text| (text, cut))
}

/// Returns the text of a group in the columns of ends.
pub(super) fn group_end(top: &Top, group: &Group, column: TopColumn) -> (String, Cut) {
    let grouping = top.table.arrangement.grouping;
    if column == TopColumn::Peer
        && let (Grouping::Peer, GroupKey::Address(address)) = (grouping, &group.key)
        && let Some(name) = top.names.of(*address)
    {
        return (name.to_string(), Cut::Host);
    }
    (group.text(column, grouping), Cut::Middle)
}

/// Returns the holders of a row; those of client and server where it stands for both ends of its connection.
pub(super) fn processes(top: &Top, place: u32, signs: Signs) -> (String, Cut) {
    let text = |row: &Row| TopColumn::Process.text(row, &top.resolved(row));
    let client = text(top.table.row(place));
    match top.table.other_end(place) {
        Some(server) => (format!("{client}{}{}", signs.to, text(server)), Cut::Both),
        None => (client, Cut::Name),
    }
}
