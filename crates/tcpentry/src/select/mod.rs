//! The selection of a filter in a table: the question to the kernel, and the evaluation of each row.

pub(crate) mod explain;
pub(crate) mod facts;
pub(crate) mod names;
pub(crate) mod scan;

use std::iter;

use crate::connection::state::States;
use crate::connection::{Connection, Inode};
use crate::error::Error;
use crate::filter::{
    Compiler, Fact, Facts, Filter, Judge, NamedProcess, Needs, Plan, Processes, Subject, Truth,
};
use crate::netns::LocalPorts;
use crate::process::cgroup_path::CgroupPath;
use crate::select::facts::Attribution;
use crate::table::TcpTable;
use crate::table::query::Query;

/// A filter, made ready for a table.
///
/// The kernel evaluates what it can during the dump ([`query`](Self::query)); then each row is evaluated
/// by the whole filter once more ([`judge`](Self::judge)), so that nothing depends on a kernel, or a
/// sandbox that plays one, having evaluated anything.
///
/// ```
/// use tcpentry::filter::Truth;
/// use tcpentry::{Filter, Selection, States, SystemNames, TcpTable};
/// let mut table = TcpTable::open()?;
/// let filter = Filter::parse("dport = :443 and idle gt 10m", &SystemNames::new(&table))?;
/// let selection = Selection::new(filter, States::CONNECTIONS, &mut table)?;
/// let mut attribution = selection.attribution();
/// for connection in table.connections(selection.query())? {
///     let connection = connection?;
///     if selection.judge(&connection, &mut attribution)? == Truth::True {
///         println!("{connection}");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Selection {
    filter: Filter,
    plan: Plan,
    query: Query,
    marks: bool,
    local_ports: LocalPorts,
    netns: u64,
    users: bool,
}

impl Selection {
    /// Makes a filter ready; `states` are those of a filter that names none.
    ///
    /// The range of local ports, which `autobound` is about, is that of the table's network namespace: of a table
    /// that was [opened](TcpTable::open) in that of a thread, the calling thread's.
    ///
    /// # Errors
    /// Fails when the kernel does not say if it shows marks, or `/proc` the range of local ports, to a filter that
    /// asks for them.
    pub fn new(filter: Filter, states: States, table: &mut TcpTable) -> Result<Self, Error> {
        let states = filter.states().unwrap_or(states);
        let needs = filter.expr.as_ref().map(Needs::of).unwrap_or_default();
        let marks = needs.marks && table.shows_marks()?;
        let local_ports = if needs.local_ports {
            table.local_ports()?
        } else {
            LocalPorts::default()
        };
        let netns = if needs.netns { table.inode()? } else { 0 };
        let compiler = Compiler {
            states,
            marks,
            local_ports,
            netns,
        };
        let plan = match &filter.expr {
            Some(expr) => compiler.compile(expr),
            None => Plan::over_all(),
        };
        let query = Query {
            states,
            info: needs.info,
            passes: plan.passes.clone(),
            ports: plan.ports,
            half: None,
        };
        Ok(Self {
            filter,
            plan,
            query,
            marks,
            local_ports,
            netns,
            users: table.has_local_users(),
        })
    }

    /// Returns the filter.
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns the question to the kernel, which yields all that the filter may select.
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// Evaluates the filter for a row that the kernel yielded.
    ///
    /// Its holders are looked up only when nothing else decides.
    ///
    /// # Errors
    /// Fails when something that the filter asks for can't be read at all: see [`Attribution`].
    pub fn judge(
        &self,
        connection: &Connection,
        attribution: &mut Attribution,
    ) -> Result<Truth, Error> {
        if !self.query.states.contains(connection.state) {
            return Ok(Truth::False);
        }
        let Some(expr) = &self.filter.expr else {
            return Ok(Truth::True);
        };
        let subject = Subject {
            connection,
            autobound: connection.autobound,
        };
        let needs = self.plan.needs;
        if needs.owners || needs.cgroups {
            let truth = self.judge_of(&Nothing).judge(expr, subject);
            if truth != Truth::Hidden {
                return Ok(truth);
            }
        }
        let facts = attribution.facts(connection, needs)?;
        Ok(self.judge_of(&facts).judge(expr, subject))
    }

    /// Returns what the evaluation takes.
    pub(crate) const fn needs(&self) -> Needs {
        self.plan.needs
    }

    /// Returns the processes that the filter names, where no other one can make a difference.
    pub(crate) fn processes(&self) -> Option<Processes> {
        self.filter.expr.as_ref().and_then(Processes::of)
    }

    /// Returns the processes that the filter excludes; where the cgroup of a socket is that of its holders, also those that it
    /// excludes by their cgroups.
    pub(crate) fn excluded(&self, by_cgroup: bool) -> Option<Processes> {
        Processes::excluded(self.filter.expr.as_ref()?, by_cgroup)
    }

    /// Evaluates the filter again for a socket that it selected, with these facts.
    ///
    /// The kernel is asked only in a dump if a port was bound by its owner, which does not change: where that is not
    /// known, it is taken to be as it was.
    pub(crate) fn still_holds(&self, connection: &Connection, facts: &impl Facts) -> bool {
        if !self.query.states.contains(connection.state) {
            return false;
        }
        let Some(expr) = &self.filter.expr else {
            return true;
        };
        let known = connection.autobound.map(|known| vec![known]);
        let possible = known.unwrap_or_else(|| vec![false, true]);
        possible.into_iter().any(|autobound| {
            let subject = Subject {
                connection,
                autobound: Some(autobound),
            };
            self.judge_of(facts).judge(expr, subject) == Truth::True
        })
    }

    fn judge_of<'f, F: Facts>(&self, facts: &'f F) -> Judge<'f, F> {
        Judge {
            facts,
            marks: self.marks,
            local_ports: self.local_ports,
            netns: self.netns,
            users: self.users,
        }
    }

    /// Returns an empty [`Attribution`] that will read as much as [`judge`](Self::judge) needs, which can cost much less
    /// than all: where only processes of one name are asked for, others are not looked into. It is not fit to be
    /// shown.
    pub fn attribution(&self) -> Attribution {
        Attribution::of_processes(self.filter.expr.as_ref().and_then(Processes::of))
    }

    /// Returns true when there may be sockets of which this caller can't see what the filter asks for, so that
    /// [`judge`](Self::judge) may return [`Truth::Hidden`].
    ///
    /// # Errors
    /// Fails as [`judge`](Self::judge) does.
    pub fn may_be_hidden(&self, attribution: &mut Attribution) -> Result<bool, Error> {
        let needs = self.plan.needs;
        let hidden = (needs.owners || needs.cgroups) && !attribution.owners()?.are_all_seen();
        Ok(hidden || (needs.marks && !self.marks) || (needs.users && !self.users))
    }
}

/// The facts of a first evaluation: nobody has looked.
pub(crate) struct Nothing;

impl Facts for Nothing {
    fn holders(&self, _: Inode) -> Option<impl Iterator<Item = NamedProcess<'_>>> {
        None::<iter::Empty<_>>
    }

    fn hidden(&self) -> impl Iterator<Item = NamedProcess<'_>> {
        iter::empty()
    }

    fn partly_seen(&self) -> impl Iterator<Item = NamedProcess<'_>> {
        iter::empty()
    }

    fn are_withheld(&self) -> bool {
        false
    }

    fn are_known_by_right(&self) -> bool {
        false
    }

    fn cgroups(&self, _: &Connection) -> Fact<Vec<CgroupPath<'_>>> {
        Fact::Hidden
    }
}
