//! One run of `delete FILTER`: the guards over all matches, and their deletion.

use std::thread;
use std::time::{Duration, Instant};

use tcpentry::{Connection, Error, Method};

use super::attempt::Attempt;
use super::confirm;
use super::interrupt::Interrupt;
use super::matches::{Match, Matches};
use super::preview;
use super::report::Report;
use super::selector::Selector;
use super::stop::Stop;
use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::message::{print_error, print_hint, print_hints};
use crate::tables::{mentions, selection};

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
}

impl Run<'_> {
    /// Dumps the tables and returns what is selected, unless some of it is hidden.
    pub(super) fn find_all(&mut self) -> Result<Matches, Stop> {
        self.selector.find_all(&mut self.report, &self.interrupt)
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
            interrupt,
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
            let attempt = Attempt::on_row(table, row, Err(refusal)).beside(others);
            do_not_retry.remember(&attempt, key);
            report.add(&attempt, attribution);
        }
        if !matches.rows.is_empty() {
            selection::load_owners(&args.show, &mut attribution.borrow_mut());
        }
        let mut rows = matches.rows.into_iter().peekable();
        for scan in &mut selector.scans {
            let index = scan.index;
            let subflows = &scan.subflows;
            let on_result = |row: &Connection, result: Result<Method, Error>| {
                let others = subflows.others_of(row).cloned().collect();
                let attempt = Attempt::on_row(index, row.clone(), result).beside(others);
                do_not_retry.remember(&attempt, (index, row.cookie));
                report.add(&attempt, attribution);
                interrupt.control_flow()
            };
            let here = std::iter::from_fn(|| rows.next_if(|it| it.table() == index));
            let here = here.map(|it: Match| it.connection());
            let (table, options) = (&mut scan.table.table, &scan.options);
            if args.dry_run {
                table.check_all(here, options, on_result);
            } else {
                table.delete_all(here, options, on_result);
            }
            if interrupt.is_set() {
                break;
            }
        }
        report.end_round();
        if interrupt.is_set() {
            return Err(Stop::Interrupted);
        }
        Ok(())
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
                "repeated deletion may take more than one".to_owned()
            } else if of_a_server {
                "1 connection matches, which an SSH server holds".to_owned()
            } else if count == 1 {
                "1 connection matches, which may carry your own session".to_owned()
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
        if confirm::confirm(&question, self.interrupt.flag()) {
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
        let before = match self.attempted {
            0 => String::new(),
            before => format!(", after {before} before"),
        };
        let matching = describe_matching(count);
        self.report.notice(&format!(
            "refused: {matching}{before}, more than --max {max}; nothing was deleted"
        ));
        Err(Stop::Refused(count))
    }

    /// Waits, unless it is interrupted.
    pub(super) fn wait(&self, time: Duration) -> Result<(), Stop> {
        let end = Instant::now() + time;
        while !self.interrupt.is_set() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(POLL_INTERVAL));
        }
        Err(Stop::Interrupted)
    }

    /// Prints why the run ended, and returns the code for all of it.
    pub(super) fn finish(self, end: Result<(), Stop>) -> Exit {
        let interrupt = self.interrupt.clone();
        interrupt.exit_or(self.print_end(end))
    }

    fn print_end(mut self, end: Result<(), Stop>) -> Exit {
        let nothing_done = self.report.is_empty();
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
                "no connection that you may see matches: {}",
                self.filter
            ));
            return Exit::Denied;
        }
        let are_asked_for = self.selector.are_listeners_asked_for();
        let listeners = if are_asked_for {
            self.selector.listeners
        } else {
            self.selector.count_listeners()
        };
        if !self.args.quiet {
            let text = match listeners {
                0 => format!("no connection matches: {}", self.filter),
                1 => "only a listener matches, which needs --listeners".to_owned(),
                many => format!("only {many} listeners match, which need --listeners"),
            };
            self.report.notice(&text);
            if listeners == 0 {
                self.print_hints();
            }
        }
        match self.report.end() {
            Exit::Nothing if are_asked_for && listeners > 0 => Exit::Guarded,
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

/// The delay until an interruption is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
