//! The report of one attempt, made once from it: the row or the object, and the complaint.

use tcpentry::{Attribution, Connection, Error, Outcome};

use super::attempt::Attempt;
use crate::message::hint_of;
use crate::output::{Cells, DeletionObject, SocketObject, View, style_of};
use crate::peer_reset;

/// The report of one attempt.
pub(super) struct ReportLine {
    /// The row of the table.
    pub(super) cells: Option<Cells>,
    /// The object of JSON.
    pub(super) object: Option<Box<DeletionObject>>,
    /// The message on standard error where it was not deleted.
    pub(super) complaint: Option<Complaint>,
    /// The message about the subflows that end with it.
    pub(super) subflows: Option<String>,
}

/// The reason why a connection was not deleted, as a person reads it.
pub(super) struct Complaint {
    /// The cause, equal for all connections that fail alike.
    pub(super) cause: String,
    /// The verb of what could not be done.
    pub(super) operation: String,
    pub(super) text: String,
    pub(super) hint: Option<String>,
    /// The sockets that the name can mean, a line each.
    pub(super) candidates: Vec<String>,
}

/// The parts of a line that are wanted.
#[derive(Clone, Copy)]
pub(super) enum ReportForm {
    /// Nothing but the complaint.
    Complaint,
    Row,
    Object {
        dry_run: bool,
    },
}

impl ReportLine {
    /// Makes the line of an attempt; `cells` is the row before, whose memory is used again.
    pub(super) fn new(
        attempt: &Attempt,
        wanted: ReportForm,
        views: &mut [View],
        attribution: &mut Attribution,
        cells: Cells,
    ) -> Self {
        let mut line = Self {
            cells: None,
            object: None,
            complaint: None,
            subflows: None,
        };
        match wanted {
            ReportForm::Complaint => {}
            ReportForm::Row => {
                let view = &mut views[attempt.table];
                line.cells = Some(fill(cells, attempt, view, attribution));
            }
            ReportForm::Object { dry_run } => {
                let object = object(attempt, dry_run, views, attribution);
                line.object = Some(Box::new(object));
                // The object has the reason.
                return line;
            }
        }
        if attempt.names_subflows {
            line.subflows = describe_subflows(attempt, &mut views[attempt.table]);
        }
        if let Err(error) = &attempt.result {
            line.complaint = Some(complaint(attempt, error, views));
        }
        line
    }
}

/// Fills the cells of a row. Where its owners can't be read, it is a row without what was asked for.
fn fill(
    mut cells: Cells,
    attempt: &Attempt,
    view: &mut View,
    attribution: &mut Attribution,
) -> Cells {
    put_front(attempt, view, &mut cells);
    let found = attempt.found.as_ref();
    if view.put(found, attribution, &mut cells).is_err() {
        put_front(attempt, view, &mut cells);
        // Without a socket nothing is read, so that nothing can fail.
        let _ = view.put(None, attribution, &mut cells);
    }
    cells
}

/// Starts a row with the columns that every report has.
fn put_front(attempt: &Attempt, view: &mut View, cells: &mut Cells) {
    let outcome = attempt.outcome();
    let pair = attempt.pair();
    cells.clear();
    cells.styled(outcome, style_of(outcome));
    cells.put(attempt.found.as_ref().map(|found| found.state));
    view.put_local(&pair, cells);
    cells.put(pair.peer());
    cells.put(attempt.result.as_ref().ok().map(|it| it.method));
}

fn object(
    attempt: &Attempt,
    dry_run: bool,
    views: &mut [View],
    attribution: &mut Attribution,
) -> DeletionObject {
    let view = &mut views[attempt.table];
    let found = attempt.found.as_ref();
    let socket = match found.and_then(|found| view.object(found, attribution).ok()) {
        // Nobody has seen what it held when it ended.
        Some(socket) if attempt.outcome() == Outcome::Gone => socket.without_queues(),
        Some(socket) => socket,
        None => SocketObject::named(&attempt.target, view.local(&attempt.target.pair())),
    };
    let subflows = name_subflows(attempt, view);
    let mut object = match &attempt.result {
        Ok(ending) => DeletionObject::deleted(socket, *ending, attempt.at, dry_run),
        Err(error) => {
            let mut object = DeletionObject::not_deleted(socket, error, attempt.at, dry_run);
            object.candidates = attempt
                .candidates()
                .filter_map(|(table, candidate)| views[table].identity(candidate))
                .collect();
            object
        }
    };
    object.subflows = subflows;
    object
}

/// Returns both ends of each subflow that ends with it.
fn name_subflows(attempt: &Attempt, view: &mut View) -> Vec<String> {
    let each = attempt.subflows.iter();
    each.map(|it| format!("{} {}", view.local(&it.pair), it.peer()))
        .collect()
}

fn describe_subflows(attempt: &Attempt, view: &mut View) -> Option<String> {
    let names = name_subflows(attempt, view);
    let all = names.join(", ");
    (!names.is_empty()).then(|| {
        format!(
            "it is a subflow of an MPTCP connection, which ends with all its subflows, including {all}"
        )
    })
}

fn complaint(attempt: &Attempt, error: &Error, views: &mut [View]) -> Complaint {
    // The notation of the row, with the device's name.
    let pair = attempt.target.pair();
    let local = views[attempt.table].local(&pair);
    let (operation, peer, cause) = (error.operation(), pair.peer(), error.cause());
    Complaint {
        cause: cause.to_owned(),
        operation: operation.to_string(),
        text: format!("cannot {operation} {local} {peer}: {cause}"),
        hint: hint_of(error).map(str::to_owned),
        candidates: attempt
            .candidates()
            .filter_map(|(table, candidate)| describe_candidate(candidate, &mut views[table]))
            .collect(),
    }
}

fn describe_candidate(candidate: &Connection, view: &mut View) -> Option<String> {
    let id = view.identity(candidate)?;
    let local = view.local(&candidate.pair);
    let netns = view.netns().map(|name| format!(" ({name})"));
    let netns = netns.unwrap_or_default();
    Some(format!("{local} {}{netns} is --id {id}", candidate.peer()))
}

/// Introduces the subflows that ended with a connection, in a log.
pub(in crate::command) const WITH_SUBFLOWS: &str =
    ", with the other subflows of its MPTCP connection: ";

/// Describes an attempt for the system log: the connection, and the method or the reason.
pub(super) fn log_text(attempt: &Attempt, view: &mut View) -> String {
    let pair = attempt.pair();
    let local = view.local(&pair);
    let result = match &attempt.result {
        Ok(ending) => peer_reset::describe(*ending, pair.local()),
        Err(error) => format!("because {}", error.cause()),
    };
    let state = attempt.found.as_ref();
    let state = state.map(|found| format!(" ({})", found.state));
    let state = state.unwrap_or_default();
    let netns = view.netns().map(|name| format!(" in netns {name}"));
    let netns = netns.unwrap_or_default();
    let mut text = format!("{local} {}{state}{netns} {result}", pair.peer());
    if attempt.names_subflows && attempt.result.is_ok() && !attempt.subflows.is_empty() {
        let all = name_subflows(attempt, view).join(", ");
        text.push_str(WITH_SUBFLOWS);
        text.push_str(&all);
    }
    text
}
