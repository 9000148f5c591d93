//! A look that is made before it is certain that addresses have left: they may be on their way to another device.

use std::collections::BTreeSet;

use tcpentry::filter::Prefix;

use super::found::{LookFailure, LookResult};

/// A look in advance. What it finds is judged only once all of its addresses have left for certain.
#[derive(Debug, Default)]
pub(super) struct LookAhead {
    /// The addresses that may still come back.
    uncertain: BTreeSet<Prefix>,
    /// Set where one has come back: what was found is about others than what has left.
    is_void: bool,
    looked: Option<Result<LookResult, LookFailure>>,
}

/// Verdict on a look in advance.
pub(super) enum AheadVerdict {
    Wait,
    /// Nothing comes of it.
    Drop,
    /// It holds.
    Judge(Result<LookResult, LookFailure>),
}

impl LookAhead {
    pub(super) fn of(leaving: impl IntoIterator<Item = Prefix>) -> Self {
        Self {
            uncertain: leaving.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Takes note that addresses have left a device. One that leaves again was back meanwhile: there may be connections on it
    /// that were not found.
    pub(super) fn leave(&mut self, leaving: &[Prefix]) {
        self.is_void |= leaving.iter().any(|it| self.uncertain.contains(it));
    }

    /// Takes note that an address has left for certain, or that nothing is ended by it.
    pub(super) fn settle(&mut self, address: Prefix, has_left: bool) {
        let was_uncertain = self.uncertain.remove(&address);
        self.is_void |= was_uncertain && !has_left;
    }

    /// Keeps what was found.
    pub(super) fn keep(&mut self, looked: Result<LookResult, LookFailure>) {
        self.looked = Some(looked);
    }

    /// Returns what is to be done now.
    pub(super) fn verdict(&mut self) -> AheadVerdict {
        match self.looked.take() {
            Some(_) if self.is_void => AheadVerdict::Drop,
            Some(looked) if self.uncertain.is_empty() => AheadVerdict::Judge(looked),
            looked => {
                self.looked = looked;
                AheadVerdict::Wait
            }
        }
    }
}
