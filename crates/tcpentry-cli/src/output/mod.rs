//! Output: for people aligned and coloured, for scripts as tabs or JSON.

#[cfg(feature = "tui")]
pub(crate) mod amount;
mod cells;
mod columns;
mod container;
mod json;
mod plain;
mod row;
mod text;
mod units;
mod view;

use std::io::{self, BufWriter, IsTerminal};

use anstyle::{AnsiColor, Style};
use tcpentry::Outcome;

pub(crate) use cells::Cells;
pub(crate) use columns::{ColumnSpec, Columns, columns_of_delete, columns_of_list};
pub(crate) use container::ContainerLabel;
pub(crate) use json::{DeletionObject, SocketObject, line, put_escaped};
pub(crate) use plain::PlainRows;
pub(crate) use row::{BETWEEN_HOLDERS, holder_of, user, user_name};
#[cfg(feature = "tui")]
pub(crate) use row::{holder, holder_name, shown_name};
pub(crate) use units::{duration, exact_duration};
#[cfg(feature = "tui")]
pub(crate) use view::holders_of;
pub(crate) use view::{View, columns_asked_for};

use crate::args::{ColorChoice, OutputArgs};
use crate::stream::Stdout;

/// Returns true when standard output is to be coloured.
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

/// The form of standard output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// Aligned, with units, perhaps coloured.
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

/// Returns standard output, written 64 KiB at a time.
pub(crate) fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(64 * 1024, Stdout)
}

/// Returns the colour of an outcome.
pub(crate) fn style_of(outcome: Outcome) -> Style {
    let color = match outcome {
        Outcome::Deleted => AnsiColor::Green,
        Outcome::Gone | Outcome::Guarded | Outcome::Spared => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    color.on_default()
}
