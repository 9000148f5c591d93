//! `/proc/net/tcp` and `tcp6` of this thread's namespace: the kernel's other account of its sockets.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use crate::wait::until;

/// A line of `/proc/net/tcp` or `tcp6`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProcNetRow {
    /// The local end; v4-mapped addresses are IPv4.
    pub local: SocketAddr,
    /// The peer's end.
    pub peer: SocketAddr,
    /// The kernel's number of the state.
    pub state: u8,
    /// Bytes not acknowledged.
    pub send_queue: u32,
    /// Bytes not read; connections not accepted.
    pub recv_queue: u32,
    /// The owner.
    pub uid: u32,
    /// The socket's inode, 0 without owner.
    pub inode: u32,
}

/// Returns all lines of both families.
pub fn rows() -> Vec<ProcNetRow> {
    // Not /proc/net, which is that of the process's first thread.
    ["tcp", "tcp6"]
        .into_iter()
        .flat_map(|name| {
            let path = format!("/proc/thread-self/net/{name}");
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let rows: Vec<_> = text
                .lines()
                .skip(1)
                .map(|line| read(line).unwrap_or_else(|| panic!("{path}: {line}")))
                .collect();
            rows
        })
        .collect()
}

/// Returns the line of one connection.
pub fn row(local: SocketAddr, peer: SocketAddr) -> Option<ProcNetRow> {
    let same = |one: SocketAddr, other: SocketAddr| {
        (one.ip().to_canonical(), one.port()) == (other.ip().to_canonical(), other.port())
    };
    rows()
        .into_iter()
        .find(|row| same(row.local, local) && same(row.peer, peer))
}

/// Waits until the connection is in a state (the kernel's number of it).
pub fn await_state(local: SocketAddr, peer: SocketAddr, state: u8) {
    until(&format!("{local} {peer} in state {state}"), || {
        row(local, peer).is_some_and(|row| row.state == state)
    });
}

/// Waits until the connection is in a state and nobody holds it any more.
pub fn await_orphan(local: SocketAddr, peer: SocketAddr, state: u8) {
    until(
        &format!("{local} {peer} in state {state}, orphaned"),
        || row(local, peer).is_some_and(|row| row.state == state && row.inode == 0),
    );
}

/// Returns the number of resets sent from this thread's namespace (`Tcp: OutRsts`), including those lost on their way.
pub fn resets_sent() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/snmp").expect("/proc/net/snmp");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let mut all = names.split(' ').zip(values.split(' '));
    let found = all.find_map(|(name, value)| (name == "OutRsts").then(|| value.parse()));
    found.expect("it counts resets").expect("a number")
}

fn read(line: &str) -> Option<ProcNetRow> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let hex = |text| u32::from_str_radix(text, 16).ok();
    let (send, receive) = words.get(4)?.split_once(':')?;
    Some(ProcNetRow {
        local: address(words.get(1)?)?,
        peer: address(words.get(2)?)?,
        state: u8::from_str_radix(words.get(3)?, 16).ok()?,
        send_queue: hex(send)?,
        recv_queue: hex(receive)?,
        uid: words.get(7)?.parse().ok()?,
        inode: words.get(9)?.parse().ok()?,
    })
}

/// Parses an address: words in host byte order, each as eight digits.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for word in address.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(
        address,
        u16::from_str_radix(port, 16).ok()?,
    ))
}
