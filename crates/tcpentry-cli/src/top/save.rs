//! Saving a text in a new file, as the user who is at the keyboard.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;

use crate::sudo::SudoUser;

/// Writes a text to a new file that only its owner may read; never overwrites a file.
///
/// Under sudo(8) that is done with the rights of the user who called it: the file is theirs, and a name can't lead to a
/// place where only root may write.
pub(super) fn save_new(name: &str, text: &(impl fmt::Display + Sync)) -> io::Result<()> {
    let caller = SudoUser::find();
    let save = || {
        if let Some(caller) = caller {
            caller.assume()?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(name)?;
        let mut file = BufWriter::new(file);
        write!(file, "{text}")?;
        file.flush()
    };
    // To the kernel, ids are those of a thread: this one ends with them.
    thread::scope(|scope| scope.spawn(save).join())
        .unwrap_or_else(|_| Err(io::Error::other("the thread that writes it has ended")))
}
