//! What a filter selects from a table: the question to the kernel, and the judgement of each row.

pub(crate) mod facts;
pub(crate) mod names;

use std::fmt;
use std::iter;

use crate::connection::state::States;
use crate::connection::{Connection, Inode};
use crate::error::Error;
use crate::escape::escape_for_terminal;
use crate::filter::{
    Compiler, Expr, Fact, Facts, Filter, Holder, Judge, Needs, Plan, Processes, Subject, Truth,
};
use crate::netns::LocalPorts;
use crate::select::facts::Attribution;
use crate::table::TcpTable;
use crate::table::query::Query;

/// A filter, made ready for a table.
///
/// The kernel judges what it can during the walk ([`query`](Self::query)); then each row is judged
/// by the whole filter once more ([`judge`](Self::judge)), so that nothing depends on a kernel, or a
/// sandbox that plays one, having judged at all.
///
/// ```
/// use tcpentry::{Filter, Attribution, Selection, States, SystemNames, TcpTable, Truth};
/// let mut table = TcpTable::open()?;
/// let filter = Filter::parse("dport = :443 and idle gt 10m", &SystemNames::new(&table))?;
/// let selection = Selection::new(filter, States::CONNECTIONS, &mut table)?;
/// let mut knowledge = Attribution::only_for(&selection);
/// for connection in table.connections(selection.query())? {
///     let connection = connection?;
///     if selection.judge(&connection, &mut knowledge)? == Truth::True {
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
    /// When the kernel does not tell whether it shows marks, or `/proc` the range of local ports, to a filter that
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

    /// The filter.
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The question to the kernel, which yields all that the filter may select.
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// Whether a row that the kernel yielded is selected.
    ///
    /// Who holds it is looked up only when nothing else decides.
    ///
    /// # Errors
    /// When something that the filter asks for can't be read at all: see [`Attribution`].
    pub fn judge(
        &self,
        connection: &Connection,
        knowledge: &mut Attribution,
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
        let facts = knowledge.facts(connection, needs)?;
        Ok(self.judge_of(&facts).judge(expr, subject))
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

    /// How the filter is read, and who judges what of it: for people.
    pub const fn explanation(&self) -> Explanation<'_> {
        Explanation(self)
    }

    /// Whether there may be sockets of which this caller can't see what the filter asks for, so that
    /// [`judge`](Self::judge) may say [`Truth::Unseen`].
    ///
    /// # Errors
    /// As of [`judge`](Self::judge).
    pub fn may_be_unseen(&self, knowledge: &mut Attribution) -> Result<bool, Error> {
        let needs = self.plan.needs;
        let hidden = (needs.owners || needs.cgroups) && !knowledge.owners()?.are_all_seen();
        Ok(hidden || (needs.marks && !self.marks) || (needs.users && !self.users))
    }

    /// What a search for owners has to look into, where it need not look into all processes.
    pub(crate) fn processes(&self) -> Option<Processes<'_>> {
        Processes::of(self.filter.expr.as_ref()?)
    }
}

/// Facts for a first judgement: nobody has looked.
pub(crate) struct Nothing;

impl Facts for Nothing {
    fn holders(&self, _: Inode) -> Option<impl Iterator<Item = Holder<'_>>> {
        None::<iter::Empty<_>>
    }

    fn hidden(&self) -> impl Iterator<Item = Holder<'_>> {
        iter::empty()
    }

    fn are_withheld(&self) -> bool {
        false
    }

    fn cgroup(&self, _: &Connection) -> Fact<&str> {
        Fact::Hidden
    }
}

/// How a [`Selection`] reads its filter, and who judges what of it: some lines of text.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'s>(&'s Selection);

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(selection) = self;
        let Plan {
            passes,
            kernel,
            rest,
            needs,
            ..
        } = &selection.plan;
        let states = Filter {
            states: Some(selection.query.states),
            expr: None,
        };
        // Names are as hostile as the text that they were taken from.
        let shown = |expr: &Expr| escape_for_terminal(expr.to_string().as_bytes());
        let (expr, kernel) = (selection.filter.expr.as_ref(), kernel.as_ref());
        writeln!(f, "states   {states}")?;
        match (expr.map(shown), kernel.map(shown)) {
            (None, _) => writeln!(f, "filter   none: every socket in these states")?,
            (Some(expr), None) => writeln!(f, "filter   {expr}\nkernel   only the states")?,
            (Some(expr), Some(kernel)) => writeln!(f, "filter   {expr}\nkernel   {kernel}")?,
        }
        if let Some(rest) = rest {
            writeln!(f, "here     {}", shown(rest))?;
        }
        let needed = [
            (needs.info, "counters (INET_DIAG_INFO)"),
            (needs.owners, "owners (/proc/PID/fd)"),
            (needs.cgroups, "cgroups"),
            (
                needs.marks && !selection.marks,
                "marks, which the kernel tells only to CAP_NET_ADMIN",
            ),
        ];
        for (_, what) in needed.iter().filter(|(needed, _)| *needed) {
            writeln!(f, "needs    {what}")?;
        }
        if passes.is_empty() {
            writeln!(f, "no socket can match: the kernel is not asked")?;
        }
        for pass in passes {
            let Some(program) = &pass.program else {
                continue;
            };
            writeln!(f, "program  of the kernel (INET_DIAG_REQ_BYTECODE):")?;
            for line in program.to_string().lines() {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}
