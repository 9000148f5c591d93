//! The names of owners, places and sets in a filter, for those who have to say what became of them.

use super::expr::{Expr, Filter, Term};
use super::pattern::Pattern;
use super::prefix_set::PrefixSet;
use crate::process::Process;
use crate::process::container::Container;

/// A name in a filter.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Mention<'f> {
    /// The name.
    pub name: Mentioned<'f>,
    /// Set below an odd number of `not`.
    pub is_negated: bool,
}

/// The kinds of names that [`Mention`] has.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Mentioned<'f> {
    /// `pid`: the process that had it when the filter was read.
    Pid(i32, Option<Process>),
    /// `process`
    Process(NamePattern<'f>),
    /// `user`: the word, and the number that it means.
    User(&'f str, u32),
    /// `unit`
    Unit(&'f str),
    /// `container`
    Container(NamePattern<'f>),
    /// `netns`: the word, and the inode that it means.
    Netns(&'f str, u64),
    /// `@NAME`: the word, and the set that it means.
    Set(&'f str, &'f PrefixSet),
}

/// A name that may be a pattern.
#[derive(Clone, Copy, Debug)]
pub struct NamePattern<'f>(&'f Pattern);

impl<'f> NamePattern<'f> {
    /// Returns the word.
    pub fn as_str(self) -> &'f str {
        self.0.text()
    }

    /// Returns true where a `*` stands for anything.
    pub fn has_wildcard(self) -> bool {
        self.0.has_wildcard()
    }

    /// Returns true for the name of a process that it means.
    pub fn matches_process(self, name: &[u8]) -> bool {
        self.0.matches(name)
    }

    /// Returns true for a container that it means: see [`Container::matches_name`].
    pub fn matches_container(self, container: &Container) -> bool {
        let is = |name: &str| self.0.matches(name.as_bytes());
        container.matches(self.0.text(), is)
    }
}

impl Filter {
    /// Returns the names of owners, places and sets in it.
    ///
    /// ```
    /// use tcpentry::filter::Mentioned;
    /// use tcpentry::{Filter, SystemNames, TcpTable};
    /// let table = TcpTable::open()?;
    /// let filter = Filter::parse("unit nginx and not user 0", &SystemNames::new(&table))?;
    /// let [unit, user] = &filter.mentions()[..] else { panic!() };
    /// assert!(matches!(unit.name, Mentioned::Unit("nginx")) && user.is_negated);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        let mut found = Vec::new();
        if let Some(expr) = &self.expr {
            collect(expr, false, &mut found);
        }
        found
    }
}

fn collect<'f>(expr: &'f Expr, is_negated: bool, found: &mut Vec<Mention<'f>>) {
    let term = match expr {
        Expr::And(all) | Expr::Or(all) => {
            for expr in all {
                collect(expr, is_negated, found);
            }
            return;
        }
        Expr::Not(expr) => return collect(expr, !is_negated, found),
        Expr::Term(term) => term,
    };
    let name = match term {
        Term::Pid { pid, process } => Mentioned::Pid(*pid, *process),
        Term::Process(pattern) => Mentioned::Process(NamePattern(pattern)),
        Term::User { name, uid } => Mentioned::User(name, *uid),
        Term::Unit(name) => Mentioned::Unit(name),
        Term::Container(pattern) => Mentioned::Container(NamePattern(pattern)),
        Term::Netns { name, inode } => Mentioned::Netns(name, *inode),
        Term::Set { name, set, .. } => Mentioned::Set(name, set),
        _ => return,
    };
    found.push(Mention { name, is_negated });
}
