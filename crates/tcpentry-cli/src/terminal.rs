//! Input of a terminal that other processes may read, too.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

/// The input of a terminal, opened anew so that reading it never blocks.
///
/// A shell that doesn't wait for this process, because it is in another session, reads the same terminal. What `poll` reports may then
/// be gone before it is read, and a read that blocks would wait for the next key, whatever signal comes meanwhile. `O_NONBLOCK` on the
/// descriptor that was inherited would be the shell's as well: it belongs to the open file description.
pub(crate) struct TerminalInput(File);

impl TerminalInput {
    /// Opens the terminal of this descriptor anew; where that is not allowed, shares it, and a read may block.
    pub(crate) fn reopen_or_share(terminal: impl AsFd) -> io::Result<Self> {
        Self::reopen(&terminal).or_else(|_| Ok(Self(terminal.as_fd().try_clone_to_owned()?.into())))
    }

    /// Opens the terminal of this descriptor anew. Fails with `EACCES` where it is another user's, with `ENOENT` without /proc.
    pub(crate) fn reopen(terminal: impl AsFd) -> io::Result<Self> {
        let path = format!("/proc/self/fd/{}", terminal.as_fd().as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(Self(open(path, flags, Mode::empty())?.into()))
    }

    /// Reads what comes within this time. Returns `None` where nothing does, a signal comes or another process was faster,
    /// and 0 at the end of the input and where the terminal is gone.
    pub(crate) fn read_within(
        &self,
        limit: Duration,
        text: &mut [u8],
    ) -> io::Result<Option<usize>> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut polled, Some(&limit)) {
            Ok(0) | Err(Errno::INTR) => return Ok(None),
            Ok(_) if polled[0].revents() == PollFlags::IN => {}
            Ok(_) => return Ok(Some(0)),
            Err(error) => return Err(error.into()),
        }
        match rustix::io::read(&self.0, text) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::INTR | Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tcpentry_testkit::pty::Terminal;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[test]
    fn what_another_process_took_is_nothing_and_what_comes_is_read() {
        let terminal = Terminal::open();
        let shared = terminal.inside();
        let input = TerminalInput::reopen(&shared).unwrap();
        let mut text = [0; 80];
        assert_eq!(input.read_within(SOON, &mut text).unwrap(), None);
        terminal.type_in("y\n");
        let patience = Duration::from_secs(10);
        assert_eq!(input.read_within(patience, &mut text).unwrap(), Some(2));
        // As if it had been there at `poll`.
        assert_eq!(rustix::io::read(&input.0, &mut text), Err(Errno::AGAIN));
        let flags = rustix::fs::fcntl_getfl(&shared).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK), "that of the shell");
    }

    #[test]
    fn a_terminal_that_is_gone_is_at_its_end_at_once() {
        let terminal = Terminal::open();
        let input = TerminalInput::reopen(terminal.inside()).unwrap();
        drop(terminal);
        let begin = Instant::now();
        let patience = Duration::from_secs(60);
        assert_eq!(input.read_within(patience, &mut [0; 80]).unwrap(), Some(0));
        assert!(begin.elapsed() < patience);
    }
}
