//! The peers that were not told, because the local address of their connection had left the host: counted, not listed.

use std::collections::BTreeMap;

use tcpentry::delete::PeerReset;

use super::attempt::Attempt;
use crate::peer_reset::because;

/// The peers since they were last reported, by the reason.
#[derive(Default)]
pub(super) struct PeersNotTold {
    pending: BTreeMap<String, PendingNotice>,
}

/// Those of one reason.
struct PendingNotice {
    first: String,
    count: u64,
}

impl PeersNotTold {
    /// Adds the peer of an attempt, if it was not told.
    pub(super) fn add(&mut self, attempt: &Attempt) {
        let Some(reason) = reset_of(attempt).and_then(PeerReset::kept_back) else {
            return;
        };
        let reason = because(reason);
        let first = PendingNotice {
            first: not_told(attempt, &reason),
            count: 0,
        };
        self.pending.entry(reason).or_insert(first).count += 1;
    }

    /// Takes a line for each reason.
    pub(super) fn take(&mut self) -> impl Iterator<Item = String> {
        let all = std::mem::take(&mut self.pending).into_iter();
        all.map(|(reason, PendingNotice { first, count })| match count {
            1 => first,
            _ => format!(
                "{count} peers were not notified: their local addresses are no longer on this host, and {reason}"
            ),
        })
    }
}

/// Describes one attempt where its peer was not told, or was only by way of a borrowed descriptor.
pub(super) fn describe_peer(attempt: &Attempt) -> Option<String> {
    let reset = reset_of(attempt)?;
    if let Some(reason) = reset.kept_back() {
        return Some(not_told(attempt, &because(reason)));
    }
    (reset == PeerReset::SentFromLostAddress).then(|| {
        let pair = attempt.pair();
        format!(
            "the peer {} was notified although {} is no longer on this host: the reset left through the borrowed descriptor (IP_TRANSPARENT)",
            pair.peer(),
            pair.local().address()
        )
    })
}

fn not_told(attempt: &Attempt, reason: &str) -> String {
    let pair = attempt.pair();
    format!(
        "the peer {} was not notified: the local address {} is no longer on this host, and {reason}",
        pair.peer(),
        pair.local().address()
    )
}

fn reset_of(attempt: &Attempt) -> Option<PeerReset> {
    attempt.result.as_ref().ok().map(|ending| ending.reset)
}
