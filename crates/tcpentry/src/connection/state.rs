//! The states of a TCP socket, as RFC 9293, the kernel and `ss` name them.

use std::fmt;
use std::str::FromStr;

/// The state of a TCP socket: `enum` in `include/net/tcp_states.h`.
///
/// A number that this version does not know is kept as [`State::Unknown`] and printed `state-N`.
///
/// ```
/// use tcpentry::State;
/// assert_eq!(State::CloseWait.to_string(), "close-wait");
/// assert_eq!("time-wait".parse(), Ok(State::TimeWait));
/// assert_eq!(State::from_kernel(42).to_string(), "state-42");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum State {
    /// `TCP_ESTABLISHED` (1)
    Established,
    /// `TCP_SYN_SENT` (2)
    SynSent,
    /// `TCP_SYN_RECV` (3), also of a connection that is only a request so far (inode 0)
    SynRecv,
    /// `TCP_FIN_WAIT1` (4)
    FinWait1,
    /// `TCP_FIN_WAIT2` (5), also of an ownerless socket that waits as a mini-socket (inode 0)
    FinWait2,
    /// `TCP_TIME_WAIT` (6)
    TimeWait,
    /// `TCP_CLOSE` (7)
    Closed,
    /// `TCP_CLOSE_WAIT` (8)
    CloseWait,
    /// `TCP_LAST_ACK` (9)
    LastAck,
    /// `TCP_LISTEN` (10)
    Listening,
    /// `TCP_CLOSING` (11)
    Closing,
    /// Bound to a port, neither connected nor listening (`TCP_BOUND_INACTIVE`, 13; since Linux 6.8).
    ///
    /// The kernel asks for it by bit 13 and answers with state 7.
    BoundInactive,
    /// Any other number.
    Unknown(u8),
}

impl State {
    /// Returns the state of a kernel's number (`include/net/tcp_states.h`).
    pub const fn from_kernel(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12 is TCP_NEW_SYN_RECV, the request socket; the kernel itself reports it as 3.
            3 | 12 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listening,
            11 => Self::Closing,
            13 => Self::BoundInactive,
            other => Self::Unknown(other),
        }
    }

    /// Returns the kernel's number of the state.
    pub const fn to_kernel(self) -> u8 {
        match self {
            Self::Established => 1,
            Self::SynSent => 2,
            Self::SynRecv => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::Closed => 7,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listening => 10,
            Self::Closing => 11,
            Self::BoundInactive => 13,
            Self::Unknown(number) => number,
        }
    }

    /// Returns true where both ends have exchanged their SYN: the states of RFC 9293 from ESTABLISHED on.
    pub const fn is_synchronized(self) -> bool {
        matches!(
            self,
            Self::Established
                | Self::FinWait1
                | Self::FinWait2
                | Self::TimeWait
                | Self::CloseWait
                | Self::LastAck
                | Self::Closing
        )
    }

    pub(crate) const NAMED: [Self; 12] = [
        Self::Established,
        Self::SynSent,
        Self::SynRecv,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::Closed,
        Self::CloseWait,
        Self::LastAck,
        Self::Listening,
        Self::Closing,
        Self::BoundInactive,
    ];

    /// Returns the name, as `ss` filters have it; `None` for a state that this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Established => "established",
            Self::SynSent => "syn-sent",
            Self::SynRecv => "syn-recv",
            Self::FinWait1 => "fin-wait-1",
            Self::FinWait2 => "fin-wait-2",
            Self::TimeWait => "time-wait",
            Self::Closed => "closed",
            Self::CloseWait => "close-wait",
            Self::LastAck => "last-ack",
            Self::Listening => "listening",
            Self::Closing => "closing",
            Self::BoundInactive => "bound-inactive",
            Self::Unknown(_) => return None,
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), *self) {
            (Some(name), _) => f.pad(name),
            (None, state) => f.pad(&format!("state-{}", state.to_kernel())),
        }
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::NAMED
            .into_iter()
            .find(|state| state.name() == Some(text))
            .or_else(|| {
                let number = text.strip_prefix("state-")?.parse().ok()?;
                Some(Self::from_kernel(number))
            })
            .ok_or(UnknownState)
    }
}

/// The error of a text that is not the name of a state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownState;

impl fmt::Display for UnknownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such TCP state; ss(8) lists their names")
    }
}

impl std::error::Error for UnknownState {}

/// A set of states: `idiag_states` of the kernel's request.
///
/// ```
/// use tcpentry::{State, States};
/// assert!(!States::CONNECTIONS.contains(State::Listening));
/// assert!(States::CONNECTIONS.with(State::TimeWait).contains(State::TimeWait));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct States(u32);

impl States {
    /// No state.
    pub const NONE: Self = Self(0);
    /// The default of `ss`: everything but listeners, TIME_WAIT, SYN_RECV and closed.
    pub const CONNECTIONS: Self = Self(
        (1 << State::Established.to_kernel())
            | (1 << State::SynSent.to_kernel())
            | (1 << State::FinWait1.to_kernel())
            | (1 << State::FinWait2.to_kernel())
            | (1 << State::CloseWait.to_kernel())
            | (1 << State::LastAck.to_kernel())
            | (1 << State::Closing.to_kernel()),
    );
    /// Listeners.
    pub const LISTENING: Self = Self(1 << State::Listening.to_kernel());
    /// Sockets that are bound but neither connected nor listening.
    ///
    /// Kernels before 6.8 do not show them.
    pub const BOUND_INACTIVE: Self = Self(1 << State::BoundInactive.to_kernel());
    /// Every socket that is in some state of a connection or listens: all but bound-inactive.
    ///
    /// Bit 12 (`TCP_NEW_SYN_RECV`) is not among them: the kernel adds it to SYN_RECV by itself, and
    /// whoever takes SYN_RECV out of this set means both.
    pub const ALL_ACTIVE: Self = Self(0x0fff & !1);
    /// `connected` of `ss`: all but listeners and closed sockets.
    pub const CONNECTED: Self = Self::ALL_ACTIVE
        .without(State::Listening)
        .without(State::Closed);
    /// `synchronized` of `ss`: the connected ones but SYN_SENT. Unlike RFC 9293's (see
    /// [`State::is_synchronized`]) it has SYN_RECV.
    pub const SYNCHRONIZED: Self = Self::CONNECTED.without(State::SynSent);
    /// `bucket` of `ss`: the states that the kernel keeps as mini-sockets.
    pub const BUCKET: Self = Self::NONE.with(State::SynRecv).with(State::TimeWait);
    /// `big` of `ss`: the states of whole sockets.
    pub const BIG: Self = Self::ALL_ACTIVE.difference(Self::BUCKET);
    /// Everything the kernel can show.
    pub const ALL: Self = Self(!1);

    /// Returns this set with one more state.
    #[must_use]
    pub const fn with(self, state: State) -> Self {
        Self(self.0 | bit(state))
    }

    /// Returns this set without one state.
    #[must_use]
    pub const fn without(self, state: State) -> Self {
        Self(self.0 & !bit(state))
    }

    /// Returns the union of two sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns this set without the states of another.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the states of the set, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = State> {
        (0..32_u8)
            .filter(move |number| self.0 & (1 << number) != 0)
            .map(State::from_kernel)
    }

    /// Returns true where the state is in the set.
    pub const fn contains(self, state: State) -> bool {
        self.0 & bit(state) != 0
    }

    /// Returns the bits as the kernel's `idiag_states` has them.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

const fn bit(state: State) -> u32 {
    match 1_u32.checked_shl(state.to_kernel() as u32) {
        Some(bit) => bit,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_way_through_text() {
        for number in 0..=u8::MAX {
            let state = State::from_kernel(number);
            assert_eq!(state.to_string().parse(), Ok(state), "number {number}");
        }
    }

    #[test]
    fn the_default_set_is_that_of_ss() {
        let omitted = [
            State::Listening,
            State::Closed,
            State::TimeWait,
            State::SynRecv,
            State::BoundInactive,
        ];
        for state in State::NAMED {
            assert_eq!(
                States::CONNECTIONS.contains(state),
                !omitted.contains(&state),
                "{state}"
            );
        }
    }

    #[test]
    fn the_groups_are_those_of_ss() {
        let names = |states: States| {
            let names: Vec<_> = states.iter().map(|state| state.to_string()).collect();
            names.join(" ")
        };
        assert_eq!(
            names(States::SYNCHRONIZED),
            "established syn-recv fin-wait-1 fin-wait-2 time-wait close-wait last-ack closing"
        );
        assert_eq!(States::CONNECTED, States::SYNCHRONIZED.with(State::SynSent));
        assert_eq!(names(States::BUCKET), "syn-recv time-wait");
        assert_eq!(States::BIG.union(States::BUCKET), States::ALL_ACTIVE);
        assert_eq!(States::ALL_ACTIVE.iter().count(), 11);
    }

    #[test]
    fn a_state_beyond_the_bits_is_in_no_set() {
        assert!(!States::ALL.contains(State::Unknown(77)));
        assert_eq!(States::NONE.with(State::Unknown(77)), States::NONE);
    }
}
