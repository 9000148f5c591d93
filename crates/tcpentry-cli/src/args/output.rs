//! The options of the output that all commands have.

use clap::{Args as ClapArgs, ValueEnum};

/// The form of what goes to standard output.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Print one JSON object per line; the manual documents the fields
    #[arg(long)]
    pub(crate) json: bool,
    /// Omit the header line
    #[arg(long)]
    pub(crate) no_header: bool,
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct ColorArgs {
    /// Choose when to colour; auto honours NO_COLOR and colours on a terminal only
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
}

/// The choice of colours.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// The options of a report of deletions.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct ReportArgs {
    /// Report each outcome to the system log, too
    #[arg(long)]
    pub(crate) syslog: bool,
    /// Report only what was not deleted
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Report on standard error what is being done
    #[arg(short, long)]
    pub(crate) verbose: bool,
}
