//! One run of `delete FILTER`: the guards over all matches, and their deletion.

use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::{Attribution, Connection, Error, Selection};

use super::attempt::Attempt;
use super::confirm;
use super::interrupt::Interrupt;
use super::matches::{Match, Matches};
use super::preview;
use super::report::Report;
use super::sample::{self, Sampler};
use super::selector::{SelectedTable, Selector};
use super::stop::Stop;
use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::message::{print_error, print_hint, print_hints};
use crate::pace::{self, Pacer};
use crate::tables::selection::{self, FilterInput};
use crate::tables::{NamespaceTable, mentions};

/// One run of the command.
pub(super) struct Run<'a> {
    pub(super) args: &'a DeleteArgs,
    pub(super) selector: Selector<'a>,
    pub(super) report: Report,
    pub(super) interrupt: Interrupt,
    /// The filter in canonical form.
    pub(super) filter: String,
    /// Set when a namespace that was asked for could not be read.
    pub(super) left_out: bool,
    /// The number of sockets that were to be deleted in all rounds so far.
    pub(super) attempted: u64,
    /// The notice at the end of a dry run about the question that it has not asked.
    pub(super) needs_yes: Option<String>,
    /// Set where nothing is said of an empty selection.
    pub(super) is_silent_if_none: bool,
    /// Set where connections match, and the random sample of them is empty.
    pub(super) is_sample_empty: bool,
    pub(super) pacer: Option<Pacer>,
    /// The time of the first deletion at a pace, from which `--for` counts then.
    pub(super) begun: Option<Instant>,
    pub(super) sampler: Option<Sampler>,
    /// The number that repeats the random choices.
    pub(super) seed: u64,
}

impl<'a> Run<'a> {
    /// Makes a run over these tables, each with its selection. Where that can't be reported, returns the exit code.
    pub(super) fn new(
        args: &'a DeleteArgs,
        input: FilterInput<'a>,
        mut tables: Vec<NamespaceTable>,
        selections: Vec<Selection>,
        attribution: Attribution,
        interrupt: Interrupt,
    ) -> Result<Self, Exit> {
        let filter = selections.first().map(selection::canonical);
        let report = Report::new(args, tables.iter_mut())?;
        let scans = tables.into_iter().zip(selections).enumerate();
        let scans = scans
            .map(|(index, (table, selection))| SelectedTable::new(args, index, table, selection));
        let (seed, rng) = args.sampling.random();
        Ok(Self {
            args,
            selector: Selector::new(args, input, scans.collect(), attribution),
            report,
            interrupt,
            filter: filter.unwrap_or_default(),
            left_out: false,
            attempted: 0,
            needs_yes: None,
            is_silent_if_none: false,
            is_sample_empty: false,
            sampler: args
                .sampling
                .sample
                .map(|size| Sampler::new(size, rng.clone())),
            pacer: Pacer::new(&args.pace, rng),
            seed,
            begun: None,
        })
    }
}

impl Run<'_> {
    /// Dumps the tables and returns what is selected, or a random sample of it, unless some of it is hidden.
    pub(super) fn find_all(&mut self) -> Result<Matches, Stop> {
        let mut matches = self.selector.find_all(&self.interrupt)?;
        for error in &matches.failures {
            self.report.count_together(error.outcome(), 1);
        }
        if let Some(sampler) = &mut self.sampler {
            let scans = &self.selector.scans;
            let sampled = matches.sample(sampler, |row| {
                let (table, cookie) = row.key();
                let scan = scans.iter().find(|scan| scan.index == table);
                let subflows = scan.map(|scan| &scan.subflows).filter(|it| !it.is_empty());
                let row = row.connection();
                let others = subflows.into_iter().flat_map(|it| it.others_of(&row));
                let first = others.map(|it| it.cookie).chain([cookie]).min();
                (table, first.unwrap_or(cookie))
            });
            self.is_sample_empty = sampled.of > 0 && sampled.taken == 0;
            let do_not_retry = self.selector.do_not_retry.get_mut();
            do_not_retry.leave_out(sampled.left_out);
            if sampled.of > 0 && !self.args.report.quiet {
                let described = sample::describe(sampled.taken, sampled.of, self.seed);
                self.report.notice(&described);
            }
        }
        Ok(matches)
    }

    /// Returns true with `--for` or `--until-quiet`.
    pub(super) fn repeats(&self) -> bool {
        self.args.period.is_some() || self.args.until_quiet.is_some()
    }

    /// Deletes what was found, by its identity, and reports what was protected.
    pub(super) fn delete(&mut self, matches: Matches) -> Result<(), Stop> {
        let Self {
            args,
            selector,
            report,
            ..
        } = self;
        self.attempted += matches.count();
        let attribution = &selector.attribution;
        let do_not_retry = selector.do_not_retry.get_mut();
        for (table, row, refusal) in matches.protected {
            let key = (table, row.cookie);
            let mut scans = selector.scans.iter();
            let scan = scans.find(|scan| scan.index == table);
            let others = scan.into_iter().flat_map(|it| it.subflows.others_of(&row));
            let others = others.cloned().collect();
            let attempt = Attempt::on_row(table, row, Err(refusal)).beside(others, false);
            do_not_retry.remember(&attempt, key);
            report.add(&attempt, attribution);
        }
        if !matches.rows.is_empty() {
            selection::load_owners(&args.show, &mut attribution.borrow_mut());
        }
        if self.pacer.is_some() && !self.args.dry_run {
            let begun = *self.begun.get_or_insert_with(Instant::now);
            let limit = self
                .args
                .period
                .map(|period| period.saturating_sub(begun.elapsed()));
            return self.delete_paced(matches.rows, limit);
        }
        let mut rows = matches.rows.into_iter().peekable();
        let tables: Vec<_> = self.selector.scans.iter().map(|scan| scan.index).collect();
        for table in tables {
            let here = std::iter::from_fn(|| rows.next_if(|it| it.table() == table));
            let here = here.map(|it: Match| it.connection());
            self.delete_here(table, here, self.args.dry_run, |_, _| true);
            if self.interrupt.is_set() {
                break;
            }
        }
        self.report.end_round();
        if self.interrupt.is_set() {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// Deletes these connections of a table, or only checks that, and reports each result that is `wanted`. Returns the
    /// number of those that were deleted.
    pub(super) fn delete_here(
        &mut self,
        table: usize,
        connections: impl IntoIterator<Item = Connection>,
        checks_only: bool,
        mut wanted: impl FnMut(&Connection, &Result<Ending, Error>) -> bool,
    ) -> u64 {
        let Self {
            selector,
            report,
            interrupt,
            ..
        } = self;
        let attribution = &selector.attribution;
        let do_not_retry = selector.do_not_retry.get_mut();
        let mut scans = selector.scans.iter_mut();
        let Some(scan) = scans.find(|scan| scan.index == table) else {
            return 0;
        };
        let subflows = &scan.subflows;
        let names_subflows = selector.ends_whole_connections;
        let mut deleted = 0;
        let on_result = |row: &Connection, result: Result<Ending, Error>| {
            if wanted(row, &result) {
                deleted += u64::from(result.is_ok());
                let others = subflows.others_of(row).cloned().collect();
                let attempt = Attempt::on_row(table, row.clone(), result);
                let attempt = attempt.beside(others, names_subflows);
                do_not_retry.remember(&attempt, (table, row.cookie));
                report.add(&attempt, attribution);
            }
            interrupt.control_flow()
        };
        let (table, options) = (&mut scan.table.table, &scan.options);
        if checks_only {
            table.check_all(connections, options, on_result);
        } else {
            table.delete_all(connections, options, on_result);
        }
        deleted
    }

    /// Reports what became of a connection of a table.
    pub(super) fn report_one(
        &mut self,
        table: usize,
        row: &Connection,
        result: Result<Ending, Error>,
    ) {
        let attempt = Attempt::on_row(table, row.clone(), result);
        self.report.add(&attempt, &self.selector.attribution);
    }

    /// Returns the table of this index, and what is selected in it.
    pub(super) fn scan(&mut self, table: usize) -> Option<&mut SelectedTable> {
        let mut scans = self.selector.scans.iter_mut();
        scans.find(|scan| scan.index == table)
    }

    /// Applies the guards over all matches: their number, and the confirmation.
    pub(super) fn allow(&mut self, matches: &Matches) -> Result<(), Stop> {
        self.refuse_too_many(matches)?;
        let count = matches.count();
        if self.args.yes || (count == 0 && !self.repeats()) {
            return Ok(());
        }
        let one = matches.preview.first().filter(|_| count == 1);
        let of_a_server = one.is_some_and(|(_, row)| self.selector.session.is_of_a_server(row));
        let may_be_own = one.is_some() && self.selector.session.is_in_doubt();
        if count == 1 && !self.repeats() && !of_a_server && !may_be_own {
            return Ok(());
        }
        if let Some(stream) = confirm::not_a_terminal() {
            let many = if self.repeats() {
                "repeating may delete more than one connection".to_owned()
            } else if of_a_server {
                "1 connection matches, held by an SSH server".to_owned()
            } else if count == 1 {
                "1 connection matches, and it may carry your own session".to_owned()
            } else {
                describe_matching(count)
            };
            if self.args.dry_run {
                self.needs_yes = Some(format!(
                    "{many}: without -n this needs --yes, or a terminal"
                ));
                return Ok(());
            }
            print_error(&format!(
                "not confirmed: {many}, and {stream} is not a terminal"
            ));
            print_hint("-n shows them without deleting; --yes deletes them without asking");
            return Err(Stop::Refused(count.max(1)));
        }
        if self.args.dry_run {
            return Ok(());
        }
        preview::show(
            self.args,
            &matches.preview,
            count,
            &mut self.report,
            self.selector.attribution.get_mut(),
        )?;
        let question = preview::question(self.args, count);
        if confirm::confirm(&question, &self.interrupt) {
            Ok(())
        } else if self.interrupt.is_set() {
            Err(Stop::Interrupted)
        } else {
            print_error("not confirmed: nothing was deleted");
            Err(Stop::Refused(count.max(1)))
        }
    }

    /// Refuses more matches than `--max`, those of earlier rounds included.
    pub(super) fn refuse_too_many(&mut self, matches: &Matches) -> Result<(), Stop> {
        let count = matches.count();
        let Some(max) = self.args.max.filter(|&max| self.attempted + count > max) else {
            return Ok(());
        };
        let (before, rest) = match self.attempted {
            0 => (String::new(), "nothing"),
            before => (format!(", after {before} earlier"), "nothing more"),
        };
        let matching = describe_matching(count);
        self.report.notice(&format!(
            "refused: {matching}{before}, more than --max {max}; {rest} was deleted"
        ));
        Err(Stop::Refused(count))
    }

    /// Waits, unless it is interrupted.
    pub(super) fn wait(&self, time: Duration) -> Result<(), Stop> {
        self.interrupt.wait(time);
        if self.interrupt.is_set() {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// Prints why the run ended, and returns the code for all of it.
    pub(super) fn finish(self, end: Result<(), Stop>) -> Exit {
        let interrupt = self.interrupt.clone();
        interrupt.exit_or(self.print_end(end))
    }

    fn print_end(mut self, end: Result<(), Stop>) -> Exit {
        let nothing_done = self.report.is_empty();
        if self.args.dry_run && self.args.pace.is_paced() && self.attempted > 0 {
            let pace = pace::describe(&self.args.pace, self.attempted);
            self.report.end_round();
            self.report
                .notice(&format!("without -n they would be deleted{pace}"));
        }
        let attribution = self.selector.attribution.get_mut();
        for line in mentions::partly_seen(attribution) {
            self.report.notice(&line);
        }
        if let Some(needs_yes) = self.needs_yes.take() {
            self.report.end_round();
            self.report.notice(&needs_yes);
        }
        let Err(stop) = end else {
            return if nothing_done {
                self.finish_empty()
            } else {
                self.report.end()
            };
        };
        if let Some(message) = stop.message(nothing_done) {
            self.report.notice(&message);
        }
        let unseen = mentions::unseen_cgroups(self.selector.attribution.get_mut());
        match (&stop, unseen) {
            (Stop::Hidden(_), Some(reason)) => print_hint(&reason),
            _ => {
                if let Some(hint) = stop.hint() {
                    print_hint(&hint);
                }
            }
        }
        let is_refused = matches!(stop, Stop::Refused(_));
        if let Some((outcome, count)) = stop.outcome().filter(|_| !nothing_done) {
            self.report.count_together(outcome, count);
            return self.report.end();
        }
        // Of a run that could not look at the tables there is nothing to sum up.
        if is_refused || matches!(stop, Stop::Interrupted) {
            self.report.end();
        }
        stop.exit(&self.interrupt)
    }

    /// Prints what the names in the filter may have been meant to say.
    fn print_hints(&mut self) {
        let Some(scan) = self
            .selector
            .scans
            .first()
            .filter(|_| !self.args.output.json)
        else {
            return;
        };
        let attribution = self.selector.attribution.get_mut();
        let hints = mentions::hints(scan.selection.filter(), &self.args.netns, attribution);
        print_hints(&hints);
    }

    /// Prints that nothing matched, and returns the code.
    fn finish_empty(mut self) -> Exit {
        if self.left_out {
            self.report.notice(&format!(
                "no connection that you are permitted to see matches: {}",
                self.filter
            ));
            return Exit::Denied;
        }
        if self.is_silent_if_none {
            return Exit::Nothing;
        }
        if self.is_sample_empty {
            self.report
                .notice("the random sample is empty: nothing was deleted");
            return Exit::Nothing;
        }
        let are_asked_for = self.selector.are_listeners_asked_for();
        let listeners = if are_asked_for {
            self.selector.listeners
        } else {
            self.selector.count_listeners()
        };
        // A refusal is said in any case: nothing was deleted although something matches.
        let is_refused = are_asked_for && listeners > 0;
        if !self.args.report.quiet || is_refused {
            let text = match listeners {
                0 => format!("no connection matches: {}", self.filter),
                1 => "only a listener matches; use --listeners to delete it".to_owned(),
                many => format!("only {many} listeners match; use --listeners to delete them"),
            };
            self.report.notice(&text);
            if listeners == 0 {
                self.print_hints();
            }
        }
        match self.report.end() {
            Exit::Nothing if is_refused => Exit::Guarded,
            exit => exit,
        }
    }
}

fn describe_matching(count: u64) -> String {
    match count {
        1 => "1 connection matches".to_owned(),
        _ => format!("{count} connections match"),
    }
}
