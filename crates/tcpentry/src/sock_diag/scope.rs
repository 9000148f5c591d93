//! The scope of a dump: the sockets that it yields, and the part of a filter that the kernel evaluates.

use super::bytecode::{Half, Program};
use crate::connection::state::States;

/// The sockets that a dump is to yield.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) states: States,
    /// True to ask for `struct tcp_info`, and for what is MPTCP, too: about 1.5 times the cost.
    pub(crate) info: bool,
    /// Local and peer port, judged by the kernel; 0 leaves one open.
    pub(crate) ports: (u16, u16),
    /// The program that the kernel runs on each socket.
    pub(crate) program: Option<Program>,
    /// The half of them that is asked for; `None` for all.
    pub(crate) half: Option<Half>,
}

/// One dump.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// `None` yields every socket.
    pub(crate) program: Option<Program>,
    /// The value of `autobound` for all sockets that the program yields; none where the
    /// kernel refuses it ([`is_unfiltered`](super::Dump::is_unfiltered)) or does not run it
    /// ([`runs_programs`](super::Diag::runs_programs)).
    pub(crate) autobound: Option<bool>,
}

impl Pass {
    /// The pass that yields every socket.
    pub(crate) const OVER_ALL: Self = Self {
        program: None,
        autobound: None,
    };
}
