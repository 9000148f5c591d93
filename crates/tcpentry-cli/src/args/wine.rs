//! The options of `wine`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::output::OutputArgs;

/// Make SetTcpEntry work for Windows programs under Wine
///
/// Wine's own returns 0 and does nothing. `install` puts a patched copy of Wine's iphlpapi.dll into a prefix, whose SetTcpEntry
/// asks tcpentry-wine, a small Linux program, and returns what came of it: 0 once the connection is deleted, else the code that
/// Windows documents. Nothing outside the prefix is changed.
#[derive(Debug, ClapArgs)]
#[command(disable_help_subcommand = true)]
pub(crate) struct WineArgs {
    #[command(subcommand)]
    pub(crate) command: WineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WineCommand {
    Install(WineInstallArgs),
    Status(WineStatusArgs),
    Remove(WineRemoveArgs),
}

/// Install in a prefix, or bring an installation up to date after an upgrade of Wine
#[derive(Debug, ClapArgs)]
pub(crate) struct WineInstallArgs {
    /// Give programs the TCP tables of this machine, too: newer versions of Wine list only the connections of Wine's own
    /// processes. The rows have no owner
    #[arg(long)]
    pub(crate) table: bool,
    #[command(flatten)]
    pub(crate) place: WinePrefixArgs,
}

/// Report what is installed in a prefix, for which Wine, and whose connections its programs can delete
///
/// Exits with 0 if programs there have a SetTcpEntry that works, and with 1 otherwise.
#[derive(Debug, ClapArgs)]
pub(crate) struct WineStatusArgs {
    #[command(flatten)]
    pub(crate) place: WinePrefixArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Remove it from a prefix, and restore what was there before
#[derive(Debug, ClapArgs)]
pub(crate) struct WineRemoveArgs {
    #[command(flatten)]
    pub(crate) place: WinePrefixArgs,
}

/// The prefix.
#[derive(Debug, ClapArgs)]
pub(crate) struct WinePrefixArgs {
    /// Name the prefix; without it, $WINEPREFIX or ~/.wine
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: Option<PathBuf>,
}
