//! A row of a recording: the object of `list --json`, and what `top` knows beside it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tcpentry::connection::TcpInfo;
use tcpentry::escape::escape_for_terminal;
use tcpentry::{Connection, Cookie, Endpoint, Identity, Inode, Method, Outcome, Pair, State};

use crate::message::sentence;
use crate::output::{BETWEEN_HOLDERS, ContainerLabel, SocketObject, holder_of, shown_name};
use crate::top::model::{Deletability, HolderNames, NotDeleted, Resolved, Row, RowKey, RowNames};

/// A row as it is written.
#[derive(Debug, Serialize)]
pub(crate) struct RowFields {
    #[serde(flatten)]
    socket: SocketObject,
    /// The service of its local port.
    service: Option<String>,
    /// The first ancestor of its first process that has the same name.
    process_tree: Option<i32>,
    /// The expected outcome of a deletion, and the rest as `delete --dry-run --json` has it.
    outcome: Option<String>,
    method: Option<String>,
    error: Option<String>,
    hint: Option<String>,
    /// The microseconds from the beginning of the frame to the reading of this row.
    row_us: u64,
}

impl RowFields {
    /// Describes a row of a frame that was begun at this time.
    pub(crate) fn new(
        socket: SocketObject,
        row: &Row,
        resolved: &Resolved,
        begun: Instant,
    ) -> Self {
        let (outcome, method, error, hint) = match &resolved.deletability {
            None => (None, None, None, None),
            Some(Deletability::By(method)) => (Some(Outcome::Deleted), Some(method), None, None),
            Some(Deletability::No(no)) => (
                Some(no.outcome),
                None,
                Some(no.cause.clone()),
                no.hint.clone(),
            ),
        };
        let holders = resolved.holders.as_deref();
        let tree = holders.filter(|holders| !holders.first.is_empty());
        Self {
            socket,
            service: row.names.service.as_deref().map(str::to_owned),
            process_tree: tree.map(|holders| holders.tree),
            outcome: outcome.map(|outcome| outcome.to_string()),
            method: method.map(ToString::to_string),
            error,
            hint,
            row_us: super::micros(row.read_at.saturating_duration_since(begun.into())),
        }
    }
}

/// A row as it is read. What is missing is unknown: a later version may leave it out, and an older one has not written it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordedRow {
    id: Option<String>,
    state: String,
    local_address: Option<IpAddr>,
    local_port: u16,
    peer_address: Option<IpAddr>,
    peer_port: u16,
    mapped: Option<bool>,
    interface: Option<String>,
    netns: Option<String>,
    netns_name: Option<String>,
    cookie: Option<String>,
    inode: Option<u32>,
    uid: Option<u32>,
    processes: Option<Vec<RecordedProcess>>,
    user: Option<String>,
    unit: Option<String>,
    container: Option<ContainerLabel>,
    recv_queue: Option<u32>,
    send_queue: Option<u32>,
    mark: Option<u32>,
    mptcp: Option<bool>,
    idle_ms: Option<u64>,
    rtt_us: Option<u64>,
    retransmits: Option<u8>,
    total_retransmits: Option<u32>,
    bytes_acked: Option<u64>,
    bytes_received: Option<u64>,
    service: Option<String>,
    process_tree: Option<i32>,
    outcome: Option<String>,
    method: Option<String>,
    error: Option<String>,
    hint: Option<String>,
    row_us: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RecordedProcess {
    pid: i32,
    name: String,
}

/// The place that a recorded row belongs to.
#[derive(Clone, Debug)]
pub(super) struct RowPlace {
    /// The name of its host, where there are several.
    pub(super) host: Option<Arc<str>>,
    /// The number that stands for its network namespace.
    pub(super) netns: u32,
    /// The time at which reading its frame was begun.
    pub(super) begun: Instant,
}

impl RecordedRow {
    /// Returns the name of its network namespace, by which it is told apart from others.
    pub(crate) fn netns(&self) -> &str {
        self.netns.as_deref().unwrap_or_default()
    }

    /// Returns its identity, where it has one.
    pub(super) fn identity(&self) -> Result<Option<Identity>, String> {
        let parsed = self.id.as_ref().map(|id| id.parse());
        parsed
            .transpose()
            .map_err(|_| "`id` is no identity".to_owned())
    }

    /// Returns the row of the socket that has this identity, if any.
    ///
    /// # Errors
    /// The reason where it is no socket.
    pub(super) fn into_row(
        self,
        identity: Option<&Identity>,
        place: &RowPlace,
    ) -> Result<Row, String> {
        let (pair, cookie) = match identity {
            // What is shown is what would be deleted.
            Some(identity) => (identity.pair, identity.cookie),
            None => (self.pair()?, self.cookie()?),
        };
        let state: State = self
            .state
            .parse()
            .map_err(|_| format!("`state` is none: `{}`", self.state.escape_debug()))?;
        let mut connection = Connection::named(pair, cookie, state);
        connection.mapped = self.mapped.unwrap_or_default();
        connection.recv_queue = self.recv_queue.unwrap_or_default();
        connection.send_queue = self.send_queue.unwrap_or_default();
        connection.uid = self.uid.unwrap_or_default();
        connection.inode = self.inode.and_then(Inode::new);
        connection.mark = self.mark;
        connection.mptcp = self.mptcp;
        connection.info = self.info().map(Box::new);
        let read_at = place.begun.checked_add(Duration::from_micros(self.row_us));
        let key = RowKey {
            netns: place.netns,
            cookie,
        };
        let names = Arc::new(RowNames {
            host: place.host.clone(),
            ..self.names(&connection)
        });
        let read_at = read_at.unwrap_or(place.begun);
        let mut row = Row::new(key, &connection, names, read_at.into());
        row.resolved = Resolved {
            holders: row.connection.inode.map(|_| Arc::new(self.holders())),
            deletability: self.deletability(),
        };
        Ok(row)
    }

    fn pair(&self) -> Result<Pair, String> {
        let (Some(local), Some(peer)) = (self.local_address, self.peer_address) else {
            return Err("it has neither `id` nor the addresses of both ends".to_owned());
        };
        let local = Endpoint::new(local, self.local_port);
        let pair = Pair::new(local, Endpoint::new(peer, self.peer_port));
        pair.map_err(|error| format!("it has no pair of ends: {error}"))
    }

    fn cookie(&self) -> Result<Cookie, String> {
        let digits = self.cookie.as_deref().unwrap_or_default();
        let value = u64::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
        let cookie = value.and_then(Cookie::new);
        cookie.ok_or_else(|| "it has neither `id` nor a `cookie`".to_owned())
    }

    fn info(&self) -> Option<TcpInfo> {
        let counts = [
            self.rtt_us,
            self.idle_ms,
            self.bytes_acked,
            self.bytes_received,
        ];
        if counts.iter().all(Option::is_none) {
            return None;
        }
        let mut info = TcpInfo::default();
        info.rtt = Duration::from_micros(self.rtt_us.unwrap_or_default());
        let idle = Duration::from_millis(self.idle_ms.unwrap_or_default());
        (info.last_data_sent, info.last_data_received) = (idle, idle);
        info.retransmits = self.retransmits.unwrap_or_default();
        info.total_retransmits = self.total_retransmits.unwrap_or_default();
        info.bytes_acked = self.bytes_acked.unwrap_or_default();
        info.bytes_received = self.bytes_received.unwrap_or_default();
        Some(info)
    }

    fn names(&self, connection: &Connection) -> RowNames {
        let container = self.container.as_ref().map(ToString::to_string);
        let unit = container.as_ref().or(self.unit.as_ref());
        // As the table has it where the users of a namespace are not known.
        let user = self.user.as_deref().unwrap_or("?");
        RowNames {
            host: None,
            netns: escaped(self.netns_name.as_deref()),
            device: escaped(self.interface.as_deref()),
            user: escaped(connection.inode.map(|_| user)),
            unit: escaped(unit.map(String::as_str)),
            service: escaped(self.service.as_deref()),
        }
    }

    fn holders(&self) -> HolderNames {
        let processes = self.processes.as_deref().unwrap_or_default();
        let shown = processes.iter().take(MOST_HOLDERS);
        let shown: Vec<_> = shown
            .map(|it| holder_of(it.pid, it.name.as_bytes()))
            .collect();
        let Some(first) = processes.first() else {
            return HolderNames {
                text: "?".to_owned(),
                ..HolderNames::default()
            };
        };
        HolderNames {
            text: shown.join(BETWEEN_HOLDERS),
            others: processes.len() - 1,
            first: shown_name(first.name.as_bytes()).into(),
            tree: self.process_tree.unwrap_or(first.pid),
            unit: None,
        }
    }

    fn deletability(&self) -> Option<Deletability> {
        let outcome = self.outcome.as_deref()?;
        let methods = [Method::SockDiag, Method::Borrow];
        let method = methods
            .into_iter()
            .find(|it| Some(it.to_string()) == self.method);
        if let Some(method) = method.filter(|_| outcome == Outcome::Deleted.to_string()) {
            return Some(Deletability::By(method));
        }
        let known = [
            Outcome::Gone,
            Outcome::Denied,
            Outcome::Guarded,
            Outcome::Spared,
            Outcome::Unsupported,
        ];
        let known = known.into_iter().find(|it| it.to_string() == outcome);
        let shown = |text: &String| sentence(text.as_bytes());
        let no = NotDeleted {
            outcome: known.unwrap_or(Outcome::Failed),
            cause: self.error.as_ref().map(shown).unwrap_or_default(),
            hint: self.hint.as_ref().map(shown),
        };
        Some(no.into())
    }
}

fn escaped(text: Option<&str>) -> Option<Arc<str>> {
    text.map(|text| escape_for_terminal(text.as_bytes()).into())
}

/// The number of holders whose names are shown.
const MOST_HOLDERS: usize = 1000;
