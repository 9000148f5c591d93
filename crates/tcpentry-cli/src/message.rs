//! The messages on standard error: errors, hints, and notices.

use std::io::{self, Write as _};

use tcpentry::error::Guard;
use tcpentry::escape::escape_for_terminal;
use tcpentry::{Error, ErrorKind};

use crate::exit::Exit;
use crate::stream::Stderr;

/// Prints what went wrong, under the program's name.
pub(crate) fn print_error(text: &str) {
    print(text);
}

/// Prints something that is not an error, under the program's name.
pub(crate) fn notice(text: &str) {
    print(text);
}

/// Prints what to do, below what went wrong.
pub(crate) fn print_hint(hint: &str) {
    write(&format!("hint: {hint}\n"));
}

/// Prints several hints.
pub(crate) fn print_hints(hints: &[String]) {
    for hint in hints {
        print_hint(hint);
    }
}

/// Returns the exit code of a command that only reports, once that is written: a report that standard output does not take
/// is an error, one whose reader has seen enough (`| head`) is none.
pub(crate) fn exit_after(written: io::Result<()>, exit: Exit) -> Exit {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            print_error(&format!("cannot write to standard output: {error}"));
            Exit::Failed
        }
        _ => exit,
    }
}

/// Prints an error of the library and its hint.
pub(crate) fn print_failure(error: &Error) {
    print_error(&error.to_string());
    if let Some(hint) = hint_of(error) {
        print_hint(hint);
    }
}

/// Returns the hint of an error, with the option of this program where one is made for it.
pub(crate) fn hint_of(error: &Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::Refused(Guard::Listener) => Some("--listeners allows listeners to be deleted"),
        ErrorKind::Refused(Guard::OtherBoot) => {
            Some("list it here with `tcpentry list --id`, and delete it by the identity shown")
        }
        _ => error.hint(),
    }
}

/// Escapes a sentence of somebody else's for a terminal. It has quotes and paths, none of which it doubles: unlike a name, it is not
/// read again.
pub(crate) fn sentence(text: &[u8]) -> String {
    escape_for_terminal(text).replace(r"\\", r"\")
}

/// Escapes what a terminal would act upon in a text of several lines.
pub(crate) fn without_controls(text: &str) -> String {
    text.lines()
        .map(|line| escape_for_terminal(line.as_bytes()) + "\n")
        .collect()
}

fn print(text: &str) {
    write(&format!("tcpentry: {text}\n"));
}

fn write(line: &str) {
    // When standard error is closed there is nowhere left to report it.
    let _ = Stderr.write_all(line.as_bytes());
}
