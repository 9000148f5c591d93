//! From words to a selection: the filter, the default states, the families.

use std::io::{self, Write as _};

use tcpentry::{
    Error, Filter, FilterError, Knowledge, Query, Selection, States, SystemNames, TcpTable,
};

use crate::args::{SelectArgs, ShowArgs};
use crate::exit::Exit;
use crate::output::{complain, complain_of, stdout};
use crate::sites::Site;

/// Why nothing can be selected.
pub(crate) enum Refusal {
    /// The words make no sense; with the place where.
    Usage(String),
    Table(Error),
}

impl Refusal {
    /// Says it, and gives the code.
    pub(crate) fn report(&self, of_error: impl FnOnce(&Error) -> Exit) -> Exit {
        match self {
            Self::Usage(text) => {
                complain(text);
                Exit::Usage
            }
            Self::Table(error) => {
                complain_of(error);
                of_error(error)
            }
        }
    }
}

/// What the words and options select; `states` where they name none.
pub(crate) fn of(
    text: &str,
    args: &SelectArgs,
    states: States,
    table: &mut TcpTable,
) -> Result<Selection, Refusal> {
    let filter = if text.is_empty() {
        Filter::any()
    } else {
        let parsed = Filter::parse(text, &SystemNames::new(table));
        parsed.map_err(|error| Refusal::Usage(explained(&error, text)))?
    };
    let filter = match (args.ipv4, args.ipv6) {
        (true, false) => filter.only_ipv4(),
        (false, true) => filter.only_ipv6(),
        (true, true) | (false, false) => filter,
    };
    Selection::new(filter, states, table).map_err(Refusal::Table)
}

/// Its question to the table, with what is to be shown beside.
pub(crate) fn query(selection: &Selection, show: &ShowArgs) -> Query {
    let query = selection.query().clone();
    if show.info { query.with_info() } else { query }
}

/// What has to be known of sockets, to judge them and to show them.
pub(crate) fn knowledge(selection: &Selection, show: &ShowArgs) -> Knowledge {
    if show.process || show.container {
        Knowledge::new()
    } else {
        Knowledge::only_for(selection)
    }
}

/// Prints how the filter is read, and who judges what of it.
pub(crate) fn explain(selection: &Selection) -> io::Result<()> {
    let mut out = stdout();
    write!(out, "{}", selection.explanation())?;
    out.flush()
}

/// The same for several network namespaces. One in which the text means nothing, as it has no such device, is
/// left out, unless that is true of all.
pub(crate) fn of_sites(
    text: &str,
    args: &SelectArgs,
    states: States,
    sites: Vec<Site>,
) -> Result<Vec<(Site, Selection)>, Refusal> {
    let mut chosen = Vec::new();
    let mut refused = None;
    for mut site in sites {
        match of(text, args, states, &mut site.table) {
            Ok(selection) => chosen.push((site, selection)),
            Err(refusal @ Refusal::Usage(_)) => refused = Some(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    match refused {
        Some(refusal) if chosen.is_empty() => Err(refusal),
        _ => Ok(chosen),
    }
}

/// The filter in canonical form. Its names may have been pasted from anywhere.
pub(crate) fn shown(selection: &Selection) -> String {
    tcpentry::escape(selection.filter().to_string().as_bytes())
}

/// The error, the place, and the way out.
fn explained(error: &FilterError, text: &str) -> String {
    let excerpt = error.excerpt(text).replace('\n', "\n  ");
    let hint = error.hint().map(|hint| format!("\nhint: {hint}"));
    let hint = hint.unwrap_or_default();
    // Whoever misspells a command has written the first word of a filter.
    let first = text.split(|c: char| !c.is_ascii_alphabetic()).next();
    let is_command = error.column() == 0 && !first.is_some_and(Filter::is_begun_by);
    let commands = if is_command {
        "\ncommands are list delete doctor demo"
    } else {
        ""
    };
    format!("{error}\n  {excerpt}{hint}{commands}")
}

/// What is said where a caller may not see what a filter asks for.
pub(crate) fn unseen(count: u64, consequence: &str) -> String {
    let sockets = if count == 1 { "socket" } else { "sockets" };
    format!(
        "of {count} {sockets} you may not see what the filter asks for (the processes of others, or marks): {consequence}"
    )
}

/// What helps against it.
pub(crate) const SEE_MORE: &str = "run it as root (sudo), on the host and not in a container; or add a term that leaves them out, as `user NAME`";
