//! `guard run`: the loop of the service. It waits in one place, for all that can happen, and hands it to the state.

mod kept_bans;
mod record;
mod reports;
mod requests;
mod retry;
mod sources;
mod status;

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGTERM};
use tcpentry::filter::Prefix;
use tcpentry::netns::HostAddresses;

use super::resolver::{self, WatchedName};
use super::rights::{CallerRights, Rights};
use super::rules::{self, Rules, Trigger};
use super::service::control::{self, Control};
use super::service::journal::{EventLog, LogRecord, Priority};
use super::service::notify::Notifier;
use super::state::rule::RuleState;
use super::state::{Event, Guard, StateCommand};
use super::thread::{ServiceThread, ThreadAnswer};
use super::worker::{self, WorkerTask};
use crate::args::GuardRunArgs;
use crate::command::delete::interrupt::Interrupt;
use crate::exit::Exit;
use crate::message::{print_error, print_failure, print_hint};
use crate::privilege;
use kept_bans::KeptBans;
use record::record;
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
    answers: Receiver<ThreadAnswer>,
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
            kept_bans: KeptBans::new(now),
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

    /// Reads the bans of earlier runs.
    fn read_bans(&mut self, now: Instant) {
        match self.kept_bans.read() {
            Ok(bans) => self.guard.apply(Event::KnownBans(bans), now),
            Err(warning) => self.say(Priority::Warning, &warning),
        }
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
            self.kept_bans.due(),
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
                Ok(ThreadAnswer::Event(event)) => self.guard.apply(event, now),
                Ok(ThreadAnswer::Searched(missing)) => {
                    let heard = self.sources.searched(missing, now);
                    self.take(heard, now);
                }
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

    /// Writes the bans down where that is due.
    fn keep_bans(&mut self, now: Instant) {
        if !self.kept_bans.is_due(now) {
            return;
        }
        let bans = self.known_bans(now);
        if let Some((priority, text)) = self.kept_bans.write(bans, now) {
            self.say(priority, &text);
        }
    }

    fn known_bans(&self, now: Instant) -> Vec<(Prefix, Option<Duration>)> {
        let mut rules = self.guard.states().iter();
        let with_bans = rules.find(|it| it.rule.trigger == Trigger::Ban);
        with_bans.map_or_else(Vec::new, |it| it.bans.iter(now).collect())
    }

    /// Ends between two deletions: what was done is in the log.
    fn end(&mut self) {
        self.notifier.stopping("ends");
        self.tasks = None;
        if let Some(worker) = self.worker.take() {
            worker.join();
        }
        let now = Instant::now();
        while let Ok(answer) = self.answers.try_recv() {
            if let ThreadAnswer::Event(event) = answer {
                self.guard.apply(event, now);
            }
        }
        for command in self.guard.commands(now) {
            if let StateCommand::Log(entry) = command {
                self.log.write(&record(&entry));
            }
        }
        self.kept_bans.hurry(now);
        self.keep_bans(now);
        self.say(Priority::Notice, "has ended");
        self.log.drain(Duration::from_secs(1));
    }

    fn say(&mut self, priority: Priority, text: &str) {
        self.log.write(&LogRecord::new(priority, text));
    }
}

const DROPPED: &str = "it can't enter other network namespaces: that right was dropped at the start, when no rule needed it; \
    restart the service";

/// Takes what has been written to a pipe; returns true if there was something.
fn drain(mut stream: &UnixStream) -> bool {
    let mut room = [0; 64];
    let mut any = false;
    while stream.read(&mut room).is_ok_and(|read| read > 0) {
        any = true;
    }
    any
}
