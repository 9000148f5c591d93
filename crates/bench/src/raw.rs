//! `sock_diag` without anything around it: what any program has to do at least.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use anyhow::{Result, bail};
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// A netlink socket and its buffer.
pub struct Raw {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// `struct inet_diag_sockid`: ports, addresses, interface and cookie, as the kernel wrote them.
pub type Id = [u8; 48];

/// A socket: its family and its name.
#[derive(Clone, Copy)]
pub struct Named {
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// Its name within the family.
    pub id: Id,
}

impl fmt::Display for Named {
    /// Formats its two ends as every tool prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |port: usize, address: usize| {
            let port = u16::from_be_bytes([self.id[port], self.id[port + 1]]);
            let mut octets = [0; 16];
            octets.copy_from_slice(&self.id[address..address + 16]);
            let address = match (self.family, octets.first_chunk::<4>()) {
                (2, Some(octets)) => IpAddr::from(*octets),
                _ => IpAddr::from(octets),
            };
            SocketAddr::from((address, port))
        };
        write!(f, "{} {}", end(0, 4), end(2, 20))
    }
}

/// The sockets that a dump yields.
#[derive(Clone, Copy, Default)]
pub struct Filter {
    /// The range of local ports, both included; `None` for all.
    pub local_ports: Option<(u16, u16)>,
    /// The peer's port; 0 is any.
    pub peer_port: u16,
    /// The counters come with them (`INET_DIAG_INFO`).
    pub info: bool,
}

impl Raw {
    /// Opens the socket.
    pub fn open() -> Result<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(SOCK_DIAG),
        )?;
        Ok(Self {
            socket,
            buffer: vec![0; 32 * 1024],
        })
    }

    /// Dumps all established sockets of both families, and passes on each datagram.
    pub fn dump(&mut self, filter: Filter, mut take: impl FnMut(&[u8])) -> Result<()> {
        let extensions = if filter.info { INFO } else { 0 };
        let mut request = vec![0, 0, 0, extensions];
        let mut id = [0; 48];
        id[2..4].copy_from_slice(&filter.peer_port.to_be_bytes());
        id[40..].fill(0xff);
        request.extend(id);
        request.extend(ESTABLISHED.to_ne_bytes());
        request.extend(0_u32.to_ne_bytes());
        if let Some((from, to)) = filter.local_ports {
            // Two conditions of two words each; whoever fails one leaves by the end.
            let words: [(u8, u8, u16); 4] =
                [(S_GE, 8, 20), (0, 0, from), (S_LE, 8, 12), (0, 0, to)];
            request.extend(20_u16.to_ne_bytes());
            request.extend(BYTECODE.to_ne_bytes());
            for (code, yes, no) in words {
                request.extend([code, yes]);
                request.extend(no.to_ne_bytes());
            }
        }
        let length = u32::try_from(16 + request.len())?;
        let mut message = Vec::from(length.to_ne_bytes());
        message.extend(TCPDIAG_GETSOCK.to_ne_bytes());
        message.extend((REQUEST | DUMP).to_ne_bytes());
        message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        message.extend(request);
        self.send(&message)?;
        loop {
            let length = self.receive()?;
            let datagram = &self.buffer[..length];
            match u16::from_ne_bytes([datagram[4], datagram[5]]) {
                DONE => return Ok(()),
                ERROR => bail!("the kernel refuses the dump"),
                _ => take(datagram),
            }
        }
    }

    /// Destroys sockets by their cookies, and asks for no reply but failures.
    pub fn destroy(&mut self, sockets: &[Named]) -> Result<usize> {
        let mut message = Vec::with_capacity(sockets.len() * REQUEST_LENGTH);
        for socket in sockets {
            message.extend(request(SOCK_DESTROY, REQUEST, *socket));
        }
        self.send(&message)?;
        let mut failed = 0;
        loop {
            match self.receive() {
                Ok(_) => failed += 1,
                Err(Errno::AGAIN) => return Ok(failed),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Looks up and destroys one socket, each with its reply.
    pub fn get_and_destroy(&mut self, socket: Named) -> Result<()> {
        let mut anyone = socket;
        anyone.id[40..].fill(0xff);
        self.send(&request(BY_FAMILY, REQUEST, anyone))?;
        self.receive()?;
        self.send(&request(SOCK_DESTROY, REQUEST | ACK, socket))?;
        self.receive()?;
        let answer = i32::from_ne_bytes(self.buffer[16..20].try_into()?);
        if answer != 0 {
            bail!("SOCK_DESTROY: error {answer}");
        }
        Ok(())
    }

    fn send(&self, message: &[u8]) -> Result<(), Errno> {
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.socket, message, SendFlags::empty(), &kernel)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<usize, Errno> {
        let flags = RecvFlags::DONTWAIT;
        rustix::net::recv(&self.socket, &mut self.buffer[..], flags).map(|(length, _)| length)
    }
}

/// Returns the sockets in a datagram of a dump.
pub fn names(datagram: &[u8]) -> impl Iterator<Item = Named> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let id = rest.get(20..68)?.try_into().ok()?;
        let family = rest[16];
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Named { family, id })
    })
}

/// Returns a request for one socket: header and `struct inet_diag_req_v2`.
fn request(kind: u16, flags: u16, socket: Named) -> [u8; REQUEST_LENGTH] {
    let mut out = [0; REQUEST_LENGTH];
    out[0] = 72;
    out[4..6].copy_from_slice(&kind.to_ne_bytes());
    out[6..8].copy_from_slice(&flags.to_ne_bytes());
    out[16] = socket.family;
    out[17] = 6; // IPPROTO_TCP
    out[20..24].fill(0xff);
    out[24..].copy_from_slice(&socket.id);
    out
}

const REQUEST_LENGTH: usize = 72;
const ESTABLISHED: u32 = 1 << 1;
const TCPDIAG_GETSOCK: u16 = 18;
const BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `INET_DIAG_INFO`, as the bit of an extension.
const INFO: u8 = 1 << 1;
/// `INET_DIAG_REQ_BYTECODE`
const BYTECODE: u16 = 1;
/// `INET_DIAG_BC_S_GE`, `INET_DIAG_BC_S_LE`
const S_GE: u8 = 2;
const S_LE: u8 = 3;
