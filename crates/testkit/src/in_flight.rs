//! A socket that no process holds: it is on its way from one to another.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// A unix socket with a message in it that carries a descriptor (`SCM_RIGHTS`), which is closed when this is dropped.
#[derive(Debug)]
pub struct InFlight {
    _ends: (OwnedFd, OwnedFd),
}

impl InFlight {
    /// Sends a socket to nobody. The caller closes its own copy.
    pub fn sending(socket: impl AsFd) -> Self {
        let (flags, kind) = (SocketFlags::CLOEXEC, SocketType::STREAM);
        let ends = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None);
        let ends = ends.expect("socketpair");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [socket.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let sent = rustix::net::sendmsg(
            &ends.0,
            &[IoSlice::new(b"!")],
            &mut control,
            SendFlags::empty(),
        );
        sent.expect("sendmsg");
        Self { _ends: ends }
    }
}
