//! Rows for tests.

use std::sync::Arc;
use std::time::Instant;

use tcpentry::connection::TcpInfo;
use tcpentry::{Connection, Cookie, Pair, State};

use super::row::{Row, RowKey, RowNames};

pub(crate) fn key(cookie: u64) -> RowKey {
    RowKey {
        netns: 0,
        cookie: Cookie::new(cookie).unwrap(),
    }
}

/// Makes an established connection; its cookie is the last number of the peer's address.
pub(crate) fn row(cookie: u64) -> Row {
    row_of(cookie, State::Established)
}

pub(crate) fn row_of(cookie: u64, state: State) -> Row {
    let local = "192.0.2.1:443".parse().unwrap();
    let peer = format!("198.51.100.{cookie}:50000").parse().unwrap();
    let pair = Pair::new(local, peer).unwrap();
    let mut connection = Connection::named(pair, key(cookie).cookie, state);
    connection.info = Some(Box::new(TcpInfo::default()));
    connection.inode = tcpentry::Inode::new(u32::try_from(cookie).unwrap());
    let names = RowNames {
        user: Some("root".into()),
        ..RowNames::default()
    };
    Row::new(
        key(cookie),
        &connection,
        Arc::new(names),
        Instant::now().into(),
    )
}
