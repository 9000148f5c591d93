//! A file in a folder of DLLs, as it was found. Nothing of another user's, as a pipe in its place, holds up who reads it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::error::SetupError;

/// The largest file that is read; Wine's DLL has less than 1 MB.
const MAX_SIZE: u64 = 64 << 20;

/// A file as it was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum DllFile {
    /// None.
    Missing,
    /// Something that is neither read nor written: what is odd about it.
    Odd(&'static str),
    /// A file with these contents.
    Contents(Vec<u8>),
}

impl DllFile {
    /// Reads a file. A symbolic link is not followed: it may lead to a DLL that other prefixes have, too.
    pub(super) fn read(path: &Path) -> Result<Self, SetupError> {
        let failed = |error: std::io::Error| SetupError::file("read", path, &error);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(Self::Missing),
            Err(Errno::LOOP) => return Ok(Self::Odd("is a symbolic link")),
            Err(Errno::NXIO) => return Ok(Self::Odd("is no file")),
            Err(errno) => return Err(failed(errno.into())),
        };
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Ok(Self::Odd("is no file"));
        }
        let mut contents = Vec::new();
        let mut limited = (&mut file).take(MAX_SIZE + 1);
        limited.read_to_end(&mut contents).map_err(failed)?;
        if contents.len() as u64 > MAX_SIZE {
            return Ok(Self::Odd("is larger than any DLL of Wine's"));
        }
        Ok(Self::Contents(contents))
    }

    /// Returns the contents, if there are any.
    pub(super) fn contents(&self) -> Option<&[u8]> {
        match self {
            Self::Contents(contents) => Some(contents),
            Self::Missing | Self::Odd(_) => None,
        }
    }
}
