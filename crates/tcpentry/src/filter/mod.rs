//! Filters: which sockets are meant, in the language of `ss`.
//!
//! A text is parsed once into a [`Filter`]; whoever judges sockets by it never sees the text.

mod compile;
mod error;
mod expr;
mod host;
mod judge;
mod lex;
mod names;
mod number;
mod parse;
mod print;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod testing_b;
#[cfg(test)]
mod tests;

pub use error::FilterError;
pub use names::{Names, SystemNames};

use crate::state::States;
use expr::Expr;

/// Which sockets are meant: the states, and an expression over everything else.
///
/// The language is that of `ss` for TCP with more terms. Two things differ: `or` mixed with `and`
/// needs parentheses, and what is misspelt is an error, never a name to be looked up somewhere.
///
/// It prints in a canonical form that parses to an equal filter, with every name that was looked up
/// still in it, host names excepted: those print as the addresses they had. The form is fit for a
/// shell up to its parentheses and `*`, and for `ss` where `ss` has the terms.
///
/// ```
/// use tcpentry::{Filter, SystemNames, TcpTable};
/// let table = TcpTable::open()?;
/// let names = SystemNames::new(&table);
/// let filter = Filter::parse("state close-wait idle>10m (dport=:80|dport=:https)", &names)?;
/// assert_eq!(
///     filter.to_string(),
///     "state close-wait idle gt 10m and ( dport = :80 or dport = :443 )"
/// );
///
/// let error = Filter::parse("state close_wait", &names).unwrap_err();
/// assert_eq!(error.column(), 6);
/// assert_eq!(error.to_string(), "`close_wait` is no state");
/// assert_eq!(error.hint(), Some("did you mean `close-wait`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter {
    pub(crate) states: Option<States>,
    pub(crate) expr: Option<Expr>,
}

impl Filter {
    /// Reads a filter. Names of hosts, services, devices, users and cgroups are looked up now.
    ///
    /// The words of a command line are to be joined by blanks.
    ///
    /// # Errors
    /// The first thing that is wrong with it. An empty text is no filter: "everything" is
    /// `state all`.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, FilterError> {
        parse::parse(text, names)
    }

    /// The states that its `state` and `exclude` clauses name; `None` where it has none.
    pub const fn states(&self) -> Option<States> {
        self.states
    }
}
