//! JSON lines. Every field is documented in the manual (`manual.rs`); a test compares the two.
//!
//! A key is never missing: what is unknown, absent or was not asked for is null.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tcpentry::delete::Ending;
use tcpentry::escape::is_plain;
use tcpentry::netns::Origin;
use tcpentry::process::{CgroupPath, Container, Owner, Unit};
use tcpentry::table::Devices;
use tcpentry::{Connection, Error, ErrorKind, Inode, Outcome, Pair, Target};

use super::row;
use crate::message::hint_of;

/// A socket of the table.
#[derive(Debug, Serialize)]
pub(crate) struct SocketObject {
    id: Option<String>,
    family: &'static str,
    state: Option<String>,
    local: String,
    peer: String,
    local_address: String,
    local_port: u16,
    peer_address: String,
    peer_port: u16,
    mapped: Option<bool>,
    interface: Option<String>,
    pub(super) netns: Option<String>,
    pub(crate) netns_name: Option<String>,
    cookie: Option<String>,
    inode: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) processes: Option<Vec<HolderObject>>,
    pub(crate) user: Option<String>,
    cgroup_path: Option<String>,
    unit: Option<String>,
    container: Option<ContainerObject>,
    recv_queue: Option<u32>,
    send_queue: Option<u32>,
    mark: Option<u32>,
    cgroup: Option<u64>,
    mptcp: Option<bool>,
    mptcp_token: Option<u32>,
    #[serde(flatten)]
    counters: CountersObject,
    attributes: BTreeMap<u16, String>,
}

/// The counters of a socket; all null where they were not asked for.
#[derive(Debug, Default, Serialize)]
struct CountersObject {
    idle_ms: Option<u128>,
    rtt_us: Option<u128>,
    rtt_variation_us: Option<u128>,
    retransmits: Option<u8>,
    total_retransmits: Option<u32>,
    congestion_window: Option<u32>,
    last_data_sent_ms: Option<u128>,
    last_data_received_ms: Option<u128>,
    last_ack_received_ms: Option<u128>,
    bytes_acked: Option<u64>,
    bytes_received: Option<u64>,
}

/// A process that holds a socket.
#[derive(Debug, Serialize)]
pub(crate) struct HolderObject {
    pid: i32,
    /// Distinguishes two processes that have had one pid.
    start: u64,
    name: String,
    uid: Option<u32>,
    /// The numbers of the descriptors by which it holds the socket.
    descriptors: Vec<i32>,
}

#[derive(Debug, Serialize)]
struct ContainerObject {
    runtime: String,
    id: Option<String>,
    name: Option<String>,
    pod: Option<PodObject>,
    user: Option<u32>,
}

#[derive(Debug, Serialize)]
struct PodObject {
    uid: String,
    qos: String,
}

impl SocketObject {
    /// Describes a row of the table.
    pub(crate) fn new(
        connection: &Connection,
        origin: Option<Origin>,
        devices: &mut Devices,
    ) -> Self {
        let owned = connection.inode.is_some();
        let interface = connection.interface();
        Self {
            id: origin.map(|origin| origin.identity(connection).to_string()),
            state: Some(connection.state.to_string()),
            mapped: Some(connection.mapped),
            interface: interface.map(|it| devices.name(it).to_string()),
            cookie: Some(connection.cookie.to_string()),
            inode: connection.inode.map(Inode::number),
            uid: owned.then_some(connection.uid),
            recv_queue: Some(connection.recv_queue),
            send_queue: Some(connection.send_queue),
            mark: connection.mark,
            cgroup: connection.cgroup,
            mptcp: connection.mptcp,
            mptcp_token: connection.mptcp_token,
            attributes: connection
                .attributes
                .iter()
                .map(|attribute| (attribute.number, hex(&attribute.value)))
                .collect(),
            ..Self::of_pair(&connection.pair, row::local(&connection.pair, devices))
        }
    }

    /// Describes a name under which no socket was found; `local` is its local end.
    pub(crate) fn named(target: &Target, local: String) -> Self {
        let id = match target {
            Target::Identity(identity) => Some(identity.to_string()),
            // Named by its ends.
            _ => None,
        };
        Self {
            id,
            ..Self::of_pair(&target.pair(), local)
        }
    }

    fn of_pair(pair: &Pair, local: String) -> Self {
        Self {
            id: None,
            family: if pair.is_ipv4() { "ipv4" } else { "ipv6" },
            state: None,
            local,
            peer: pair.peer().to_string(),
            local_address: pair.local().address().to_string(),
            local_port: pair.local().port(),
            peer_address: pair.peer().address().to_string(),
            peer_port: pair.peer().port(),
            mapped: None,
            interface: None,
            netns: None,
            netns_name: None,
            cookie: None,
            inode: None,
            uid: None,
            processes: None,
            user: None,
            cgroup_path: None,
            unit: None,
            container: None,
            recv_queue: None,
            send_queue: None,
            mark: None,
            cgroup: None,
            mptcp: None,
            mptcp_token: None,
            counters: CountersObject::default(),
            attributes: BTreeMap::new(),
        }
    }

    /// Sets the queues to null: the socket has ended, and nobody has seen what they held then.
    pub(crate) fn without_queues(self) -> Self {
        Self {
            recv_queue: None,
            send_queue: None,
            ..self
        }
    }

    /// Adds the path of its cgroup and the names in it.
    pub(crate) fn put_cgroup(&mut self, path: Option<CgroupPath<'_>>) {
        self.cgroup_path = path.map(|path| path.as_str().to_owned());
        self.unit = path
            .and_then(Unit::from_cgroup)
            .map(|unit| unit.to_string());
        let container = path.and_then(Container::from_cgroup);
        self.container = container.map(|container| ContainerObject {
            runtime: container.runtime.to_string(),
            id: container.id,
            name: container.name,
            pod: container.pod.map(|pod| PodObject {
                uid: pod.uid,
                qos: pod.qos.to_string(),
            }),
            user: container.user,
        });
    }

    /// Adds those of its counters that `top` keeps of a row; the others stay null.
    #[cfg(feature = "tui")]
    pub(crate) fn put_kept_counters(&mut self, connection: &Connection) {
        self.put_counters(connection);
        self.counters = CountersObject {
            rtt_variation_us: None,
            congestion_window: None,
            last_data_sent_ms: None,
            last_data_received_ms: None,
            last_ack_received_ms: None,
            ..std::mem::take(&mut self.counters)
        };
    }

    /// Adds its counters.
    pub(crate) fn put_counters(&mut self, connection: &Connection) {
        let Some(info) = &connection.info else { return };
        self.counters = CountersObject {
            idle_ms: connection.idle().map(|idle| idle.as_millis()),
            rtt_us: Some(info.rtt.as_micros()),
            rtt_variation_us: Some(info.rtt_variation.as_micros()),
            retransmits: Some(info.retransmits),
            total_retransmits: Some(info.total_retransmits),
            congestion_window: Some(info.congestion_window),
            last_data_sent_ms: Some(info.last_data_sent.as_millis()),
            last_data_received_ms: Some(info.last_data_received.as_millis()),
            last_ack_received_ms: Some(info.last_ack_received.as_millis()),
            bytes_acked: Some(info.bytes_acked),
            bytes_received: Some(info.bytes_received),
        };
    }
}

impl HolderObject {
    pub(crate) fn new(owner: &Owner, descriptors: Vec<i32>) -> Self {
        Self {
            pid: owner.process.pid(),
            start: owner.process.start(),
            name: String::from_utf8_lossy(&owner.name).into_owned(),
            uid: owner.uid,
            descriptors,
        }
    }
}

/// A deletion: the socket as far as it was found, and the outcome.
#[derive(Debug, Serialize)]
pub(crate) struct DeletionObject {
    #[serde(flatten)]
    socket: SocketObject,
    outcome: String,
    /// The time in which the outcome became known.
    time: String,
    dry_run: bool,
    method: Option<String>,
    /// True where a reset was sent to the peer, false where none could leave.
    peer_told: Option<bool>,
    guard: Option<String>,
    errno: Option<i32>,
    win32: Option<u32>,
    error: Option<String>,
    hint: Option<String>,
    pub(crate) candidates: Vec<String>,
    /// The other subflows of its MPTCP connection, which end with it: both ends of each.
    pub(crate) subflows: Vec<String>,
}

impl DeletionObject {
    pub(crate) fn deleted(
        socket: SocketObject,
        ending: Ending,
        at: SystemTime,
        dry_run: bool,
    ) -> Self {
        Self {
            socket,
            outcome: Outcome::Deleted.to_string(),
            time: utc(at),
            dry_run,
            method: Some(ending.method.to_string()),
            peer_told: ending.reset.is_sent(),
            guard: None,
            errno: Some(0),
            win32: Some(0),
            error: None,
            hint: None,
            candidates: Vec::new(),
            subflows: Vec::new(),
        }
    }

    pub(crate) fn not_deleted(
        socket: SocketObject,
        error: &Error,
        at: SystemTime,
        dry_run: bool,
    ) -> Self {
        let guard = match error.kind() {
            ErrorKind::Refused(guard) => Some(guard.to_string()),
            ErrorKind::Ambiguous => Some("ambiguous".to_owned()),
            _ => None,
        };
        Self {
            socket,
            outcome: error.outcome().to_string(),
            time: utc(at),
            dry_run,
            method: None,
            peer_told: None,
            guard,
            errno: error.errno(),
            // What was left alone has no code of Windows.
            win32: (error.kind() != ErrorKind::Spared).then(|| error.win32()),
            error: Some(error.cause().to_owned()),
            hint: hint_of(error).map(str::to_owned),
            candidates: Vec::new(),
            subflows: Vec::new(),
        }
    }
}

/// Writes one object and a newline.
pub(crate) fn line(out: &mut impl Write, object: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Escaping);
    object.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// Writes every character that a terminal would act upon, or show as nothing, as an escape of JSON, not only those below
/// 32: the string stays what it is.
struct Escaping;

impl serde_json::ser::Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        put_escaped(out, fragment)
    }
}

/// Writes a text of JSON with such characters as escapes, which stand in strings only.
pub(crate) fn put_escaped<W: ?Sized + Write>(out: &mut W, text: &str) -> io::Result<()> {
    let mut units = [0; 2];
    for part in text.split_inclusive(|c| !is_plain(c)) {
        let harmful = part.chars().next_back().filter(|c| !is_plain(*c));
        let harmless = &part[..part.len() - harmful.map_or(0, char::len_utf8)];
        out.write_all(harmless.as_bytes())?;
        for unit in harmful
            .iter()
            .flat_map(|c| c.encode_utf16(&mut units).to_vec())
        {
            write!(out, "\\u{unit:04x}")?;
        }
    }
    Ok(())
}

/// Returns a time as in RFC 3339, UTC, to the microsecond. A clock before 1970 is shown as 1970.
fn utc(at: SystemTime) -> String {
    humantime::format_rfc3339_micros(at.max(UNIX_EPOCH)).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_escaped_and_still_the_same() {
        let name = "a\u{1b}[m\u{7f}\u{9b}m \u{202e}\u{e0001}\u{3164} gr\u{fc}n 'x' \"\\";
        let mut out = Vec::new();
        line(&mut out, &name).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "\"a\\u001b[m\\u007f\\u009bm \\u202e\\udb40\\udc01\\u3164 gr\u{fc}n 'x' \\\"\\\\\"\n"
        );
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
    }
}
