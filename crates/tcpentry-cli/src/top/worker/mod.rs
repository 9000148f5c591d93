//! The thread that owns the tables: it reads them, looks up what is asked for, and deletes what was confirmed.
//!
//! It never waits for the screen, nor the screen for it. An urgent command interrupts a dump.

mod counters;
mod deletion;
mod details;
mod held;
mod held_by;
mod hold;
mod holders;
mod names;
mod queue;
mod read;
mod record;
mod recording;
mod reused_rows;

use std::collections::HashMap;
use std::slice;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry::netns::NetnsId;
use tcpentry::table::Devices;
use tcpentry::why::Watch;
use tcpentry::{Attribution, Options, Selection, States};

use super::message::{FilterProblem, SocketKind, SocketTarget, Update, WorkerCommand};
use super::model::{Arrangement, Baseline, Find, Frame, Resolved, RowKey, Sorter};
use crate::args::{NetnsArgs, SelectArgs};
use crate::own_session::SessionGuard;
use crate::tables::selection::{self, FilterInput, Hosts, SelectionError};
use crate::tables::sets::Sets;
use crate::tables::{self, NamespaceTable, Tables};
use held::HeldPeers;
use held_by::HeldBy;
use holders::HolderCache;
use names::NameCache;
pub(super) use queue::CommandQueue;
use recording::FrameRecording;

/// The settings of the whole run, from the command line.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) netns: NetnsArgs,
    pub(crate) select: SelectArgs,
    /// The sets that a filter may name.
    pub(crate) sets: Sets,
    pub(crate) kind: SocketKind,
    pub(crate) options: Options,
    pub(crate) own_session: bool,
    pub(crate) interval: Duration,
    pub(crate) arrangement: Arrangement,
}

/// A network namespace with its table and the selection in it.
struct WatchedNamespace {
    /// Its number in row keys.
    number: u32,
    opened: NamespaceTable,
    selection: Arc<Selection>,
    devices: Devices,
}

/// Sends an update to the screen; returns false where that has ended.
pub(crate) type UpdateSender = Box<dyn Fn(Update) -> bool + Send>;

pub(crate) struct Worker {
    settings: Settings,
    queue: CommandQueue,
    send: UpdateSender,
    namespaces: Vec<WatchedNamespace>,
    /// The numbers of all namespaces ever shown.
    numbers: HashMap<NetnsId, u32>,
    filter: String,
    kind: SocketKind,
    all_netns: bool,
    interval: Option<Duration>,
    arrangement: Arrangement,
    find: Find,
    attribution: Attribution,
    names: NameCache,
    holders: HolderCache,
    resolved: foldhash::HashMap<RowKey, Resolved>,
    session: SessionGuard,
    held: Vec<HeldPeers>,
    /// The time at which those that are held off are looked for.
    next_hold_round: Instant,
    details: Option<SocketTarget>,
    /// The readings since the details were opened.
    watch: Option<Watch>,
    held_by: Option<HeldBy>,
    frame: Arc<Frame>,
    /// The frame before it, whose memory the next one takes: a large one costs as much to be given by the kernel as to be sorted.
    frame_before: Option<Arc<Frame>>,
    sorter: Sorter,
    baseline: Baseline,
    /// The time at which namespaces were last searched for.
    searched_at: Instant,
    /// The recording that is made.
    recording: Option<FrameRecording>,
}

impl Worker {
    /// Opens the tables of the namespaces.
    ///
    /// # Errors
    /// Fails where a namespace can't be opened, or the filter is invalid.
    pub(crate) fn new(
        settings: Settings,
        filter: &str,
        commands: Receiver<WorkerCommand>,
        send: UpdateSender,
    ) -> Result<Self, SelectionError> {
        let mut worker = Self {
            queue: CommandQueue::new(commands),
            send,
            namespaces: Vec::new(),
            numbers: HashMap::new(),
            filter: filter.to_owned(),
            kind: settings.kind,
            all_netns: settings.netns.all_netns,
            interval: Some(settings.interval),
            arrangement: settings.arrangement,
            find: Find::default(),
            attribution: Attribution::new(),
            names: NameCache::default(),
            holders: HolderCache::default(),
            resolved: foldhash::HashMap::default(),
            session: SessionGuard::new(settings.own_session),
            held: Vec::new(),
            next_hold_round: Instant::now(),
            details: None,
            watch: None,
            held_by: None,
            frame: Arc::default(),
            frame_before: None,
            sorter: Sorter::default(),
            baseline: Baseline::Reset,
            searched_at: Instant::now(),
            recording: None,
            settings,
        };
        let tables = tables::open_quietly(&worker.netns()).map_err(SelectionError::Table)?;
        let notes = worker.take_tables(tables, Hosts::LookUp)?;
        let all = worker.all_netns;
        (worker.send)(Update::Namespaces { all, notes });
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
            let due = self.hold_due().map_or(next, |due| due.min(next));
            match self.queue.next(due) {
                Ok(command) => {
                    if self.execute(command) {
                        next = Instant::now();
                    } else if self.interval.is_none() {
                        next = Instant::now() + PAUSE;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.hold_round();
                    if Instant::now() < next {
                        continue;
                    }
                    let start = Instant::now();
                    self.read_table();
                    // Reading a large table takes at most half of the time.
                    let pause = self.interval.unwrap_or(PAUSE).max(2 * start.elapsed());
                    next = start + pause;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Executes a command. Returns true where the table is to be read at once.
    pub(super) fn execute(&mut self, command: WorkerCommand) -> bool {
        match command {
            WorkerCommand::Refresh => return true,
            WorkerCommand::Every(interval) => {
                let is_resumed = self.interval.is_none() && interval.is_some();
                if is_resumed && self.baseline == Baseline::Previous {
                    self.baseline = Baseline::BeforePause;
                }
                self.interval = interval;
                return interval.is_some();
            }
            WorkerCommand::Filter {
                serial,
                text,
                typing,
            } => {
                return !self.queue.has_filter() && self.change_filter(serial, text, typing);
            }
            // There is but the frame of now.
            WorkerCommand::Seek(_) => {}
            WorkerCommand::ShowKind(kind) => {
                self.kind = kind;
                self.reselect();
                return true;
            }
            WorkerCommand::AllNamespaces(all) => {
                self.change_namespaces(all);
                return true;
            }
            WorkerCommand::Arrange(arrangement, find) => {
                let knew_holders = self.needs_holders();
                (self.arrangement, self.find) = (arrangement, find);
                if self.needs_holders() && !knew_holders {
                    return true;
                }
                if self.frame.is_large() {
                    self.send_frame();
                }
            }
            WorkerCommand::Resolve(keys) => self.resolve(&keys),
            WorkerCommand::Details(target) => {
                self.details = target;
                self.watch = None;
                self.held_by = None;
                self.send_details();
            }
            WorkerCommand::Preview { serial, targets } => self.preview(serial, targets),
            WorkerCommand::Delete {
                serial,
                targets,
                basis,
                paced,
            } => {
                self.delete(serial, targets, &basis, paced);
                return !paced;
            }
            WorkerCommand::Hold {
                serial,
                services,
                until,
            } => self.hold_off(serial, &services, until),
            WorkerCommand::EndHolds => self.held.clear(),
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

    fn filter_input(&self) -> FilterInput<'_> {
        FilterInput {
            words: slice::from_ref(&self.filter),
            args: &self.settings.select,
            sets: &self.settings.sets,
        }
    }

    fn states(&self) -> States {
        match self.kind {
            SocketKind::Connections => States::CONNECTIONS,
            SocketKind::Listening => States::LISTENING,
            SocketKind::All => States::ALL_ACTIVE.union(States::BOUND_INACTIVE),
        }
    }

    /// Shows these namespaces instead. Returns messages about those that are left out.
    fn take_tables(&mut self, tables: Tables, hosts: Hosts) -> Result<Vec<String>, SelectionError> {
        let Tables {
            opened: mut tables,
            notes,
            ..
        } = tables;
        let selections =
            selection::prepare_all(self.filter_input(), self.states(), &mut tables, hosts)?;
        let namespaces: Vec<_> = tables
            .into_iter()
            .zip(selections)
            .map(|(opened, selection)| self.namespace(opened, selection))
            .collect();
        self.namespaces = namespaces;
        self.searched_at = Instant::now();
        Ok(notes)
    }

    fn namespace(&mut self, opened: NamespaceTable, selection: Selection) -> WatchedNamespace {
        let count = u32::try_from(self.numbers.len()).expect("there are not so many namespaces");
        let number = *self.numbers.entry(opened.table.netns()).or_insert(count);
        WatchedNamespace {
            number,
            devices: opened.table.devices(),
            opened,
            selection: Arc::new(selection),
        }
    }

    /// Changes the filter, if it is valid, and sends the result. Returns true where it has changed.
    fn change_filter(&mut self, serial: u64, text: String, typing: bool) -> bool {
        let hosts = if typing {
            Hosts::Numbers
        } else {
            Hosts::LookUp
        };
        let before = std::mem::replace(&mut self.filter, text);
        let result = self.select(hosts).map_err(problem);
        let changed = result.is_ok();
        if !changed {
            self.filter = before;
        }
        (self.send)(Update::Filter { serial, result });
        changed
    }

    /// Compiles the filter for each table.
    fn select(&mut self, hosts: Hosts) -> Result<(), SelectionError> {
        let namespaces = std::mem::take(&mut self.namespaces);
        let (mut tables, rest): (Vec<_>, Vec<_>) = namespaces
            .into_iter()
            .map(|namespace| {
                (
                    namespace.opened,
                    (namespace.number, namespace.devices, namespace.selection),
                )
            })
            .unzip();
        let selections =
            selection::prepare_all(self.filter_input(), self.states(), &mut tables, hosts);
        let (selections, result) = match selections {
            Ok(selections) => (selections.into_iter().map(Some).collect(), Ok(())),
            Err(refusal) => (Vec::new(), Err(refusal)),
        };
        let selections = selections.into_iter().chain(std::iter::repeat(None));
        self.namespaces = tables
            .into_iter()
            .zip(rest)
            .zip(selections)
            .map(
                |((opened, (number, devices, before)), selection)| WatchedNamespace {
                    number,
                    opened,
                    devices,
                    selection: selection.map_or(before, Arc::new),
                },
            )
            .collect();
        if result.is_ok() {
            self.baseline = Baseline::Reset;
        }
        result
    }

    /// Compiles the current filter again, for other states.
    fn reselect(&mut self) {
        if let Err(refusal) = self.select(Hosts::LookUp) {
            (self.send)(Update::Trouble(problem(refusal).message));
        }
    }

    fn change_namespaces(&mut self, all: bool) {
        let before = std::mem::replace(&mut self.all_netns, all);
        let tables = tables::open_quietly(&self.netns()).map_err(SelectionError::Table);
        let notes = match tables.and_then(|tables| self.take_tables(tables, Hosts::LookUp)) {
            Ok(notes) => {
                self.baseline = Baseline::Reset;
                notes
            }
            Err(refusal) => {
                self.all_netns = before;
                vec![problem(refusal).message]
            }
        };
        let all = self.all_netns;
        (self.send)(Update::Namespaces { all, notes });
    }

    /// Adds new namespaces, and drops those that only this program still holds.
    fn update_namespaces(&mut self) {
        if !self.all_netns || self.searched_at.elapsed() < NAMESPACE_SEARCH_INTERVAL {
            return;
        }
        self.searched_at = Instant::now();
        let known = self
            .namespaces
            .iter()
            .filter_map(|namespace| namespace.opened.inode);
        let Ok((new, present)) = tables::new_namespaces(&known.collect()) else {
            // The known ones stay.
            return;
        };
        let is_present = |inode: &u64| present.contains(inode);
        self.namespaces
            .retain(|namespace| namespace.opened.inode.as_ref().is_none_or(is_present));
        for mut opened in new {
            let (input, states) = (self.filter_input(), self.states());
            let selection = selection::prepare_elsewhere(input, states, &mut opened);
            if let Ok(selection) = selection {
                let namespace = self.namespace(opened, selection);
                self.namespaces.push(namespace);
            }
        }
    }

    /// Returns true where the holders of all rows have to be known.
    fn needs_holders(&self) -> bool {
        self.recording.is_some() || self.arrangement.needs_holders(&self.find)
    }

    /// Sends the frame in the chosen order.
    fn send_frame(&mut self) {
        let arranged = self
            .sorter
            .arrange(&self.frame, self.arrangement, &self.find);
        (self.send)(Update::Frame {
            frame: Arc::clone(&self.frame),
            arrangement: self.arrangement,
            find: self.find.clone(),
            arranged,
        });
    }
}

fn problem(refusal: SelectionError) -> FilterProblem {
    match refusal {
        SelectionError::Filter { error, .. } => FilterProblem {
            column: error.column(),
            length: error.length(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        },
        SelectionError::Table(error) => FilterProblem {
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            ..FilterProblem::default()
        },
    }
}

/// The interval of searching for namespaces, which costs more than reading a small table.
const NAMESPACE_SEARCH_INTERVAL: Duration = Duration::from_secs(5);
/// The interval while paused: until a command comes.
const PAUSE: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests;
