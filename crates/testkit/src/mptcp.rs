//! Connections of MPTCP, with several subflows.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::proc_net;
use crate::tcp::{self, Ends};

/// Creates a socket of MPTCP over IPv4; `None` where the kernel has none.
pub fn socket() -> Option<Socket> {
    let error = match Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)) {
        Ok(socket) => return Some(socket),
        Err(error) => error,
    };
    let expected = [Errno::PROTONOSUPPORT, Errno::NOPROTOOPT, Errno::INVAL];
    let errno = Errno::from_io_error(&error);
    assert!(errno.is_some_and(|it| expected.contains(&it)), "{error}");
    None
}

/// Makes a connection with two subflows: the second one is from [`SECOND`]. Returns the reason where that is not to
/// be had here. It changes the addresses of this thread's namespace.
pub fn with_two_subflows() -> Result<(Ends, TcpListener), &'static str> {
    for address in [FIRST, SECOND] {
        ip(&format!("address replace {address}/32 dev lo"))?;
    }
    add_subflows_from(SECOND)?;
    let (Some(listener), Some(client)) = (socket(), socket()) else {
        return Err(NO_MPTCP);
    };
    let at = format!("{FIRST}:0").parse().expect("an address");
    let listener = tcp::listen_from(listener, at, 8);
    let ends = tcp::connect_from(client, &listener);
    wait_for_second(&ends, &listener)?;
    Ok((ends, listener))
}

/// Has each connection that begins in this thread's namespace get a second subflow from this address, and lets those
/// that come in have one.
pub fn add_subflows_from(address: &str) -> Result<(), &'static str> {
    ip("mptcp limits set subflow 2 add_addr_accepted 2")?;
    ip("mptcp endpoint flush")?;
    ip(&format!("mptcp endpoint add {address} subflow"))
}

fn ip(words: &str) -> Result<(), &'static str> {
    let done = Command::new("ip").args(words.split(' ')).output();
    if done.is_ok_and(|output| output.status.success()) {
        Ok(())
    } else {
        Err("ip can't set up a second subflow of MPTCP here")
    }
}

/// Waits until this namespace, that of the listener, shows the second subflow of a connection.
pub fn wait_for_second(ends: &Ends, listener: &TcpListener) -> Result<(), &'static str> {
    // A subflow joins once data has gone both ways.
    let mut byte = [0];
    for (mut from, mut to) in [(&ends.client, &ends.server), (&ends.server, &ends.client)] {
        from.write_all(b"x").expect("send");
        to.read_exact(&mut byte).expect("receive");
    }
    let port = listener.local_addr().expect("it is bound").port();
    let is_subflow =
        |row: &proc_net::ProcNetRow| row.local.port() == port && row.state == ESTABLISHED;
    for _ in 0..200 {
        if proc_net::rows().into_iter().filter(is_subflow).count() == 2 {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err("no second subflow comes to be here")
}

/// The reason to skip a test of MPTCP.
pub const NO_MPTCP: &str = "this kernel has no MPTCP";
/// The address of the server, and of the client's first subflow.
pub const FIRST: &str = "10.99.1.1";
/// The address of the client's second subflow.
pub const SECOND: &str = "10.99.1.2";
/// `TCP_ESTABLISHED`.
const ESTABLISHED: u8 = 1;
