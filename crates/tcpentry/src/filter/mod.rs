//! Filters: which sockets are meant, in the language of `ss`.
//!
//! A text is parsed once into a [`Filter`]; whoever judges sockets by it never sees the text.

mod compile;
mod error;
mod expr;
mod judge;
mod mention;
mod narrow;
mod needs;
mod pattern;
mod prefix;
mod prefix_list;
mod prefix_set;
mod processes;
mod resolve;
mod syntax;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use compile::{Compiler, Plan};
pub use error::FilterError;
pub(crate) use expr::Expr;
pub use expr::Filter;
pub use judge::Truth;
pub(crate) use judge::{Fact, Facts, Judge, NamedProcess, Subject};
pub use mention::{Mention, Mentioned, NamePattern};
pub(crate) use needs::Needs;
pub use prefix::Prefix;
pub use prefix_list::PrefixListError;
pub use prefix_set::PrefixSet;
pub(crate) use processes::Processes;
pub use resolve::Names;
pub use syntax::{FilterWords, NextWord, is_set_name};

use std::time::Duration;

use crate::connection::state::States;
use expr::{End, Term, all_of};

impl Filter {
    /// Reads a filter. Names of hosts, services, devices, users and cgroups are looked up now, and so are
    /// pids: a later process of the same pid is not meant.
    ///
    /// The words of a command line are read by [`parse_words`](Self::parse_words).
    ///
    /// # Errors
    /// The first thing that is wrong with it. An empty text is not a filter: "everything" is
    /// `state all`.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, FilterError> {
        syntax::parse(text, names)
    }

    /// Reads a filter from the words of a command line.
    ///
    /// A word that stands where a term begins is lexed, so that one word may be a whole filter. A word that stands
    /// where a value is due *is* that value, with all its spaces and operators: what comes from elsewhere (a shell's
    /// `"$NAME"`) can't change the filter. [`FilterWords`] says which is which.
    ///
    /// ```
    /// use tcpentry::{Filter, SystemNames, TcpTable};
    /// let table = TcpTable::open()?;
    /// let names = SystemNames::new(&table);
    /// let filter = Filter::parse_words(&["process", "a or port > 0", "and", "sport = :80"], &names)?;
    /// assert_eq!(filter.to_string(), "process \"a or port > 0\" and sport = :80");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As of [`parse`](Self::parse); columns count in the words joined by single spaces. A word that may be an
    /// operator or a name, with both readings being filters, is an error.
    pub fn parse_words(words: &[impl AsRef<str>], names: &dyn Names) -> Result<Self, FilterError> {
        let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
        syntax::parse_words(&words, names)
    }

    /// Returns the filter that every socket passes which is in a state that is asked for.
    pub const fn any() -> Self {
        Self {
            states: None,
            expr: None,
        }
    }

    /// Returns true for a word that begins a filter: by a keyword, a parenthesis or a negation.
    ///
    /// ```
    /// use tcpentry::Filter;
    /// assert!(["state", "dport=:80", "(src", "!dev", "host 192.0.2.1"].iter().all(|it| Filter::starts_with_keyword(it)));
    /// assert!(!Filter::starts_with_keyword("192.0.2.1:80") && !Filter::starts_with_keyword("[::1]:80"));
    /// ```
    pub fn starts_with_keyword(word: &str) -> bool {
        let word = word.trim_start();
        let end = word.find(|character: char| !character.is_ascii_alphabetic());
        let (first, rest) = word.split_at(end.unwrap_or(word.len()));
        if first.is_empty() {
            return word.starts_with(['(', '!']);
        }
        // What goes on with a letter's like is another word.
        syntax::keywords::is_word(first) && !rest.starts_with(['-', '.', '_', ':', '%'])
    }

    /// Returns this filter for IPv4 only: also that in IPv6 sockets (`::ffff:a.b.c.d`).
    #[must_use]
    pub fn only_ipv4(self) -> Self {
        self.only_in(Prefix::V4)
    }

    /// Returns this filter for IPv6 only.
    #[must_use]
    pub fn only_ipv6(self) -> Self {
        self.only_in(Prefix::V6)
    }

    fn only_in(self, network: Prefix) -> Self {
        let family = Expr::Term(Term::Host {
            end: End::Local,
            network,
            port: None,
        });
        let both = self.expr.into_iter().chain([family]).collect();
        Self {
            expr: Some(all_of(both)),
            ..self
        }
    }

    /// Returns the states that its `state` and `exclude` clauses name; `None` where it has none.
    pub const fn states(&self) -> Option<States> {
        self.states
    }
}

/// Reads a duration in the units of filters: `500ms`, `30s`, `10m`, `2h`, `1d`.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(tcpentry::filter::parse_duration("10m"), Ok(Duration::from_secs(600)));
/// assert_eq!(tcpentry::filter::parse_duration("10").unwrap_err().hint(), Some("units of time are us ms s m h d"));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, FilterError> {
    syntax::number::time(error::Piece { text, column: 0 })
}
