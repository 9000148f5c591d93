//! Which processes a filter asks for.

use super::expr::{Expr, Term};
use super::pattern::Pattern;

/// The processes that a filter asks for, where no other one can make a difference to it.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    pids: Vec<i32>,
    names: Vec<Pattern>,
}

impl Processes {
    /// `None` where any process can make a difference: where one is excluded (`not process nginx` is about
    /// all the others), where one is asked for by its executable, or where none is asked for.
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        let mut processes = Self {
            pids: Vec::new(),
            names: Vec::new(),
        };
        let all_asked_for = processes.collect(expr, true);
        let some = !processes.pids.is_empty() || !processes.names.is_empty();
        (all_asked_for && some).then_some(processes)
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

    /// Whether this is one of them.
    pub(crate) fn contain(&self, pid: i32, name: &[u8]) -> bool {
        self.pids.contains(&pid) || self.names.iter().any(|pattern| pattern.matches(name))
    }
}
