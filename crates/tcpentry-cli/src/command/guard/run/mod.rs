//! `guard run`: the loop of the service. It waits in one place, for all that can happen, and hands it to the state.

mod reports;
mod sources;

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGTERM};
use tcpentry::Outcome;
use tcpentry::netns::HostAddresses;

use super::ban_file;
use super::resolver::{self, WatchedName};
use super::rights::{CallerRights, Rights};
use super::rules::{self, Rules, Trigger};
use super::service::control::{self, Control, ControlReply, ControlRequest, RequestKind};
use super::service::journal::{EventLog, LogField, LogRecord, Priority};
use super::service::metrics;
use super::service::notify::Notifier;
use super::service::status::{GuardStatus, RuleStatus};
use super::state::entry::{GuardEntry, Weight};
use super::state::rule::RuleState;
use super::state::{Event, Guard, StateCommand};
use super::thread::ServiceThread;
use super::worker::{self, WorkerTask};
use crate::args::GuardRunArgs;
use crate::command::bans::BanChange;
use crate::command::delete::interrupt::Interrupt;
use crate::exit::Exit;
use crate::message::{print_error, print_failure, print_hint};
use crate::privilege;
use reports::Reports;
use sources::{Heard, Sources};

/// Runs the command, and returns the exit code.
pub(super) fn run(args: &GuardRunArgs) -> Exit {
    let rules = match rules::read(args.config.config.as_deref()) {
        Ok(rules) => rules,
        Err(errors) => return rules::report(&errors),
    };
    let host = match HostAddresses::read() {
        Ok(host) => host,
        Err(error) => {
            print_failure(&error);
            return Exit::of_deletion(&error);
        }
    };
    match Service::start(args, rules, host) {
        Ok(mut service) => service.run(),
        Err(error) => {
            print_error(&format!("guard: {error}"));
            if error.kind() != io::ErrorKind::PermissionDenied {
                return Exit::Failed;
            }
            print_hint(
                "start it as its unit does (`systemctl start tcpentry-guard`), as root, or with a \
                 RUNTIME_DIRECTORY of your own",
            );
            Exit::Denied
        }
    }
}

/// The service, and all that it waits for.
struct Service {
    config: Option<PathBuf>,
    guard: Guard,
    sources: Sources,
    control: Control,
    log: EventLog,
    notifier: Notifier,
    interrupt: Interrupt,
    /// The ends of pipes that are written to by a signal to end, by one to reload, and by the threads.
    ending: UnixStream,
    reloading: UnixStream,
    answered: UnixStream,
    tasks: Option<Sender<WorkerTask>>,
    answers: Receiver<Event>,
    names: Sender<Vec<WatchedName>>,
    worker: Option<ServiceThread>,
    resolver: ServiceThread,
    /// Set once the right to enter other network namespaces was dropped, because no rule needed it.
    has_dropped_namespaces: bool,
    started: SystemTime,
    last_reload_error: Option<String>,
    /// The next time at which the service manager hears that the loop goes on.
    watchdog: Option<(Duration, Instant)>,
    reports: Reports,
    /// The last event of each rule, by its number, and the second since 1970 at which it was: converted once, so that it stays
    /// the same.
    event_times: HashMap<u64, (Instant, u64)>,
    kept_bans: KeptBans,
}

/// The state of the file of bans.
struct KeptBans {
    /// Set where they have changed since they were written.
    are_unwritten: bool,
    /// The time from which they may be written again.
    due: Instant,
    /// The reason why they could not be written.
    error: Option<String>,
}

impl Service {
    fn start(args: &GuardRunArgs, rules: Rules, host: HostAddresses) -> io::Result<Self> {
        let now = Instant::now();
        // Before there are other threads.
        let needs_namespaces = rules
            .rules
            .iter()
            .any(|it| Rights::of(it).enter_namespaces());
        let has_dropped_namespaces = !needs_namespaces && privilege::drop_namespaces();
        let mut log = EventLog::open();
        let path = control::server_path();
        let control = Control::open(&path);
        let mut control = control.map_err(|error| match error.raw_os_error() {
            // The system's errors name no file.
            Some(_) => io::Error::new(error.kind(), format!("{}: {error}", path.display())),
            None => error,
        })?;
        if let Some(warning) = control.take_warning() {
            log.write(&LogRecord::new(Priority::Warning, warning));
        }
        let interrupt = Interrupt::for_service();
        let (ending, by_signal) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGTERM, by_signal.try_clone()?)?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, by_signal)?;
        let (reloading, by_hangup) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGHUP, by_hangup)?;
        let (answered, by_answer) = UnixStream::pair()?;
        for end in [&ending, &reloading, &answered, &by_answer] {
            end.set_nonblocking(true)?;
        }
        let by_answer = Arc::new(by_answer);
        let wake = || {
            let stream = Arc::clone(&by_answer);
            // Where it is full, the loop is about to wake up anyway.
            move || drop(io::Write::write(&mut &*stream, &[0]))
        };
        let (tasks, from_loop) = mpsc::channel();
        let (send_answer, answers) = mpsc::channel();
        let worker = worker::start(from_loop, send_answer.clone(), interrupt.clone(), wake())?;
        let (names, lists) = mpsc::channel();
        let resolver = resolver::start(lists, send_answer, wake())?;
        let mut notifier = Notifier::from_environment();
        if let Some(warning) = notifier.take_warning() {
            log.write(&LogRecord::new(Priority::Warning, warning));
        }
        let watchdog = notifier
            .watchdog_interval()
            .map(|interval| (interval, now + interval));
        let mut service = Self {
            config: args.config.config.clone(),
            guard: Guard::new(rules, host, args.dry_run, now),
            sources: Sources::default(),
            control,
            log,
            notifier,
            interrupt,
            ending,
            reloading,
            answered,
            tasks: Some(tasks),
            answers,
            names,
            worker: Some(worker),
            resolver,
            has_dropped_namespaces,
            started: SystemTime::now(),
            last_reload_error: None,
            watchdog,
            reports: Reports::new(now),
            event_times: HashMap::new(),
            kept_bans: KeptBans {
                are_unwritten: false,
                due: now,
                error: None,
            },
        };
        service.begin(now);
        Ok(service)
    }

    /// Looks at what is there already: elements of sets, bans, connections on addresses that have gone.
    fn begin(&mut self, now: Instant) {
        self.read_bans(now);
        self.watch(now);
        // From here on nothing that happens is missed.
        let text = format!("runs {}", self.summary());
        self.say(Priority::Notice, &text);
        self.say_what_is_lacking();
        self.act(now);
        self.notifier.ready(&self.summary());
    }

    /// Reads the bans of earlier runs. A file that can't be read stays under another name: the next one is written in its place.
    fn read_bans(&mut self, now: Instant) {
        let path = ban_file::path();
        let error = match ban_file::read(&path) {
            Ok(bans) => return self.guard.apply(Event::KnownBans(bans), now),
            Err(error) => error,
        };
        let kept = match ban_file::put_aside(&path) {
            Ok(aside) => format!("; the file is {} now", aside.display()),
            Err(_) => String::new(),
        };
        let path = path.display();
        self.say(
            Priority::Warning,
            &format!("{path}: {error}: earlier bans are not known{kept}"),
        );
    }

    /// Says for each rule what can't be done for it here.
    fn say_what_is_lacking(&mut self) {
        let caller = CallerRights::probe();
        let mut lines = caller.lines();
        for RuleState { rule, .. } in self.guard.states() {
            let rights = Rights::of(rule);
            let lacking = if self.has_dropped_namespaces && rights.enter_namespaces() {
                vec![DROPPED.to_owned()]
            } else {
                caller.lacking(rights)
            };
            let of_rule = lacking.iter().filter(|_| rule.enabled);
            lines.extend(of_rule.map(|line| format!("rule {}: {line}", rule.name)));
        }
        for line in lines {
            self.say(Priority::Warning, &line);
        }
    }

    /// Waits for what the rules are about.
    fn watch(&mut self, now: Instant) {
        let rules = self.guard.states().iter().map(|it| &*it.rule);
        let rules: Vec<_> = rules.filter(|rule| rule.enabled).collect();
        let names = rules.iter().filter_map(|rule| match &rule.trigger {
            Trigger::NameChanged { name, absent_for } => Some(WatchedName::new(name, *absent_for)),
            _ => None,
        });
        let mut names: Vec<_> = names.collect();
        names.sort_by(|a, b| (&a.name, a.every).cmp(&(&b.name, b.every)));
        names.dedup_by(|a, b| a.name == b.name);
        // The thread is there as long as the service is.
        let _ = self.names.send(names);
        let heard = self.sources.watch(&rules, now);
        self.take(heard, now);
    }

    fn run(&mut self) -> Exit {
        while !self.interrupt.is_set() {
            if let Err(error) = self.wait() {
                self.say(Priority::Error, &format!("poll: {error}"));
                self.end();
                return Exit::Failed;
            }
            let now = Instant::now();
            if let Some(name) = self.dead_thread() {
                self.say(
                    Priority::Error,
                    &format!("the thread {name} has died, and the service ends: it can't do its work without it"),
                );
                self.end();
                return Exit::Failed;
            }
            if drain(&self.reloading) {
                self.reload(now);
            }
            drain(&self.answered);
            drain(&self.ending);
            // First of all, which addresses are this host's.
            self.hear(now);
            self.take_answers(now);
            for request in self.control.serve(now) {
                if self.control.still_waits(&request.reply) {
                    self.serve(request, now);
                }
            }
            self.act(now);
            self.log.flush();
            self.notifier.flush();
            if let Some((every, due)) = &mut self.watchdog
                && *due <= now
            {
                *due = now + *every;
                self.notifier.alive();
            }
        }
        self.end();
        match self.interrupt.exit() {
            // Who manages services ends them so: it is not a failure.
            Exit::Interrupted(signal) if i32::from(signal) == SIGTERM => Exit::Done,
            exit => exit,
        }
    }

    /// Returns the name of a thread that has ended before the service does.
    fn dead_thread(&self) -> Option<&'static str> {
        let threads = self.worker.iter().chain([&self.resolver]);
        let mut dead = threads.filter_map(ServiceThread::ended);
        // By a signal the worker ends, too.
        dead.next().filter(|_| !self.interrupt.is_set())
    }

    /// Waits until something has happened, or something is due.
    fn wait(&self) -> io::Result<()> {
        let now = Instant::now();
        let due = [
            self.guard.next_due(now),
            self.sources.due(),
            self.control.deadline(),
            self.watchdog.map(|(_, due)| due),
            self.kept_bans.are_unwritten.then_some(self.kept_bans.due),
            self.reports.due(),
        ];
        let due = due.into_iter().flatten().min();
        let wait = due.map(|due| due.saturating_duration_since(now));
        let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
        let mut fds = Vec::new();
        for end in [&self.ending, &self.reloading, &self.answered] {
            fds.push(PollFd::new(end, PollFlags::IN));
        }
        self.sources.add_fds(&mut fds);
        self.control.add_fds(now, &mut fds);
        let room: [Option<BorrowedFd<'_>>; 2] = [self.log.waits_for(), self.notifier.waits_for()];
        fds.extend(
            room.into_iter()
                .flatten()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)),
        );
        match poll(&mut fds, wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Hears what the kernel has announced.
    fn hear(&mut self, now: Instant) {
        let heard = self.sources.read(self.guard.states(), now);
        self.take(heard, now);
    }

    /// Takes what the threads have found out, once it is known which addresses are this host's.
    fn take_answers(&mut self, now: Instant) {
        while !self.sources.is_host_unread() {
            match self.answers.try_recv() {
                Ok(Event::AddressesMissing(missing)) => self.sources.missing(missing, now),
                Ok(Event::SearchFailed(reason)) => {
                    let heard = self.sources.search_again(reason, now);
                    self.take(heard, now);
                }
                Ok(event) => self.guard.apply(event, now),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, heard: Heard, now: Instant) {
        for warning in heard.warnings {
            self.say(Priority::Warning, &warning);
        }
        for event in heard.events {
            self.guard.apply(event, now);
        }
        if heard.find_missing {
            self.send(WorkerTask::FindMissing);
        }
    }

    /// Does what the state asks for.
    fn act(&mut self, now: Instant) {
        for command in self.guard.commands(now) {
            match command {
                StateCommand::Log(entry) => self.log.write(&record(&entry)),
                command => self.send(WorkerTask::Do(command)),
            }
        }
        self.keep_bans(now);
        self.report(now);
    }

    fn send(&self, task: WorkerTask) {
        if let Some(tasks) = &self.tasks {
            // It ends only with the service.
            let _ = tasks.send(task);
        }
    }

    /// Reads the configuration again, and keeps the old one where the new one is wrong.
    fn reload(&mut self, now: Instant) {
        self.notifier.reloading();
        match rules::read(self.config.as_deref()) {
            Ok(rules) => {
                self.last_reload_error = None;
                let bans = self.known_bans(now);
                self.guard.reload(rules, now);
                // A rule that was not there before takes what is there.
                self.guard.apply(Event::KnownBans(bans), now);
                self.watch(now);
                self.say(Priority::Notice, "has read its configuration again");
                self.say_what_is_lacking();
            }
            Err(errors) => {
                for error in &errors {
                    self.say(Priority::Error, &error.to_string());
                }
                self.say(
                    Priority::Error,
                    "the new configuration is wrong: the rules that were there stay",
                );
                self.last_reload_error = errors.first().map(ToString::to_string);
            }
        }
        self.notifier.ready(&self.summary());
    }

    fn serve(&mut self, request: ControlRequest, now: Instant) {
        let reply = match request.kind {
            RequestKind::Status => ControlReply::Status(Box::new(self.status(now))),
            RequestKind::Pause(ref rule) => self.pause(rule.as_deref(), true, &request),
            RequestKind::Resume(ref rule) => self.pause(rule.as_deref(), false, &request),
            RequestKind::Ban(changes) => self.ban(changes, now),
        };
        self.control.reply(&request.reply, &reply, now);
    }

    fn pause(
        &mut self,
        rule: Option<&str>,
        pauses: bool,
        request: &ControlRequest,
    ) -> ControlReply {
        if !self.guard.pause(rule, pauses) {
            let name = rule.unwrap_or_default();
            return ControlReply::Error(format!("there is no rule `{name}`"));
        }
        let verb = if pauses { "paused" } else { "resumed" };
        let mut text = match rule {
            Some(rule) => format!("{verb} the rule {rule}"),
            None => format!("{verb} all rules"),
        };
        let mut states = self.guard.states().iter();
        let named = states.find(|it| rule == Some(&*it.rule.name));
        if let Some(named) = named.filter(|_| !pauses) {
            if !named.rule.enabled {
                text.push_str(", which the configuration does not enable");
            } else if self.guard.is_paused() {
                text.push_str("; all rules are paused (tcpentry guard resume)");
            }
        }
        let record = LogRecord::new(Priority::Notice, text.clone())
            .with_some(LogField::Rule, rule)
            .with_some(LogField::CallerPid, request.caller.pid)
            .with_some(LogField::CallerUid, request.caller.uid);
        self.log.write(&record);
        ControlReply::Done(text)
    }

    fn ban(&mut self, changes: Vec<BanChange>, now: Instant) -> ControlReply {
        let takes_bans = |it: &RuleState| it.rule.enabled && it.rule.trigger == Trigger::Ban;
        if !self.guard.states().iter().any(takes_bans) {
            return ControlReply::Unwanted("no rule has `when = \"ban\"`".to_owned());
        }
        let count = changes.len();
        self.hear(now);
        if self.sources.is_host_unread() {
            return ControlReply::Error(
                "the addresses of this host can't be read, which a ban must not be of: try again"
                    .to_owned(),
            );
        }
        self.guard.apply(Event::Bans(changes), now);
        self.kept_bans.are_unwritten = true;
        ControlReply::Done(match count {
            1 => "1 change of the bans was taken".to_owned(),
            _ => format!("{count} changes of the bans were taken"),
        })
    }

    fn known_bans(&self, now: Instant) -> Vec<(tcpentry::filter::Prefix, Option<Duration>)> {
        let mut rules = self.guard.states().iter();
        let with_bans = rules.find(|it| it.rule.trigger == Trigger::Ban);
        with_bans.map_or_else(Vec::new, |it| it.bans.iter(now).collect())
    }

    /// Writes the bans down once they have changed, at most once a second, and until that has succeeded.
    fn keep_bans(&mut self, now: Instant) {
        if !self.kept_bans.are_unwritten || self.kept_bans.due > now {
            return;
        }
        let path = ban_file::path();
        let written = ban_file::write(&path, self.known_bans(now).into_iter());
        let error = written.err().map(|error| error.to_string());
        let pause = if error.is_some() { RETRY } else { PAUSE };
        let before = std::mem::replace(
            &mut self.kept_bans,
            KeptBans {
                are_unwritten: error.is_some(),
                due: now + pause,
                error: error.clone(),
            },
        );
        if error == before.error {
            return;
        }
        let path = path.display();
        match error {
            Some(error) => self.say(
                Priority::Error,
                &format!("{path}: {error}: unless this can be written, a restart forgets the bans"),
            ),
            None => self.say(Priority::Notice, &format!("{path} has all bans again")),
        }
    }

    /// Reports to the manager and in the file of metrics what has changed, at most once a second.
    fn report(&mut self, now: Instant) {
        if !self.reports.may_begin(now) {
            return;
        }
        let summary = self.summary();
        if self.reports.summary.replace(&summary) {
            self.notifier.status(&summary);
            self.reports.pause(now);
        }
        let Some(path) = self.guard.metrics.clone() else {
            self.reports.forget_failure();
            return;
        };
        let text = metrics::text(&self.status(now));
        if !self.reports.may_write_metrics(&text, now) {
            return;
        }
        self.reports.pause(now);
        let written = metrics::write_file(&path, &text);
        let failed = written.map_err(|error| format!("{}: {error}", path.display()));
        if let Some(error) = self.reports.metrics_written(failed, now) {
            self.say(Priority::Error, &error);
        }
    }

    /// Returns the line about the service that its manager shows.
    fn summary(&self) -> String {
        let rules = self.guard.states();
        let deleted: u64 = rules.iter().map(|it| it.counts.deleted).sum();
        let mut text = match rules.len() {
            1 => "1 rule".to_owned(),
            count => format!("{count} rules"),
        };
        if deleted > 0 {
            text = format!("{text}, {deleted} deleted");
        }
        if self.guard.is_paused() {
            text.push_str(", paused");
        }
        if self.last_reload_error.is_some() {
            text.push_str("; the new configuration is wrong");
        }
        text
    }

    /// Returns what has failed and is tried again.
    fn failures(&self) -> Vec<String> {
        let of_bans = self.kept_bans.error.iter();
        let of_bans = of_bans.map(|error| format!("the bans can't be written: {error}"));
        let of_sources = self.sources.failures().map(str::to_owned);
        of_sources.chain(of_bans).collect()
    }

    fn status(&mut self, now: Instant) -> GuardStatus {
        let unix = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            since.unwrap_or_default().as_secs()
        };
        let mut known = std::mem::take(&mut self.event_times);
        for rule in self.guard.states() {
            let Some((last, _)) = &rule.last_event else {
                continue;
            };
            let known = known
                .remove(&rule.id)
                .filter(|(instant, _)| instant == last);
            let time = known.unwrap_or_else(|| {
                let ago = now.saturating_duration_since(*last);
                (*last, unix(SystemTime::now()).saturating_sub(ago.as_secs()))
            });
            self.event_times.insert(rule.id, time);
        }
        let rules = self.guard.states().iter().map(|it| RuleStatus {
            name: it.rule.name.clone(),
            trigger: it.rule.trigger.text(),
            enabled: it.rule.enabled,
            paused: it.is_paused || self.guard.is_paused(),
            dry_run: it.is_dry_run,
            last_event: self.event_times.get(&it.id).map(|(_, time)| *time),
            last_event_text: it.last_event.as_ref().map(|(_, text)| text.clone()),
            counts: it.counts,
            waiting: it.waiting() as u64,
            bans: (it.rule.trigger == Trigger::Ban).then(|| it.bans.len() as u64),
        });
        GuardStatus {
            pid: std::process::id(),
            started: unix(self.started),
            dry_run: self.guard.is_dry_run(),
            paused: self.guard.is_paused(),
            config: vec![
                self.config
                    .as_deref()
                    .unwrap_or(Path::new(rules::FOLDER))
                    .display()
                    .to_string(),
            ],
            last_reload_error: self.last_reload_error.clone(),
            lost_log_records: self.log.lost(),
            failures: self.failures(),
            rules: rules.collect(),
        }
    }

    /// Ends between two deletions: what was done is in the log.
    fn end(&mut self) {
        self.notifier.stopping("ends");
        self.tasks = None;
        if let Some(worker) = self.worker.take() {
            worker.join();
        }
        let now = Instant::now();
        while let Ok(event) = self.answers.try_recv() {
            self.guard.apply(event, now);
        }
        for command in self.guard.commands(now) {
            if let StateCommand::Log(entry) = command {
                self.log.write(&record(&entry));
            }
        }
        self.kept_bans.due = now;
        self.keep_bans(now);
        self.say(Priority::Notice, "has ended");
        self.log.drain(Duration::from_secs(1));
    }

    fn say(&mut self, priority: Priority, text: &str) {
        self.log.write(&LogRecord::new(priority, text));
    }
}

/// The time between two files of bans.
const PAUSE: Duration = Duration::from_secs(1);
/// The time until a file that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);
const DROPPED: &str = "it can't enter other network namespaces: that right was dropped at the start, when no rule needed it; \
    restart the service";

/// Makes the record of an entry.
fn record(entry: &GuardEntry) -> LogRecord {
    let priority = match entry.weight {
        Weight::Error => Priority::Error,
        Weight::Warning => Priority::Warning,
        Weight::Notice => Priority::Notice,
        Weight::Info => Priority::Info,
    };
    let record = LogRecord::new(priority, format!("rule {}: {}", entry.rule, entry.text));
    let record = record.with(LogField::Rule, &entry.rule);
    let Some(done) = &entry.done else {
        return record;
    };
    let record = record
        .with(LogField::Id, &done.identity)
        .with(LogField::Outcome, done.outcome)
        .with(LogField::Local, done.connection.local())
        .with(LogField::Peer, done.connection.peer())
        .with_some(LogField::Netns, done.place.as_ref())
        .with_some(LogField::Errno, done.errno)
        .with_some(
            LogField::Cause,
            done.cause
                .as_ref()
                .filter(|_| done.outcome != Outcome::Deleted),
        );
    if entry.is_dry_run {
        record.with(LogField::DryRun, 1)
    } else {
        record
    }
}

/// Takes what has been written to a pipe; returns true if there was something.
fn drain(mut stream: &UnixStream) -> bool {
    let mut room = [0; 64];
    let mut any = false;
    while stream.read(&mut room).is_ok_and(|read| read > 0) {
        any = true;
    }
    any
}
