//! Sources of rows: where they come from, and what can be done with them.

use std::time::{Duration, Instant};

use tcpentry::Identity;
use tcpentry::delete::Ending;

use super::super::message::{Section, SeekStep, SocketTarget};
use super::super::model::{Baseline, Deletability, HostCount, NotDeleted, RowKey};
use super::super::recording::IdentifiedRow;

/// A source of rows, and what can be done with them.
pub(crate) trait RowSource: Send {
    /// Returns what there is by now; with `at_once`, the next frame even where it is not yet due.
    fn poll(&mut self, at_once: bool) -> Polled;

    /// Returns what a deletion of each would do, in their order; `known` is what the rows say.
    fn preview(
        &mut self,
        targets: &[(SocketTarget, Option<Identity>)],
        known: Vec<Option<Deletability>>,
    ) -> Vec<Deletability>;

    /// Deletes these, and reports the outcome of each.
    fn delete(
        &mut self,
        targets: Vec<(SocketTarget, Option<Identity>)>,
        report: &mut dyn FnMut(SocketTarget, Result<Ending, NotDeleted>),
    );

    /// Returns the command that deletes this one and no other.
    fn command(&self, key: RowKey, identity: &Identity) -> Option<String>;

    /// Describes what is not known of it here, and where it is known.
    fn beyond(&self, key: RowKey, identity: Option<&Identity>) -> Section;

    /// Goes on after a pause.
    fn resume(&mut self) {}

    /// Goes to another frame, where there are more than the one of now.
    fn seek(&mut self, _: SeekStep) {}

    /// Takes the interval of the screen.
    fn set_interval(&mut self, _: Duration) {}
}

/// The answer of a source.
#[derive(Debug)]
pub(crate) struct Polled {
    pub(crate) frame: Option<ForeignFrame>,
    /// Messages that are shown until the next answer.
    pub(crate) notes: Vec<String>,
    /// The time until it should be asked again.
    pub(crate) wait: Duration,
    /// Set where nothing more will come.
    pub(crate) is_over: bool,
    /// A frame is on its way that a key asked for.
    pub(crate) is_seeking: bool,
}

/// A frame that comes from elsewhere.
#[derive(Debug)]
pub(crate) struct ForeignFrame {
    /// The rows, with their identities where they have some.
    pub(crate) rows: Vec<IdentifiedRow>,
    pub(crate) baseline: Baseline,
    pub(crate) hidden: u64,
    pub(crate) notes: Vec<String>,
    pub(crate) read_time: Duration,
    /// The time at which it was read, by the clock of its rows.
    pub(crate) read_at: Instant,
    /// The hosts that it is of, where they are several.
    pub(crate) hosts: Option<HostCount>,
}
