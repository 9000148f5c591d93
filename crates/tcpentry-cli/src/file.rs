//! Files at whose names others may have put something else: opened without waiting, and replaced as a whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a regular file to read. A pipe in its place is not waited for, and a device not opened.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when something else is there.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let other = || io::Error::new(ErrorKind::InvalidInput, "not a regular file");
    if !fs::metadata(path)?.is_file() {
        return Err(other());
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    // It may have been put there meanwhile.
    if !file.metadata()?.is_file() {
        return Err(other());
    }
    Ok(file)
}

/// Replaces what is at a path by a file that `write` fills: the old one stays until the new one is whole, and where it can't be
/// written. It is written at `beside`, in the same folder; what an earlier run has left there is removed, and a link not followed.
pub(crate) fn replace(
    path: &Path,
    beside: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    match fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(beside)?;
    let written = write(&mut file).and_then(|()| fs::rename(beside, path));
    if written.is_err() {
        let _ = fs::remove_file(beside);
    }
    written
}
