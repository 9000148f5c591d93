//! The definition of the command line, from which parser, help, manual page and completions come.

pub(crate) mod answer;
mod ban;
mod direct;
pub(crate) mod duration;
mod guard;
pub(crate) mod habits;
mod hosts;
pub(crate) mod line;
pub(crate) mod operands;
pub(crate) mod order;
mod ours;
mod output;
pub(crate) mod pace;
pub(crate) mod ports;
mod read;
mod set_source;
mod wine;

#[cfg(feature = "tui")]
mod columns;

#[cfg(feature = "tui")]
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args as ClapArgs, CommandFactory as _, Parser, Subcommand, ValueEnum};
use tcpentry::{MethodChoice, Options, States};

use duration::duration;
use output::ReportArgs;
use pace::{PaceArgs, SampleArgs};

pub(crate) use ban::{BanArgs, Form};
pub(crate) use guard::{GuardArgs, GuardCheckArgs, GuardCommand, GuardRunArgs, GuardStatusArgs};
pub(crate) use hosts::{HostList, OnArgs};
pub(crate) use output::{ColorArgs, ColorChoice, OutputArgs};
pub(crate) use read::{Usage, arranged, read};
pub(crate) use set_source::{SetInput, SetSource};
pub(crate) use wine::{WineArgs, WineCommand, WineStatusArgs};

#[cfg(feature = "tui")]
pub(crate) use columns::{Grouping, Palette, TopColumn};

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
    Ban(BanArgs),
    Guard(GuardArgs),
    #[cfg(feature = "tui")]
    Top(TopArgs),
    Why(WhyArgs),
    Doctor(DoctorArgs),
    Demo(DemoArgs),
    Wine(WineArgs),
}

/// Print the TCP table: connections, listeners (-l) or everything (-a)
///
/// Prints one line for each socket, aligned on a terminal, tab-separated with raw numbers otherwise.
/// Connections are what ss shows by default: neither listeners nor TIME_WAIT nor SYN_RECV. A filter in
/// the language of ss, with more terms, selects among them: see the manual.
#[derive(Debug, Default, ClapArgs)]
#[command(alias = "ls")]
pub(crate) struct ListArgs {
    /// Select what matches: the words of ss(8), and host, port, pid, process, user, unit, container, idle, ...
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Explain the filter and which part of it the kernel evaluates, and do nothing else
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) netns: NetnsArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    /// Show the identity of each socket, for `delete --id`
    #[arg(long)]
    pub(crate) id: bool,
    #[command(flatten)]
    pub(crate) on: OnArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The options that select sockets, beside the filter.
#[derive(Clone, Debug, Default, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct SelectArgs {
    /// Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)
    #[arg(short = '4', long)]
    pub(crate) ipv4: bool,
    /// Select IPv6 only
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Select listening sockets instead of connections
    #[arg(short, long)]
    pub(crate) listening: bool,
    /// Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Read a set of prefixes, one per line, for `dst @NAME`, `src @NAME` and `host @NAME` in the filter; `-` is
    /// standard input
    #[arg(long = "in", value_name = "NAME=FILE|-")]
    pub(crate) sets: Vec<SetSource>,
}

/// The options that select network namespaces.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct NetnsArgs {
    /// Read this network namespace: a name in `ip netns`, the PID of a process in it, the path of its file, what the
    /// column NETNS shows, or a container's name or id (digits alone are a PID)
    #[arg(short = 'N', long, value_name = "NAME|PID|PATH|CELL")]
    pub(crate) netns: Vec<String>,
    /// Read every network namespace that a process or a name holds
    #[arg(long, conflicts_with = "netns")]
    pub(crate) all_netns: bool,
}

/// The options for columns beside the connection.
#[derive(Clone, Debug, Default, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct ShowArgs {
    /// Show the processes that hold a socket
    #[arg(short, long)]
    pub(crate) process: bool,
    /// Show the user that a socket belongs to
    #[arg(short, long)]
    pub(crate) user: bool,
    /// Show the counters: idle time, round-trip time, retransmits
    #[arg(short, long)]
    pub(crate) info: bool,
    /// Show the container and the systemd unit that a socket belongs to
    #[arg(short, long)]
    pub(crate) container: bool,
}

/// Delete connections: exactly those you name, or report why not
///
/// The connection is aborted: its peer gets a reset, its owner an error, and its socket leaves the
/// table at once. Name it by both its ends, in any notation that tools print
/// (127.0.0.1:80, [::1]:80, [fe80::1%eth0]:80, 10.0.0.1%eth0:80, [::ffff:10.0.0.1]:80) or as
/// tcpdrop's four words; by the identity that `list --id` shows, which never means another connection;
/// or by a filter in the language of ss, as `list` takes it.
///
/// If a filter selects more than one connection, it asks first, unless --yes is given. Listeners and the connection
/// that carries your own session are protected. Without root it deletes only connections of your own processes.
#[derive(Debug, Default, ClapArgs)]
#[command(
    visible_alias = "close",
    visible_alias = "kill",
    visible_alias = "drop",
    alias = "del",
    alias = "rm",
    override_usage = "tcpentry delete [OPTIONS] LOCAL PEER\n       \
        tcpentry delete [OPTIONS] LADDR LPORT PADDR PPORT\n       \
        tcpentry delete [OPTIONS] --id ID...\n       \
        tcpentry delete [OPTIONS] FILTER...",
    after_help = "Exit codes: 0 deleted, 1 nothing there, 2 usage, 3 guarded, 4 not permitted, \
        5 not supported on this system, 6 mixed, 7 system error, 130 interrupted."
)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct DeleteArgs {
    /// Name both ends, the local one first; or a filter; with --id, identities
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// Delete by identity; `-` reads identities or JSON lines from standard input
    #[arg(long, value_name = "ID", num_args = 1.., conflicts_with = "sets")]
    pub(crate) id: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Explain the filter and which part of it the kernel evaluates, and do nothing else
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) netns: NetnsArgs,
    /// Do everything but the deletion: the same output, and the exit code to expect
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Delete what a filter selects without asking, even if it is more than one
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Delete nothing if more than N are selected
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,
    /// Select listeners too; deleting one also ends every connection in its queue
    #[arg(long)]
    pub(crate) listeners: bool,
    /// Delete even the connection that carries your own session
    #[arg(long)]
    pub(crate) own_session: bool,
    /// Choose the method of deletion
    #[arg(long, value_enum, default_value_t = MethodArg::Auto)]
    pub(crate) method: MethodArg,
    /// Keep deleting whatever matches for this long (500ms, 30s, 10m, 2h, 1d)
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) period: Option<Duration>,
    /// Keep deleting until nothing has matched for this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) until_quiet: Option<Duration>,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) sampling: SampleArgs,
    /// Exit with 0 if nothing matches, for scripts and hooks
    #[arg(long)]
    pub(crate) ok_if_none: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) on: OnArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Watch the connections, and delete the ones you mean
///
/// A live table: `/` filters, `d` previews a deletion and `y` confirms it, `?` lists all keys. It takes the filters
/// of `list`. Listeners and the connection that carries your own session are protected, as with `delete`.
#[cfg(feature = "tui")]
#[derive(Debug, ClapArgs)]
pub(crate) struct TopArgs {
    /// Show what matches: a filter, as for `list`
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    #[command(flatten)]
    pub(crate) netns: NetnsArgs,
    /// Read the table this often (500ms, 2s, 1m); 1s unless another interval was kept
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) interval: Option<Duration>,
    /// Show these columns, in this order, comma-separated
    #[arg(long, value_enum, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<TopColumn>,
    /// Sort by this column, one of those of --columns
    #[arg(long, value_enum, value_name = "NAME", hide_possible_values = true)]
    pub(crate) sort: Option<TopColumn>,
    /// Group rows by this property
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) group: Option<Grouping>,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Allow listeners to be deleted, which also ends every connection in their queue
    #[arg(long)]
    pub(crate) listeners: bool,
    /// Allow the connection that carries your own session to be deleted
    #[arg(long)]
    pub(crate) own_session: bool,
    /// Choose the method of deletion
    #[arg(long, value_enum, default_value_t = MethodArg::Auto)]
    pub(crate) method: MethodArg,
    /// Print one frame as text and exit
    #[arg(long)]
    pub(crate) once: bool,
    /// Record every frame in a new file, as lines of JSON; `-` is standard output, and shows no screen
    #[arg(long, value_name = "FILE|-")]
    pub(crate) record: Option<PathBuf>,
    /// Show a recording instead of the table; `-` is standard input. Nothing can be deleted then
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["record", "netns", "all_netns", "listeners", "own_session"])]
    pub(crate) replay: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) on: OnArgs,
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

/// Explain in a sentence why a connection is slow, or does nothing
///
/// Reads what the kernel knows of it twice, a second apart, and names what holds it up: the peer that does not read or
/// does not answer, the application here, a window or a buffer that is too small, loss, the way between. Name
/// connections as for `delete`, by both their ends, by --id or by a filter. Nothing is changed, and no right is needed.
#[derive(Debug, ClapArgs)]
#[command(override_usage = "tcpentry why [OPTIONS] LOCAL PEER\n       \
        tcpentry why [OPTIONS] --id ID...\n       \
        tcpentry why [OPTIONS] FILTER...")]
pub(crate) struct WhyArgs {
    /// Name both ends, the local one first; or a filter; with --id, identities
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// Explain sockets by identity; `-` reads identities or JSON lines from standard input
    #[arg(long, value_name = "ID", num_args = 1.., conflicts_with = "sets")]
    pub(crate) id: Vec<String>,
    /// Watch them for this long before the answer (500ms, 30s, 10m); 0s reads once, and knows no rates
    #[arg(long = "watch", value_name = "DURATION", value_parser = duration, default_value = "1s")]
    pub(crate) period: Duration,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    #[command(flatten)]
    pub(crate) netns: NetnsArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Report what can be deleted here, by which method and right, and what is missing
///
/// Asks the kernel without deleting anything. Each missing thing comes with the command that fixes
/// it. Exits with 0 if at least the connections of your own processes can be deleted, or what --need asks for.
#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Require that these can be deleted; otherwise exit with 4 (not permitted) or 5 (not supported on this system)
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Need::Mine)]
    pub(crate) need: Need,
    #[command(flatten)]
    pub(crate) on: OnArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Watch a connection being deleted: a real server and clients on loopback, a few seconds, no root
#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

/// The connections that have to be deletable.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Need {
    /// The connections of the caller's own processes
    Mine,
    /// Every connection of this network namespace
    All,
    /// Every connection of every network namespace
    AllNetns,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum MethodArg {
    #[default]
    /// Try SOCK_DESTROY first, then the owner's borrowed descriptor
    Auto,
    /// Use only the kernel's SOCK_DESTROY (needs CAP_NET_ADMIN)
    SockDiag,
    /// Use only the owner's borrowed descriptor (needs the same user, or root)
    Borrow,
}

/// Returns the definition with all that clap adds to it, such as `--help`.
pub(crate) fn definition() -> clap::Command {
    let mut definition = with_repeatable_flags(Args::command());
    definition.build();
    definition
}

/// Makes a flag that is given twice mean what it means once, as with ss: an alias of a shell may hold one. Values are not
/// taken from the last of several: what deletes does not guess.
fn with_repeatable_flags(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|option| {
        let id = option.get_id().clone();
        match option.get_action() {
            ArgAction::SetTrue => option.overrides_with(id),
            _ => option,
        }
    });
    command.mut_subcommands(with_repeatable_flags)
}

/// A command that other hosts run, too.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HostCommand<'a> {
    List(&'a ListArgs),
    Delete(&'a DeleteArgs),
    #[cfg(feature = "tui")]
    Top(&'a TopArgs),
    Doctor(&'a DoctorArgs),
}

impl Args {
    /// Returns the command and the other hosts that run it.
    pub(crate) fn on_hosts(&self) -> Option<(HostCommand<'_>, &HostList)> {
        let (command, on) = match &self.command {
            None => (HostCommand::List(&self.list), &self.list.on),
            Some(Command::List(args)) => (HostCommand::List(args), &args.on),
            Some(Command::Delete(args)) => (HostCommand::Delete(args), &args.on),
            #[cfg(feature = "tui")]
            Some(Command::Top(args)) => (HostCommand::Top(args), &args.on),
            Some(Command::Doctor(args)) => (HostCommand::Doctor(args), &args.on),
            Some(
                Command::Ban(_)
                | Command::Guard(_)
                | Command::Why(_)
                | Command::Demo(_)
                | Command::Wine(_),
            ) => {
                return None;
            }
        };
        Some((command, on.on.as_ref()?))
    }
}

impl SelectArgs {
    /// Returns the states that are selected where the filter names none: this is what `-a` and `-l` mean.
    pub(crate) fn states(&self) -> States {
        match (self.all, self.listening) {
            (true, _) => States::ALL_ACTIVE.union(States::BOUND_INACTIVE),
            (false, true) => States::LISTENING,
            (false, false) => States::CONNECTIONS,
        }
    }
}

impl From<&BanArgs> for NetnsArgs {
    /// Makes those into which a ban looks.
    fn from(args: &BanArgs) -> Self {
        Self {
            all_netns: !args.own_netns_only,
            ..Self::default()
        }
    }
}

impl DeleteArgs {
    /// Returns the options of a deletion, whatever is selected.
    pub(crate) fn options(&self) -> Options {
        let options = self.method.options(self.listeners);
        if self.report.syslog {
            // The log has each batch before the next one is deleted.
            options.with_prompt_reports()
        } else {
            options
        }
    }
}

impl MethodArg {
    /// Returns the options of a deletion by this method, with or without listeners.
    pub(crate) fn options(self, listeners: bool) -> Options {
        let options = Options::default().with_method(self.into());
        if listeners {
            options.with_listeners()
        } else {
            options
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
