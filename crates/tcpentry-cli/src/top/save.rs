//! Saving a text in a new file, as the user who is at the keyboard.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;

use crate::sudo::SudoUser;

/// Writes a text to a new file that only its owner may read; never overwrites a file.
///
/// Under sudo(8) that is done with the rights of the user who called it: the file is theirs, and a name can't lead to a
/// place where only root may write.
pub(super) fn save_new(name: &str, text: &(impl fmt::Display + Sync)) -> io::Result<()> {
    as_caller(|| {
        let mut file = BufWriter::new(open_new(name.as_ref())?);
        write!(file, "{text}")?;
        file.flush()
    })
}

/// Creates a file as [`save_new`] does, to be written later.
pub(super) fn create_new(name: &Path) -> io::Result<File> {
    as_caller(|| open_new(name))
}

/// Creates a file that only its owner may read, and that did not exist.
fn open_new(name: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    options.open(name)
}

/// Calls a function with the rights of the user who is at the keyboard.
pub(super) fn as_caller<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let caller = SudoUser::find();
    let act = || {
        if let Some(caller) = caller {
            caller.assume()?;
        }
        act()
    };
    // To the kernel, ids are those of a thread: this one ends with them.
    thread::scope(|scope| scope.spawn(act).join())
        .unwrap_or_else(|_| Err(io::Error::other("the thread that writes it has ended")))
}
