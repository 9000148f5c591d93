//! The messages between a lender and its child process.

use std::net::Ipv6Addr;

use rustix::io::Errno;

use crate::connection::endpoint::{Endpoint, Pair};
use crate::connection::state::State;
use crate::connection::{Connection, Inode};

/// The part of a connection that the child has to know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    pub(super) pair: Pair,
    pub(super) state: State,
    pub(super) cookie: u64,
    pub(super) inode: u32,
    pub(super) may_be_mptcp: bool,
}

impl Wanted {
    pub(super) fn of(connection: &Connection, inode: Inode) -> Self {
        Self {
            pair: connection.pair.on(None),
            state: connection.state,
            cookie: connection.cookie.value(),
            inode: inode.number(),
            may_be_mptcp: connection.mptcp != Some(false),
        }
    }
}

/// A message to the child.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ChildRequest {
    /// Take a descriptor and hold it, if it is the one, and set `IP_TRANSPARENT` on it where that is asked for.
    Borrow {
        pid: i32,
        descriptor: i32,
        wanted: Wanted,
        transparent: bool,
    },
    /// Set `IP_TRANSPARENT` on what is held, until it is closed.
    MakeTransparent,
    /// Disconnect and close what is held.
    Disconnect,
    /// Close what is held.
    Release,
}

impl ChildRequest {
    pub(super) fn to_bytes(self) -> [u8; REQUEST] {
        let mut bytes = [0; REQUEST];
        let mut rest = &mut bytes[..];
        let mut put = |field: &[u8]| {
            let (into, after) = std::mem::take(&mut rest).split_at_mut(field.len());
            into.copy_from_slice(field);
            rest = after;
        };
        match self {
            Self::MakeTransparent => put(b"t"),
            Self::Disconnect => put(b"d"),
            Self::Release => put(b"r"),
            Self::Borrow {
                pid,
                descriptor,
                wanted,
                transparent,
            } => {
                let kind = if transparent { b'B' } else { b'b' };
                put(&[kind, wanted.state.to_kernel(), wanted.may_be_mptcp.into()]);
                put(&pid.to_ne_bytes());
                put(&descriptor.to_ne_bytes());
                put(&wanted.inode.to_ne_bytes());
                put(&wanted.cookie.to_ne_bytes());
                for end in [wanted.pair.local(), wanted.pair.peer()] {
                    let address = match end.address() {
                        std::net::IpAddr::V4(address) => address.to_ipv6_mapped(),
                        std::net::IpAddr::V6(address) => address,
                    };
                    put(&address.octets());
                    put(&end.port().to_ne_bytes());
                }
            }
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; REQUEST]) -> Option<Self> {
        let mut rest = &bytes[..];
        let [kind, state, may_be_mptcp] = first(&mut rest)?;
        match kind {
            b't' => return Some(Self::MakeTransparent),
            b'd' => return Some(Self::Disconnect),
            b'r' => return Some(Self::Release),
            b'b' | b'B' => {}
            _ => return None,
        }
        let pid = i32::from_ne_bytes(first(&mut rest)?);
        let descriptor = i32::from_ne_bytes(first(&mut rest)?);
        let inode = u32::from_ne_bytes(first(&mut rest)?);
        let cookie = u64::from_ne_bytes(first(&mut rest)?);
        let mut end = || {
            let address = Ipv6Addr::from(first::<16>(&mut rest)?);
            let port = u16::from_ne_bytes(first(&mut rest)?);
            Some(Endpoint::new(address.into(), port))
        };
        let (local, peer) = (end()?, end()?);
        Some(Self::Borrow {
            pid,
            descriptor,
            wanted: Wanted {
                pair: Pair::new(local, peer).ok()?,
                state: State::from_kernel(state),
                cookie,
                inode,
                may_be_mptcp: may_be_mptcp != 0,
            },
            transparent: kind == b'B',
        })
    }
}

/// Takes the first bytes of a message.
fn first<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

/// A message of the child.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ChildReply {
    Yes,
    No,
    InRepair,
    /// It is held, and could not be made transparent.
    NotTransparent(Errno),
    Failed(Errno),
}

impl ChildReply {
    pub(super) const fn yes_or_no(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    pub(super) const fn to_bytes(self) -> [u8; ANSWER] {
        let number = match self {
            Self::Yes => 0,
            Self::No => -1,
            Self::InRepair => -2,
            Self::NotTransparent(errno) => NOT_TRANSPARENT - errno.raw_os_error(),
            Self::Failed(errno) => errno.raw_os_error(),
        };
        number.to_ne_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; ANSWER]) -> Self {
        match i32::from_ne_bytes(bytes) {
            0 => Self::Yes,
            errno if errno > 0 => Self::Failed(Errno::from_raw_os_error(errno)),
            -2 => Self::InRepair,
            number if number < NOT_TRANSPARENT => {
                Self::NotTransparent(Errno::from_raw_os_error(NOT_TRANSPARENT - number))
            }
            _ => Self::No,
        }
    }
}

/// The length of a message to the child.
pub(super) const REQUEST: usize = 3 + 3 * 4 + 8 + 2 * (16 + 2);
/// The length of a message of the child.
pub(super) const ANSWER: usize = 4;
/// The number below which an answer is [`ChildReply::NotTransparent`].
const NOT_TRANSPARENT: i32 = -2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_mean_what_was_meant() {
        for (local, peer) in [
            ("10.0.0.1:80", "192.0.2.1:9"),
            ("[::1]:80", "[fe80::1]:65535"),
        ] {
            let pair = Pair::new(local.parse().unwrap(), peer.parse().unwrap()).unwrap();
            let wanted = Wanted {
                pair,
                state: State::CloseWait,
                cookie: u64::MAX - 1,
                inode: 7,
                may_be_mptcp: true,
            };
            let (pid, descriptor) = (i32::MAX, 300);
            let borrow = |transparent| ChildRequest::Borrow {
                pid,
                descriptor,
                wanted,
                transparent,
            };
            for request in [
                borrow(false),
                borrow(true),
                ChildRequest::MakeTransparent,
                ChildRequest::Disconnect,
                ChildRequest::Release,
            ] {
                assert_eq!(ChildRequest::from_bytes(request.to_bytes()), Some(request));
            }
        }
        for answer in [
            ChildReply::Yes,
            ChildReply::No,
            ChildReply::InRepair,
            ChildReply::NotTransparent(Errno::PERM),
            ChildReply::Failed(Errno::SRCH),
        ] {
            assert_eq!(ChildReply::from_bytes(answer.to_bytes()), answer);
        }
    }
}
