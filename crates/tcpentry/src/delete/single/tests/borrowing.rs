//! Borrowing from this process, of sockets of which a fake kernel says what a test likes.

use std::net::TcpStream;

use tcpentry_testkit::tcp::{self, Ends};

use super::*;

/// Opens a connection; returns with its ends the server's row as a kernel shows it.
fn connection() -> (Ends, Row) {
    let ends = tcp::connected();
    let row = row_of(&ends.server);
    (ends, row)
}

fn row_of(stream: &TcpStream) -> Row {
    let (local, peer) = tcp::addresses(stream);
    let inode = rustix::fs::fstat(stream).unwrap().st_ino;
    Row {
        inode: u32::try_from(inode).unwrap(),
        ..Row::new(
            &format!("{local} {peer}"),
            rustix::net::sockopt::socket_cookie(stream).unwrap(),
        )
    }
}

/// Opens a table whose kernel shows these to one look after the other, and the last of them to all that follow.
fn showing(looks: Vec<Option<Row>>) -> TcpTable {
    let mut looks = looks.into_iter();
    let mut kernel = Kernel::default();
    let (table, _) = table(move |asked| {
        // A look that finds nothing goes on with dumps: it is one, all the same.
        if asked.question == Question::Get {
            if let Some(row) = looks.next() {
                kernel.rows = row.into_iter().collect();
            }
        }
        assert!(asked.question != Question::Destroy || asked.cookie == 0);
        kernel.answer(asked)
    });
    table
}

fn borrow(table: &mut TcpTable, row: &Row) -> Result<Method, ErrorKind> {
    let result = table.delete(&listed(row), &by(MethodChoice::Borrow));
    result
        .map(|deleted| deleted.method)
        .map_err(|error| error.kind())
}

fn is_connected(ends: &Ends) -> bool {
    ends.server.peer_addr().is_ok() && ends.client.peer_addr().is_ok()
}

#[test]
fn what_is_in_the_table_after_its_disconnect_is_not_deleted() {
    tcpentry_testkit::isolated(|| {
        let (ends, row) = connection();
        let mut table = showing(vec![Some(row.clone())]);
        let error = table
            .delete(&listed(&row), &by(MethodChoice::Borrow))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Os);
        assert!(error.cause().contains("still in the table"), "{error}");
        assert!(!is_connected(&ends));
        // It is deleted where it is not.
        let (ends, row) = connection();
        let shown = Some(row.clone());
        let mut table = showing(vec![shown.clone(), shown, None]);
        assert_eq!(borrow(&mut table, &row), Ok(Method::Borrow));
        assert!(!is_connected(&ends));
    });
}

#[test]
fn what_its_owner_has_connected_elsewhere_is_gone_and_stays_connected() {
    tcpentry_testkit::isolated(|| {
        let (ends, now) = connection();
        for before in ["127.0.0.1:9 127.0.0.1:10", "10.0.0.1:80 10.0.0.2:5000"] {
            let before = Row {
                pair: pair(before),
                ..now.clone()
            };
            // The last look is as the kernel's: the ends that were named are nobody's.
            let shown = Some(before.clone());
            let mut table = showing(vec![shown.clone(), shown, None]);
            assert_eq!(borrow(&mut table, &before), Err(ErrorKind::NotFound));
            assert!(is_connected(&ends));
        }
        // One of both ends is as before.
        for (local, peer) in [(false, true), (true, false)] {
            let other = "127.0.0.3:77".parse().unwrap();
            let ends_now = (now.pair.local(), now.pair.peer());
            let local = if local { ends_now.0 } else { other };
            let peer = if peer { ends_now.1 } else { other };
            let before = Row {
                pair: Pair::new(local, peer).unwrap(),
                ..now.clone()
            };
            let shown = Some(before.clone());
            let mut table = showing(vec![shown.clone(), shown, None]);
            assert_eq!(borrow(&mut table, &before), Err(ErrorKind::NotFound));
            assert!(is_connected(&ends));
        }
    });
}

#[test]
fn what_has_another_inode_after_the_borrow_is_gone_and_stays_connected() {
    tcpentry_testkit::isolated(|| {
        let (ends, row) = connection();
        for inode in [row.inode + 1, 0] {
            let other = Row {
                inode,
                ..row.clone()
            };
            let mut table = showing(vec![Some(row.clone()), Some(other), None]);
            assert_eq!(borrow(&mut table, &row), Err(ErrorKind::NotFound));
            assert!(is_connected(&ends));
        }
        // And what is no longer there.
        let mut table = showing(vec![Some(row.clone()), None]);
        assert_eq!(borrow(&mut table, &row), Err(ErrorKind::NotFound));
        assert!(is_connected(&ends));
    });
}

#[test]
fn a_descriptor_of_another_cookie_is_not_taken_for_the_connection() {
    tcpentry_testkit::isolated(|| {
        let (ends, row) = connection();
        let other = Row {
            cookie: row.cookie + 1_000_000,
            ..row
        };
        let mut table = showing(vec![Some(other.clone())]);
        assert!(borrow(&mut table, &other).is_err());
        assert!(is_connected(&ends));
    });
}
