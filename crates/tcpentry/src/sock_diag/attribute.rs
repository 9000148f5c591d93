//! A socket as the kernel describes it: `struct inet_diag_msg` and the attributes behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::time::Duration;

use super::family::{AF_INET, AF_INET6};
use super::message::Malformed;
use super::reader::Reader;
use crate::connection::endpoint::{Endpoint, Interface, Pair};
use crate::connection::state::State;
use crate::connection::{Attribute, Connection, Cookie, Inode, TcpInfo};

/// Reads one socket. `info` says whether `INET_DIAG_INFO` was asked for, so that its absence means
/// something.
pub(crate) fn read_socket(bytes: &[u8], info: bool) -> Result<Connection, Malformed> {
    let mut connection = unread();
    read_socket_into(bytes, info, &mut connection)?;
    Ok(connection)
}

/// Returns a connection to read one [into](read_socket_into).
pub(super) fn unread() -> Connection {
    let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    Connection::named(Pair::v4(nowhere, nowhere), Cookie::NONE, State::Closed)
}

/// Reads one socket as [`read_socket`] does, in the place of another one: a row of a listing is moved by nobody. After an error
/// nothing is certain of it.
pub(crate) fn read_socket_into(
    bytes: &[u8],
    info: bool,
    connection: &mut Connection,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    // Its memory is that of the next one's counters.
    let mut memory = connection.info.take();
    fixed_part(&mut reader, connection).ok_or(Malformed)?;
    let mut full = false;
    while let Some((number, value)) = next_attribute(&mut reader)? {
        let mut value_reader = Reader::new(value);
        match number {
            INET_DIAG_INFO => {
                full = true;
                connection.info = tcp_info(value).map(|info| match memory.take() {
                    Some(mut memory) => {
                        *memory = info;
                        memory
                    }
                    None => Box::new(info),
                });
            }
            INET_DIAG_MARK => connection.mark = value_reader.u32(),
            INET_DIAG_SKV6ONLY => connection.v6only = value_reader.u8().map(|only| only != 0),
            INET_DIAG_CGROUP_ID => connection.cgroup = value_reader.u64(),
            INET_DIAG_ULP_INFO => {
                connection.mptcp = Some(upper_layer(value)?.is_some_and(is_mptcp));
                connection.mptcp_token = mptcp_token(value)?;
            }
            // The one is among the details, the other is not shown.
            INET_DIAG_SHUTDOWN | INET_DIAG_SOCKOPT => {}
            number => connection.attributes.push(Attribute {
                number,
                value: value.into(),
            }),
        }
    }
    // To whom no mark is told, the upper-layer protocol of a full socket may be untold as well; and
    // what is only a request yet will tell when it is accepted.
    let told = if full {
        connection.mark.is_some()
    } else {
        connection.state != State::SynRecv
    };
    if info && told && connection.mptcp.is_none() {
        connection.mptcp = Some(false);
    }
    Ok(())
}

/// Reads the ports of a socket as the kernel's programs see them, the local one first.
pub(super) fn ports_of(bytes: &[u8]) -> Option<(u16, u16)> {
    let mut ports = Reader::new(bytes.get(4..)?);
    Some((ports.be16()?, ports.be16()?))
}

/// Reads `struct inet_diag_msg`, and removes what only attributes tell.
fn fixed_part(reader: &mut Reader<'_>, into: &mut Connection) -> Option<()> {
    // Taken as a whole, so that its length is looked at once.
    let bytes: [u8; 72] = reader.array()?;
    let mut reader = Reader::new(&bytes);
    let family = reader.u8()?;
    let its_state = State::from_kernel(reader.u8()?);
    let _timer = reader.u8()?;
    let _retransmits = reader.u8()?;
    let ports = (reader.be16()?, reader.be16()?);
    let addresses = [reader.array()?, reader.array()?];
    let interface = Interface::new(reader.u32()?);
    let its_cookie = u64::from(reader.u32()?) | (u64::from(reader.u32()?) << 32);
    let _expires = reader.u32()?;
    // All of them: nothing of the last socket is left.
    let Connection {
        pair,
        cookie,
        state,
        mapped,
        recv_queue,
        send_queue,
        uid,
        inode,
        mark,
        cgroup,
        mptcp,
        mptcp_token,
        v6only,
        info,
        attributes,
        autobound,
    } = into;
    *recv_queue = reader.u32()?;
    *send_queue = reader.u32()?;
    *uid = reader.u32()?;
    *inode = Inode::new(reader.u32()?);
    *mapped = match family {
        AF_INET => {
            *pair = pair_v4(its_state, addresses, ports);
            false
        }
        AF_INET6 => pair_v6(its_state, addresses, ports, pair)?,
        _ => return None,
    };
    pair.bind(interface);
    *cookie = Cookie::new(its_cookie)?;
    *state = its_state;
    (*mark, *cgroup, *mptcp, *mptcp_token, *v6only) = (None, None, None, None, None);
    (*info, *autobound) = (None, None);
    attributes.clear();
    Some(())
}

/// Returns true unless a socket in this state has no peer, whatever address the kernel shows.
///
/// A socket that is disconnected keeps its peer's address (Linux 6.18). When it is bound or listens
/// after that, whatever the family, the stale address is still shown: it says nothing.
const fn is_connected(state: State, peer_port: u16) -> bool {
    peer_port != 0 || !matches!(state, State::Listening | State::Closed)
}

/// Returns the pair of an IPv4 socket, whose addresses are the first four bytes.
fn pair_v4(state: State, addresses: [[u8; 16]; 2], ports: (u16, u16)) -> Pair {
    let [local, peer] = addresses.map(|[a, b, c, d, ..]| Ipv4Addr::new(a, b, c, d));
    let peer = if is_connected(state, ports.1) {
        peer
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    Pair::v4(
        SocketAddrV4::new(local, ports.0),
        SocketAddrV4::new(peer, ports.1),
    )
}

/// Reads the pair of an IPv6 socket, and returns true for IPv4 in it.
fn pair_v6(
    state: State,
    addresses: [[u8; 16]; 2],
    ports: (u16, u16),
    into: &mut Pair,
) -> Option<bool> {
    let [local, peer] = addresses.map(IpAddr::from);
    let connected = is_connected(state, ports.1);
    let mapped = |address: IpAddr| address != address.to_canonical();
    let is_mapped = mapped(local) || (connected && mapped(peer));
    // A socket bound to ::ffff:a.b.c.d has the peer `::`: "none" is of the other end's family.
    let as_v4 = |address: IpAddr| {
        if is_mapped && address.is_unspecified() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            address
        }
    };
    let local = Endpoint::new(as_v4(local), ports.0);
    let peer = Endpoint::new(as_v4(peer), ports.1);
    // Caught amid such a change, the ends may differ in family while there still is a port.
    let peer = if connected && peer.address().is_ipv4() == local.address().is_ipv4() {
        peer
    } else if local.address().is_ipv4() {
        Endpoint::new(Ipv4Addr::UNSPECIFIED.into(), ports.1)
    } else {
        Endpoint::new(Ipv6Addr::UNSPECIFIED.into(), ports.1)
    };
    *into = Pair::new(local, peer).ok()?;
    Some(is_mapped && into.is_ipv4())
}

/// Reads a `struct rtattr`: a length that counts itself, a number, the value, padding.
pub(crate) fn next_attribute<'a>(
    reader: &mut Reader<'a>,
) -> Result<Option<(u16, &'a [u8])>, Malformed> {
    if reader.is_empty() {
        return Ok(None);
    }
    let length = usize::from(reader.u16().ok_or(Malformed)?);
    let number = reader.u16().ok_or(Malformed)? & NLA_TYPE_MASK;
    let value_length = length.checked_sub(ATTRIBUTE_HEADER).ok_or(Malformed)?;
    let value = reader.take(value_length).ok_or(Malformed)?;
    reader.align(length);
    Ok(Some((number, value)))
}

/// Reads the name of the upper-layer protocol: sent to `CAP_NET_ADMIN` only by Linux 5.15 to 6.12, to
/// everybody by 6.18 (measured).
pub(super) fn upper_layer(value: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut reader = Reader::new(value);
    while let Some((number, value)) = next_attribute(&mut reader)? {
        if number == INET_ULP_INFO_NAME {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Reads the token of the MPTCP connection whose subflow it is.
fn mptcp_token(upper_layer: &[u8]) -> Result<Option<u32>, Malformed> {
    let mut reader = Reader::new(upper_layer);
    while let Some((number, value)) = next_attribute(&mut reader)? {
        if number != INET_ULP_INFO_MPTCP {
            continue;
        }
        let mut subflow = Reader::new(value);
        while let Some((number, value)) = next_attribute(&mut subflow)? {
            if number == MPTCP_SUBFLOW_ATTR_TOKEN_LOC {
                // 0 as long as it has none.
                return Ok(Reader::new(value).u32().filter(|&token| token != 0));
            }
        }
    }
    Ok(None)
}

fn is_mptcp(name: &[u8]) -> bool {
    name.split(|&byte| byte == 0).next() == Some(b"mptcp")
}

/// Reads the fields of `struct tcp_info` that a listing shows; older kernels send a shorter one, newer ones a longer.
pub(super) fn tcp_info(value: &[u8]) -> Option<TcpInfo> {
    let u8_at = |offset: usize| value.get(offset).copied();
    let u32_at = |offset: usize| Reader::new(value.get(offset..)?).u32();
    let u64_at = |offset: usize| Reader::new(value.get(offset..)?).u64();
    let micros = |offset| u32_at(offset).map(|n| Duration::from_micros(n.into()));
    let millis = |offset| u32_at(offset).map(|n| Duration::from_millis(n.into()));
    Some(TcpInfo {
        retransmits: u8_at(2)?,
        last_data_sent: millis(44)?,
        last_data_received: millis(52)?,
        last_ack_received: millis(56)?,
        rtt: micros(68)?,
        rtt_variation: micros(72)?,
        congestion_window: u32_at(80)?,
        total_retransmits: u32_at(100)?,
        bytes_acked: u64_at(120).unwrap_or_default(),
        bytes_received: u64_at(128).unwrap_or_default(),
    })
}

const ATTRIBUTE_HEADER: usize = 4;
/// The two upper bits are flags (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const NLA_TYPE_MASK: u16 = 0x3fff;

pub(super) const INET_DIAG_INFO: u16 = 2;
pub(super) const INET_DIAG_SHUTDOWN: u16 = 8;
pub(super) const INET_DIAG_SKV6ONLY: u16 = 11;
const INET_DIAG_MARK: u16 = 15;
pub(super) const INET_DIAG_ULP_INFO: u16 = 19;
const INET_DIAG_CGROUP_ID: u16 = 21;
const INET_DIAG_SOCKOPT: u16 = 22;
const INET_ULP_INFO_NAME: u16 = 1;
const INET_ULP_INFO_MPTCP: u16 = 3;
const MPTCP_SUBFLOW_ATTR_TOKEN_LOC: u16 = 2;

#[cfg(test)]
mod tests {
    use super::super::message::testing::attribute;
    use super::*;
    use proptest::prelude::*;

    fn socket(local: &str, peer: &str, attributes: &[u8]) -> Vec<u8> {
        let (local, peer): (IpAddr, IpAddr) = (local.parse().unwrap(), peer.parse().unwrap());
        let mut out = vec![if local.is_ipv4() { AF_INET } else { AF_INET6 }, 200, 0, 0];
        out.extend([0, 80, 0x13, 0x88]);
        for address in [local, peer] {
            match address {
                IpAddr::V4(address) => {
                    out.extend(address.octets());
                    out.extend([0; 12]);
                }
                IpAddr::V6(address) => out.extend(address.octets()),
            }
        }
        for word in [3_u32, 0x55, 0x1, 0, 11, 22, 1000, 4711] {
            out.extend(word.to_ne_bytes());
        }
        out.extend(attributes);
        out
    }

    #[test]
    fn what_is_unknown_is_kept_as_numbers() {
        let bytes = socket("10.0.0.1", "10.0.0.2", &attribute(99, b"new"));
        let connection = read_socket(&bytes, false).unwrap();
        assert_eq!(connection.state.to_string(), "state-200");
        assert_eq!(connection.attributes[0].number, 99);
        assert_eq!(&*connection.attributes[0].value, b"new");
        assert_eq!(connection.pair.to_string(), "10.0.0.1%3:80 10.0.0.2:5000");
        assert_eq!(connection.cookie.value(), 0x1_0000_0055);
        assert_eq!((connection.recv_queue, connection.send_queue), (11, 22));
        assert_eq!((connection.uid, connection.inode), (1000, Inode::new(4711)));
        assert_eq!(connection.mptcp, None);
    }

    #[test]
    fn a_mapped_socket_is_ipv4() {
        for (local, peer, text) in [
            (
                "::ffff:10.0.0.1",
                "::ffff:10.0.0.2",
                "10.0.0.1%3:80 10.0.0.2:5000",
            ),
            ("::ffff:10.0.0.1", "::", "10.0.0.1%3:80 0.0.0.0:5000"),
            ("::", "::ffff:10.0.0.2", "0.0.0.0%3:80 10.0.0.2:5000"),
        ] {
            let connection = read_socket(&socket(local, peer, &[]), true).unwrap();
            assert_eq!(
                (connection.pair.to_string().as_str(), connection.mapped),
                (text, true)
            );
        }
        let connection = read_socket(&socket("::", "::", &[]), true).unwrap();
        assert_eq!(
            (connection.pair.is_ipv4(), connection.mapped),
            (false, false)
        );
    }

    /// Reads what `connect`, `connect(AF_UNSPEC)`, `bind` and `listen` leave behind: everybody can make such
    /// sockets, and a table that failed over them could be hidden by anybody.
    #[test]
    fn the_stale_peer_of_a_disconnected_socket_is_none() {
        let read = |local, peer, state, port| {
            let mut bytes = socket(local, peer, &[]);
            bytes[1] = state;
            bytes[6..8].copy_from_slice(&u16::to_be_bytes(port));
            let connection = read_socket(&bytes, false).unwrap();
            (connection.pair.to_string(), connection.mapped)
        };
        let (listening, closed) = (10, 7);
        for state in [listening, closed] {
            for (local, peer, text, mapped) in [
                ("::1", "::ffff:10.0.0.2", "[::1]%3:80 [::]:*", false),
                ("::", "::ffff:10.0.0.2", "[::]%3:80 [::]:*", false),
                ("::1", "::2", "[::1]%3:80 [::]:*", false),
                ("::ffff:10.0.0.1", "::2", "10.0.0.1%3:80 0.0.0.0:*", true),
                ("10.0.0.1", "10.0.0.2", "10.0.0.1%3:80 0.0.0.0:*", false),
            ] {
                assert_eq!(read(local, peer, state, 0), (text.to_owned(), mapped));
            }
        }
        // A connection's peer may have the port 0.
        let (syn_sent, text) = (2, "10.0.0.1%3:80 10.0.0.2:*");
        assert_eq!(read("10.0.0.1", "10.0.0.2", syn_sent, 0).0, text);
        // In between.
        let amid = read("::1", "::ffff:10.0.0.2", closed, 9);
        assert_eq!(amid, ("[::1]%3:80 [::]:9".to_owned(), false));
        let amid = read("::ffff:10.0.0.1", "::2", closed, 9);
        assert_eq!(amid, ("10.0.0.1%3:80 0.0.0.0:9".to_owned(), true));
    }

    #[test]
    fn the_upper_layer_protocol_tells_mptcp() {
        let ulp = |name: &[u8]| attribute(INET_DIAG_ULP_INFO, &attribute(INET_ULP_INFO_NAME, name));
        let mptcp = |ulp: &[u8]| read_socket(&socket("::1", "::1", ulp), true).unwrap().mptcp;
        assert_eq!(mptcp(&ulp(b"mptcp\0")), Some(true));
        assert_eq!(mptcp(&ulp(b"tls\0")), Some(false));
        assert_eq!(mptcp(&[]), Some(false));
    }

    #[test]
    fn no_word_of_mptcp_means_no_only_from_a_kernel_that_tells_the_caller_all() {
        let mptcp = |attributes: &[Vec<u8>]| {
            let socket = socket("::1", "::1", &attributes.concat());
            read_socket(&socket, true).unwrap().mptcp
        };
        let info = attribute(INET_DIAG_INFO, &[0; 104]);
        let mark = attribute(INET_DIAG_MARK, &[0; 4]);
        let ulp = attribute(
            INET_DIAG_ULP_INFO,
            &attribute(INET_ULP_INFO_NAME, b"mptcp\0"),
        );
        assert_eq!(mptcp(std::slice::from_ref(&info)), None);
        assert_eq!(mptcp(&[mark, info.clone()]), Some(false));
        assert_eq!(mptcp(&[info, ulp]), Some(true));
        // TIME_WAIT, and what is not yet a socket, belong to no MPTCP connection.
        assert_eq!(mptcp(&[]), Some(false));
    }

    #[test]
    fn a_short_tcp_info_is_no_info() {
        let bytes = socket("::1", "::1", &attribute(INET_DIAG_INFO, &[0; 60]));
        assert_eq!(read_socket(&bytes, true).unwrap().info, None);
        let bytes = socket("::1", "::1", &attribute(INET_DIAG_INFO, &[1; 104]));
        let info = read_socket(&bytes, true).unwrap().info.unwrap();
        assert_eq!(
            (info.retransmits, info.total_retransmits, info.bytes_acked),
            (1, 0x0101_0101, 0)
        );
    }

    #[test]
    fn broken_attributes_are_malformed() {
        for broken in [&[3, 0, 99, 0][..], &[8, 0, 99, 0, 1][..], &[9][..]] {
            assert_eq!(
                read_socket(&socket("::1", "::1", broken), false),
                Err(Malformed)
            );
        }
        let mut family = socket("::1", "::1", &[]);
        family[0] = 99;
        assert_eq!(read_socket(&family, false), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, attributes: Vec<u8>) {
            let _ = read_socket(&bytes, true);
            let _ = read_socket(&socket("10.0.0.1", "10.0.0.2", &attributes), true);
        }
    }
}
