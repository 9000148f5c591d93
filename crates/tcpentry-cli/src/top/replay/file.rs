//! The rows of a recording, each frame when its time has come. Nothing can be deleted.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::{Identity, Outcome};

use super::super::message::{Section, SeekStep, SocketTarget};
use super::super::model::{Baseline, Deletability, NotDeleted, RowKey};
use super::super::recording::{
    FrameIndex, RecordedFrame, RecordingError, RecordingReader, RowPlacer,
};
use super::source::{ForeignFrame, Polled, RowSource};

/// The frames of a recording, which a thread reads ahead.
pub(crate) struct FileSource {
    /// The name of the file, for messages.
    name: String,
    /// The file and the places of its frames, where it can be read at any place.
    seekable: Option<(Arc<File>, FrameIndex)>,
    placer: Arc<Mutex<RowPlacer>>,
    /// The time that stands for the beginning of the recording.
    base: Instant,
    frames: Receiver<Result<ReadFrame, RecordingError>>,
    /// The frame whose time has not yet come.
    next: Option<ReadFrame>,
    /// Set at the end, which `failure` explains where it is none.
    is_over: bool,
    failure: ReplayFailure,
    /// A time, and that of the recording which was reached then; `None` before the first frame.
    anchor: Option<(Instant, Duration)>,
    /// The frame that was shown last.
    shown: ShownFrame,
    wanted: Option<WantedFrame>,
    /// The last frame before the wanted one, by which that one's changes and rates are known.
    passed: Option<ReadFrame>,
    /// The reason why a key did nothing.
    refusal: Option<&'static str>,
}

/// The reason why a recording could not be read on, once there is one.
pub(crate) type ReplayFailure = Arc<OnceLock<RecordingError>>;

/// A frame that was read.
struct ReadFrame {
    /// Its number, from 1.
    number: u64,
    /// Its time since the beginning of the recording.
    at: Duration,
    /// The time of day at which it was made.
    clock: String,
    frame: ForeignFrame,
}

/// A frame as far as the screen says which one it is.
#[derive(Clone, Debug, Default)]
struct ShownFrame {
    number: u64,
    at: Duration,
    clock: String,
}

/// The frame that a key asks for.
#[derive(Clone, Copy, Debug)]
enum WantedFrame {
    Number(u64),
    /// The first one at this time or later.
    At(Duration),
}

impl WantedFrame {
    fn is_reached(self, frame: &ReadFrame) -> bool {
        match self {
            Self::Number(number) => frame.number >= number,
            Self::At(at) => frame.at >= at,
        }
    }
}

impl FileSource {
    /// Starts the thread that reads; of a file, also the one that finds its frames.
    pub(crate) fn start(
        reader: RecordingReader,
        file: Option<Arc<File>>,
        name: String,
    ) -> io::Result<(Self, ReplayFailure)> {
        let seekable = file.map(|file| {
            let again = reader.at_same_place(&file);
            Ok::<_, io::Error>((file, FrameIndex::start(again)?))
        });
        let placer = Arc::default();
        let base = Instant::now();
        let failure = ReplayFailure::default();
        let source = Self {
            frames: read_ahead(reader, 1, base, &placer)?,
            name,
            seekable: seekable.transpose()?,
            placer,
            base,
            next: None,
            is_over: false,
            failure: Arc::clone(&failure),
            anchor: None,
            shown: ShownFrame::default(),
            wanted: None,
            passed: None,
            refusal: None,
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

    /// Returns the frame whose time has come, or any, and the time until the next one.
    fn due(&mut self, at_once: bool) -> (Option<ForeignFrame>, Duration) {
        self.take_next();
        let Some(ReadFrame { at, .. }) = self.next else {
            return (None, LOOK_INTERVAL);
        };
        let (since, reached) = *self.anchor.get_or_insert((Instant::now(), at));
        let left = at.saturating_sub(reached + since.elapsed());
        let wait = if at_once { Duration::ZERO } else { left };
        if !wait.is_zero() {
            return (None, wait);
        }
        let frame = self.next.take().map(|frame| self.show(frame));
        if at_once {
            // Those behind it keep their distance.
            self.resume();
        }
        self.take_next();
        (frame, wait)
    }

    /// Returns the wanted frame, once it has been read, and before that the one before it.
    fn find(&mut self, wanted: WantedFrame) -> Option<ForeignFrame> {
        loop {
            self.take_next();
            let is_reached = self.next.as_ref().map(|next| wanted.is_reached(next));
            match is_reached {
                Some(true) => {
                    if let Some(passed) = self.passed.take() {
                        return Some(self.show_anew(passed));
                    }
                    self.wanted = None;
                    let next = self.next.take()?;
                    let is_next = next.number == self.shown.number + 1;
                    let frame = if is_next {
                        self.show(next)
                    } else {
                        self.show_anew(next)
                    };
                    self.resume();
                    return Some(frame);
                }
                Some(false) => self.passed = self.next.take(),
                None if self.is_over => {
                    self.wanted = None;
                    let last = self.passed.take().map(|last| self.show_anew(last));
                    self.resume();
                    return last;
                }
                None => return None,
            }
        }
    }

    fn show(&mut self, frame: ReadFrame) -> ForeignFrame {
        self.refusal = None;
        self.shown = ShownFrame {
            number: frame.number,
            at: frame.at,
            clock: frame.clock,
        };
        frame.frame
    }

    /// Shows a frame that does not follow the one shown before.
    fn show_anew(&mut self, frame: ReadFrame) -> ForeignFrame {
        ForeignFrame {
            baseline: Baseline::Reset,
            ..self.show(frame)
        }
    }

    /// Goes back to the frame of this number.
    fn go_back(&mut self, number: u64) {
        let Some((file, index)) = &self.seekable else {
            return;
        };
        let first = number.saturating_sub(1).max(1);
        let Some(place) = index.place(first) else {
            self.refusal = Some("not yet: its frames are being looked for");
            return;
        };
        let reader = RecordingReader::at(file, self.name.clone(), place);
        match read_ahead(reader, first, self.base, &self.placer) {
            Ok(frames) => {
                self.frames = frames;
                (self.next, self.passed) = (None, None);
                self.is_over = false;
                self.wanted = Some(WantedFrame::Number(number));
            }
            Err(_) => self.refusal = Some("no thread can be started"),
        }
    }

    /// Says which frame is shown.
    fn position(&self) -> String {
        let ShownFrame { number, clock, .. } = &self.shown;
        if *number == 0 {
            return String::new();
        }
        let count = self.seekable.as_ref().and_then(|(_, index)| index.count());
        let of = count
            .map(|count| format!(" of {count}"))
            .unwrap_or_default();
        format!("frame {number}{of}{clock}, ")
    }
}

/// Starts a thread that reads frames, the first of which has this number, and returns its end.
fn read_ahead(
    mut reader: RecordingReader,
    first: u64,
    base: Instant,
    placer: &Arc<Mutex<RowPlacer>>,
) -> io::Result<Receiver<Result<ReadFrame, RecordingError>>> {
    let (send, frames) = sync_channel(READ_AHEAD);
    let placer = Arc::clone(placer);
    let read = move || {
        for number in first.. {
            let frame = match reader.next() {
                Ok(None) => return,
                Ok(Some(frame)) => {
                    let mut placer = placer.lock().unwrap_or_else(PoisonError::into_inner);
                    place(number, frame, base, &mut placer, &reader)
                }
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
    Ok(frames)
}

/// Makes rows of what was recorded.
fn place(
    number: u64,
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
    Ok(ReadFrame {
        number,
        at,
        clock: head
            .clock()
            .map_or_else(String::new, |clock| format!(", {clock} UTC")),
        frame,
    })
}

impl RowSource for FileSource {
    fn poll(&mut self, at_once: bool) -> Polled {
        let (frame, wait) = match self.wanted {
            Some(wanted) => match self.find(wanted) {
                // The one that is wanted follows.
                Some(frame) => (Some(frame), Duration::ZERO),
                None => (None, LOOK_INTERVAL),
            },
            None => self.due(at_once),
        };
        let (position, name) = (self.position(), &self.name);
        let note = match (self.refusal, self.failure.get()) {
            (Some(refusal), _) => format!("{position}{refusal}"),
            (None, Some(error)) => {
                format!("{position}the replay has ended, nothing can be deleted: {error}")
            }
            (None, None) if self.is_over && self.next.is_none() => {
                format!("{position}end of the replay of {name}: nothing can be deleted")
            }
            (None, None) => format!("{position}replay of {name}: nothing can be deleted"),
        };
        Polled {
            frame,
            notes: vec![note],
            wait: wait.min(LOOK_INTERVAL),
            is_over: self.is_over && self.next.is_none() && self.wanted.is_none(),
            is_seeking: self.wanted.is_some(),
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
        self.anchor = Some((Instant::now(), self.shown.at));
    }

    fn seek(&mut self, step: SeekStep) {
        let ShownFrame { number, at, .. } = self.shown;
        self.refusal = None;
        match (step, &self.seekable) {
            (SeekStep::NextFrame, _) => self.wanted = Some(WantedFrame::Number(number + 1)),
            (SeekStep::MinuteOn, _) => self.wanted = Some(WantedFrame::At(at + MINUTE)),
            (SeekStep::FrameBefore | SeekStep::MinuteBack, None) => {
                self.refusal = Some("this is no file: it can't go back");
            }
            (SeekStep::FrameBefore, Some(_)) => self.go_back(number.saturating_sub(1).max(1)),
            (SeekStep::MinuteBack, Some((_, index))) => {
                let earlier = at.saturating_sub(MINUTE);
                self.go_back(index.last_until(number, earlier));
            }
        }
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
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::BufReader;

    use super::super::super::recording::FileAt;
    use super::*;

    /// Returns a recording of so many frames, a second apart, each of one connection whose port is the number of the frame.
    fn recording(count: u64) -> String {
        let mut text = "{\"recording\":1,\"interval_ms\":1000}\n".to_owned();
        for number in 1..=count {
            let at = (number - 1) * 1_000_000;
            let (minute, second) = ((number - 1) / 60, (number - 1) % 60);
            let _ = writeln!(
                text,
                "{{\"frame\":{number},\"time\":\"2026-11-30T14:{minute:02}:{second:02}.5Z\",\"at_us\":{at},\"rows\":1}}\n\
                 {{\"state\":\"established\",\"cookie\":\"0x7\",\"local_address\":\"192.0.2.1\",\"local_port\":443,\
                 \"peer_address\":\"198.51.100.1\",\"peer_port\":{number}}}"
            );
        }
        text
    }

    /// Returns the source of a recording: a file, or something that can only be read on.
    fn source(text: &str, is_file: bool) -> FileSource {
        let name = format!("tcpentry-seek-{}-{:p}", std::process::id(), text);
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let input: Box<dyn io::BufRead + Send> = if is_file {
            Box::new(FileAt::buffered(Arc::clone(&file), 0))
        } else {
            Box::new(BufReader::new(Arc::clone(&file)))
        };
        let (_, reader) = RecordingReader::open(input, "f".to_owned()).unwrap();
        let file = is_file.then_some(file);
        FileSource::start(reader, file, "f".to_owned()).unwrap().0
    }

    /// Takes steps, and returns the baseline and the port of each frame that is shown, and the last note.
    fn go(source: &mut FileSource, steps: &[SeekStep]) -> (Vec<(Baseline, u16)>, String) {
        let mut shown = Vec::new();
        let mut note = String::new();
        for step in steps {
            source.seek(*step);
            loop {
                let polled = source.poll(false);
                note = polled.notes.concat();
                shown.extend(polled.frame.map(|frame| {
                    let (row, _) = &frame.rows[0];
                    (frame.baseline, row.connection.peer().port())
                }));
                if !polled.is_seeking {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        (shown, note)
    }

    /// Waits until all frames have been found.
    fn await_count(source: &FileSource) {
        while source.seekable.as_ref().unwrap().1.count().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    use Baseline::{Previous, Reset};
    use SeekStep::{FrameBefore, MinuteBack, MinuteOn, NextFrame};

    #[test]
    fn a_file_goes_back_and_on_by_a_frame_and_by_a_minute() {
        let mut source = source(&recording(150), true);
        await_count(&source);
        let (shown, note) = go(&mut source, &[NextFrame, NextFrame]);
        assert_eq!(shown, [(Previous, 1), (Previous, 2)]);
        assert_eq!(
            note,
            "frame 2 of 150, 14:00:01 UTC, replay of f: nothing can be deleted"
        );
        // The frame before the one that is wanted comes first: rates are those in between.
        let (shown, note) = go(&mut source, &[MinuteOn]);
        assert_eq!(shown, [(Reset, 61), (Previous, 62)]);
        assert!(note.starts_with("frame 62 of 150, 14:01:01 UTC"), "{note}");
        assert_eq!(
            go(&mut source, &[FrameBefore]).0,
            [(Reset, 60), (Previous, 61)]
        );
        assert_eq!(go(&mut source, &[NextFrame]).0, [(Previous, 62)]);
        assert_eq!(
            go(&mut source, &[MinuteBack]).0,
            [(Reset, 1), (Previous, 2)]
        );
        let (shown, note) = go(&mut source, &[MinuteBack, FrameBefore]);
        assert_eq!(shown, [(Reset, 1), (Reset, 1)], "there is none before");
        assert!(note.starts_with("frame 1 of 150"), "{note}");
        // Beyond the end is the last one, and from there it goes back.
        let (shown, note) = go(&mut source, &[MinuteOn, MinuteOn, MinuteOn]);
        assert_eq!(shown.last(), Some(&(Reset, 150)));
        assert!(note.contains("end of the replay of f"), "{note}");
        assert_eq!(go(&mut source, &[NextFrame]).0, []);
        assert_eq!(
            go(&mut source, &[FrameBefore]).0,
            [(Reset, 148), (Previous, 149)]
        );
    }

    #[test]
    fn a_pipe_only_goes_on_and_says_so() {
        let mut source = source(&recording(100), false);
        let (shown, note) = go(&mut source, &[NextFrame, MinuteOn]);
        assert_eq!(shown, [(Previous, 1), (Reset, 60), (Previous, 61)]);
        assert!(note.starts_with("frame 61, 14:01:00 UTC, "), "{note}");
        for step in [FrameBefore, MinuteBack] {
            let (_, note) = go(&mut source, &[step]);
            assert!(note.contains("this is no file: it can't go back"), "{note}");
        }
    }

    #[test]
    fn what_is_cut_off_is_gone_through_up_to_there() {
        let text = recording(20);
        let mut source = source(&text[..text.len() - 300], true);
        await_count(&source);
        let (_, note) = go(&mut source, &[MinuteOn]);
        assert!(note.contains("the replay has ended"), "{note}");
        let (shown, note) = go(&mut source, &[FrameBefore]);
        assert_eq!(shown.last().map(|(_, port)| *port), Some(17), "{note}");
    }
}
