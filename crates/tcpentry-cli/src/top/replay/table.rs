//! A table of rows that were read elsewhere or earlier: the commands of the screen are answered from it, without the kernel.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tcpentry::filter::{Mentioned, Truth};
use tcpentry::{Attribution, Filter, Identity, Selection, States, TcpTable};

use super::super::message::{
    DetailReading, DetailText, FilterProblem, PreviewBasis, PreviewItem, Section, SocketKind,
    SocketTarget, Update, WorkerCommand,
};
use super::super::model::{Arrangement, Deletability, Find, Frame, Row, RowKey, Sorter};
use super::super::worker::UpdateSender;
use super::names::NamesOfElsewhere;
use super::source::{ForeignFrame, RowSource};
use crate::args::TopColumn;

/// The table, and what the screen wants of it.
pub(crate) struct ForeignTable {
    send: UpdateSender,
    kind: SocketKind,
    own: OwnFilter,
    /// The filter of the screen.
    filter: String,
    selection: ForeignSelection,
    arrangement: Arrangement,
    find: Find,
    /// All rows.
    all: Frame,
    /// Those that are shown.
    shown: Arc<Frame>,
    sorter: Sorter,
    identities: HashMap<RowKey, Identity>,
    details: Option<SocketTarget>,
    /// The time by this clock at which the last frame came.
    came_at: Instant,
}

/// The filter by which the rows were selected where they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnFilter {
    pub(crate) text: String,
    /// The rows are in the states that are wanted: the screen leaves out none of them.
    pub(crate) has_states: bool,
}

/// The rows that are selected.
enum ForeignSelection {
    /// All that were read.
    All,
    /// Those in the states of the screen.
    OfStates,
    Of(Box<Selection>),
}

impl ForeignTable {
    pub(crate) fn new(
        send: UpdateSender,
        kind: SocketKind,
        own: OwnFilter,
        arrangement: Arrangement,
    ) -> Self {
        Self {
            send,
            kind,
            own,
            filter: String::new(),
            selection: ForeignSelection::OfStates,
            arrangement,
            find: Find::default(),
            all: Frame::default(),
            shown: Arc::default(),
            sorter: Sorter::default(),
            identities: HashMap::new(),
            details: None,
            came_at: Instant::now(),
        }
    }

    /// Takes a frame, and shows it.
    pub(crate) fn take(&mut self, frame: ForeignFrame) {
        self.came_at = Instant::now();
        let ForeignFrame {
            rows,
            baseline,
            hidden,
            notes,
            read_time,
            read_at,
            hosts,
        } = frame;
        let identified = rows.iter();
        self.identities = identified
            .filter_map(|(row, identity)| Some((row.key, (*identity)?)))
            .collect();
        let rows = rows.into_iter().map(|(row, _)| row).collect();
        let next = self.all.followed_by(rows, baseline, read_at + read_time);
        self.all = Frame {
            hidden,
            notes,
            read_time,
            hosts,
            ..next
        };
        self.show(self.all.is_reset);
    }

    /// Shows these messages from now on.
    pub(crate) fn set_notes(&mut self, notes: Vec<String>) {
        if self.all.notes != notes {
            self.all.notes = notes;
            self.show(false);
        }
    }

    /// Sends the rows that are selected.
    fn show(&mut self, is_reset: bool) {
        let states = self.states();
        let mut attribution = Attribution::new();
        let mut is_selected = |row: &Row| match &self.selection {
            ForeignSelection::All => true,
            ForeignSelection::OfStates => states.contains(row.connection.state),
            ForeignSelection::Of(selection) => {
                let truth = selection.judge(&row.to_connection(), &mut attribution);
                matches!(truth, Ok(Truth::True))
            }
        };
        let rows = self.all.rows.iter().filter(|row| is_selected(row));
        let rows: Vec<Row> = rows.cloned().collect();
        let mut frame = self.all.of_rows(rows);
        frame.serial = self.shown.serial + 1;
        frame.read_at = Some(self.came_at);
        frame.is_reset = is_reset;
        self.shown = Arc::new(frame);
        self.send_frame();
    }

    fn send_frame(&mut self) {
        let arranged = self
            .sorter
            .arrange(&self.shown, self.arrangement, &self.find);
        (self.send)(Update::Frame {
            frame: Arc::clone(&self.shown),
            arrangement: self.arrangement,
            find: self.find.clone(),
            arranged,
        });
    }

    fn states(&self) -> States {
        match self.kind {
            SocketKind::Connections => States::CONNECTIONS,
            SocketKind::Listening => States::LISTENING,
            SocketKind::All => States::ALL_ACTIVE.union(States::BOUND_INACTIVE),
        }
    }

    /// Executes a command that is not about the pace.
    pub(crate) fn execute(&mut self, command: WorkerCommand, source: &mut dyn RowSource) {
        match command {
            WorkerCommand::Filter { serial, text, .. } => {
                let result = self.change_filter(&text);
                let is_changed = result.is_ok();
                (self.send)(Update::Filter { serial, result });
                if is_changed {
                    self.show(true);
                }
            }
            WorkerCommand::ShowKind(kind) => {
                self.kind = kind;
                // It was valid before.
                let _ = self.change_filter(&self.filter.clone());
                self.show(true);
            }
            WorkerCommand::AllNamespaces(_) => {
                let notes = vec!["the network namespaces are those that were read".to_owned()];
                (self.send)(Update::Namespaces { all: false, notes });
            }
            WorkerCommand::Arrange(arrangement, find) => {
                (self.arrangement, self.find) = (arrangement, find);
                self.send_frame();
            }
            // What was looked up came with the rows.
            WorkerCommand::Resolve(_)
            | WorkerCommand::Refresh
            | WorkerCommand::Every(_)
            | WorkerCommand::Seek(_)
            | WorkerCommand::Hold { .. }
            | WorkerCommand::EndHolds => {}
            WorkerCommand::Details(target) => {
                self.details = target;
                self.send_details(source);
            }
            WorkerCommand::Preview { serial, targets } => self.preview(serial, targets, source),
            WorkerCommand::Delete {
                serial, targets, ..
            } => {
                let targets = self.identified(targets);
                let send = &self.send;
                source.delete(targets, &mut |target, result| {
                    send(Update::Outcome {
                        serial,
                        target: Box::new(target),
                        result,
                    });
                });
                (self.send)(Update::Done { serial });
            }
        }
    }

    /// Selects by a filter of the screen.
    pub(crate) fn change_filter(&mut self, text: &str) -> Result<(), FilterProblem> {
        self.selection = if text.trim().is_empty() {
            ForeignSelection::OfStates
        } else if text == self.own.text && self.own.has_states {
            ForeignSelection::All
        } else if text == self.own.text {
            ForeignSelection::OfStates
        } else {
            ForeignSelection::Of(Box::new(self.compile(text)?))
        };
        text.clone_into(&mut self.filter);
        Ok(())
    }

    fn compile(&self, text: &str) -> Result<Selection, FilterProblem> {
        let names = NamesOfElsewhere::default();
        let parsed = Filter::parse(text, &names);
        let foreign = FilterProblem {
            message: "names of processes, users, units, containers, devices and namespaces mean something only where the \
                rows were read"
                .to_owned(),
            hint: Some("type the name alone: it is found on the rows".to_owned()),
            length: text.chars().count(),
            ..FilterProblem::default()
        };
        if names.were_asked() {
            return Err(foreign);
        }
        let filter = parsed.map_err(|error| FilterProblem {
            column: error.column(),
            length: error.length(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        })?;
        let is_set = |it: &Mentioned<'_>| matches!(it, Mentioned::Set(..));
        if !filter.mentions().iter().all(|it| is_set(&it.name)) {
            return Err(foreign);
        }
        let of_table = |error: tcpentry::Error| FilterProblem {
            message: error.to_string(),
            ..FilterProblem::default()
        };
        let mut table = TcpTable::open().map_err(of_table)?;
        Selection::new(filter, self.states(), &mut table).map_err(of_table)
    }

    /// Sends what is known of the connection for which details are shown.
    pub(crate) fn send_details(&self, source: &dyn RowSource) {
        let Some(target) = &self.details else {
            return;
        };
        let identity = self.identities.get(&target.key);
        let command = identity.and_then(|identity| source.command(target.key, identity));
        let rows = self.all.rows.iter();
        let row = rows.rev().find(|row| row.key == target.key);
        let lines = row.into_iter().flat_map(|row| {
            let columns = TopColumn::all().iter();
            let columns = columns.filter(|column| **column != TopColumn::Count);
            columns.map(|column| {
                let title = column.format().title.to_lowercase();
                (title, column.text(row, &row.resolved))
            })
        });
        let id = identity.map(|it| ("identity".to_owned(), it.to_string()));
        let deletion = command.as_ref().map(|command| Section {
            title: "delete this connection, and no other",
            lines: vec![(String::new(), command.clone())],
        });
        let as_read = Section {
            title: "as it was read",
            lines: lines.chain(id).collect(),
        };
        let present = row.filter(|row| row.is_present());
        let reading =
            present.map(|row| DetailReading::of_row(row.read_at.into(), &row.to_connection()));
        let details = DetailText {
            command,
            head: vec![source.beyond(target.key, identity)],
            reading,
            sections: deletion.into_iter().chain([as_read]).collect(),
            ..DetailText::default()
        };
        (self.send)(Update::Details {
            key: target.key,
            details: Box::new(details),
        });
    }

    fn identified(&self, targets: Vec<SocketTarget>) -> Vec<(SocketTarget, Option<Identity>)> {
        let targets = targets.into_iter();
        targets
            .map(|target| {
                let identity = self.identities.get(&target.key).copied();
                (target, identity)
            })
            .collect()
    }

    fn preview(&self, serial: u64, targets: Vec<SocketTarget>, source: &mut dyn RowSource) {
        let rows: HashMap<RowKey, &Row> = self.all.rows.iter().map(|row| (row.key, row)).collect();
        let targets = self.identified(targets);
        let known = |target: &SocketTarget| {
            let row = rows.get(&target.key)?;
            row.resolved.deletability.clone()
        };
        let known: Vec<_> = targets.iter().map(|(target, _)| known(target)).collect();
        let deletabilities = source.preview(&targets, known);
        let items = targets.into_iter().zip(deletabilities);
        let items: Vec<_> = items
            .map(|((target, _), deletability)| {
                let row = rows.get(&target.key);
                let holders = row.and_then(|row| row.resolved.holders.as_deref());
                let holders = holders.map_or("-", |holders| &*holders.text).to_owned();
                let user = row.and_then(|row| row.names.user.as_deref()).unwrap_or("-");
                PreviewItem {
                    holders,
                    user: user.to_owned(),
                    deletability,
                    target,
                }
            })
            .collect();
        let deletable = items.iter();
        let deletable = deletable.filter(|it| matches!(it.deletability, Deletability::By(_)));
        let basis = Arc::new(PreviewBasis {
            deletable: deletable.map(|it| it.target.key).collect(),
            ..PreviewBasis::default()
        });
        (self.send)(Update::Preview {
            serial,
            items,
            basis,
        });
    }
}
