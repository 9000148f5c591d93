//! Places in a recording that is a file.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

/// A place before a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FramePlace {
    /// The bytes before it.
    pub(super) offset: u64,
    /// The lines before it.
    pub(super) lines: u64,
    /// The time of the frame since the first one.
    pub(crate) at: Duration,
}

/// A file that is read from a place of its own.
pub(crate) struct FileAt {
    file: Arc<File>,
    offset: u64,
}

impl FileAt {
    /// Returns a reader from this offset on.
    pub(crate) fn buffered(file: Arc<File>, offset: u64) -> BufReader<Self> {
        BufReader::new(Self { file, offset })
    }
}

impl Read for FileAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
