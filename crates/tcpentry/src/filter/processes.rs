//! The processes that a filter names.

use super::expr::{Expr, Term};
use super::pattern::Pattern;

/// The processes that a filter asks for, where no other one can make a difference to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes {
    pids: Vec<i32>,
    names: Vec<Pattern>,
    /// Set where any process may be one: one is meant by its executable, which its name does not show.
    any: bool,
}

impl Processes {
    /// Collects them; `None` where any process can make a difference: where one is excluded (`not process nginx` is about
    /// all the others), where one is asked for by its executable, or where none is asked for.
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        let mut processes = Self::default();
        let all_asked_for = processes.collect(expr, true);
        let some = !processes.pids.is_empty() || !processes.names.is_empty();
        (all_asked_for && some).then_some(processes)
    }

    /// Collects those that a filter excludes; `None` where it excludes none.
    ///
    /// A process that comes by a socket can make the filter false only if it is one of these; with `by_cgroup` any, if it is
    /// in a unit or container that the filter excludes.
    pub(crate) fn excluded(expr: &Expr, by_cgroup: bool) -> Option<Self> {
        let mut processes = Self::default();
        processes.collect_excluded(expr, true, by_cgroup);
        let some = processes.any || !processes.pids.is_empty() || !processes.names.is_empty();
        some.then_some(processes)
    }

    fn collect_excluded(&mut self, expr: &Expr, positive: bool, by_cgroup: bool) {
        match expr {
            Expr::And(several) | Expr::Or(several) => {
                for expr in several {
                    self.collect_excluded(expr, positive, by_cgroup);
                }
            }
            Expr::Not(expr) => self.collect_excluded(expr, !positive, by_cgroup),
            Expr::Term(Term::Unit(_) | Term::Container(_)) if !positive => self.any |= by_cgroup,
            Expr::Term(Term::Pid { pid, .. }) if !positive => self.pids.push(*pid),
            Expr::Term(Term::Process(pattern)) if !positive => {
                self.any |= pattern.is_of_executable();
                self.names.push(pattern.clone());
            }
            Expr::Term(_) => {}
        }
    }

    fn collect(&mut self, expr: &Expr, positive: bool) -> bool {
        match expr {
            Expr::And(several) | Expr::Or(several) => {
                several.iter().all(|expr| self.collect(expr, positive))
            }
            Expr::Not(expr) => self.collect(expr, !positive),
            Expr::Term(Term::Pid { .. } | Term::Process(_)) if !positive => false,
            // Its name says nothing about it.
            Expr::Term(Term::Process(pattern)) if pattern.is_of_executable() => false,
            Expr::Term(Term::Pid { pid, .. }) => {
                self.pids.push(*pid);
                true
            }
            Expr::Term(Term::Process(pattern)) => {
                self.names.push(pattern.clone());
                true
            }
            Expr::Term(_) => true,
        }
    }

    /// Returns true if this is one of them.
    pub(crate) fn contain(&self, pid: i32, name: &[u8]) -> bool {
        self.any
            || self.pids.contains(&pid)
            || self.names.iter().any(|pattern| pattern.matches(name))
    }
}
