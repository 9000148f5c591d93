//! The thread that owns the tables: it reads them, looks up what is asked for, and deletes what was confirmed.
//!
//! It never waits for the screen, nor the screen for it. A walk that is under way gives way to what a person waits for.

mod deletion;
mod details;
mod facts;
mod look;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry::{Attribution, Devices, NetnsId, Options, Selection, States};

use super::message::{Command, Shown, Target, Update, Wrong};
use super::model::{Arranged, Arrangement, Facts, Frame, Key, Question};
use crate::args::{NetnsArgs, SelectArgs};
use crate::selection::{self, Hosts, Refusal};
use crate::session::SessionGuard;
use crate::sites::{self, Site, Sites};
use facts::Names;

/// What the words say, for the whole run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) netns: NetnsArgs,
    pub(crate) select: SelectArgs,
    pub(crate) shown: Shown,
    pub(crate) options: Options,
    pub(crate) own_session: bool,
    pub(crate) interval: Duration,
    pub(crate) arrangement: Arrangement,
}

/// A network namespace, and what is selected in it.
struct Field {
    /// Its number in keys.
    number: u32,
    site: Site,
    selection: Selection,
    devices: Devices,
}

/// Tells the screen; false where nobody listens any more.
pub(crate) type Tell = Box<dyn Fn(Update) -> bool + Send>;

pub(crate) struct Worker {
    settings: Settings,
    commands: Receiver<Command>,
    /// What came while something else was done.
    waiting: VecDeque<Command>,
    tell: Tell,
    fields: Vec<Field>,
    /// The number of each namespace that was ever looked at.
    numbers: HashMap<NetnsId, u32>,
    filter: String,
    shown: Shown,
    all_netns: bool,
    interval: Option<Duration>,
    arrangement: Arrangement,
    knowledge: Attribution,
    names: Names,
    facts: HashMap<Key, Facts>,
    session: SessionGuard,
    details: Option<Target>,
    frame: Arc<Frame>,
    question: Question,
    /// When the namespaces were looked for.
    surveyed: Instant,
}

impl Worker {
    /// Opens the tables.
    ///
    /// # Errors
    /// Where one that was named can't be opened, or the filter makes no sense.
    pub(crate) fn new(
        settings: Settings,
        filter: &str,
        commands: Receiver<Command>,
        tell: Tell,
    ) -> Result<Self, Refusal> {
        let mut worker = Self {
            commands,
            waiting: VecDeque::new(),
            tell,
            fields: Vec::new(),
            numbers: HashMap::new(),
            filter: filter.to_owned(),
            shown: settings.shown,
            all_netns: settings.netns.all_netns,
            interval: Some(settings.interval),
            arrangement: settings.arrangement,
            knowledge: Attribution::new(),
            names: Names::default(),
            facts: HashMap::new(),
            session: SessionGuard::new(settings.own_session),
            details: None,
            frame: Arc::default(),
            question: Question::Another,
            surveyed: Instant::now(),
            settings,
        };
        let sites = sites::open_quietly(&worker.netns()).map_err(Refusal::Table)?;
        let notes = worker.take_sites(sites, Hosts::LookUp)?;
        let all = worker.all_netns;
        (worker.tell)(Update::Namespaces { all, notes });
        Ok(worker)
    }

    /// Starts the thread.
    pub(crate) fn start(self) -> std::io::Result<thread::JoinHandle<()>> {
        let builder = thread::Builder::new().name("tcpentry-table".to_owned());
        builder.spawn(|| self.run())
    }

    fn run(mut self) {
        let mut next = Instant::now();
        loop {
            match self.next_command(next) {
                Ok(command) => {
                    if self.obey(command) {
                        next = Instant::now();
                    } else if self.interval.is_none() {
                        next = Instant::now() + LONG;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let start = Instant::now();
                    self.read_table();
                    // A table that takes long to be read leaves half of the time to others.
                    let pause = self.interval.unwrap_or(LONG).max(start.elapsed());
                    next = start + pause;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// What is asked for next, before it is time to read the table.
    fn next_command(&mut self, next: Instant) -> Result<Command, RecvTimeoutError> {
        if let Some(command) = self.waiting.pop_front() {
            return Ok(command);
        }
        let left = next.saturating_duration_since(Instant::now());
        self.commands.recv_timeout(left)
    }

    /// Does it; whether the table is to be read at once.
    pub(super) fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Refresh => return true,
            Command::Every(interval) => {
                self.interval = interval;
                return interval.is_some();
            }
            Command::Filter {
                serial,
                text,
                typing,
            } => {
                self.waiting.extend(self.commands.try_iter());
                // Somebody types faster than filters are made ready.
                let is_old = self
                    .waiting
                    .iter()
                    .any(|it| matches!(it, Command::Filter { .. }));
                return !is_old && self.change_filter(serial, text, typing);
            }
            Command::Show(shown) => {
                self.shown = shown;
                self.select_again();
                return true;
            }
            Command::AllNamespaces(all) => {
                self.change_namespaces(all);
                return true;
            }
            Command::Arrange(arrangement) => {
                let before = self.arrangement;
                self.arrangement = arrangement;
                if arrangement.needs_holders() && !before.needs_holders() {
                    return true;
                }
                if self.frame.is_large() {
                    self.show();
                }
            }
            Command::Look(keys) => self.look_up(&keys),
            Command::Details(target) => {
                self.details = target;
                self.tell_details();
            }
            Command::Rehearse { serial, targets } => self.rehearse(serial, targets),
            Command::Delete { serial, targets } => {
                self.delete(serial, targets);
                return true;
            }
        }
        false
    }

    fn netns(&self) -> NetnsArgs {
        NetnsArgs {
            all_netns: self.all_netns,
            netns: if self.all_netns {
                Vec::new()
            } else {
                self.settings.netns.netns.clone()
            },
        }
    }

    fn states(&self) -> States {
        match self.shown {
            Shown::Connections => States::CONNECTIONS,
            Shown::Listening => States::LISTENING,
            Shown::All => States::ALL_ACTIVE.union(States::BOUND_INACTIVE),
        }
    }

    /// Looks at these instead; returns what is left out of them.
    fn take_sites(&mut self, sites: Sites, hosts: Hosts) -> Result<Vec<String>, Refusal> {
        let Sites {
            mut sites, notes, ..
        } = sites;
        let selections = selection::of_sites(
            &self.filter,
            &self.settings.select,
            self.states(),
            &mut sites,
            hosts,
        )?;
        let fields: Vec<_> = sites
            .into_iter()
            .zip(selections)
            .map(|(site, selection)| self.field(site, selection))
            .collect();
        self.fields = fields;
        self.surveyed = Instant::now();
        Ok(notes)
    }

    fn field(&mut self, site: Site, selection: Selection) -> Field {
        let count = u32::try_from(self.numbers.len()).expect("there are not so many namespaces");
        let number = *self.numbers.entry(site.table.netns()).or_insert(count);
        Field {
            number,
            devices: site.table.devices(),
            site,
            selection,
        }
    }

    /// Shows what another filter selects, if it makes sense.
    fn change_filter(&mut self, serial: u64, text: String, typing: bool) -> bool {
        let hosts = if typing {
            Hosts::Numbers
        } else {
            Hosts::LookUp
        };
        let before = std::mem::replace(&mut self.filter, text);
        let result = self.select(hosts).map_err(wrong);
        let changed = result.is_ok();
        if !changed {
            self.filter = before;
        }
        (self.tell)(Update::Filter { serial, result });
        changed
    }

    /// Makes the filter ready for the tables.
    fn select(&mut self, hosts: Hosts) -> Result<(), Refusal> {
        let fields = std::mem::take(&mut self.fields);
        let (mut sites, rest): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .map(|field| (field.site, (field.number, field.devices, field.selection)))
            .unzip();
        let select = &self.settings.select;
        let selections =
            selection::of_sites(&self.filter, select, self.states(), &mut sites, hosts);
        let (selections, result) = match selections {
            Ok(selections) => (selections.into_iter().map(Some).collect(), Ok(())),
            Err(refusal) => (Vec::new(), Err(refusal)),
        };
        let selections = selections.into_iter().chain(std::iter::repeat(None));
        self.fields = sites
            .into_iter()
            .zip(rest)
            .zip(selections)
            .map(|((site, (number, devices, before)), selection)| Field {
                number,
                site,
                devices,
                selection: selection.unwrap_or(before),
            })
            .collect();
        if result.is_ok() {
            self.question = Question::Another;
        }
        result
    }

    /// The same filter with other states.
    fn select_again(&mut self) {
        if let Err(refusal) = self.select(Hosts::LookUp) {
            (self.tell)(Update::Trouble(wrong(refusal).message));
        }
    }

    fn change_namespaces(&mut self, all: bool) {
        let before = std::mem::replace(&mut self.all_netns, all);
        let sites = sites::open_quietly(&self.netns()).map_err(Refusal::Table);
        let notes = match sites.and_then(|sites| self.take_sites(sites, Hosts::LookUp)) {
            Ok(notes) => {
                self.question = Question::Another;
                notes
            }
            Err(refusal) => {
                self.all_netns = before;
                vec![wrong(refusal).message]
            }
        };
        let all = self.all_netns;
        (self.tell)(Update::Namespaces { all, notes });
    }

    /// Takes in namespaces that have been made meanwhile, and lets go of those that only this program still holds.
    fn survey(&mut self) {
        if !self.all_netns || self.surveyed.elapsed() < BETWEEN_SURVEYS {
            return;
        }
        self.surveyed = Instant::now();
        let known = self.fields.iter().filter_map(|field| field.site.inode);
        let Ok((new, present)) = sites::newcomers(&known.collect()) else {
            // What is known stays known.
            return;
        };
        let is_present = |inode: &u64| present.contains(inode);
        self.fields
            .retain(|field| field.site.inode.as_ref().is_none_or(is_present));
        for mut site in new {
            let select = &self.settings.select;
            let selection = selection::of_another(&self.filter, select, self.states(), &mut site);
            if let Ok(selection) = selection {
                let field = self.field(site, selection);
                self.fields.push(field);
            }
        }
    }

    /// Sends the frame in the order that was chosen.
    fn show(&self) {
        let arranged = Arranged::new(&self.frame, self.arrangement);
        (self.tell)(Update::Frame {
            frame: Arc::clone(&self.frame),
            arrangement: self.arrangement,
            arranged,
        });
    }
}

/// What a person waits for.
const fn is_urgent(command: &Command) -> bool {
    matches!(
        command,
        Command::Filter { .. }
            | Command::Show(_)
            | Command::AllNamespaces(_)
            | Command::Details(Some(_))
            | Command::Rehearse { .. }
            | Command::Delete { .. }
    )
}

fn wrong(refusal: Refusal) -> Wrong {
    match refusal {
        Refusal::Filter { error, .. } => Wrong {
            column: error.column(),
            length: error.length(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        },
        Refusal::Table(error) => Wrong {
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            ..Wrong::default()
        },
    }
}

/// To look for namespaces costs more than to read a small table.
const BETWEEN_SURVEYS: Duration = Duration::from_secs(5);
/// A pause: until something else is asked for.
const LONG: Duration = Duration::from_secs(365 * 86_400);
