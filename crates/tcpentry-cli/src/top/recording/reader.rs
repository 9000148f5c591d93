//! Reading a recording, which may be cut off, damaged, or something else.

use std::fmt;
use std::fs::File;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use super::place::{FileAt, FramePlace};
use super::row::RecordedRow;
use super::{FORMAT, FrameHead, RecordingHead};
use crate::lines::{self, LineRead};

/// A recording that is being read.
pub(crate) struct RecordingReader {
    input: Box<dyn BufRead + Send>,
    /// The name of the file, for messages.
    name: String,
    line: Vec<u8>,
    /// The number of the line.
    number: u64,
    /// The bytes that have been read.
    offset: u64,
    /// The largest number of rows of one frame.
    most_rows: u64,
}

/// A frame as it was recorded.
#[derive(Debug)]
pub(crate) struct RecordedFrame {
    pub(crate) head: FrameHead,
    /// The rows, each with the number of its line.
    pub(crate) rows: Vec<(u64, RecordedRow)>,
}

/// The reason why a recording can't be read on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RecordingError {
    name: String,
    line: u64,
    cause: String,
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.name, self.line, self.cause)
    }
}

impl RecordingReader {
    /// Reads the first line.
    pub(crate) fn open(
        input: Box<dyn BufRead + Send>,
        name: String,
    ) -> Result<(RecordingHead, Self), RecordingError> {
        let mut reader = Self {
            input,
            name,
            line: Vec::new(),
            number: 0,
            offset: 0,
            most_rows: MOST_ROWS,
        };
        if !reader.read_line()? {
            reader.number = 1;
            return Err(reader.error("it is empty"));
        }
        // What has no such field is of another program.
        let head: Option<RecordingHead> = serde_json::from_slice(&reader.line).ok();
        let Some(head) = head.filter(|_| reader.is_object()) else {
            return Err(reader.error("this is no recording of `tcpentry top --record`"));
        };
        if head.recording != FORMAT {
            let found = head.recording;
            return Err(reader.error(&format!(
                "the recording has version {found} of the format; this program reads version {FORMAT}"
            )));
        }
        Ok((head, reader))
    }

    /// Returns a reader of this file from a place of it on.
    pub(crate) fn at(file: &Arc<File>, name: String, place: FramePlace) -> Self {
        Self {
            input: Box::new(FileAt::buffered(Arc::clone(file), place.offset)),
            name,
            line: Vec::new(),
            number: place.lines,
            offset: place.offset,
            most_rows: MOST_ROWS,
        }
    }

    /// Returns another reader of its file, at the place where this one is.
    pub(crate) fn at_same_place(&self, file: &Arc<File>) -> Self {
        Self::at(file, self.name.clone(), self.place(Duration::ZERO))
    }

    /// Counts offsets from this one on, at which its input begins in the file.
    pub(crate) fn with_offset(self, start: u64) -> Self {
        Self {
            offset: self.offset + start,
            ..self
        }
    }

    const fn place(&self, at: Duration) -> FramePlace {
        FramePlace {
            offset: self.offset,
            lines: self.number,
            at,
        }
    }

    /// Limits the number of rows of a frame.
    pub(crate) fn with_rows_up_to(self, most_rows: u64) -> Self {
        Self { most_rows, ..self }
    }

    /// Reads the next frame; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordedFrame>, RecordingError> {
        let Some(head) = self.read_head()? else {
            return Ok(None);
        };
        let mut rows = Vec::new();
        for place in 0..head.rows {
            self.read_row(place, &head)?;
            rows.push((self.number, self.parse("a row")?));
        }
        Ok(Some(RecordedFrame { head, rows }))
    }

    /// Passes over the next frame, and returns its place; `None` at the end.
    pub(crate) fn pass(&mut self) -> Result<Option<FramePlace>, RecordingError> {
        let place = self.place(Duration::ZERO);
        let Some(head) = self.read_head()? else {
            return Ok(None);
        };
        for place in 0..head.rows {
            self.read_row(place, &head)?;
        }
        let at = head.at();
        Ok(Some(FramePlace { at, ..place }))
    }

    fn read_head(&mut self) -> Result<Option<FrameHead>, RecordingError> {
        if !self.read_line()? {
            return Ok(None);
        }
        let head: FrameHead = self.parse("a frame")?;
        if head.rows > self.most_rows {
            let most = self.most_rows;
            return Err(self.error(&format!("a frame has at most {most} rows")));
        }
        Ok(Some(head))
    }

    /// Reads the line of a row, of which so many are before it.
    fn read_row(&mut self, before: u64, head: &FrameHead) -> Result<(), RecordingError> {
        if self.read_line()? {
            return Ok(());
        }
        Err(self.error(&format!(
            "it is cut off: the last frame has {before} of its {} rows",
            head.rows
        )))
    }

    /// Returns an error about a line.
    pub(crate) fn error_at(&self, line: u64, cause: &str) -> RecordingError {
        RecordingError {
            name: self.name.clone(),
            line,
            cause: cause.to_owned(),
        }
    }

    fn error(&self, cause: &str) -> RecordingError {
        self.error_at(self.number, cause)
    }

    /// Reads a line. Returns false at the end.
    fn read_line(&mut self) -> Result<bool, RecordingError> {
        let read = lines::read(&mut self.input, LONGEST_LINE, &mut self.line);
        if !matches!(read, Ok(LineRead::End)) {
            self.number += 1;
        }
        match read {
            Ok(LineRead::Whole) => {
                // With its newline, which only the last one may lack.
                self.offset += self.line.len() as u64 + 1;
                Ok(true)
            }
            Ok(LineRead::End) => Ok(false),
            Ok(LineRead::TooLong) => Err(self.error(&format!("longer than {LONGEST_LINE} bytes"))),
            Err(error) => Err(self.error(&format!("cannot be read: {error}"))),
        }
    }

    fn parse<'l, T: serde::Deserialize<'l>>(&'l self, what: &str) -> Result<T, RecordingError> {
        if !self.is_object() {
            return Err(self.error(&format!("expected {what}, an object of JSON")));
        }
        serde_json::from_slice(&self.line).map_err(|error| {
            self.error(&if error.is_eof() {
                format!("{what} is cut off")
            } else {
                let text = tcpentry::escape::escape_for_terminal(error.to_string().as_bytes());
                format!("not {what}: {text}")
            })
        })
    }

    /// Returns true for a line that begins as an object does: an array would be taken for one, too.
    fn is_object(&self) -> bool {
        self.line.trim_ascii_start().starts_with(b"{")
    }
}

/// The longest line: more than a socket that a thousand processes hold.
const LONGEST_LINE: usize = 1024 * 1024;
/// The number of rows of one frame: more than a host has.
const MOST_ROWS: u64 = 10_000_000;
