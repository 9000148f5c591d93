//! The progress of a long run: a line on standard error.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::stream::Stderr;

/// A line that is overwritten again and again, and erased at the end.
///
/// Anything else is written to the same terminal after a [`clear`](Self::clear).
pub(super) struct Progress<W: Write> {
    /// `None` where no progress is shown.
    out: Option<W>,
    next: Instant,
    /// The width of the line on the screen.
    width: usize,
}

impl Progress<Stderr> {
    /// Shows progress to people who would see nothing else: standard error is a terminal, and standard output is not,
    /// or says little (`is_slow`).
    pub(super) fn on_terminal(is_slow: bool) -> Self {
        let wanted = io::stderr().is_terminal() && (is_slow || !io::stdout().is_terminal());
        Self::new(wanted.then_some(Stderr), Instant::now())
    }
}

impl<W: Write> Progress<W> {
    fn new(out: Option<W>, start: Instant) -> Self {
        Self {
            out,
            next: start + PROGRESS_DELAY,
            width: 0,
        }
    }

    /// Shows the text, one short line, unless it is too early.
    pub(super) fn update(&mut self, now: Instant, text: impl FnOnce() -> String) {
        let Some(out) = &mut self.out else { return };
        if now < self.next {
            return;
        }
        self.next = now + INTERVAL;
        let text = text();
        // Spaces over the rest of a longer line: a terminal need not know escape sequences.
        let written = write!(out, "\r{text:<width$}\r", width = self.width);
        self.width = text.chars().count();
        // A terminal that has gone away is no reason to stop.
        let _ = written.and_then(|()| out.flush());
    }

    /// Erases the line.
    pub(super) fn clear(&mut self) {
        let Some(out) = &mut self.out else { return };
        if self.width > 0 {
            let blank = write!(out, "\r{:width$}\r", "", width = self.width);
            let _ = blank.and_then(|()| out.flush());
            self.width = 0;
        }
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Describes the deletions that are left, and the time until the last of them; `now` is the time of day.
pub(super) fn describe_left(left: usize, time: Duration, now: SystemTime) -> String {
    let end = (now + time).duration_since(UNIX_EPOCH).unwrap_or_default();
    let end = end.as_secs();
    let (hours, minutes, seconds) = (end / 3600 % 24, end / 60 % 60, end % 60);
    let time = Duration::from_secs(time.as_secs() + 1);
    format!(
        "{left} left, {} to go (until {hours:02}:{minutes:02}:{seconds:02} UTC)",
        crate::output::duration(time)
    )
}

/// A run that ends within a second needs no progress.
const PROGRESS_DELAY: Duration = Duration::from_secs(1);
/// The time between two lines of progress: five times a second is as much as can be read.
const INTERVAL: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what updates write so many milliseconds after the start.
    fn written(updates: &[(u64, &str)]) -> String {
        let start = Instant::now();
        let mut out = Vec::new();
        let mut progress = Progress::new(Some(&mut out), start);
        for (after, text) in updates {
            progress.update(start + Duration::from_millis(*after), || (*text).to_owned());
        }
        drop(progress);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_short_run_shows_nothing() {
        assert_eq!(
            written(&[(0, "1 of 3"), (500, "2 of 3"), (999, "3 of 3")]),
            ""
        );
    }

    #[test]
    fn a_long_run_is_shown_five_times_a_second_and_leaves_nothing() {
        let updates = [
            (1000, "one"),
            (1100, "two"),
            (1199, "three"),
            (1200, "four"),
            (1399, "five"),
        ];
        assert_eq!(written(&updates), "\rone\r\rfour\r\r    \r");
    }

    #[test]
    fn a_shorter_text_leaves_nothing_of_the_longer_one() {
        assert_eq!(
            written(&[(1000, "longer"), (1300, "two")]),
            "\rlonger\r\rtwo   \r\r   \r"
        );
    }

    #[test]
    fn nobody_is_asked_for_a_text_that_is_not_shown() {
        let start = Instant::now();
        let mut progress = Progress::new(None::<Vec<u8>>, start);
        progress.update(start + PROGRESS_DELAY, || panic!("nobody sees it"));
    }

    #[test]
    fn what_is_left_has_an_end() {
        let now = UNIX_EPOCH + Duration::from_secs(86_400 * 20_000 + 12 * 3600 + 34 * 60 + 50);
        assert_eq!(
            describe_left(80, Duration::from_millis(5900), now),
            "80 left, 6s to go (until 12:34:55 UTC)"
        );
    }

    #[test]
    fn it_comes_back_after_other_text() {
        let start = Instant::now();
        let mut out = Vec::new();
        let mut progress = Progress::new(Some(&mut out), start);
        progress.update(start + PROGRESS_DELAY, || "one".to_owned());
        progress.clear();
        progress.clear();
        progress.update(start + PROGRESS_DELAY + INTERVAL, || "two".to_owned());
        drop(progress);
        assert_eq!(out, b"\rone\r\r   \r\rtwo\r\r   \r");
    }
}
