//! The places of the frames of a recording that is a file, which a thread finds, so that a replay can go back.
//!
//! A place is 32 bytes; the frames themselves are read again.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::place::FramePlace;
use super::reader::RecordingReader;

/// The frames of a file, as far as they have been found.
#[derive(Clone, Debug, Default)]
pub(crate) struct FrameIndex(Arc<Mutex<FoundFrames>>);

#[derive(Debug, Default)]
struct FoundFrames {
    places: Vec<FramePlace>,
    is_complete: bool,
}

impl FrameIndex {
    /// Starts the thread that finds the frames of a recording, of which nothing but the first line has been read.
    pub(crate) fn start(mut reader: RecordingReader) -> io::Result<Self> {
        let index = Self::default();
        let found = index.clone();
        let find = move || {
            // What is wrong with it is said by whoever reads the rows.
            while let Ok(Some(place)) = reader.pass() {
                // Nobody waits for the rest.
                if Arc::strong_count(&found.0) == 1 {
                    return;
                }
                found.with(|frames| frames.places.push(place));
            }
            found.with(|frames| frames.is_complete = true);
        };
        let builder = thread::Builder::new().name("tcpentry-index".to_owned());
        builder.spawn(find)?;
        Ok(index)
    }

    /// Returns the number of frames, once all have been found.
    pub(crate) fn count(&self) -> Option<u64> {
        self.with(|frames| frames.is_complete.then_some(frames.places.len() as u64))
    }

    /// Returns the place of the frame of this number, counted from 1, if it has been found by now.
    pub(crate) fn place(&self, number: u64) -> Option<FramePlace> {
        let before = usize::try_from(number.checked_sub(1)?).ok()?;
        self.with(|frames| frames.places.get(before).copied())
    }

    /// Returns the number of the last frame up to this one that is no later than this time; else of the first.
    pub(crate) fn last_until(&self, number: u64, at: Duration) -> u64 {
        let most = usize::try_from(number).unwrap_or(usize::MAX);
        self.with(|frames| {
            let before = &frames.places[..most.min(frames.places.len())];
            let last = before.iter().rposition(|place| place.at <= at);
            last.map_or(1, |place| place as u64 + 1)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut FoundFrames) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
