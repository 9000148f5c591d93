//! The stage that the round of a rule has reached.

use std::collections::VecDeque;

use super::found::FoundConnection;

/// Present work of a rule.
#[derive(Debug)]
pub(super) enum RoundStage {
    Idle,
    Looking,
    /// Deletes what a look has found: some are with the worker, others wait for their turn.
    Deleting {
        waiting: VecDeque<FoundConnection>,
        in_flight: usize,
    },
}

impl RoundStage {
    /// Returns the stage of a round of which nothing waits.
    pub(super) const fn over() -> Self {
        Self::Deleting {
            waiting: VecDeque::new(),
            in_flight: 0,
        }
    }
}
