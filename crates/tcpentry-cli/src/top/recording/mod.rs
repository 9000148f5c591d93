//! Recordings of frames: lines of JSON, which `--record` writes and `--replay` reads. tcpentry(1), RECORDING, documents them.
//!
//! The first line describes the recording. Each frame is a line of its own, and behind it a line for each row, which is an
//! object of `list --json` with a few fields more.

mod frame_index;
mod place;
mod placer;
mod reader;
mod recorder;
mod row;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub(crate) use frame_index::FrameIndex;
pub(crate) use place::FileAt;
pub(crate) use placer::{IdentifiedRow, RowPlacer};
pub(crate) use reader::{RecordedFrame, RecordingError, RecordingReader};
pub(crate) use recorder::{FrameRecorder, RecordingFailure, describe_failure};
pub(crate) use row::RowFields;

use super::message::SocketKind;
use super::model::Baseline;

/// The version of the format. A reader refuses later ones; fields may be added to this one.
pub(crate) const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct RecordingHead {
    /// The version of the format.
    pub(crate) recording: u32,
    /// The program that wrote it, and its version.
    #[serde(default)]
    program: String,
    /// The time at which it was begun, as in RFC 3339.
    #[serde(default)]
    time: String,
    /// The interval at which the table was read.
    #[serde(default)]
    interval_ms: u64,
    /// The filter at the start; empty without one.
    #[serde(default)]
    pub(crate) filter: String,
    /// The states that were shown: connections, listeners or all.
    #[serde(default)]
    shown: String,
}

impl RecordingHead {
    /// Describes a recording that begins now.
    pub(crate) fn new(interval: Duration, filter: &str, kind: SocketKind) -> Self {
        Self {
            recording: FORMAT,
            program: concat!("tcpentry ", env!("CARGO_PKG_VERSION")).to_owned(),
            time: now(),
            interval_ms: millis(interval),
            filter: filter.to_owned(),
            shown: name_of(&KINDS, kind),
        }
    }

    /// Returns the interval at which the table was read.
    pub(crate) fn interval(&self) -> Option<Duration> {
        (self.interval_ms > 0).then(|| Duration::from_millis(self.interval_ms))
    }

    /// Returns the states that were shown.
    pub(crate) fn kind(&self) -> SocketKind {
        let known = KINDS.iter().find(|(_, name)| *name == self.shown);
        known.map_or(SocketKind::All, |(kind, _)| *kind)
    }
}

/// The line before the rows of a frame.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FrameHead {
    /// The number of the frame, from 1.
    pub(crate) frame: u64,
    /// The time at which it was read, as in RFC 3339.
    #[serde(default)]
    time: String,
    /// The microseconds from the first frame to this one, by a clock that nobody sets.
    at_us: u64,
    /// The microseconds that reading took.
    #[serde(default)]
    read_us: u64,
    /// The number of rows that follow.
    pub(crate) rows: u64,
    /// The number of rows of which this user may not see what the filter asks for.
    #[serde(default)]
    pub(crate) hidden: u64,
    /// Messages about tables that could not be read.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// The frame that this one is compared with: previous, before-pause or reset.
    #[serde(default)]
    baseline: String,
}

impl FrameHead {
    /// Returns the time from the first frame to this one.
    pub(crate) fn at(&self) -> Duration {
        Duration::from_micros(self.at_us).min(LONGEST)
    }

    /// Returns the time of day at which it was made, `14:02:11`, where that is told.
    pub(crate) fn clock(&self) -> Option<&str> {
        let (_, clock) = self.time.split_once('T')?;
        let clock = clock.get(..8)?;
        let is_digit = |place: usize, byte: u8| match place {
            2 | 5 => byte == b':',
            _ => byte.is_ascii_digit(),
        };
        let mut bytes = clock.bytes().enumerate();
        bytes
            .all(|(place, byte)| is_digit(place, byte))
            .then_some(clock)
    }

    /// Returns the time that reading took.
    pub(crate) fn read_time(&self) -> Duration {
        Duration::from_micros(self.read_us).min(LONGEST)
    }

    /// Returns the frame that this one is compared with.
    pub(crate) fn baseline(&self) -> Baseline {
        let known = BASELINES.iter().find(|(_, name)| *name == self.baseline);
        known.map_or(Baseline::Previous, |(baseline, _)| *baseline)
    }
}

/// Returns the name under which a value is written.
fn name_of<T: Copy + PartialEq>(names: &[(T, &str)], value: T) -> String {
    let named = names.iter().find(|(it, _)| *it == value);
    named.map_or("", |(_, name)| name).to_owned()
}

/// Returns this time as in RFC 3339, UTC.
fn now() -> String {
    humantime::format_rfc3339_micros(SystemTime::now().max(UNIX_EPOCH)).to_string()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The longest time that is believed: a year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
const KINDS: [(SocketKind, &str); 3] = [
    (SocketKind::Connections, "connections"),
    (SocketKind::Listening, "listeners"),
    (SocketKind::All, "all"),
];
const BASELINES: [(Baseline, &str); 3] = [
    (Baseline::Previous, "previous"),
    (Baseline::BeforePause, "before-pause"),
    (Baseline::Reset, "reset"),
];

#[cfg(test)]
mod tests;
