//! The reasons why connections were not deleted: each is printed once, with the number that it concerns.

use std::collections::BTreeMap;

use super::line::Complaint;

/// The complaints since they were last printed, by their cause.
#[derive(Default)]
pub(super) struct Complaints {
    pending: BTreeMap<String, Pending>,
}

/// One cause.
struct Pending {
    first: Complaint,
    count: u64,
}

impl Complaints {
    /// Adds a complaint.
    pub(super) fn push(&mut self, complaint: Complaint) {
        let cause = complaint.cause.clone();
        let first = Pending {
            first: complaint,
            count: 0,
        };
        self.pending.entry(cause).or_insert(first).count += 1;
    }

    /// Takes all of them: the text and the hint of each.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (String, Option<String>)> {
        let all = std::mem::take(&mut self.pending).into_values();
        all.map(|Pending { first, count }| {
            let text = if count == 1 {
                first.text
            } else {
                let (operation, cause) = (first.operation, first.cause);
                // A cause that is said of one is said of each.
                let because = if cause.starts_with("it ") {
                    ", each because"
                } else {
                    ":"
                };
                format!("cannot {operation} {count} connections{because} {cause}")
            };
            (text, first.hint)
        })
    }
}
