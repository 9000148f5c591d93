//! The connections between the two addresses of a name that is not found: a port of it may be mistyped, or of yesterday.

use tcpentry::{Connection, ErrorKind, Filter, Pair, Selection, States, SystemNames, TcpTable};

use super::attempt::Attempt;
use crate::output::View;

/// Returns the sentence about the connections between the addresses that an attempt has named in vain; `None` where there are
/// none, or where something else was wrong with it.
pub(super) fn describe(attempt: &Attempt, table: &mut TcpTable, view: &mut View) -> Option<String> {
    let error = attempt.result.as_ref().err()?;
    let named = attempt.target.pair();
    let has_ports = named.local().port() != 0 && named.peer().port() != 0;
    // Where the name is nearly right, the library says in what way.
    if error.kind() != ErrorKind::NotFound || error.hint().is_some() || !has_ports {
        return None;
    }
    let mut rows = between_addresses_of(&named, table)?;
    rows.sort_by_key(|row| (ports_that_differ(&named, row), row.pair));
    let first = rows.first()?;
    let name = format!("{} {}", view.local(&first.pair), first.peer());
    Some(match rows.len() - 1 {
        0 => format!("there is another connection between these addresses: {name}"),
        more => {
            format!("there are other connections between these addresses: {name}, and {more} more")
        }
    })
}

/// Finds the connections between the addresses of a pair, which the kernel selects.
fn between_addresses_of(named: &Pair, table: &mut TcpTable) -> Option<Vec<Connection>> {
    let [src, dst] = [named.local(), named.peer()].map(|end| match end.address() {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    });
    let filter = format!("src {src} dst {dst}");
    let filter = Filter::parse(&filter, &SystemNames::new(table)).ok()?;
    let selection = Selection::new(filter, States::CONNECTIONS, table).ok()?;
    let rows = table.connections(selection.query()).ok()?;
    Some(rows.filter_map(Result::ok).collect())
}

fn ports_that_differ(named: &Pair, row: &Connection) -> usize {
    let local = named.local().port() != row.local().port();
    usize::from(local) + usize::from(named.peer().port() != row.peer().port())
}
