//! The process and the user at the other end of a connection to the socket.

use std::fmt;
use std::os::fd::AsFd;

use rustix::net::sockopt::socket_peercred;

use crate::own_session::is_in_first_namespace;

/// A process and its user, as far as they have numbers here.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Caller {
    pub(crate) pid: Option<i32>,
    pub(crate) uid: Option<u32>,
}

impl Caller {
    /// Returns who connected, or of a client's end, who listens.
    pub(super) fn of(socket: impl AsFd) -> Self {
        // In another pid namespace than the host's, a process of outside has no pid here, which rustix's type can't express.
        if !is_in_first_namespace() {
            return Self::default();
        }
        socket_peercred(socket).map_or(Self::default(), |caller| Self {
            pid: Some(caller.pid.as_raw_nonzero().get()),
            uid: Some(caller.uid.as_raw()),
        })
    }
}

impl fmt::Display for Caller {
    /// Writes `uid 0, pid 1234`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.uid, self.pid) {
            (Some(uid), Some(pid)) => write!(f, "uid {uid}, pid {pid}"),
            _ => f.write_str("somebody outside of this container"),
        }
    }
}
