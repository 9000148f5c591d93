//! The other end of a unix socket. Who made a pair of them may have left both ends to others, so that only the kernel
//! knows which belong together (`unix_diag`).

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};
use tcpentry::Inode;

/// Returns the socket at the other end of one of this network namespace.
pub(super) fn of(inode: Inode) -> Option<Inode> {
    let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
    let socket = socket_with(family, SocketType::RAW, flags, Some(netlink::SOCK_DIAG)).ok()?;
    // Nobody but the kernel can send to it then.
    connect(&socket, &SocketAddrNetlink::new(0, 0)).ok()?;
    send(&socket, &request(inode), SendFlags::empty()).ok()?;
    let mut room = [0; 512];
    // The kernel answers before the request returns.
    let (length, _) = recv(&socket, &mut room, RecvFlags::DONTWAIT).ok()?;
    parse(&room[..length])
}

/// Makes `struct nlmsghdr` and `struct unix_diag_req`, for the peer of one socket.
fn request(inode: Inode) -> [u8; HEADER + 24] {
    let mut message = [0; HEADER + 24];
    let length = u32::try_from(message.len()).unwrap_or_default();
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    let body = &mut message[HEADER..];
    body[0] = AF_UNIX;
    body[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    body[8..12].copy_from_slice(&inode.number().to_ne_bytes());
    body[12..16].copy_from_slice(&UDIAG_SHOW_PEER.to_ne_bytes());
    // Any cookie.
    body[16..].fill(u8::MAX);
    message
}

/// Parses `struct unix_diag_msg` and what follows it.
fn parse(message: &[u8]) -> Option<Inode> {
    let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    if kind != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let mut attributes = message.get(HEADER + 16..)?;
    loop {
        let length = u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?);
        let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
        if kind == UNIX_DIAG_PEER {
            let inode = attributes.get(4..8)?.try_into().ok()?;
            return Inode::new(u32::from_ne_bytes(inode));
        }
        // Each begins at a multiple of four; none is shorter than its header.
        attributes = attributes.get(usize::from(length.max(4)).next_multiple_of(4)..)?;
    }
}

/// The length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// `linux/sock_diag.h`
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `linux/netlink.h`
const NLM_F_REQUEST: u16 = 1;
/// `linux/socket.h`
const AF_UNIX: u8 = 1;
/// `linux/unix_diag.h`
const UDIAG_SHOW_PEER: u32 = 4;
/// `linux/unix_diag.h`
const UNIX_DIAG_PEER: u16 = 2;

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn inode(socket: impl AsFd) -> Inode {
        let stat = rustix::fs::fstat(socket).unwrap();
        Inode::new(u32::try_from(stat.st_ino).unwrap()).unwrap()
    }

    #[test]
    fn the_ends_of_a_pair_belong_together() {
        let (one, other) = UnixStream::pair().unwrap();
        assert_eq!(of(inode(&one)), Some(inode(&other)));
        assert_eq!(of(inode(&other)), Some(inode(&one)));
        drop(other);
        assert_eq!(of(inode(&one)), None);
    }

    #[test]
    fn what_is_cut_off_names_nobody() {
        let mut message = [0; HEADER + 24];
        message[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        message[HEADER + 16..][..4].copy_from_slice(&[8, 0, 2, 0]);
        message[HEADER + 20] = 7;
        for length in 0..message.len() {
            assert_eq!(parse(&message[..length]), None, "{length}");
        }
        #[cfg(target_endian = "little")]
        assert_eq!(parse(&message), Inode::new(7));
    }
}
