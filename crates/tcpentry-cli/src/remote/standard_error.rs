//! The standard error of hosts: it is printed under their names, or kept for a screen to show.

use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::lines::{self, LineRead};
use crate::message::{print_error, sentence};

/// The place to which the standard error of a host goes.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorSink {
    /// Set while lines are printed.
    prints: Arc<AtomicBool>,
    /// The first lines, and the last one, fit for a terminal.
    kept: Arc<Mutex<Vec<String>>>,
}

impl ErrorSink {
    /// Returns one that prints lines, each under the name of its host.
    pub(super) fn printing() -> Self {
        let sink = Self::default();
        sink.prints.store(true, Ordering::Relaxed);
        sink
    }

    /// Prints nothing from now on.
    #[cfg(feature = "tui")]
    pub(super) fn be_silent(&self) {
        self.prints.store(false, Ordering::Relaxed);
    }

    /// Takes what has been kept.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.kept())
    }

    fn kept(&self) -> MutexGuard<'_, Vec<String>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what a host writes, up to a limit.
    pub(super) fn read(&self, host: &str, errors: impl Read) {
        let mut errors = BufReader::new(errors);
        let mut line = Vec::new();
        let mut count = 0_u32;
        while let Ok(read @ (LineRead::Whole | LineRead::TooLong)) =
            lines::read(&mut errors, LONGEST_ERROR, &mut line)
        {
            if count == MAX_ERRORS {
                self.print(host, "it says more on standard error, which is not shown");
                let _ = io::copy(&mut errors, &mut io::sink());
                return;
            }
            let text = line
                .strip_prefix(b"tcpentry: ")
                .unwrap_or(&line)
                .trim_ascii_end();
            // The sum says it once.
            if !text.is_empty() && !text.starts_with(b"no connection matches") {
                let text = sentence(text);
                self.print(host, &text);
                self.keep(text);
                count += 1;
            }
            if read == LineRead::TooLong && skip_line(&mut errors).is_err() {
                return;
            }
        }
    }

    fn print(&self, host: &str, text: &str) {
        if self.prints.load(Ordering::Relaxed) {
            print_error(&format!("{host}: {text}"));
        }
    }

    fn keep(&self, text: String) {
        let mut kept = self.kept();
        if kept.len() > KEPT {
            kept.pop();
        }
        kept.push(text);
    }
}

/// Reads on to the end of a line.
fn skip_line(input: &mut BufReader<impl Read>) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

const LONGEST_ERROR: usize = 4096;
/// The number of lines on standard error that are read of each host.
const MAX_ERRORS: u32 = 200;
/// The number of the first lines that are kept beside the last one.
const KEPT: usize = 3;
/// The time that is left to what is still on its way on standard error.
pub(super) const LAST_ERRORS: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_kept_and_the_last() {
        let sink = ErrorSink::default();
        let lines: Vec<_> = (1..=9)
            .map(|number| format!("tcpentry: {number}\n"))
            .collect();
        sink.read("h", lines.concat().as_bytes());
        assert_eq!(sink.take(), ["1", "2", "3", "9"]);
        sink.read("h", &b"\n\x1b[m it's a \\ \r\n"[..]);
        assert_eq!(sink.take(), [r"\u{1b}[m it's a \"]);
        assert!(sink.take().is_empty());
    }
}
