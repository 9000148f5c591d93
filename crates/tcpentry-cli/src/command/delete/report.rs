//! What became of each, as soon as it is known, and of all in the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use tcpentry::{Attribution, Connection, Error, Method, Outcome, Pair, Target};

use crate::args::DeleteArgs;
use crate::exit::{Exit, Tally};
use crate::output::{
    Cells, Column, Columns, Deletion, Name, Shape, View, complain, hint_at, hint_of, line, stdout,
    style_of,
};
use crate::progress::Progress;
use crate::sites::Site;
use crate::syslog::SystemLog;

/// What was found under a name, and what became of it.
pub(super) struct Attempt {
    /// The place of the site it was made at.
    place: usize,
    target: Target,
    found: Option<Connection>,
    result: Result<Method, Error>,
    /// Where the name means several sockets of different sites.
    elsewhere: Vec<(usize, Connection)>,
}

impl Attempt {
    pub(super) fn on(
        place: usize,
        target: Target,
        found: Connection,
        result: Result<Method, Error>,
    ) -> Self {
        Self {
            place,
            target,
            found: Some(found),
            result,
            elsewhere: Vec::new(),
        }
    }

    pub(super) fn without(place: usize, target: Target, error: Error) -> Self {
        Self {
            place,
            target,
            found: None,
            result: Err(error),
            elsewhere: Vec::new(),
        }
    }

    /// The same, with the sockets of several sites between which the name does not decide.
    pub(super) fn among(self, elsewhere: Vec<(usize, Connection)>) -> Self {
        Self { elsewhere, ..self }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Deleted,
            Err(error) => error.outcome(),
        }
    }

    fn pair(&self) -> Pair {
        self.found
            .as_ref()
            .map_or(self.target.pair(), |found| found.pair)
    }

    /// The sockets between which the name does not decide, each with the place of its site.
    fn candidates(&self) -> impl Iterator<Item = (usize, &Connection)> {
        let here = self
            .result
            .as_ref()
            .err()
            .map_or(&[][..], Error::candidates);
        let elsewhere = self.elsewhere.iter().map(|(place, it)| (*place, it));
        here.iter().map(|it| (self.place, it)).chain(elsewhere)
    }
}

/// Reports each deletion as soon as it is done, and counts them.
///
/// A report that can't be written any more never stops the deletions.
#[expect(clippy::struct_excessive_bools, reason = "none depends on another")]
pub(super) struct Report {
    to: To,
    /// The row that is written.
    cells: Cells,
    /// Whether it could not be written.
    lost: bool,
    /// When what was told was last written out; `None` as long as nothing was told.
    flushed: Option<Instant>,
    /// One for each site.
    views: Vec<View>,
    log: Option<SystemLog>,
    progress: Progress<io::Stderr>,
    complaints: Complaints,
    hints: BTreeSet<String>,
    tally: Tally,
    /// Whether all of them are to be counted in the end; one is its own summary.
    sums_up: bool,
    dry_run: bool,
    quiet: bool,
}

enum To {
    Lines(Columns<Box<dyn Write>>),
    Json(Box<dyn Write>),
}

impl Report {
    /// Where each is to be told to the system log and there is none, the code to end with: nothing
    /// may be deleted that would not be told.
    pub(super) fn new<'s>(
        args: &DeleteArgs,
        sites: impl Iterator<Item = &'s mut Site>,
    ) -> Result<Self, Exit> {
        let shape = Shape::of(&args.output);
        let out: Box<dyn Write> = Box::new(stdout());
        let views: Vec<_> = sites.map(|site| view(args, site)).collect();
        let to = if shape == Shape::Json {
            To::Json(out)
        } else {
            let header = !args.output.no_header && !args.quiet;
            let mut columns = columns(args.dry_run);
            columns.extend(views.first().map(View::columns).unwrap_or_default());
            To::Lines(Columns::new(out, shape, columns, header))
        };
        let log = if args.syslog && !args.dry_run {
            Some(SystemLog::open().map_err(|error| {
                complain(&format!(
                    "--syslog: cannot reach /dev/log: {error}; nothing was deleted"
                ));
                hint_at("start the system's log daemon, or leave --syslog out");
                Exit::Failed
            })?)
        } else {
            None
        };
        Ok(Self {
            to,
            cells: Cells::default(),
            lost: false,
            flushed: None,
            views,
            log,
            progress: Progress::on_terminal(args.quiet),
            complaints: Complaints::new(args.verbose),
            hints: BTreeSet::new(),
            tally: Tally::default(),
            sums_up: !args.quiet && shape != Shape::Json,
            dry_run: args.dry_run,
            quiet: args.quiet,
        })
    }

    /// The same, without a sum: of one connection.
    pub(super) fn of_one(self) -> Self {
        Self {
            sums_up: false,
            ..self
        }
    }

    /// One more site, and its place.
    pub(super) fn add_site(&mut self, args: &DeleteArgs, site: &mut Site) -> usize {
        self.views.push(view(args, site));
        self.views.len() - 1
    }

    /// Forgets what was known of processes, as [`Attribution::forget`] does.
    pub(super) fn forget(&mut self) {
        self.views.iter_mut().for_each(View::forget);
    }

    pub(super) fn view(&mut self, place: usize) -> &mut View {
        &mut self.views[place]
    }

    fn view_of(&mut self, attempt: &Attempt) -> &mut View {
        &mut self.views[attempt.place]
    }

    /// Counts one, and tells what became of it.
    pub(super) fn add(&mut self, attempt: &Attempt, knowledge: &RefCell<Attribution>) {
        let outcome = attempt.outcome();
        self.tally.count(outcome);
        self.record(attempt);
        let now = Instant::now();
        self.show_progress(now);
        if self.quiet && outcome == Outcome::Deleted {
            return;
        }
        let mut knowledge = knowledge.borrow_mut();
        if !self.lost {
            let written = match &self.to {
                To::Json(_) => self.write_object(attempt, &mut knowledge),
                To::Lines(_) => self.write_row(attempt, &mut knowledge),
            };
            self.check_written(written);
        }
        if let (To::Lines(_), Err(error)) = (&self.to, &attempt.result) {
            self.complain(attempt, error);
        }
        // The first is not written alone: how wide the columns are is seen from those that follow at once.
        if now - *self.flushed.get_or_insert(now) >= PATIENCE {
            self.flushed = Some(now);
            self.flush();
        }
    }

    /// Writes what may still be held back.
    pub(super) fn flush(&mut self) {
        self.show_progress(Instant::now());
        // Of nothing there is no heading either.
        if self.flushed.is_none() || self.lost {
            return;
        }
        let written = match &mut self.to {
            To::Lines(columns) => columns.flush(),
            To::Json(out) => out.flush(),
        };
        self.check_written(written);
    }

    fn show_progress(&mut self, now: Instant) {
        let tally = &self.tally;
        if !tally.is_empty() {
            self.progress.update(now, || tally.to_string());
        }
    }

    /// Goes on without a report that can't be written: what is deleted must not depend on it, nor the code.
    fn check_written(&mut self, written: io::Result<()>) {
        let Err(error) = written else { return };
        self.lost = true;
        // Whoever goes away while he reads knows it.
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.say(&format!(
                "cannot write to standard output: {error}; the report there is not complete"
            ));
        }
    }

    fn write_row(&mut self, attempt: &Attempt, knowledge: &mut Attribution) -> io::Result<()> {
        let Self {
            to: To::Lines(columns),
            views,
            cells,
            ..
        } = self
        else {
            return Ok(());
        };
        let view = &mut views[attempt.place];
        let found = attempt.found.as_ref();
        put_front(attempt, view, cells);
        if view.put(found, knowledge, cells).is_err() {
            put_front(attempt, view, cells);
            // Of none nothing has to be read.
            let _ = view.put(None, knowledge, cells);
        }
        columns.row(cells)
    }

    fn write_object(&mut self, attempt: &Attempt, knowledge: &mut Attribution) -> io::Result<()> {
        let object = self.object(attempt, knowledge);
        match &mut self.to {
            To::Json(out) => line(out, &object),
            To::Lines(_) => Ok(()),
        }
    }

    fn object(&mut self, attempt: &Attempt, knowledge: &mut Attribution) -> Deletion {
        let found = attempt.found.as_ref();
        let found = found.and_then(|found| self.view_of(attempt).object(found, knowledge).ok());
        let name = match found {
            // What it held when it ended nobody has seen.
            Some(found) if attempt.outcome() == Outcome::Gone => {
                Name::Found(Box::new(found.without_queues()))
            }
            Some(found) => Name::Found(Box::new(found)),
            None => Name::asked(
                &attempt.target,
                self.view_of(attempt).local(&attempt.target.pair()),
            ),
        };
        match &attempt.result {
            Ok(method) => Deletion::done(name, *method, self.dry_run),
            Err(error) => {
                let mut deletion = Deletion::not_done(name, error, self.dry_run);
                let candidates = attempt.candidates();
                deletion.candidates = candidates
                    .filter_map(|(place, candidate)| self.views[place].identity(candidate))
                    .collect();
                deletion
            }
        }
    }

    /// Tells the system log.
    fn record(&mut self, attempt: &Attempt) {
        let Some(log) = &mut self.log else { return };
        let pair = attempt.pair();
        let local = self.views[attempt.place].local(&pair);
        let how = match &attempt.result {
            Ok(method) => format!("by {method}"),
            Err(error) => format!("because {}", error.cause()),
        };
        let state = attempt
            .found
            .as_ref()
            .map(|found| format!(" ({})", found.state));
        let state = state.unwrap_or_default();
        let netns = self.views[attempt.place].netns();
        let netns = netns.map(|name| format!(" in netns {name}"));
        let netns = netns.unwrap_or_default();
        let what = format!("{local} {}{state}{netns} {how}", pair.peer());
        if let Err(error) = log.record(attempt.outcome(), &what) {
            // It may be the same for all that follow.
            let cause = format!("the system log was not told: {error}");
            if self.complaints.is_heard(&cause) {
                self.say(&format!("{cause}: {} {what}", attempt.outcome()));
            }
        }
    }

    /// Says why it was not deleted, and what to do.
    fn complain(&mut self, attempt: &Attempt, error: &Error) {
        if !self.complaints.is_heard(error.cause()) {
            return;
        }
        // The row's own notation, with the device's name.
        let pair = attempt.target.pair();
        let name = self.view_of(attempt).local(&pair);
        let (operation, peer, cause) = (error.operation(), pair.peer(), error.cause());
        self.say(&format!("cannot {operation} {name} {peer}: {cause}"));
        // The same way out is shown once.
        if let Some(hint) = hint_of(error).filter(|hint| self.hints.insert((*hint).to_owned())) {
            hint_at(hint);
        }
        for (place, candidate) in attempt.candidates() {
            let view = &mut self.views[place];
            if let Some(id) = view.identity(candidate) {
                let local = view.local(&candidate.pair);
                let netns = view.netns().map(|name| format!(" ({name})"));
                let netns = netns.unwrap_or_default();
                complain(&format!("{local} {}{netns} is --id {id}", candidate.peer()));
            }
        }
    }

    /// Says something beside the outcomes.
    pub(super) fn say(&mut self, text: &str) {
        self.clear();
        complain(text);
    }

    /// Makes room for something to be said on standard error.
    pub(super) fn clear(&mut self) {
        self.progress.clear();
    }

    /// Whether there was nothing to report.
    pub(super) fn is_empty(&self) -> bool {
        self.tally.is_empty()
    }

    /// Counts what was refused all together.
    pub(super) fn count_together(&mut self, outcome: Outcome, count: u64) {
        self.tally.count_many(outcome, count);
    }

    /// The last word, and the code for all.
    pub(super) fn end(mut self) -> Exit {
        self.flush();
        self.progress.clear();
        self.complaints.end();
        if self.sums_up && !self.tally.is_empty() {
            let would_be = if self.dry_run { "would be: " } else { "" };
            complain(&format!("{would_be}{}", self.tally));
        }
        if self.dry_run && matches!(self.to, To::Lines(_)) {
            complain("dry run: nothing was deleted");
        }
        self.tally.exit()
    }
}

/// Begins a row with the columns that every report has.
fn put_front(attempt: &Attempt, view: &mut View, cells: &mut Cells) {
    let outcome = attempt.outcome();
    let pair = attempt.pair();
    cells.clear();
    cells.styled(outcome, style_of(outcome));
    cells.put(attempt.found.as_ref().map(|found| found.state));
    view.put_local(&pair, cells);
    cells.put(pair.peer());
    cells.put(attempt.result.as_ref().ok().copied());
}

/// What is shown of a site's sockets; without identities where the machine does not tell its boot id.
fn view(args: &DeleteArgs, site: &mut Site) -> View {
    let shape = Shape::of(&args.output);
    let view = View::of(&args.show, false, shape, site);
    view.unwrap_or_else(|_| View::nowhere(&args.show, false, shape, site))
}

/// Complaints that have been made, so that thousands of the same are not.
struct Complaints {
    of: BTreeMap<String, u64>,
    all: bool,
}

impl Complaints {
    fn new(all: bool) -> Self {
        Self {
            of: BTreeMap::new(),
            all,
        }
    }

    /// Whether this is one of the first of its kind.
    fn is_heard(&mut self, cause: &str) -> bool {
        let count = self.of.entry(cause.to_owned()).or_default();
        *count += 1;
        self.all || *count <= HEARD
    }

    /// Tells how many were not heard.
    fn end(&self) {
        for (cause, count) in &self.of {
            if let (Some(more @ 1..), false) = (count.checked_sub(HEARD), self.all) {
                complain(&format!("and {more} more: {cause}"));
            }
        }
    }
}

/// A dry run says in the name of its first column that it is one.
fn columns(dry_run: bool) -> Vec<Column> {
    let outcome = if dry_run { "WOULD-BE" } else { "OUTCOME" };
    [outcome, "STATE", "LOCAL", "PEER", "METHOD"]
        .map(Column::left)
        .to_vec()
}

/// How long a report may be held back while others follow.
const PATIENCE: Duration = Duration::from_millis(50);
/// How many complaints of one cause are made each by itself.
const HEARD: u64 = 10;
