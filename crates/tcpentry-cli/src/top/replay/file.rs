//! The rows of a recording, each frame when its time has come. Nothing can be deleted.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::{Identity, Outcome};

use super::super::message::{Section, SocketTarget};
use super::super::model::{Deletability, NotDeleted, RowKey};
use super::super::recording::{RecordedFrame, RecordingError, RecordingReader, RowPlacer};
use super::source::{ForeignFrame, Polled, RowSource};

/// The frames of a file, which a thread reads ahead.
pub(crate) struct FileSource {
    /// The name of the file, for messages.
    name: String,
    frames: Receiver<Result<ReadFrame, RecordingError>>,
    /// The frame whose time has not yet come.
    next: Option<ReadFrame>,
    /// Set at the end, which `failure` explains where it is none.
    is_over: bool,
    failure: ReplayFailure,
    /// A time, and that of the recording which was reached then; `None` before the first frame.
    anchor: Option<(Instant, Duration)>,
    /// The time of the frame that was shown last.
    shown: Duration,
}

/// The reason why a recording could not be read on, once there is one.
pub(crate) type ReplayFailure = Arc<OnceLock<RecordingError>>;

/// A frame that was read: its time since the beginning of the recording, and the frame.
struct ReadFrame(Duration, ForeignFrame);

impl FileSource {
    /// Starts the thread that reads.
    pub(crate) fn start(
        reader: RecordingReader,
        name: String,
    ) -> std::io::Result<(Self, ReplayFailure)> {
        let (send, frames) = sync_channel(READ_AHEAD);
        let base = Instant::now();
        let mut reader = reader;
        let read = move || {
            let mut placer = RowPlacer::default();
            loop {
                let frame = match reader.next() {
                    Ok(None) => return,
                    Ok(Some(frame)) => place(frame, base, &mut placer, &reader),
                    Err(error) => Err(error),
                };
                let is_last = frame.is_err();
                if send.send(frame).is_err() || is_last {
                    return;
                }
            }
        };
        let builder = thread::Builder::new().name("tcpentry-recording".to_owned());
        builder.spawn(read)?;
        let failure = ReplayFailure::default();
        let source = Self {
            name,
            frames,
            next: None,
            is_over: false,
            failure: Arc::clone(&failure),
            anchor: None,
            shown: Duration::ZERO,
        };
        Ok((source, failure))
    }

    /// Takes the next frame that was read, if there is one by now.
    fn take_next(&mut self) {
        if self.next.is_some() || self.is_over {
            return;
        }
        match self.frames.try_recv() {
            Ok(Ok(frame)) => self.next = Some(frame),
            Ok(Err(error)) => {
                // There is none yet.
                let _ = self.failure.set(error);
                self.is_over = true;
            }
            Err(TryRecvError::Disconnected) => self.is_over = true,
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// Makes rows of what was recorded.
fn place(
    frame: RecordedFrame,
    base: Instant,
    placer: &mut RowPlacer,
    reader: &RecordingReader,
) -> Result<ReadFrame, RecordingError> {
    let RecordedFrame { head, rows } = frame;
    let at = head.at();
    let read_at = base + at;
    let rows = placer.place(rows, read_at, reader)?;
    let notes = head.notes.iter();
    let frame = ForeignFrame {
        rows,
        baseline: head.baseline(),
        hidden: head.hidden,
        notes: notes
            .map(|note| tcpentry::escape::escape_for_terminal(note.as_bytes()))
            .collect(),
        read_time: head.read_time(),
        read_at,
        hosts: None,
    };
    Ok(ReadFrame(at, frame))
}

impl RowSource for FileSource {
    fn poll(&mut self, at_once: bool) -> Polled {
        self.take_next();
        let mut wait = LOOK_INTERVAL;
        let mut frame = None;
        if let Some(ReadFrame(at, _)) = &self.next {
            let (since, reached) = *self.anchor.get_or_insert((Instant::now(), *at));
            let left = at.saturating_sub(reached + since.elapsed());
            wait = if at_once { Duration::ZERO } else { left };
            if wait.is_zero() {
                self.shown = *at;
                if at_once {
                    // Those behind it keep their distance.
                    self.resume();
                }
                frame = self.next.take().map(|ReadFrame(_, frame)| frame);
                self.take_next();
            }
        }
        let name = &self.name;
        let note = match self.failure.get() {
            Some(error) => format!("the replay has ended, nothing can be deleted: {error}"),
            None if self.is_over => format!("end of the replay of {name}: nothing can be deleted"),
            None => format!("replay of {name}: nothing can be deleted"),
        };
        Polled {
            frame,
            notes: vec![note],
            wait: wait.min(LOOK_INTERVAL),
            is_over: self.is_over && self.next.is_none(),
        }
    }

    fn preview(
        &mut self,
        targets: &[(SocketTarget, Option<Identity>)],
        _: Vec<Option<Deletability>>,
    ) -> Vec<Deletability> {
        targets.iter().map(|_| refused().into()).collect()
    }

    fn delete(
        &mut self,
        targets: Vec<(SocketTarget, Option<Identity>)>,
        report: &mut dyn FnMut(SocketTarget, Result<Ending, NotDeleted>),
    ) {
        for (target, _) in targets {
            report(target, Err(refused()));
        }
    }

    fn command(&self, _: RowKey, _: &Identity) -> Option<String> {
        None
    }

    fn beyond(&self, _: RowKey, _: Option<&Identity>) -> Section {
        Section {
            title: "not recorded",
            lines: vec![(
                String::new(),
                "why it is slow, its congestion window, buffers, timers and other counters"
                    .to_owned(),
            )],
        }
    }

    fn resume(&mut self) {
        self.anchor = Some((Instant::now(), self.shown));
    }
}

/// Returns the reason why nothing is deleted.
fn refused() -> NotDeleted {
    NotDeleted {
        outcome: Outcome::Guarded,
        cause: "this is a replay: nothing can be deleted".to_owned(),
        hint: None,
    }
}

/// The number of frames that are read ahead.
const READ_AHEAD: usize = 4;
/// The interval at which a frame is looked for that has not yet been read.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
