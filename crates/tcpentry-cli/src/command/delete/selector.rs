//! The sockets that a filter selects in all tables, under the guards of the program.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use tcpentry::delete::Subflows;
use tcpentry::filter::Truth;
use tcpentry::{Attribution, Connection, Error, Options, Query, Selection, State, States};

use super::interrupt::Interrupt;
use super::matches::{Exception, Matches};
use super::report::Report;
use super::skip_list::SkipList;
use super::stop::Stop;
use crate::args::DeleteArgs;
use crate::own_session::SessionGuard;
use crate::tables::selection::{self, FilterInput, SelectionError};
use crate::tables::{self, NamespaceTable, rows};

/// A table, and what a filter selects in it.
pub(in crate::command) struct SelectedTable {
    /// The index of the table in the report.
    pub(in crate::command) index: usize,
    pub(in crate::command) table: NamespaceTable,
    pub(in crate::command) selection: Arc<Selection>,
    /// The query of the selection, with what is to be shown.
    pub(in crate::command) query: Query,
    /// The options of a deletion in it: the selection must still hold then.
    pub(in crate::command) options: Options,
    /// The subflows of MPTCP connections in it, as they were at the last dump.
    pub(in crate::command) subflows: Subflows,
}

impl SelectedTable {
    pub(in crate::command) fn new(
        args: &DeleteArgs,
        index: usize,
        table: NamespaceTable,
        selection: Selection,
    ) -> Self {
        let query = selection::query(&selection, &args.show);
        let selection = Arc::new(selection);
        Self {
            index,
            options: args.options().while_selected(Arc::clone(&selection)),
            table,
            selection,
            query,
            subflows: Subflows::default(),
        }
    }

    /// Reads the subflows of MPTCP connections anew.
    pub(in crate::command) fn read_subflows(&mut self) {
        // Where the table can't be read, its dump fails, too, and says so; each deletion reads them again.
        self.subflows = self.table.table.subflows().unwrap_or_default();
    }
}

/// A condition beside the filter, which looks at the row of a table of this index.
pub(in crate::command) type RowCondition<'a> =
    Box<dyn FnMut(usize, &Connection) -> RowVerdict + 'a>;

/// The answer of a condition.
pub(in crate::command) enum RowVerdict {
    Selected,
    NotSelected,
    /// It is not known, so that the connection is left alone.
    Unknown(Error),
}

/// The sockets that a filter selects in all tables, without those that a guard protects.
pub(in crate::command) struct Selector<'a> {
    pub(in crate::command) args: &'a DeleteArgs,
    input: FilterInput<'a>,
    pub(in crate::command) scans: Vec<SelectedTable>,
    pub(in crate::command) attribution: RefCell<Attribution>,
    pub(in crate::command) session: SessionGuard,
    pub(in crate::command) condition: Option<RowCondition<'a>>,
    /// Set where one subflow that is selected is enough for the end of its whole MPTCP connection.
    pub(super) ends_whole_connections: bool,
    /// The exception of connections that are spared by their own row: no other subflow of theirs is ended either.
    pub(in crate::command) spares: Option<Exception<'a>>,
    pub(super) do_not_retry: RefCell<SkipList>,
    /// The number of listeners that the last dump selected and that only `--listeners` deletes.
    pub(in crate::command) listeners: u64,
}

impl<'a> Selector<'a> {
    pub(in crate::command) fn new(
        args: &'a DeleteArgs,
        input: FilterInput<'a>,
        scans: Vec<SelectedTable>,
        attribution: Attribution,
    ) -> Self {
        let dumps_bound_inactive =
            |scan: &SelectedTable| scan.query.states.contains(State::BoundInactive);
        let do_not_retry = SkipList::new(scans.iter().any(dumps_bound_inactive));
        Self {
            args,
            input,
            scans,
            attribution: RefCell::new(attribution),
            session: SessionGuard::new(args.own_session).speaking(),
            condition: None,
            ends_whole_connections: false,
            spares: None,
            do_not_retry: RefCell::new(do_not_retry),
            listeners: 0,
        }
    }

    /// Ends an MPTCP connection by any of its subflows that is selected, not only where all are.
    pub(in crate::command) fn end_whole_connections(&mut self) {
        self.ends_whole_connections = true;
        for scan in &mut self.scans {
            scan.options = self.args.options();
        }
    }

    /// Returns true when this caller may not see what the filter asks for, of some socket at least.
    pub(in crate::command) fn may_be_hidden(&self) -> Result<bool, Error> {
        // The filter is one; only the right to see marks differs between namespaces.
        let mut attribution = self.attribution.borrow_mut();
        for scan in &self.scans {
            if scan.selection.may_be_hidden(&mut attribution)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Dumps the tables and returns what is selected, unless some of it is hidden.
    pub(in crate::command) fn find_all(&mut self, interrupt: &Interrupt) -> Result<Matches, Stop> {
        let first = self.find(interrupt)?;
        if first.hidden.is_empty() {
            return Ok(first);
        }
        // A process that got a socket after the processes were read seems to hide it: read them again.
        self.attribution.get_mut().forget();
        let second = self.find(interrupt)?;
        match first.hidden.intersection(&second.hidden).count() {
            // Whatever else is hidden came after the first dump, and might as well have come after both.
            0 => Ok(second),
            hidden => Err(Stop::Hidden(hidden as u64)),
        }
    }

    /// Dumps the tables and returns what is selected.
    fn find(&mut self, interrupt: &Interrupt) -> Result<Matches, Stop> {
        let Self {
            args,
            scans,
            session,
            condition,
            ends_whole_connections,
            spares,
            listeners,
            ..
        } = self;
        let attribution = self.attribution.get_mut();
        let do_not_retry = self.do_not_retry.get_mut();
        let mut matches = Matches::default();
        let several = scans.len() > 1;
        let mut protected = HashSet::new();
        *listeners = 0;
        let (dumps, selections): (Vec<_>, Vec<_>) = scans
            .iter_mut()
            .map(|scan| {
                let dump = (&mut scan.table, &scan.query);
                (dump, (scan.index, &*scan.selection))
            })
            .unzip();
        matches.failures = rows::each_row(dumps, |number, row| {
            let (index, selection) = selections[number];
            if interrupt.is_set() {
                return Err(Stop::Interrupted);
            }
            if do_not_retry.contains(index, row) {
                return Ok(());
            }
            match selection.judge(row, attribution)? {
                Truth::True if is_protected_listener(row, args) => *listeners += 1,
                Truth::True => match admit(condition, session, index, row) {
                    Ok(true) => matches.push(index, row.clone()),
                    Err(refusal) if protected.insert((index, row.cookie)) => {
                        matches.protected.push((index, row.clone(), refusal));
                    }
                    Ok(false) | Err(_) => {}
                },
                Truth::Hidden => {
                    matches.hidden.insert((index, row.cookie));
                }
                Truth::False | Truth::Unknown => {}
            }
            Ok(())
        })?;
        matches.remove_duplicates();
        for scan in scans {
            scan.read_subflows();
            if !*ends_whole_connections {
                matches.protect_torn(scan.index, &scan.subflows);
            } else if let Some(spares) = spares {
                matches.protect_beside(scan.index, &scan.subflows, spares);
            }
        }
        if several {
            matches.sort_by_table();
        }
        Ok(matches)
    }

    /// Returns true where the options or the filter's own states ask for listeners, which `--listeners` deletes.
    pub(in crate::command) fn are_listeners_asked_for(&self) -> bool {
        let named = self
            .scans
            .first()
            .and_then(|scan| scan.selection.filter().states());
        let states = named.unwrap_or_else(|| default_states(self.args));
        states.contains(State::Listening)
    }

    /// Counts the listeners that the filter would select if it asked for them, each once; what can't be read counts for none.
    pub(in crate::command) fn count_listeners(&mut self) -> u64 {
        let attribution = self.attribution.get_mut();
        let mut found = HashSet::new();
        for scan in &mut self.scans {
            let states = States::LISTENING;
            let prepared = selection::prepare_elsewhere(self.input, states, &mut scan.table);
            let Ok(selection) = prepared else {
                continue;
            };
            let Ok(rows) = scan.table.table.connections(selection.query()) else {
                continue;
            };
            for row in rows.filter_map(Result::ok) {
                if matches!(selection.judge(&row, attribution), Ok(Truth::True)) {
                    found.insert((scan.index, row.cookie));
                }
            }
        }
        found.len() as u64
    }

    /// Forgets what was read about processes and the own session, before another round.
    pub(in crate::command) fn forget(&mut self) {
        self.attribution.get_mut().forget();
        self.session.forget();
        self.do_not_retry.get_mut().forget_spared();
    }

    /// Adds, with `--all-netns`, the namespaces that have appeared, and drops those that only this program still
    /// holds.
    pub(super) fn refresh_namespaces(&mut self, report: &mut Report) -> Result<(), Error> {
        if !self.args.netns.all_netns {
            return Ok(());
        }
        let known = self.scans.iter().filter_map(|scan| scan.table.inode);
        let (new, present) = tables::new_namespaces(&known.collect())?;
        let is_present = |inode: &u64| present.contains(inode);
        self.scans
            .retain(|scan| scan.table.inode.as_ref().is_none_or(is_present));
        for mut table in new {
            let states = default_states(self.args);
            match selection::prepare_elsewhere(self.input, states, &mut table) {
                Ok(selection) => {
                    let index = report.add_table(self.args, &mut table);
                    self.scans
                        .push(SelectedTable::new(self.args, index, table, selection));
                }
                // A name that has lost its meaning, as that of a process that has ended: nothing can match it.
                Err(SelectionError::Filter { .. }) => {}
                Err(SelectionError::Table(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Applies the condition beside the filter, and the guard of the own session. Returns false for a row that is not selected.
pub(in crate::command) fn admit(
    condition: &mut Option<RowCondition<'_>>,
    session: &mut SessionGuard,
    table: usize,
    row: &Connection,
) -> Result<bool, Error> {
    let verdict = condition
        .as_mut()
        .map_or(RowVerdict::Selected, |holds| holds(table, row));
    match verdict {
        RowVerdict::Selected => session.admit(row).map(|()| true),
        RowVerdict::NotSelected => Ok(false),
        RowVerdict::Unknown(error) => Err(error),
    }
}

/// Returns the states where the filter names none; listeners only where they may be deleted.
pub(in crate::command) fn default_states(args: &DeleteArgs) -> States {
    let states = args.select.states();
    if args.listeners {
        states.union(States::LISTENING)
    } else {
        states
    }
}

/// Returns true for a listener, unless `--listeners` was given.
pub(in crate::command) fn is_protected_listener(row: &Connection, args: &DeleteArgs) -> bool {
    row.state == State::Listening && !args.listeners
}
