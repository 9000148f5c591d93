//! The ends of connections as the table shows them: addresses and ports, or their names.

use super::super::model::{Group, GroupKey, Row};
use super::super::state::Top;
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
