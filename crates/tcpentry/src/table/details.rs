//! [`TcpTable::details`]: every field that the kernel reports of one connection.

use super::TcpTable;
use crate::connection::Connection;
use crate::connection::details::Details;
use crate::error::{Error, Operation};
use crate::netns;
use crate::why::RetryLimits;

impl TcpTable {
    /// Returns every field that the kernel reports of one connection, as it is now: its timer, memory, counters.
    ///
    /// The connection comes from [`connections`](Self::connections) or [`find`](Self::find). Its cookie decides: what has
    /// the same ends by now is not it. One question to the kernel; of listeners, bound sockets, and those that another
    /// one hides, a dump of the table.
    ///
    /// Needs no privilege.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::net::{TcpListener, TcpStream};
    /// use tcpentry::connection::Measure;
    /// use tcpentry::{Pair, TcpTable};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut server, _) = listener.accept()?;
    /// server.write_all(b"hello")?;
    ///
    /// let mut table = TcpTable::open()?;
    /// let pair = Pair::new(client.local_addr()?.into(), client.peer_addr()?.into())?;
    /// let connection = table.find(&pair.into())?;
    /// let details = table.details(&connection)?;
    /// assert_eq!(details.counter("bytes_received"), Some(Measure::Bytes(5)));
    /// for counter in &details.counters {
    ///     println!("{} {}", counter.name, counter.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` when this socket is gone, `NotSupported` where `tcp_diag` is missing, `Os`.
    #[doc(alias = "TCP_INFO")]
    pub fn details(&mut self, connection: &Connection) -> Result<Details, Error> {
        let found = self.lookup.details(&connection.pair, connection.cookie);
        found
            .and_then(|found| found.ok_or_else(|| self.lookup.missing()))
            .map_err(|error| error.during(Operation::Find).about(connection.pair))
    }

    /// Returns the limits on retries of the table's network namespace, for [`why`](crate::why): read where this thread is in
    /// that namespace, otherwise those that Linux starts with.
    pub fn retry_limits(&self) -> RetryLimits {
        match self.inode {
            Some(inode) if netns::inode_of_this_thread().ok() != Some(inode) => {
                RetryLimits::OF_LINUX
            }
            _ => RetryLimits::read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Cookie;
    use crate::connection::state::State;
    use crate::error::ErrorKind;
    use crate::sock_diag::fake::{Kernel, Question, Row, diags, pair};

    const ENDS: &str = "10.0.0.1:80 10.0.0.2:5000";
    const LISTENER: &str = "10.0.0.1:80 0.0.0.0:*";
    /// INFO, CONG, TOS, TCLASS, SKMEMINFO.
    const ALL: u8 = 0x7a;

    /// Looks up the details of a connection of this name and cookie; returns each request with its extensions, too.
    fn details(
        rows: impl Into<Vec<Row>>,
        ends: crate::Pair,
        cookie: u64,
    ) -> (Result<u64, ErrorKind>, Vec<(Question, u8)>) {
        let mut kernel = Kernel::of(rows);
        let (diags, log) = diags(move |asked| kernel.answer(asked));
        let cookie = Cookie::new(cookie).unwrap();
        let found =
            TcpTable::of(diags).details(&Connection::named(ends, cookie, State::Established));
        let log = log.lock().unwrap();
        let asked = log.iter().map(|asked| (asked.question, asked.extensions));
        (
            match found {
                Ok(details) => Ok(details.connection.cookie.value()),
                Err(error) => {
                    assert_eq!(
                        (error.pair(), error.operation()),
                        (Some(ends), Operation::Find)
                    );
                    Err(error.kind())
                }
            },
            asked.collect(),
        )
    }

    #[test]
    fn a_connection_takes_one_question() {
        let (found, asked) = details([Row::new(ENDS, 7)], pair(ENDS), 7);
        assert_eq!((found, asked), (Ok(7), vec![(Question::Get, ALL)]));
    }

    #[test]
    fn what_has_its_ends_by_now_is_not_it() {
        for rows in [
            vec![Row::new(ENDS, 8)],
            vec![Row::new(LISTENER, 7).state(State::Listening)],
            vec![],
        ] {
            let (found, _) = details(rows, pair(ENDS), 7);
            assert_eq!(found, Err(ErrorKind::NotFound));
        }
    }

    #[test]
    fn a_listener_and_one_behind_another_are_found_by_a_dump() {
        let listener = Row::new(LISTENER, 7).state(State::Listening);
        let (found, asked) = details([Row::new(ENDS, 1), listener], pair(LISTENER), 7);
        assert_eq!((found, asked), (Ok(7), vec![(Question::Both, ALL)]));
        let rows = [Row::new(ENDS, 1), Row::new(ENDS, 7).bound_to(3)];
        let bound = pair(ENDS).on(crate::Interface::new(3));
        let (found, asked) = details(rows, bound, 7);
        let dumped = vec![(Question::Get, ALL), (Question::Both, ALL)];
        assert_eq!((found, asked), (Ok(7), dumped));
    }
}
