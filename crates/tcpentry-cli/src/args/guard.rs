//! The options of `guard`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

/// End connections by rule: when, which, and how much at most
///
/// A service with a few rules, which are files in /etc/tcpentry/guard.d: see guard.d(5). A rule acts again and again, or on an
/// event: an address that leaves this host, a set of nftables, a name whose addresses change, a ban. Nothing runs on half of a
/// configuration. Connections of an SSH server are spared unless the rule is about banned peers or says otherwise.
#[derive(Debug, ClapArgs)]
#[command(disable_help_subcommand = true)]
pub(crate) struct GuardArgs {
    #[command(subcommand)]
    pub(crate) command: GuardCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    Check(GuardCheckArgs),
    Run(GuardRunArgs),
    Status(GuardStatusArgs),
    Pause(GuardPauseArgs),
    Resume(GuardResumeArgs),
}

/// Read the rules, and print each with what it would delete now
///
/// Exits with 0, or with 2 and the place of each error.
#[derive(Debug, ClapArgs)]
pub(crate) struct GuardCheckArgs {
    #[command(flatten)]
    pub(crate) config: GuardConfigArgs,
}

/// Run the rules, in the foreground
///
/// SIGHUP reads the configuration again, and keeps the old one where the new one is wrong. SIGTERM ends it between two deletions.
#[derive(Debug, ClapArgs)]
pub(crate) struct GuardRunArgs {
    #[command(flatten)]
    pub(crate) config: GuardConfigArgs,
    /// Do everything but the deletion, in every rule
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// Ask the running service what its rules have done
#[derive(Debug, ClapArgs)]
pub(crate) struct GuardStatusArgs {
    /// Print JSON
    #[arg(long, conflicts_with = "metrics")]
    pub(crate) json: bool,
    /// Print metrics, in the text form of Prometheus
    #[arg(long)]
    pub(crate) metrics: bool,
}

/// Let a rule of the running service rest, or all of them
#[derive(Debug, ClapArgs)]
pub(crate) struct GuardPauseArgs {
    /// Name the rule; all of them, if none is named
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
}

/// Let a rule of the running service act again, or all of them
#[derive(Debug, ClapArgs)]
pub(crate) struct GuardResumeArgs {
    /// Name the rule; all of them, if none is named
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
}

/// The option for the place of the rules.
#[derive(Debug, ClapArgs)]
pub(crate) struct GuardConfigArgs {
    /// Read the rules from this file, or from the files `*.toml` of this folder, instead of /etc/tcpentry/guard.d
    #[arg(long, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
}
