//! The lines by which ban daemons name banned peers, one after the other.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::line::parse;
use crate::args::Form;
use crate::command::bans::BanChange;

/// The changes of the bans that an input names, gathered into batches.
pub(super) struct Feed<R> {
    input: R,
    form: Form,
    /// The bytes that have been read, and the number of those that have been taken.
    rest: Vec<u8>,
    taken: usize,
    /// Set while a line is passed over that is longer than any ban.
    skips_line: bool,
    lines: u64,
    is_over: bool,
}

/// A step of the input.
pub(super) enum FeedBatch {
    /// The bans change so; empty where nothing came for a while.
    Changes(Vec<BanChange>),
    /// The input is over.
    Over,
}

impl<R: Read + AsFd> Feed<R> {
    pub(super) const fn new(input: R, form: Form) -> Self {
        Self {
            input,
            form,
            rest: Vec::new(),
            taken: 0,
            skips_line: false,
            lines: 0,
            is_over: false,
        }
    }

    /// Reads the next batch: until `most` have come, or none for [`QUIET`], or for [`LONGEST`] in all. Calls `on_bad_line` for each line
    /// that should change a ban and does not.
    pub(super) fn next(
        &mut self,
        most: usize,
        is_interrupted: impl Fn() -> bool,
        mut on_bad_line: impl FnMut(u64, &str),
    ) -> io::Result<FeedBatch> {
        let mut changes = Vec::new();
        let (mut begin, mut last) = (None::<Instant>, Instant::now());
        loop {
            while let Some(line) = self.take_line() {
                match line.and_then(|line| parse(self.form, &line)) {
                    Ok(Some(change)) => {
                        changes.push(change);
                        last = Instant::now();
                        begin = begin.or(Some(last));
                    }
                    Ok(None) => {}
                    Err(reason) => on_bad_line(self.lines, &reason),
                }
                if changes.len() >= most {
                    return Ok(FeedBatch::Changes(changes));
                }
            }
            if self.is_over {
                return Ok(if changes.is_empty() {
                    FeedBatch::Over
                } else {
                    FeedBatch::Changes(changes)
                });
            }
            // What goes on coming must not hold back what has come, nor a signal.
            let is_due = begin.is_some_and(|begin| begin.elapsed() >= LONGEST);
            if is_due || is_interrupted() {
                return Ok(FeedBatch::Changes(changes));
            }
            let wait = match begin {
                None => IDLE,
                Some(begin) => QUIET
                    .saturating_sub(last.elapsed())
                    .min(LONGEST.saturating_sub(begin.elapsed())),
            };
            if !self.fill(wait)? {
                return Ok(FeedBatch::Changes(changes));
            }
        }
    }

    /// Reads what has come; false where nothing does within that time, or a signal comes.
    fn fill(&mut self, wait: Duration) -> io::Result<bool> {
        let wait = Timespec {
            tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&wait)) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut buffer = [0; 16 * 1024];
        match self.input.read(&mut buffer) {
            Ok(0) => self.is_over = true,
            Ok(count) => self.rest.extend(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Takes the next line; the last one may lack its end.
    fn take_line(&mut self) -> Option<Result<String, String>> {
        let rest = &self.rest[self.taken..];
        let length = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.is_over && !rest.is_empty() => rest.len(),
            None => {
                self.rest.drain(..self.taken);
                self.taken = 0;
                if self.rest.len() > LONGEST_LINE {
                    self.rest.clear();
                    self.skips_line = true;
                }
                return None;
            }
        };
        let line = &rest[..length];
        let is_too_long = std::mem::take(&mut self.skips_line) || length > LONGEST_LINE;
        let line = if is_too_long {
            Err(format!("it is longer than {LONGEST_LINE} bytes"))
        } else {
            Ok(String::from_utf8_lossy(line).trim().to_owned())
        };
        self.taken += length;
        self.lines += 1;
        Some(line)
    }
}

/// The time without a further ban after which a batch is over.
const QUIET: Duration = Duration::from_millis(50);
/// The longest time for which bans that trickle in are held back.
const LONGEST: Duration = Duration::from_millis(500);
/// A signal that comes just before the wait is noticed after it.
const IDLE: Duration = Duration::from_secs(1);
const LONGEST_LINE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Returns the batches that an input yields, and the numbers of its bad lines.
    fn fed(input: &[u8], most: usize) -> (Vec<usize>, Vec<u64>) {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let input = input.to_vec();
        let writing = std::thread::spawn(move || ours.write_all(&input));
        let mut feed = Feed::new(theirs, Form::Plain);
        let (mut batches, mut bad) = (Vec::new(), Vec::new());
        loop {
            match feed.next(most, || false, |line, _| bad.push(line)).unwrap() {
                FeedBatch::Changes(changes) if changes.is_empty() => {}
                FeedBatch::Changes(changes) => batches.push(changes.len()),
                FeedBatch::Over => break,
            }
        }
        writing.join().unwrap().unwrap();
        (batches, bad)
    }

    #[test]
    fn bans_come_in_batches() {
        let many = "add 203.0.113.7\n".repeat(2500);
        assert_eq!(fed(many.as_bytes(), 1000).0, [1000, 1000, 500]);
        assert_eq!(fed(many.as_bytes(), usize::MAX).0, [2500]);
        assert_eq!(fed(b"", 1000).0, [] as [usize; 0]);
    }

    #[test]
    fn a_hostile_input_costs_its_bad_lines_only() {
        let mut input = b"add 203.0.113.7\r\n\xff\xfe\nadd 203.0.113.8".to_vec();
        assert_eq!(fed(&input, 1000), (vec![2], vec![2]));
        input.splice(0..0, std::iter::repeat_n(b'x', 300_000).chain(*b"\n"));
        assert_eq!(fed(&input, 1000), (vec![2], vec![1, 3]));
        // Cut in the middle of a line.
        assert_eq!(fed(b"add 203.0.113.7\nadd 203.0", 1000).1, [2]);
        assert_eq!(fed(&vec![0; 100_000], 1000).1, [1]);
    }
}
