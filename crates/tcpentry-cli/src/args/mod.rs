//! The words of the command line: one definition for parser, help, manual page and completions.

#[cfg(feature = "tui")]
mod columns;

use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use tcpentry::MethodChoice;

#[cfg(feature = "tui")]
pub(crate) use columns::{Grouping, TopColumn};

/// List TCP connections and delete them from outside their process
///
/// Without a command, lists the table.
#[derive(Debug, Parser)]
#[command(
    name = "tcpentry",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Manual: tcpentry(1). Try `tcpentry demo` first: it needs no root and touches nothing of yours."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(ListArgs),
    Delete(DeleteArgs),
    #[cfg(feature = "tui")]
    Top(TopArgs),
    Doctor(DoctorArgs),
    Demo(DemoArgs),
}

/// Print the TCP table: connections, with -l listeners, with -a everything
///
/// One line for each socket, aligned on a terminal, tab-separated with raw numbers otherwise.
/// Connections are what ss shows by default: neither listeners nor TIME_WAIT nor SYN_RECV. A filter in
/// the language of ss, with more terms, selects among them: see the manual.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// What to select: the words of ss(8), and host, port, pid, process, user, unit, container, idle, ...
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Say how the filter is understood, what the kernel judges and what is judged here; do no more
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) netns: NetnsArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    /// The identity of each socket, for `delete --id`
    #[arg(long)]
    pub(crate) id: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which sockets, beside the filter.
#[derive(Clone, Debug, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct SelectArgs {
    /// Only IPv4, also that of dual-stack sockets (::ffff:a.b.c.d)
    #[arg(short = '4', long)]
    pub(crate) ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Listening sockets instead of connections
    #[arg(short, long)]
    pub(crate) listening: bool,
    /// All states, also listening, TIME_WAIT, SYN_RECV and bound-inactive
    #[arg(short, long)]
    pub(crate) all: bool,
}

/// In which network namespaces.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct NetnsArgs {
    /// In this network namespace: a name of `ip netns`, the pid of a process in it, or the path of its file
    #[arg(short = 'N', long, value_name = "NAME|PID|PATH")]
    pub(crate) netns: Vec<String>,
    /// In every network namespace that a process or a name holds
    #[arg(long, conflicts_with = "netns")]
    pub(crate) all_netns: bool,
}

/// What is shown beside the connection.
#[derive(Clone, Debug, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct ShowArgs {
    /// The processes that hold a socket
    #[arg(short, long)]
    pub(crate) process: bool,
    /// The user a socket belongs to
    #[arg(short, long)]
    pub(crate) user: bool,
    /// Counters: idle time, round-trip time, retransmits
    #[arg(short, long)]
    pub(crate) info: bool,
    /// The container and the systemd unit a socket belongs to
    #[arg(short, long)]
    pub(crate) container: bool,
}

/// Delete connections: exactly what is named, or say why not
///
/// The connection is aborted: its peer gets a reset, its owner an error, and its socket leaves the
/// table at once. It is named by both its ends, in any notation that tools print
/// (127.0.0.1:80, [::1]:80, [fe80::1%eth0]:80, 10.0.0.1%eth0:80, [::ffff:10.0.0.1]:80) or as
/// tcpdrop's four words; by the identity that `list --id` shows, which never means another one;
/// or by a filter in the language of ss, as `list` takes it.
///
/// Where a filter selects more than one, you are asked, or say --yes. Listeners and the connection of your own session
/// are spared. Without root it deletes connections of your own processes.
#[derive(Debug, ClapArgs)]
#[command(
    visible_alias = "close",
    visible_alias = "kill",
    visible_alias = "drop",
    override_usage = "tcpentry delete [OPTIONS] LOCAL PEER\n       \
        tcpentry delete [OPTIONS] LADDR LPORT PADDR PPORT\n       \
        tcpentry delete [OPTIONS] --id ID...\n       \
        tcpentry delete [OPTIONS] FILTER...",
    after_help = "Exit codes: 0 deleted, 1 nothing there, 2 usage, 3 guarded, 4 not permitted, \
        5 no way on this system, 6 mixed, 7 system error, 130 interrupted."
)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct DeleteArgs {
    /// Both ends, the local one first; or a filter; with --id, identities
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// Delete by identity; `-` reads identities or JSON lines from standard input
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) id: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Say how the filter is understood, what the kernel judges and what is judged here; do no more
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) netns: NetnsArgs,
    /// Do everything but the deletion: same output, and the exit code to be expected
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Delete what a filter selects without asking, also when it is more than one
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Delete nothing when more than N are selected
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,
    /// Select listeners too, and delete with them every connection in their queue
    #[arg(long)]
    pub(crate) listeners: bool,
    /// Delete even the connection that carries this very session
    #[arg(long)]
    pub(crate) own_session: bool,
    /// By which method
    #[arg(long, value_enum, default_value_t = MethodArg::Auto)]
    pub(crate) method: MethodArg,
    /// Go on deleting what comes to match, for so long (500ms, 30s, 10m, 2h, 1d)
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) period: Option<Duration>,
    /// Go on until nothing has matched for so long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) until_quiet: Option<Duration>,
    /// Report each deletion to the system log too
    #[arg(long)]
    pub(crate) syslog: bool,
    /// Report only what was not deleted
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say on standard error what is being done
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Watch the connections, and delete the ones you mean
///
/// A live table: `/` finds, `d` shows what a deletion would do and `y` does it, `?` tells all keys. It takes the filters
/// of `list`. Listeners and the connection of your own session are spared, as by `delete`.
#[cfg(feature = "tui")]
#[derive(Debug, ClapArgs)]
pub(crate) struct TopArgs {
    /// What to show: a filter, as for `list`
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    #[command(flatten)]
    pub(crate) netns: NetnsArgs,
    /// How often the table is read (500ms, 2s, 1m)
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    pub(crate) interval: Duration,
    /// Show these columns, in this order, comma-separated
    #[arg(long, value_enum, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<TopColumn>,
    /// Sort by this column, one of those of --columns
    #[arg(long, value_enum, value_name = "NAME", hide_possible_values = true)]
    pub(crate) sort: Option<TopColumn>,
    /// Group rows by this property
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) group: Option<Grouping>,
    /// Let listeners be deleted too, with every connection in their queue
    #[arg(long)]
    pub(crate) listeners: bool,
    /// Let even the connection be deleted that carries this very session
    #[arg(long)]
    pub(crate) own_session: bool,
    /// By which method
    #[arg(long, value_enum, default_value_t = MethodArg::Auto)]
    pub(crate) method: MethodArg,
    /// Print one frame as text, and end
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

/// Say what can be deleted here, by which method and right, and what is missing
///
/// Asks the kernel without deleting anything. Each missing thing comes with the command that mends
/// it. Ends with 0 if at least the connections of your own processes can be deleted.
#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Watch a connection being deleted: a real server and clients on loopback, a few seconds, no root
#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// One JSON object a line; the fields are in the manual
    #[arg(long)]
    pub(crate) json: bool,
    /// No line of column names
    #[arg(long)]
    pub(crate) no_header: bool,
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ColorArgs {
    /// When to colour; auto heeds NO_COLOR and whether a terminal is there
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum MethodArg {
    /// SOCK_DESTROY first, the borrowed descriptor where that can't do it
    Auto,
    /// Only the kernel's SOCK_DESTROY (needs CAP_NET_ADMIN)
    SockDiag,
    /// Only by the owner's borrowed descriptor (needs the same user, or root)
    Borrow,
}

impl From<MethodArg> for MethodChoice {
    fn from(method: MethodArg) -> Self {
        match method {
            MethodArg::Auto => Self::Auto,
            MethodArg::SockDiag => Self::SockDiag,
            MethodArg::Borrow => Self::Borrow,
        }
    }
}

/// A duration, in the units that filters take.
fn duration(text: &str) -> Result<Duration, String> {
    tcpentry::filter::parse_duration(text).map_err(|error| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_stand_anywhere_before_the_dashes() {
        for words in [
            "tcpentry delete -n 127.0.0.1:1 127.0.0.1:2",
            "tcpentry delete 127.0.0.1:1 -n 127.0.0.1:2",
            "tcpentry kill 127.0.0.1:1 127.0.0.1:2 --dry-run",
            "tcpentry delete -n -- 127.0.0.1:1 127.0.0.1:2",
        ] {
            let args = Args::try_parse_from(words.split(' ')).unwrap();
            let Some(Command::Delete(delete)) = args.command else {
                panic!("{words}");
            };
            assert_eq!(delete.words, ["127.0.0.1:1", "127.0.0.1:2"], "{words}");
            assert!(delete.dry_run, "{words}");
        }
    }

    #[test]
    fn no_command_lists() {
        let args = Args::try_parse_from(["tcpentry", "-l", "--json"]).unwrap();
        assert!(args.command.is_none() && args.list.select.listening && args.list.output.json);
    }
}
