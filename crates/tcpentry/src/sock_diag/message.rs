//! Netlink messages: requests written, answers split (`linux/netlink.h`, `linux/inet_diag.h`).

use std::net::IpAddr;

use rustix::io::Errno;

use super::bytecode::Program;
use super::family::{AF_INET, AF_INET6};
use super::reader::Reader;
use crate::connection::Cookie;
use crate::connection::endpoint::{Interface, Pair};
use crate::connection::state::{State, States};

/// A request; the length, sequence and header are filled in by [`encode`](Self::encode).
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    /// One socket by its four-tuple: `SOCK_DIAG_BY_FAMILY` without `NLM_F_DUMP`.
    Get {
        pair: &'a Pair,
        cookie: Option<Cookie>,
        extent: Extent,
    },
    /// The end of one socket: `SOCK_DESTROY`. A cookie is not optional here.
    Destroy {
        pair: &'a Pair,
        cookie: Cookie,
        /// `NLM_F_ACK`: success is acknowledged too, not only failure.
        acknowledged: bool,
    },
    /// Many sockets: `NLM_F_DUMP`.
    Dump(&'a DumpRequest),
    /// The connections of MPTCP, not their subflows: `INET_DIAG_REQ_PROTOCOL`, since Linux 5.9.
    DumpMptcp(Families),
}

/// A dump: which sockets, and with what beside the fixed fields.
#[derive(Clone, Debug)]
pub(super) struct DumpRequest {
    pub(super) protocol: Protocol,
    pub(super) families: Families,
    pub(super) states: States,
    pub(super) extent: Extent,
    /// Local and peer port, host order; 0 leaves one open.
    pub(super) ports: (u16, u16),
    /// The program that the kernel runs on each socket; without one it yields all.
    pub(super) program: Option<Program>,
}

/// The attributes of a socket that are asked for beside the fixed fields: the bits of `idiag_ext`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extent {
    /// Those that are sent unasked.
    Plain,
    /// With `struct tcp_info`, and with it the name of the upper-layer protocol.
    Info,
    /// With all that `read_details` reads.
    All,
}

impl Extent {
    const fn bits(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Info => INFO,
            Self::All => INFO | CONG | TOS | TCLASS | SKMEMINFO,
        }
    }
}

/// The protocol whose sockets are asked for: `sdiag_protocol`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Tcp,
    /// Served by `udp_diag`, which has no legacy request: each family is dumped by itself.
    Udp,
}

impl Protocol {
    const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// The families that one dump covers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Families {
    /// Both in one dump: the legacy `TCPDIAG_GETSOCK`, the only request that has `AF_UNSPEC`.
    Both,
    V4,
    V6,
}

impl Request<'_> {
    /// Appends the request to what is to be sent as one datagram.
    pub(super) fn encode(&self, sequence: u32, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, flags) = match self {
            Self::Get { .. } => (SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST),
            Self::Destroy {
                acknowledged: true, ..
            } => (SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK),
            Self::Destroy { .. } => (SOCK_DESTROY, NLM_F_REQUEST),
            Self::Dump(dump) if dump.families == Families::Both => {
                (TCPDIAG_GETSOCK, NLM_F_REQUEST | NLM_F_DUMP)
            }
            Self::Dump(_) | Self::DumpMptcp(_) => (SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP),
        };
        out.extend(0_u32.to_ne_bytes()); // the length, below
        out.extend(kind.to_ne_bytes());
        out.extend(flags.to_ne_bytes());
        out.extend(sequence.to_ne_bytes());
        out.extend(0_u32.to_ne_bytes()); // to the kernel
        match self {
            Self::Get {
                pair,
                cookie,
                extent,
            } => {
                let cookie = cookie.map_or(ANY_SOCKET, Cookie::value);
                let states = States::ALL.bits();
                request_v2(out, family_of(pair), Protocol::Tcp, extent.bits(), states);
                socket_id(out, pair, cookie);
            }
            Self::Destroy { pair, cookie, .. } => {
                // The kernel ignores the states of an exact request (measured, Linux 6.18).
                request_v2(out, family_of(pair), Protocol::Tcp, 0, States::ALL.bits());
                socket_id(out, pair, cookie.value());
            }
            Self::Dump(dump) => dump.encode(out),
            Self::DumpMptcp(families) => {
                let family = if *families == Families::V4 {
                    AF_INET
                } else {
                    AF_INET6
                };
                // Its number has more than the eight bits that were thought to be enough for a protocol. To go
                // through the listeners as well would take 25 times as long (Linux 6.18).
                out.extend([family, IPPROTO_RAW, 0, 0]);
                let states = States::ALL_ACTIVE.without(State::Listening);
                out.extend(states.bits().to_ne_bytes());
                ports_only(out, (0, 0));
                out.extend(8_u16.to_ne_bytes());
                out.extend(INET_DIAG_REQ_PROTOCOL.to_ne_bytes());
                out.extend(IPPROTO_MPTCP.to_ne_bytes());
            }
        }
        // Each is a multiple of four bytes long, so the next one is aligned as it has to be.
        let length = u32::try_from(out.len() - start).expect("requests are short");
        out[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }
}

impl DumpRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        let extensions = self.extent.bits();
        let family = match self.families {
            Families::Both => {
                // struct inet_diag_req: family, src_len, dst_len, ext.
                out.extend([0, 0, 0, extensions]);
                ports_only(out, self.ports);
                out.extend(self.states.bits().to_ne_bytes());
                out.extend(0_u32.to_ne_bytes());
                None
            }
            Families::V4 => Some(AF_INET),
            Families::V6 => Some(AF_INET6),
        };
        if let Some(family) = family {
            request_v2(out, family, self.protocol, extensions, self.states.bits());
            ports_only(out, self.ports);
        }
        if let Some(program) = &self.program {
            program.encode(out);
        }
    }
}

/// Writes `struct inet_diag_req_v2` up to the socket's id.
fn request_v2(out: &mut Vec<u8>, family: u8, protocol: Protocol, extensions: u8, states: u32) {
    out.extend([family, protocol.number(), extensions, 0]);
    out.extend(states.to_ne_bytes());
}

/// Writes `struct inet_diag_sockid`.
fn socket_id(out: &mut Vec<u8>, pair: &Pair, cookie: u64) {
    out.extend(pair.local().port().to_be_bytes());
    out.extend(pair.peer().port().to_be_bytes());
    for end in [pair.local(), pair.peer()] {
        match end.address() {
            IpAddr::V4(address) => {
                out.extend(address.octets());
                out.extend([0; 12]);
            }
            IpAddr::V6(address) => out.extend(address.octets()),
        }
    }
    out.extend(pair.interface().map_or(0, Interface::index).to_ne_bytes());
    // Two words, the low one first, each in host order.
    out.extend(cookie_words(cookie));
}

fn cookie_words(cookie: u64) -> [u8; 8] {
    let low = u32::try_from(cookie & 0xffff_ffff).expect("masked");
    let high = u32::try_from(cookie >> 32).expect("shifted");
    let mut words = [0; 8];
    words[..4].copy_from_slice(&low.to_ne_bytes());
    words[4..].copy_from_slice(&high.to_ne_bytes());
    words
}

fn ports_only(out: &mut Vec<u8>, (local, peer): (u16, u16)) {
    out.extend(local.to_be_bytes());
    out.extend(peer.to_be_bytes());
    out.extend([0; 16 + 16 + 4]);
    out.extend(cookie_words(ANY_SOCKET));
}

fn family_of(pair: &Pair) -> u8 {
    if pair.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// One message of an answer.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) sequence: u32,
    /// `NLM_F_DUMP_INTR`: the table changed so that this dump is not consistent.
    pub(super) interrupted: bool,
    pub(super) body: Body<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// A socket: `struct inet_diag_msg` and attributes.
    Socket(&'a [u8]),
    /// The end of a dump, with the error that ended it.
    Done(Result<(), Errno>),
    /// The answer to a single request: `NLMSG_ERROR`, where 0 is success.
    Acknowledged(Result<(), Errno>),
    /// `NLMSG_NOOP` and whatever else means nothing here.
    Other,
}

/// A message of any netlink protocol: `struct nlmsghdr`, and what stands behind it.
pub(crate) struct RawMessage<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) payload: &'a [u8],
}

/// Splits the next message off a datagram, of whatever protocol.
///
/// `Ok(None)` at its end; `Err` when what is there is no message.
pub(crate) fn next_raw<'a>(datagram: &mut Reader<'a>) -> Result<Option<RawMessage<'a>>, Malformed> {
    if datagram.is_empty() {
        return Ok(None);
    }
    let mut header = *datagram;
    let length = header.u32().ok_or(Malformed)? as usize;
    let kind = header.u16().ok_or(Malformed)?;
    let flags = header.u16().ok_or(Malformed)?;
    let sequence = header.u32().ok_or(Malformed)?;
    let whole = datagram.take(length).ok_or(Malformed)?;
    datagram.align(length);
    let payload = whole.get(HEADER_LENGTH..).ok_or(Malformed)?;
    Ok(Some(RawMessage {
        kind,
        flags,
        sequence,
        payload,
    }))
}

/// Splits the next message off a datagram, as [`next_raw`] does.
pub(super) fn next_message<'a>(
    datagram: &mut Reader<'a>,
) -> Result<Option<Message<'a>>, Malformed> {
    let Some(raw) = next_raw(datagram)? else {
        return Ok(None);
    };
    let RawMessage {
        kind,
        flags,
        sequence,
        payload,
    } = raw;
    let body = match kind {
        TCPDIAG_GETSOCK | SOCK_DIAG_BY_FAMILY => Body::Socket(payload),
        NLMSG_ERROR => Body::Acknowledged(result_of(payload).ok_or(Malformed)?),
        // Kernels before 4.13 ended a dump without a number in some cases; none means no error.
        NLMSG_DONE => Body::Done(result_of(payload).unwrap_or(Ok(()))),
        _ => Body::Other,
    };
    Ok(Some(Message {
        sequence,
        interrupted: flags & NLM_F_DUMP_INTR != 0,
        body,
    }))
}

/// Reads the result, an errno as a negative number.
pub(crate) fn result_of(payload: &[u8]) -> Option<Result<(), Errno>> {
    let number = Reader::new(payload).i32()?;
    Some(match number.checked_neg() {
        Some(0) => Ok(()),
        Some(errno @ 1..=4095) => Err(Errno::from_raw_os_error(errno)),
        _ => Err(Errno::PROTO),
    })
}

/// The error of bytes that are neither a netlink message nor a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

impl From<Malformed> for Errno {
    fn from(_: Malformed) -> Self {
        Self::PROTO
    }
}

/// `INET_DIAG_NOCOOKIE` in both words: any socket. Only ever sent with a question, never with
/// `SOCK_DESTROY`.
const ANY_SOCKET: u64 = u64::MAX;

const IPPROTO_RAW: u8 = 255;
const IPPROTO_MPTCP: u32 = 262;
const INET_DIAG_REQ_PROTOCOL: u16 = 3;

pub(crate) const HEADER_LENGTH: usize = 16;
pub(crate) const NLM_F_REQUEST: u16 = 0x01;
const NLM_F_ACK: u16 = 0x04;
pub(crate) const NLM_F_DUMP_INTR: u16 = 0x10;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;

const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;

/// `1 << (INET_DIAG_INFO - 1)`, and so on.
const INFO: u8 = 1 << 1;
const CONG: u8 = 1 << 3;
const TOS: u8 = 1 << 4;
/// The class of its cgroup comes with it.
const TCLASS: u8 = 1 << 5;
const SKMEMINFO: u8 = 1 << 6;

/// Answers as the kernel would write them, for tests behind the [`Channel`](super::Channel).
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Makes a whole message of an answer.
    pub(crate) fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(
            u32::try_from(HEADER_LENGTH + payload.len())
                .unwrap()
                .to_ne_bytes(),
        );
        out.extend(kind.to_ne_bytes());
        out.extend(flags.to_ne_bytes());
        out.extend(sequence.to_ne_bytes());
        out.extend(0_u32.to_ne_bytes());
        out.extend(payload);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    /// Makes an attribute, padded.
    pub(crate) fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
        out.extend(number.to_ne_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    pub(crate) fn acknowledged(sequence: u32, errno: i32) -> Vec<u8> {
        message(NLMSG_ERROR, 0, sequence, &(-errno).to_ne_bytes())
    }

    pub(crate) fn done(sequence: u32, errno: i32) -> Vec<u8> {
        message(NLMSG_DONE, 2, sequence, &(-errno).to_ne_bytes())
    }

    /// Makes a socket between these ends.
    pub(crate) fn socket(
        sequence: u32,
        pair: &Pair,
        state: u8,
        cookie: u64,
        inode: u32,
        attributes: &[u8],
    ) -> Vec<u8> {
        let mut payload = vec![family_of(pair), state, 0, 0];
        socket_id(&mut payload, pair, cookie);
        for word in [0, 0, 0, 1000, inode] {
            payload.extend(u32::to_ne_bytes(word));
        }
        payload.extend(attributes);
        message(SOCK_DIAG_BY_FAMILY, 2, sequence, &payload)
    }

    pub(crate) const BY_FAMILY: u16 = SOCK_DIAG_BY_FAMILY;
    pub(crate) const DESTROY: u16 = SOCK_DESTROY;
    pub(crate) const BOTH_FAMILIES: u16 = TCPDIAG_GETSOCK;
    pub(crate) const DUMP: u16 = NLM_F_DUMP;
    pub(crate) const ACKNOWLEDGE: u16 = NLM_F_ACK;
    pub(crate) const INTERRUPTED: u16 = NLM_F_DUMP_INTR;
    pub(crate) const NOOP: u16 = 1;
    pub(crate) const ANY: u64 = ANY_SOCKET;
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{
        NLM_F_ACK as ACK, NLM_F_REQUEST as REQUEST, NetlinkMessage, NetlinkPayload,
    };
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
    use proptest::prelude::*;

    #[test]
    fn the_protocol_of_a_dump_is_a_field_of_its_request() {
        for (protocol, number) in [(Protocol::Tcp, 6), (Protocol::Udp, 17)] {
            let mut out = Vec::new();
            let dump = DumpRequest {
                protocol,
                families: Families::V6,
                states: States::ALL,
                extent: Extent::Plain,
                ports: (0, 0),
                program: None,
            };
            Request::Dump(&dump).encode(1, &mut out);
            assert_eq!(out[16..18], [AF_INET6, number]);
        }
    }

    /// Writes the request by an implementation that is not ours.
    fn oracle(pair: &Pair, cookie: u64, extensions: ExtensionFlags, destroy: bool) -> Vec<u8> {
        let request = InetRequest {
            family: family_of(pair),
            protocol: Protocol::Tcp.number(),
            extensions,
            states: StateFlags::from_bits_truncate(States::ALL.bits()),
            socket_id: SocketId {
                source_port: pair.local().port(),
                destination_port: pair.peer().port(),
                source_address: pair.local().address(),
                destination_address: pair.peer().address(),
                interface_id: pair.interface().map_or(0, Interface::index),
                cookie: cookie.to_ne_bytes(),
            },
        };
        let payload = SockDiagMessage::InetRequest(request);
        let mut packet = NetlinkMessage::new(
            netlink_packet_core::NetlinkHeader::default(),
            NetlinkPayload::from(payload),
        );
        packet.header.sequence_number = 7;
        packet.finalize();
        packet.header.flags = if destroy { REQUEST | ACK } else { REQUEST };
        if destroy {
            packet.header.message_type = SOCK_DESTROY;
        }
        let mut out = vec![0; packet.header.length as usize];
        packet.serialize(&mut out);
        // It has no name for the states that came after CLOSING, and drops their bits.
        let states = HEADER_LENGTH + 4;
        out[states..states + 4].copy_from_slice(&States::ALL.bits().to_ne_bytes());
        out
    }

    proptest! {
        #[test]
        fn requests_are_what_another_implementation_writes(
            v6: bool, local: u128, peer: u128, ports: (u16, u16), interface: u32, cookie in 0..u64::MAX,
        ) {
            let address = |bits: u128| if v6 {
                IpAddr::from(bits.to_be_bytes())
            } else {
                let [a, b, c, d, ..] = bits.to_be_bytes();
                IpAddr::from([a, b, c, d])
            };
            let end = |address, port| crate::Endpoint::new(address, port);
            let Ok(pair) = Pair::new(end(address(local), ports.0), end(address(peer), ports.1)) else {
                return Ok(());
            };
            let pair = pair.on(Interface::new(interface));
            let mut ours = Vec::new();
            let all = ExtensionFlags::INFO
                | ExtensionFlags::CONG
                | ExtensionFlags::TOS
                | ExtensionFlags::TCLASS
                | ExtensionFlags::SKMEMINFO;
            for (extent, extensions) in [
                (Extent::Plain, ExtensionFlags::empty()),
                (Extent::Info, ExtensionFlags::INFO),
                (Extent::All, all),
            ] {
                ours.clear();
                Request::Get { pair: &pair, cookie: Cookie::new(cookie), extent }
                    .encode(7, &mut ours);
                prop_assert_eq!(&ours, &oracle(&pair, cookie, extensions, false));
            }
            ours.clear();
            let cookie_of_one = Cookie::new(cookie).unwrap();
            Request::Destroy { pair: &pair, cookie: cookie_of_one, acknowledged: true }
                .encode(7, &mut ours);
            prop_assert_eq!(&ours, &oracle(&pair, cookie, ExtensionFlags::empty(), true));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut datagram = Reader::new(&bytes);
            while let Ok(Some(_)) = next_message(&mut datagram) {}
        }
    }

    #[test]
    fn a_message_longer_than_its_datagram_is_malformed() {
        let mut datagram = testing::acknowledged(1, 0);
        datagram.truncate(18);
        assert!(next_message(&mut Reader::new(&datagram)).is_err());
        // A length that would not even advance.
        assert!(next_message(&mut Reader::new(&[0; 16])).is_err());
    }
}
