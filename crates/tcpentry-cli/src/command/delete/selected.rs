//! Deleting what a filter selects: shown and confirmed first, or at once, or again and again.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use tcpentry::{
    Connection, Cookie, Error, Knowledge, Method, Options, Outcome, Query, Selection, States,
    TcpTable, Truth, Verdict,
};

use super::preview;
use super::report::{Attempt, Report};
use super::{Interruption, SessionGuard, look_for_owners, options};
use crate::args::DeleteArgs;
use crate::confirm;
use crate::exit::Exit;
use crate::output::{complain, complain_of, hint_at};
use crate::selection;

pub(super) fn run(args: &DeleteArgs, table: &mut TcpTable, text: &str) -> Exit {
    let selection = match selection::of(text, &args.select, states(args), table) {
        Ok(selection) => selection,
        Err(refusal) => return refusal.report(Exit::of_deletion),
    };
    if args.select.explain {
        return match selection::explain(&selection) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                complain(&format!("cannot write to standard output: {error}"));
                Exit::Failed
            }
            _ => Exit::Done,
        };
    }
    if args.verbose {
        complain(&format!("selects {}", selection.filter()));
    }
    let report = match Report::new(args, table) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let mut run = Run {
        args,
        query: selection::query(&selection, &args.show),
        knowledge: RefCell::new(selection::knowledge(&selection, &args.show)),
        selection,
        options: options(args),
        session: SessionGuard::new(args),
        report,
        interruption: Interruption::expected(),
        settled: RefCell::default(),
        selected: 0,
        listeners: 0,
    };
    let end = run.all_rounds(table);
    run.end(end)
}

/// The states where the filter names none: listeners only where they may be deleted.
fn states(args: &DeleteArgs) -> States {
    let states = match (args.select.all, args.select.listening) {
        (true, _) => States::ALL_ACTIVE,
        (false, true) => States::LISTENING,
        (false, false) => States::CONNECTIONS,
    };
    if args.listeners {
        states.union(States::LISTENING)
    } else {
        states
    }
}

/// One run of the command.
struct Run<'a> {
    args: &'a DeleteArgs,
    selection: Selection,
    /// Its question to the table, and what is to be shown beside.
    query: Query,
    knowledge: RefCell<Knowledge>,
    options: Options,
    session: SessionGuard,
    report: Report,
    interruption: Interruption,
    /// What could not be deleted and has been reported: in later rounds it is not tried again.
    settled: RefCell<HashSet<Cookie>>,
    /// How many were to be deleted in all rounds before this one.
    selected: u64,
    /// How many listeners the last look would have selected if they might be deleted.
    listeners: u64,
}

/// Why a run ends before its end.
enum Stop {
    /// By a guard over so many, or not confirmed.
    Refused(u64),
    /// Of so many this caller may not see what would tell.
    Unseen(u64),
    Failed(Error),
    Interrupted,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What one look at the table selected.
#[derive(Default)]
struct Selected {
    doomed: Vec<Connection>,
    /// Selected, but spared by a guard of the program.
    spared: Vec<(Connection, Error)>,
    /// Neither selected nor not: this caller may not see what would tell.
    unseen: u64,
}

impl Selected {
    fn refuse_unseen(&self) -> Result<(), Stop> {
        match self.unseen {
            0 => Ok(()),
            unseen => Err(Stop::Unseen(unseen)),
        }
    }
}

impl Run<'_> {
    fn all_rounds(&mut self, table: &mut TcpTable) -> Result<(), Stop> {
        self.first_round(table)?;
        if self.repeats() && !self.args.dry_run {
            self.further_rounds(table)?;
        }
        Ok(())
    }

    fn first_round(&mut self, table: &mut TcpTable) -> Result<(), Stop> {
        // Where nothing has to be shown, counted or refused first, nothing has to be held.
        let at_once = self.args.yes && self.args.max.is_none() && !self.args.dry_run;
        if at_once && !self.may_be_unseen()? {
            return self.sweep(table).map(drop);
        }
        let selected = self.look(table)?;
        selected.refuse_unseen()?;
        if self.args.dry_run {
            let allowed = self.allow(&selected);
            self.delete(table, selected)?;
            return allowed;
        }
        self.allow(&selected)?;
        self.delete(table, selected)
    }

    /// Round after round, until the time is over or nothing has matched for long enough.
    fn further_rounds(&mut self, table: &mut TcpTable) -> Result<(), Stop> {
        let start = Instant::now();
        let mut matched = start;
        loop {
            let round = Instant::now();
            self.knowledge.borrow_mut().forget();
            if self.further_round(table)? {
                matched = Instant::now();
            }
            let now = Instant::now();
            let limits = [(self.args.period, start), (self.args.until_quiet, matched)];
            let left = limits.into_iter().filter_map(|(limit, since)| {
                Some(limit?.saturating_sub(now.duration_since(since)))
            });
            let left = left.min().unwrap_or_default();
            if left.is_zero() {
                return Ok(());
            }
            self.rest(pause_after(now - round).min(left))?;
        }
    }

    /// One more look, and whether there was anything new.
    fn further_round(&mut self, table: &mut TcpTable) -> Result<bool, Stop> {
        if self.args.max.is_none() && !self.may_be_unseen()? {
            return self.sweep(table);
        }
        let selected = self.look(table)?;
        selected.refuse_unseen()?;
        self.refuse_too_many(&selected)?;
        let anything = !selected.doomed.is_empty() || !selected.spared.is_empty();
        self.delete(table, selected)?;
        Ok(anything)
    }

    /// Waits, unless it is interrupted.
    fn rest(&self, time: Duration) -> Result<(), Stop> {
        let end = Instant::now() + time;
        while !self.interruption.came() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(HEARING));
        }
        Err(Stop::Interrupted)
    }

    fn repeats(&self) -> bool {
        self.args.period.is_some() || self.args.until_quiet.is_some()
    }

    fn may_be_unseen(&self) -> Result<bool, Error> {
        self.selection
            .may_be_unseen(&mut self.knowledge.borrow_mut())
    }

    /// Walks the table and deletes what is selected on the way. Whether that was anything.
    fn sweep(&mut self, table: &mut TcpTable) -> Result<bool, Stop> {
        let Self {
            args,
            selection,
            knowledge,
            options,
            session,
            report,
            interruption,
            settled,
            query,
            listeners,
            ..
        } = self;
        *listeners = 0;
        let (mut anything, mut failure, mut unseen) = (false, None, 0);
        let select = |row: &Connection| {
            if interruption.came() {
                return Verdict::Stop;
            }
            if settled.borrow().contains(&row.cookie) {
                return Verdict::Skip;
            }
            let truth = selection.judge(row, &mut knowledge.borrow_mut());
            match truth {
                Ok(Truth::True) if is_spared_listener(row, args) => {
                    *listeners += 1;
                    Verdict::Skip
                }
                Ok(Truth::True) => match session.admit(row) {
                    Ok(()) => {
                        look_for_owners(args, &mut knowledge.borrow_mut());
                        Verdict::Take
                    }
                    Err(refusal) => Verdict::Refuse(refusal),
                },
                Ok(Truth::Unseen) => {
                    // Since the look before: nothing more is deleted.
                    unseen += 1;
                    Verdict::Stop
                }
                Ok(Truth::False | Truth::Unknown) => Verdict::Skip,
                Err(error) => {
                    failure = Some(error);
                    Verdict::Stop
                }
            }
        };
        let tell = |row: &Connection, result: Result<Method, Error>| {
            anything = true;
            let attempt = Attempt::on(row.pair.into(), row.clone(), result);
            settle(&attempt, row.cookie, &mut settled.borrow_mut());
            report.add(&attempt, knowledge);
            interruption.flow()
        };
        let walked = table.delete_matching(query, options, select, tell);
        report.flush();
        walked?;
        match (failure, unseen) {
            _ if interruption.came() => Err(Stop::Interrupted),
            (Some(error), _) => Err(error.into()),
            (None, 1..) => Err(Stop::Unseen(unseen)),
            (None, 0) => Ok(anything),
        }
    }

    /// Walks the table and holds what is selected.
    fn look(&mut self, table: &mut TcpTable) -> Result<Selected, Stop> {
        let mut selected = Selected::default();
        let knowledge = self.knowledge.get_mut();
        let settled = self.settled.get_mut();
        self.listeners = 0;
        for row in table.connections(&self.query)? {
            let row = row?;
            if self.interruption.came() {
                return Err(Stop::Interrupted);
            }
            if settled.contains(&row.cookie) {
                continue;
            }
            match self.selection.judge(&row, knowledge)? {
                Truth::True if is_spared_listener(&row, self.args) => self.listeners += 1,
                Truth::True => match self.session.admit(&row) {
                    Ok(()) => selected.doomed.push(row),
                    Err(refusal) => selected.spared.push((row, refusal)),
                },
                Truth::Unseen => selected.unseen += 1,
                Truth::False | Truth::Unknown => {}
            }
        }
        // A socket that moves during the walk is seen twice.
        let mut seen = HashSet::new();
        selected.doomed.retain(|row| seen.insert(row.cookie));
        Ok(selected)
    }

    /// Deletes what was selected, as it was named then, and reports what was spared.
    fn delete(&mut self, table: &mut TcpTable, selected: Selected) -> Result<(), Stop> {
        let Self {
            args,
            knowledge,
            options,
            report,
            interruption,
            settled,
            ..
        } = self;
        self.selected += selected.doomed.len() as u64;
        let settled = settled.get_mut();
        for (row, refusal) in selected.spared {
            let cookie = row.cookie;
            let attempt = Attempt::on(row.pair.into(), row, Err(refusal));
            settle(&attempt, cookie, settled);
            report.add(&attempt, knowledge);
        }
        if !selected.doomed.is_empty() {
            look_for_owners(args, knowledge.get_mut());
        }
        let tell = |row: &Connection, result: Result<Method, Error>| {
            let attempt = Attempt::on(row.pair.into(), row.clone(), result);
            settle(&attempt, row.cookie, settled);
            report.add(&attempt, knowledge);
            interruption.flow()
        };
        if args.dry_run {
            table.check_all(selected.doomed, options, tell);
        } else {
            table.delete_all(selected.doomed, options, tell);
        }
        report.flush();
        if interruption.came() {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// The guards over all of them: that they are not too many, and are wanted.
    fn allow(&mut self, selected: &Selected) -> Result<(), Stop> {
        self.refuse_too_many(selected)?;
        let count = selected.doomed.len() as u64;
        if self.args.yes || (count < 2 && !self.repeats()) {
            return Ok(());
        }
        if !confirm::can_ask() {
            let many = if self.repeats() {
                "repeated deletion may take more than one".to_owned()
            } else {
                matching(count)
            };
            complain(&format!(
                "not confirmed: {many}, and there is no terminal to ask at"
            ));
            hint_at("look at them with -n; --yes deletes them without asking");
            return Err(Stop::Refused(count.max(1)));
        }
        if self.args.dry_run {
            return Ok(());
        }
        preview::show(
            self.args,
            &selected.doomed,
            &mut self.report,
            self.knowledge.get_mut(),
        )?;
        let question = preview::question(self.args, count);
        if self.interruption.confirm(&question) {
            Ok(())
        } else if self.interruption.came() {
            Err(Stop::Interrupted)
        } else {
            complain("not confirmed: nothing was deleted");
            Err(Stop::Refused(count.max(1)))
        }
    }

    fn refuse_too_many(&mut self, selected: &Selected) -> Result<(), Stop> {
        let count = selected.doomed.len() as u64;
        let total = self.selected + count;
        match self.args.max {
            Some(max) if total > max => {
                let so_far = if self.selected > 0 {
                    format!(", after {} before", self.selected)
                } else {
                    String::new()
                };
                let matching = matching(count);
                self.report.say(&format!(
                    "refused: {matching}{so_far}, more than --max {max}; nothing of that was deleted"
                ));
                Err(Stop::Refused(count))
            }
            _ => Ok(()),
        }
    }

    /// Says why it ended, and gives the code for all of it.
    fn end(mut self, end: Result<(), Stop>) -> Exit {
        let report = &mut self.report;
        match end {
            Ok(()) => {
                if report.is_empty() && !self.args.quiet {
                    report.say(&match self.listeners {
                        0 => format!("no connection matches: {}", self.selection.filter()),
                        1 => "only a listener matches, which takes --listeners".to_owned(),
                        many => format!("only {many} listeners match, which takes --listeners"),
                    });
                }
            }
            // Nothing was tried, or only rehearsed.
            Err(Stop::Refused(_)) if report.is_empty() || self.args.dry_run => {
                self.report.end();
                return Exit::Guarded;
            }
            Err(Stop::Refused(count)) => report.count_together(Outcome::Guarded, count),
            Err(Stop::Unseen(count)) => {
                let first = report.is_empty();
                let more = if first { "nothing" } else { "nothing more" };
                report.say(&selection::unseen(count, &format!("{more} was deleted")));
                hint_at(selection::SEE_MORE);
                if first {
                    return Exit::Denied;
                }
                report.count_together(Outcome::Denied, count);
            }
            Err(Stop::Failed(error)) => {
                report.clear();
                complain_of(&error);
                if report.is_empty() {
                    return Exit::of_deletion(&error);
                }
                report.count_together(error.outcome(), 1);
            }
            Err(Stop::Interrupted) => {
                report.say(if report.is_empty() {
                    "interrupted: nothing was deleted"
                } else {
                    "interrupted: nothing more was deleted"
                });
                self.report.end();
                return Exit::Interrupted;
            }
        }
        self.report.end()
    }
}

/// Listeners are selected only where that is asked for.
fn is_spared_listener(row: &Connection, args: &DeleteArgs) -> bool {
    row.state == tcpentry::State::Listening && !args.listeners
}

/// Remembers what there is no use in trying again. One that was gone may come back: it can be connected anew.
fn settle(attempt: &Attempt, cookie: Cookie, settled: &mut HashSet<Cookie>) {
    if !matches!(attempt.outcome(), Outcome::Deleted | Outcome::Gone) {
        settled.insert(cookie);
    }
}

fn matching(count: u64) -> String {
    match count {
        1 => "1 connection matches".to_owned(),
        _ => format!("{count} connections match"),
    }
}

/// How long to wait after a round that took so long: a fiftieth of one processor at the most.
fn pause_after(round: Duration) -> Duration {
    (round * 50).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// A table of millions is looked at as often as this all the same.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How late an interruption may be heard.
const HEARING: Duration = Duration::from_millis(50);
