//! How things are shown: to people aligned and coloured, to scripts as tabs or JSON.

mod cells;
mod columns;
mod json;
mod row;
mod view;

use std::io::{self, BufWriter, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use tcpentry::{ErrorKind, Guard, Outcome};

pub(crate) use cells::Cells;
pub(crate) use columns::{Column, Columns};
pub(crate) use json::{Counters, Deletion, Name, Socket, line};
pub(crate) use row::{duration, local, user};
pub(crate) use view::View;

use crate::args::{ColorChoice, OutputArgs};

/// Whether standard output is to be coloured.
pub(crate) fn colored(choice: ColorChoice) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
        }
    }
}

/// The shape of what goes to standard output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// Aligned, units, perhaps coloured.
    Human { color: bool },
    /// Tabs and raw numbers.
    Tabs,
    /// One object a line.
    Json,
}

impl Shape {
    pub(crate) fn of(args: &OutputArgs) -> Self {
        if args.json {
            Self::Json
        } else if io::stdout().is_terminal() || args.color.color == ColorChoice::Always {
            Self::Human {
                color: colored(args.color.color),
            }
        } else {
            Self::Tabs
        }
    }

    pub(crate) const fn is_human(self) -> bool {
        matches!(self, Self::Human { .. })
    }
}

/// Standard output, in writes of 64 KiB.
pub(crate) fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(64 * 1024, Stdout)
}

/// Standard output without the buffer of the standard library, which parts what is written at its last newline.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says something on standard error, under the program's name.
pub(crate) fn complain(text: &str) {
    // Nothing is left to be done when nobody hears it.
    let _ = writeln!(io::stderr(), "tcpentry: {text}");
}

/// A text of several lines with everything escaped that a terminal would act upon.
pub(crate) fn without_controls(text: &str) -> String {
    text.lines()
        .map(|line| tcpentry::escape_for_terminal(line.as_bytes()) + "\n")
        .collect()
}

/// Says what to do, below what went wrong.
pub(crate) fn hint_at(hint: &str) {
    let _ = writeln!(io::stderr(), "hint: {hint}");
}

/// The error of the library as a person reads it: what, why, and what to do.
pub(crate) fn complain_of(error: &tcpentry::Error) {
    complain(&error.to_string());
    if let Some(hint) = hint_of(error) {
        hint_at(hint);
    }
}

/// What to do about an error: by an option of this program where one is made for it.
pub(crate) fn hint_of(error: &tcpentry::Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::Refused(Guard::Listener) => {
            Some("listeners are deleted only where that is asked for: --listeners")
        }
        ErrorKind::Refused(Guard::OwnSession) => Some("--own-session deletes it all the same"),
        ErrorKind::Refused(Guard::OtherNetns) => {
            Some("look for it in its own: --all-netns, or -N NAME")
        }
        _ => error.hint(),
    }
}

/// The colour of an outcome.
pub(crate) fn style_of(outcome: Outcome) -> Style {
    let color = match outcome {
        Outcome::Deleted => AnsiColor::Green,
        Outcome::Gone | Outcome::Guarded => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    color.on_default()
}
