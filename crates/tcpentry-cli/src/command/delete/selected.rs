//! Deleting what a filter selects: shown and confirmed first, or at once, or again and again.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use tcpentry::{
    Compact, Connection, Cookie, Error, Knowledge, Method, Options, Outcome, Query, Selection,
    States, Truth, Verdict, Walked,
};

use super::preview;
use super::report::{Attempt, Report};
use super::{Interruption, look_for_owners, options};
use crate::args::DeleteArgs;
use crate::confirm;
use crate::exit::Exit;
use crate::output::{complain, complain_of, hint_at};
use crate::own_session::SessionGuard;
use crate::selection::{self, Hosts, Refusal};
use crate::sites::{self, Site, Sites};
use crate::walk;

pub(super) fn run(args: &DeleteArgs, sites: Sites, text: &str) -> Exit {
    let Sites {
        mut sites,
        left_out,
        ..
    } = sites;
    let selections =
        match selection::of_sites(text, &args.select, states(args), &mut sites, Hosts::LookUp) {
            Ok(selections) => selections,
            Err(refusal) => return refusal.report(Exit::of_deletion),
        };
    let Some(first) = selections.first() else {
        return Exit::Nothing;
    };
    if args.explain {
        return match selection::explain(&sites, &selections) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                complain(&format!("cannot write to standard output: {error}"));
                Exit::Failed
            }
            _ => Exit::Done,
        };
    }
    if args.verbose {
        complain(&format!("selects {}", selection::shown(first)));
    }
    let knowledge = selection::knowledge(first, &args.show);
    let filter = selection::shown(first);
    let mut fields: Vec<_> = sites
        .into_iter()
        .zip(selections)
        .enumerate()
        .map(|(place, (site, selection))| Field::new(args, place, site, selection))
        .collect();
    let report = match Report::new(args, fields.iter_mut().map(|field| &mut field.site)) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let mut run = Run {
        args,
        text,
        left_out,
        filter,
        fields,
        knowledge: RefCell::new(knowledge),
        options: options(args),
        session: SessionGuard::new(args.own_session).speaking(),
        report,
        interruption: Interruption::expected(),
        settled: RefCell::default(),
        selected: 0,
        listeners: 0,
    };
    let end = run.all_rounds();
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

/// A network namespace, and what is selected in it.
struct Field {
    /// Its place in the report.
    place: usize,
    site: Site,
    selection: Selection,
    /// Its question to the table, and what is to be shown beside.
    query: Query,
}

impl Field {
    fn new(args: &DeleteArgs, place: usize, site: Site, selection: Selection) -> Self {
        let query = selection::query(&selection, &args.show);
        Self {
            place,
            site,
            selection,
            query,
        }
    }
}

/// One run of the command.
struct Run<'a> {
    args: &'a DeleteArgs,
    text: &'a str,
    /// Whether there are network namespaces that were to be looked at, and could not be.
    left_out: bool,
    /// In canonical form, to be shown.
    filter: String,
    fields: Vec<Field>,
    knowledge: RefCell<Knowledge>,
    options: Options,
    session: SessionGuard,
    report: Report,
    interruption: Interruption,
    /// What could not be deleted and has been reported, by field and cookie: in later rounds it is not tried again.
    /// (Before Linux 5.10 cookies are counted in each network namespace by itself.)
    settled: RefCell<HashSet<(usize, Cookie)>>,
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

/// What one look at the tables selected.
#[derive(Default)]
struct Selected {
    doomed: Vec<Doomed>,
    /// The first of them, to be shown.
    shown: Vec<(usize, Connection)>,
    /// Selected, but spared by a guard of the program.
    spared: Vec<(usize, Connection, Error)>,
    /// Neither selected nor not: this caller may not see what would tell.
    unseen: HashSet<(usize, Cookie)>,
}

/// One that is to be deleted once that has been allowed, in 64 bytes: there may be a million.
struct Doomed {
    /// Of its field.
    place: u32,
    connection: Compact,
}

impl Selected {
    fn doom(&mut self, place: usize, row: Connection) {
        self.doomed.push(Doomed {
            place: u32::try_from(place).expect("there are not so many namespaces"),
            connection: Compact::from(&row),
        });
        if self.shown.len() < preview::SHOWN {
            self.shown.push((place, row));
        }
    }

    /// Leaves each once: under churn a walk may show a socket twice.
    fn forget_repetitions(&mut self) {
        let mut cookies: Vec<_> = self
            .doomed
            .iter()
            .map(|it| it.connection.cookie())
            .collect();
        cookies.sort_unstable();
        if cookies.windows(2).all(|two| two[0] != two[1]) {
            return;
        }
        let mut seen = HashSet::new();
        self.doomed
            .retain(|it| seen.insert((it.place, it.connection.cookie())));
        let mut seen = HashSet::new();
        self.shown
            .retain(|(place, row)| seen.insert((*place, row.cookie)));
    }
}

impl Run<'_> {
    fn all_rounds(&mut self) -> Result<(), Stop> {
        self.first_round()?;
        if self.repeats() && !self.args.dry_run {
            self.further_rounds()?;
        }
        Ok(())
    }

    fn first_round(&mut self) -> Result<(), Stop> {
        // Where nothing has to be shown, counted or refused first, nothing has to be held.
        let at_once = self.args.yes && self.args.max.is_none() && !self.args.dry_run;
        if at_once && !self.may_be_unseen()? {
            // A walk among sockets that come and go can miss one that stays; so does another one, but hardly the
            // same.
            self.sweep(MOST_SWEEPS)?;
            return Ok(());
        }
        let selected = self.look_for_all()?;
        if self.args.dry_run {
            let allowed = self.allow(&selected);
            self.delete(selected)?;
            return allowed;
        }
        self.allow(&selected)?;
        self.delete(selected)
    }

    /// Round after round, until the time is over or nothing has matched for long enough.
    fn further_rounds(&mut self) -> Result<(), Stop> {
        let start = Instant::now();
        let mut matched = start;
        loop {
            let round = Instant::now();
            self.knowledge.borrow_mut().forget();
            self.report.forget();
            self.session.forget();
            self.look_for_namespaces()?;
            if self.further_round()? {
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

    /// Of all namespaces: takes in those that have been made meanwhile, and lets go of those that only this
    /// program still holds.
    fn look_for_namespaces(&mut self) -> Result<(), Error> {
        if !self.args.netns.all_netns {
            return Ok(());
        }
        let known = self.fields.iter().filter_map(|field| field.site.inode);
        let (sites, present) = sites::newcomers(&known.collect())?;
        let is_present = |inode: &u64| present.contains(inode);
        self.fields
            .retain(|field| field.site.inode.as_ref().is_none_or(is_present));
        for mut site in sites {
            let states = states(self.args);
            match selection::of_another(self.text, &self.args.select, states, &mut site) {
                Ok(selection) => {
                    let place = self.report.add_site(self.args, &mut site);
                    self.fields
                        .push(Field::new(self.args, place, site, selection));
                }
                // A name that has lost its meaning since (a process that ended): nothing can match it.
                Err(Refusal::Filter { .. }) => {}
                Err(Refusal::Table(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// One more look, and whether there was anything new.
    fn further_round(&mut self) -> Result<bool, Stop> {
        if self.args.max.is_none() && !self.may_be_unseen()? {
            return self.sweep(1);
        }
        let selected = self.look_for_all()?;
        self.refuse_too_many(&selected)?;
        let anything = !selected.doomed.is_empty() || !selected.spared.is_empty();
        self.delete(selected)?;
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
        // It is the same filter everywhere; only the rights to see marks differ.
        let mut knowledge = self.knowledge.borrow_mut();
        for field in &self.fields {
            if field.selection.may_be_unseen(&mut knowledge)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Walks each table until nothing more is selected, so often at the most, and deletes on the way. Whether that
    /// was anything.
    fn sweep(&mut self, most: usize) -> Result<bool, Stop> {
        self.listeners = 0;
        let mut anything = false;
        for index in 0..self.fields.len() {
            match self.sweep_repeatedly(index, most) {
                // One of several that can't be read: the others go on.
                Err(Stop::Failed(error)) if self.fields.len() > 1 => {
                    let name = self.fields[index].site.name.as_deref();
                    let name = name.unwrap_or_default();
                    self.report.say(&format!("{name}: {error}"));
                    self.report.count_together(error.outcome(), 1);
                }
                swept => anything |= swept?,
            }
        }
        Ok(anything)
    }

    fn sweep_repeatedly(&mut self, index: usize, most: usize) -> Result<bool, Stop> {
        for time in 0..most {
            match self.sweep_field(index)? {
                (false, _) => return Ok(time > 0),
                (true, Walked::AtOnce) => break,
                (true, _) => {}
            }
        }
        Ok(true)
    }

    /// Whether anything was selected, and how the table was walked.
    fn sweep_field(&mut self, index: usize) -> Result<(bool, Walked), Stop> {
        let Self {
            args,
            fields,
            knowledge,
            options,
            session,
            report,
            interruption,
            settled,
            listeners,
            ..
        } = self;
        let Field {
            place,
            site,
            selection,
            query,
        } = &mut fields[index];
        let place = *place;
        let (mut anything, mut failure, mut unseen) = (false, None, 0);
        let select = |row: &Connection| {
            if interruption.came() {
                return Verdict::Stop;
            }
            if settled.borrow().contains(&(place, row.cookie)) {
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
            let attempt = Attempt::on(place, row.pair.into(), row.clone(), result);
            settle(&attempt, (place, row.cookie), &mut settled.borrow_mut());
            report.add(&attempt, knowledge);
            interruption.flow()
        };
        let walked = site.table.delete_matching(query, options, select, tell);
        report.flush();
        let walked = walked?;
        match (failure, unseen) {
            _ if interruption.came() => Err(Stop::Interrupted),
            (Some(error), _) => Err(error.into()),
            (None, 1..) => Err(Stop::Unseen(unseen)),
            (None, 0) => Ok((anything, walked)),
        }
    }

    /// Walks the tables and holds what is selected, if all of it can be seen.
    fn look_for_all(&mut self) -> Result<Selected, Stop> {
        let first = self.look()?;
        if first.unseen.is_empty() {
            return Ok(first);
        }
        // A process that came by a socket since the processes were looked at seems to hide: once more.
        self.knowledge.get_mut().forget();
        let second = self.look()?;
        match first.unseen.intersection(&second.unseen).count() {
            // What else is unseen came after the first look, and may as well have come after both.
            0 => Ok(second),
            unseen => Err(Stop::Unseen(unseen as u64)),
        }
    }

    /// Walks the tables and holds what is selected.
    fn look(&mut self) -> Result<Selected, Stop> {
        let Self {
            args,
            fields,
            session,
            interruption,
            listeners,
            ..
        } = self;
        let knowledge = self.knowledge.get_mut();
        let settled = self.settled.get_mut();
        let mut selected = Selected::default();
        let several = fields.len() > 1;
        let mut spared = HashSet::new();
        *listeners = 0;
        let (asked, selections): (Vec<_>, Vec<_>) = fields
            .iter_mut()
            .map(|field| {
                let Field {
                    place,
                    site,
                    selection,
                    query,
                } = field;
                ((site, &*query), (*place, &*selection))
            })
            .unzip();
        let failures = walk::each_row(asked, |index, row| {
            let (place, selection) = selections[index];
            if interruption.came() {
                return Err(Stop::Interrupted);
            }
            if settled.contains(&(place, row.cookie)) {
                return Ok(());
            }
            match selection.judge(&row, knowledge)? {
                Truth::True if is_spared_listener(&row, args) => *listeners += 1,
                Truth::True => match session.admit(&row) {
                    Ok(()) => selected.doom(place, row),
                    Err(refusal) if spared.insert((place, row.cookie)) => {
                        selected.spared.push((place, row, refusal));
                    }
                    Err(_) => {}
                },
                Truth::Unseen => {
                    selected.unseen.insert((place, row.cookie));
                }
                Truth::False | Truth::Unknown => {}
            }
            Ok(())
        })?;
        for error in failures {
            self.report.count_together(error.outcome(), 1);
        }
        selected.forget_repetitions();
        // The walks were side by side; the rows of each are in order.
        if several {
            selected.doomed.sort_by_key(|it| it.place);
            selected.shown.sort_by_key(|(place, _)| *place);
        }
        Ok(selected)
    }

    /// Deletes what was selected, as it was named then, and reports what was spared.
    fn delete(&mut self, selected: Selected) -> Result<(), Stop> {
        let Self {
            args,
            fields,
            knowledge,
            options,
            report,
            interruption,
            settled,
            ..
        } = self;
        self.selected += selected.doomed.len() as u64;
        let settled = settled.get_mut();
        for (place, row, refusal) in selected.spared {
            let cookie = row.cookie;
            let attempt = Attempt::on(place, row.pair.into(), row, Err(refusal));
            settle(&attempt, (place, cookie), settled);
            report.add(&attempt, knowledge);
        }
        if !selected.doomed.is_empty() {
            look_for_owners(args, knowledge.get_mut());
        }
        let mut doomed = selected.doomed.into_iter().peekable();
        for field in fields.iter_mut() {
            let place = field.place;
            let tell = |row: &Connection, result: Result<Method, Error>| {
                let attempt = Attempt::on(place, row.pair.into(), row.clone(), result);
                settle(&attempt, (place, row.cookie), settled);
                report.add(&attempt, knowledge);
                interruption.flow()
            };
            let here = std::iter::from_fn(|| doomed.next_if(|it| it.place as usize == place));
            let here = here.map(|it| Connection::from(&it.connection));
            let table = &mut field.site.table;
            if args.dry_run {
                table.check_all(here, options, tell);
            } else {
                table.delete_all(here, options, tell);
            }
            if interruption.came() {
                break;
            }
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
        if self.args.yes || count == 0 && !self.repeats() {
            return Ok(());
        }
        let one = selected.shown.first().filter(|_| count == 1);
        let of_a_server = one.is_some_and(|(_, row)| self.session.is_of_a_server(row));
        if count == 1 && !self.repeats() && !of_a_server {
            // Without a terminal it has been said, and that is all.
            if !self.session.is_in_doubt() || !confirm::can_ask() {
                return Ok(());
            }
        }
        if !confirm::can_ask() {
            let many = if self.repeats() {
                "repeated deletion may take more than one".to_owned()
            } else if of_a_server {
                "1 connection matches, which an SSH server holds".to_owned()
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
            &selected.shown,
            count,
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
                if report.is_empty() && self.left_out {
                    report.say(&format!(
                        "no connection that may be looked at matches: {}",
                        self.filter
                    ));
                    return Exit::Denied;
                }
                if report.is_empty() && !self.args.quiet {
                    report.say(&match self.listeners {
                        0 => {
                            format!("no connection matches: {}", self.filter)
                        }
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
fn settle(attempt: &Attempt, socket: (usize, Cookie), settled: &mut HashSet<(usize, Cookie)>) {
    if !matches!(attempt.outcome(), Outcome::Deleted | Outcome::Gone) {
        settled.insert(socket);
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

/// How often a table is walked until nothing more is found; who reconnects as fast takes `--for`.
const MOST_SWEEPS: usize = 3;
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// A table of millions is looked at as often as this all the same.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How late an interruption may be heard.
const HEARING: Duration = Duration::from_millis(50);
