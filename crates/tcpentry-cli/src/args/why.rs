//! The arguments of `why`.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::duration::duration;
use super::{NetnsArgs, OutputArgs, SelectArgs, ShowArgs};

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
