//! The options of `ban`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use super::duration::duration;
use super::output::{OutputArgs, ReportArgs};
use super::ports::PortList;

/// End the connections of banned peers, on this host and behind its published ports
///
/// For ban daemons, after the firewall's rule: the rule keeps new connections out, and this ends those that exist. ADDR or
/// PREFIX is the peer, never this host's end, and every network namespace is searched. It never asks and never waits, exits
/// with 0 even if there is no connection, and refuses to ban this host, its default gateways, and what --except spares. The
/// connection that carries your own session is spared, but no other SSH connection is.
#[derive(Clone, Debug, ClapArgs)]
#[command(
    override_usage = "tcpentry ban [OPTIONS] ADDR|PREFIX...\n       \
        tcpentry ban [OPTIONS] --file LIST\n       \
        tcpentry ban [OPTIONS] --stdin [--format plain|crowdsec|sshguard|wazuh]",
    after_help = "Exit codes: 0 ended or nothing there, 2 usage, 3 refused, 4 not permitted, \
        5 not supported on this system, 6 mixed, 7 system error, 128+N ended by signal N."
)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct BanArgs {
    /// Name the banned peers: addresses, or prefixes such as 203.0.113.0/24
    #[arg(value_name = "ADDR|PREFIX", required_unless_present_any = ["file", "stdin", "lingering"], conflicts_with_all = ["file", "stdin"])]
    pub(crate) peers: Vec<String>,
    /// Read the banned peers from a file, one per line, and end their connections in one pass over the table, or hand them
    /// over to `tcpentry guard`; `-` is standard input
    #[arg(long, value_name = "LIST", conflicts_with = "stdin")]
    pub(crate) file: Option<PathBuf>,
    /// Read bans from standard input until it ends, and act on them as they come, or hand them over to `tcpentry guard`
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Choose the format of the lines of --stdin; the default is plain
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) format: Option<Form>,
    /// End connections to these ports only: names, numbers and ranges, as firewalls write them (ssh,80,8000:8010)
    #[arg(long, value_name = "LIST")]
    pub(crate) port: Option<PortList>,
    /// Spare this address or prefix, or those of a file
    #[arg(long, value_name = "ADDR|PREFIX|@FILE")]
    pub(crate) except: Vec<String>,
    /// End even the connection that carries your own session
    #[arg(long)]
    pub(crate) own_session: bool,
    /// Search only the program's own network namespace
    #[arg(long)]
    pub(crate) own_netns_only: bool,
    /// End connections in other network namespaces whatever port their clients asked for
    #[arg(long, requires = "port")]
    pub(crate) all_ports_in_containers: bool,
    /// Continue in the background for this long, and report to the system log
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "stdin")]
    pub(crate) linger: Option<Duration>,
    /// Be the part of --linger in the background
    #[arg(long, hide = true, requires = "linger")]
    pub(crate) lingering: bool,
    /// Do everything but the deletion: the same output, and the exit code to expect
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The form of the lines that name banned peers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Form {
    /// `add PREFIX [SECONDS]` or PREFIX alone; `del PREFIX` and `flush` end bans that were handed over
    Plain,
    /// The JSON that a custom bouncer of CrowdSec writes to its program (feed_via_stdin)
    Crowdsec,
    /// The lines that sshguard writes to its backend
    Sshguard,
    /// The message that Wazuh (4.2 or later) writes to an active response
    Wazuh,
}
