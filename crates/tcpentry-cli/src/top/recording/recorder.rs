//! Writing a recording.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::row::RowFields;
use super::{BASELINES, FrameHead, RecordingHead, micros, name_of, now};
use crate::output::line;
use crate::top::model::{Baseline, Frame};

/// The reason why a recording has ended early, once it has.
pub(crate) type RecordingFailure = Arc<OnceLock<io::Error>>;

/// A recording that is being written.
pub(crate) struct FrameRecorder {
    out: Box<dyn Write + Send>,
    /// The time of the first frame.
    begun: Option<Instant>,
    frames: u64,
    failure: RecordingFailure,
}

impl FrameRecorder {
    /// Writes the first line.
    pub(crate) fn new(
        mut out: Box<dyn Write + Send>,
        head: &RecordingHead,
    ) -> io::Result<(Self, RecordingFailure)> {
        line(&mut out, head)?;
        out.flush()?;
        let failure = RecordingFailure::default();
        let recorder = Self {
            out,
            begun: None,
            frames: 0,
            failure: Arc::clone(&failure),
        };
        Ok((recorder, failure))
    }

    /// Returns the reason why nothing more is written.
    pub(crate) fn failure(&self) -> Option<&io::Error> {
        self.failure.get()
    }

    /// Writes a frame, of which these are the rows that are present. After a failure nothing more is written.
    pub(crate) fn write(
        &mut self,
        frame: &Frame,
        baseline: Baseline,
        rows: impl Iterator<Item = RowFields>,
    ) {
        if self.failure.get().is_none()
            && let Err(error) = self.try_write(frame, baseline, rows)
        {
            // There is none yet.
            let _ = self.failure.set(error);
        }
    }

    fn try_write(
        &mut self,
        frame: &Frame,
        baseline: Baseline,
        rows: impl Iterator<Item = RowFields>,
    ) -> io::Result<()> {
        let read_at = frame.read_at.unwrap_or_else(Instant::now);
        let begun = *self.begun.get_or_insert(read_at);
        self.frames += 1;
        let head = FrameHead {
            frame: self.frames,
            time: now(),
            at_us: micros(read_at.saturating_duration_since(begun)),
            read_us: micros(frame.read_time),
            rows: frame.present as u64,
            hidden: frame.hidden,
            notes: frame.notes.clone(),
            baseline: name_of(&BASELINES, baseline),
        };
        line(&mut self.out, &head)?;
        for row in rows {
            line(&mut self.out, &row)?;
        }
        self.out.flush()
    }
}

/// Describes why nothing more is recorded.
pub(crate) fn describe_failure(error: &io::Error) -> String {
    format!("the recording has ended: it cannot be written: {error}")
}
