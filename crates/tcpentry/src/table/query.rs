//! The part of the table that is to be listed.

use crate::connection::state::States;
use crate::sock_diag::Pass;
use crate::sock_diag::bytecode::Half;

/// The part of a table that is to be listed: states, ports, with or without counters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The states; by default those that `ss` shows.
    pub states: States,
    /// True to ask for [`Connection::info`](crate::Connection::info) and [`Connection::mptcp`](crate::Connection::mptcp), too, which
    /// cost about half as much again.
    pub info: bool,
    /// The programs that the kernel evaluates, in one pass over the table or two: those of a [`Selection`].
    ///
    /// [`Selection`]: crate::Selection
    pub(crate) passes: Vec<Pass>,
    /// Local and peer port; 0 leaves one open.
    pub(crate) ports: (u16, u16),
    pub(crate) half: Option<Half>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            states: States::CONNECTIONS,
            info: false,
            passes: vec![Pass::OVER_ALL],
            ports: (0, 0),
            half: None,
        }
    }
}

impl Query {
    /// Creates a query for the sockets in these states.
    pub fn in_states(states: States) -> Self {
        Self {
            states,
            ..Self::default()
        }
    }

    /// Adds the counters (`INET_DIAG_INFO`).
    #[must_use]
    pub fn with_info(self) -> Self {
        Self { info: true, ..self }
    }

    /// Splits the query in two that share no socket and together cover all: for two tables of one namespace, dumped
    /// side by side.
    ///
    /// What costs most of a listing is that the kernel describes each socket, and two processors do that twice as fast;
    /// both look at every socket, though, which where little [is selected](Self::is_filtered) is nearly all that there
    /// is to do. A connection that changes its ports meanwhile may be in both or in none.
    ///
    /// ```
    /// use tcpentry::{Query, TcpTable};
    /// let count = |half| {
    ///     let mut table = TcpTable::open()?;
    ///     table.connections(&half)?.try_fold(0, |count, row| row.map(|_| count + 1))
    /// };
    /// let [first, second] = Query::default().halves();
    /// let (first, second) = std::thread::scope(|scope| {
    ///     let first = scope.spawn(|| count(first));
    ///     (first.join().expect("it does not panic"), count(second))
    /// });
    /// println!("{} connections", first? + second?);
    /// # Ok::<(), tcpentry::Error>(())
    /// ```
    pub fn halves(&self) -> [Self; 2] {
        [Half::First, Half::Second].map(|half| Self {
            half: Some(half),
            ..self.clone()
        })
    }

    /// Returns true where the kernel evaluates more than the states.
    pub fn is_filtered(&self) -> bool {
        self.ports != (0, 0) || self.passes.iter().any(|pass| pass.program.is_some())
    }
}
