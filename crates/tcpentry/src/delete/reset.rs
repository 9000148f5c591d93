//! The reset that a deletion sends to the peer, and the reasons why none leaves.

use std::fmt;

use super::kernel::may_leave_orphans;
use crate::connection::Connection;
use crate::connection::state::State;

/// The reset that the peer of a deleted connection was sent.
///
/// An IPv4 reset from an address that has left the host is not routed: its peer goes on waiting. Where the holder's
/// descriptor can be borrowed, `IP_TRANSPARENT` is set on it for the moment of the deletion, and the reset leaves (Linux
/// 6.18; IPv6 needs nothing of that).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeerReset {
    /// The kernel has sent it, by its rules for the state and the local address. Nothing acknowledges a reset, so nobody knows whether
    /// it has arrived; routes, devices that are down and firewalls are not looked at.
    Sent,
    /// The kernel has sent it from an IPv4 address that is no longer on this host.
    SentFromLostAddress,
    /// None was sent, or it could not leave.
    NotSent(NoReset),
    /// It is not known: nothing was deleted (a rehearsal), there is no single peer (a listener), this kernel's answer about
    /// the local address is missing, or what the kernel sends depends on what it does not show.
    Unknown,
}

/// The reason why no reset was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NoReset {
    /// The kernel sends none from this state: SYN_SENT, SYN_RECV, CLOSING, LAST_ACK, TIME_WAIT (Linux 6.18).
    State,
    /// The local address is no longer on this host, and no process holds the connection, as far as this caller can see.
    NoHolder,
    /// The local address is no longer on this host, and the holder's descriptor can't be borrowed.
    NotLent,
    /// The local address is no longer on this host, and this caller may not set `IP_TRANSPARENT`, which takes `CAP_NET_ADMIN`
    /// (or `CAP_NET_RAW`) over the network namespace.
    NotPermitted,
    /// The local address is no longer on this host, and nothing was to be borrowed
    /// ([`MethodChoice::SockDiag`](crate::MethodChoice::SockDiag)).
    Method,
    /// The local address is no longer on this host, and the kernel does not take `IP_TRANSPARENT` for a connected MPTCP socket.
    Mptcp,
    /// The local address is no longer on this host, and there is no route to the peer any more.
    NoRoute,
    /// The local address is no longer on this host, and `IP_TRANSPARENT` could not be set.
    Failed,
}

impl PeerReset {
    /// Returns true where a reset was sent, so far as the kernel's rules say; `None` where that is not known.
    pub const fn is_sent(self) -> Option<bool> {
        match self {
            Self::Sent | Self::SentFromLostAddress => Some(true),
            Self::NotSent(_) => Some(false),
            Self::Unknown => None,
        }
    }

    /// Returns the reason why none left an address that is no longer on this host.
    pub const fn kept_back(self) -> Option<NoReset> {
        match self {
            Self::Sent
            | Self::SentFromLostAddress
            | Self::NotSent(NoReset::State)
            | Self::Unknown => None,
            Self::NotSent(reason) => Some(reason),
        }
    }

    /// Returns what `SOCK_DESTROY` of a connection with a local address of this host sends (`tcp_abort`, Linux 6.18).
    pub(super) fn of_destroy(connection: &Connection) -> Self {
        let is_held = connection.inode.is_some();
        // A request and an entry of TIME_WAIT have no counters.
        let is_full_socket = connection.info.is_some();
        match connection.state {
            State::Established | State::CloseWait => Self::Sent,
            State::FinWait1 if is_held || !may_leave_orphans() => Self::Sent,
            State::FinWait2 | State::SynRecv if is_held => Self::Sent,
            State::SynRecv if is_full_socket => Self::Sent,
            State::FinWait2 if is_full_socket && !may_leave_orphans() => Self::Sent,
            State::SynSent
            | State::SynRecv
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => Self::NotSent(NoReset::State),
            _ => Self::Unknown,
        }
    }

    /// Returns what `connect(AF_UNSPEC)` of one sends (`tcp_disconnect`).
    pub(super) const fn of_disconnect(connection: &Connection) -> Self {
        match connection.state {
            State::Established
            | State::CloseWait
            | State::FinWait1
            | State::FinWait2
            | State::SynRecv => Self::Sent,
            State::SynSent => Self::NotSent(NoReset::State),
            // From CLOSING and LAST_ACK one is sent only if data waits.
            _ => Self::Unknown,
        }
    }
}

/// Returns true for the states in which a deletion sends a reset to a peer.
pub(super) const fn sends_reset(state: State) -> bool {
    matches!(
        state,
        State::Established | State::CloseWait | State::FinWait1 | State::FinWait2 | State::SynRecv
    )
}

impl fmt::Display for NoReset {
    /// Writes it as the end of a sentence: the peer was not told, because ...
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::State => "the kernel sends no reset from this state",
            Self::NoHolder => "no process was found to borrow the descriptor from",
            Self::NotLent => "the descriptor could not be borrowed",
            Self::NotPermitted => "setting IP_TRANSPARENT takes CAP_NET_ADMIN",
            Self::Method => "--method sock-diag borrows no descriptor",
            Self::Mptcp => "MPTCP refuses IP_TRANSPARENT",
            Self::NoRoute => "there is no route to the peer",
            Self::Failed => "IP_TRANSPARENT could not be set",
        })
    }
}
