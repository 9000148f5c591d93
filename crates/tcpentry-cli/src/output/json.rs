//! JSON lines. Every field is documented in the manual (`manual.rs`); a test compares the two.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use tcpentry::{
    Connection, Container, Devices, Error, ErrorKind, Identity, Origin, Owner, Unit,
    escape_for_terminal,
};

use super::{hint_of, row};

/// A socket of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Socket {
    id: Option<String>,
    family: &'static str,
    state: String,
    local: String,
    peer: String,
    mapped: bool,
    interface: Option<String>,
    netns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) netns_name: Option<String>,
    cookie: String,
    inode: Option<u32>,
    pub(crate) uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processes: Option<Vec<Holder>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    membership: Option<Membership>,
    recv_queue: Option<u32>,
    send_queue: Option<u32>,
    mark: Option<u32>,
    cgroup: Option<u64>,
    mptcp: Option<bool>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) counters: Option<Counters>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<u16, String>,
}

/// Its counters.
#[derive(Debug, Serialize)]
pub(crate) struct Counters {
    idle_ms: Option<u128>,
    rtt_us: u128,
    rtt_variation_us: u128,
    retransmits: u8,
    total_retransmits: u32,
    congestion_window: u32,
    last_data_sent_ms: u128,
    last_data_received_ms: u128,
    last_ack_received_ms: u128,
    bytes_acked: u64,
    bytes_received: u64,
}

impl Socket {
    pub(crate) fn new(
        connection: &Connection,
        place: Option<Origin>,
        devices: &mut Devices,
    ) -> Self {
        let owned = connection.inode.is_some();
        Self {
            id: place.map(|place| place.identity(connection).to_string()),
            family: family(connection.pair.is_ipv4()),
            state: connection.state.to_string(),
            local: row::local(&connection.pair, devices),
            peer: connection.peer().to_string(),
            mapped: connection.mapped,
            interface: connection
                .interface()
                .map(|it| devices.name(it).to_string()),
            netns: place.map(|place| place.netns.to_string()),
            netns_name: None,
            cookie: connection.cookie.to_string(),
            inode: connection.inode.map(tcpentry::Inode::number),
            uid: owned.then_some(connection.uid),
            processes: None,
            user: None,
            membership: None,
            recv_queue: Some(connection.receive_queue),
            send_queue: Some(connection.send_queue),
            mark: connection.mark,
            cgroup: connection.cgroup,
            mptcp: connection.mptcp,
            counters: None,
            attributes: connection
                .attributes
                .iter()
                .map(|attribute| (attribute.number, hex(&attribute.value)))
                .collect(),
        }
    }
}

/// A process that holds a socket.
#[derive(Debug, Serialize)]
pub(crate) struct Holder {
    pid: i32,
    /// Tells two processes apart that have had one pid.
    start: u64,
    name: String,
    uid: Option<u32>,
}

impl Holder {
    pub(crate) fn of(owner: &Owner) -> Self {
        Self {
            pid: owner.process.pid(),
            start: owner.process.start(),
            name: escape_for_terminal(&owner.name),
            uid: owner.uid,
        }
    }
}

/// Where a socket belongs, by its cgroup.
#[derive(Debug, Serialize)]
struct Membership {
    cgroup_path: Option<String>,
    unit: Option<String>,
    container: Option<ContainerName>,
}

#[derive(Debug, Serialize)]
struct ContainerName {
    runtime: String,
    id: Option<String>,
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<PodName>,
}

#[derive(Debug, Serialize)]
struct PodName {
    uid: String,
    qos: String,
}

impl Socket {
    /// The same of one that is gone.
    pub(crate) fn without_queues(self) -> Self {
        Self {
            recv_queue: None,
            send_queue: None,
            ..self
        }
    }

    /// Adds the names that the path of its cgroup holds.
    pub(crate) fn put_cgroup(&mut self, path: Option<&str>) {
        let container = path.and_then(Container::from_cgroup);
        self.membership = Some(Membership {
            cgroup_path: path.map(str::to_owned),
            unit: path
                .and_then(Unit::from_cgroup)
                .map(|unit| unit.to_string()),
            container: container.map(|container| ContainerName {
                runtime: container.runtime.to_string(),
                id: container.id,
                name: container.name,
                pod: container.pod.map(|pod| PodName {
                    uid: pod.uid,
                    qos: pod.qos.to_string(),
                }),
            }),
        });
    }
}

impl Counters {
    pub(crate) fn of(connection: &Connection) -> Option<Self> {
        let info = connection.info.as_ref()?;
        Some(Self {
            idle_ms: connection.idle().map(|idle| idle.as_millis()),
            rtt_us: info.rtt.as_micros(),
            rtt_variation_us: info.rtt_variation.as_micros(),
            retransmits: info.retransmits,
            total_retransmits: info.total_retransmits,
            congestion_window: info.congestion_window,
            last_data_sent_ms: info.last_data_sent.as_millis(),
            last_data_received_ms: info.last_data_received.as_millis(),
            last_ack_received_ms: info.last_ack_received.as_millis(),
            bytes_acked: info.bytes_acked,
            bytes_received: info.bytes_received,
        })
    }
}

/// A deletion: the socket as far as it was found, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Deletion {
    #[serde(flatten)]
    pub(crate) name: Name,
    pub(crate) outcome: String,
    pub(crate) dry_run: bool,
    pub(crate) method: Option<String>,
    guard: Option<String>,
    errno: Option<i32>,
    win32: u32,
    error: Option<String>,
    hint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) candidates: Vec<String>,
}

/// The socket that was found, or the name under which none was.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Name {
    Found(Box<Socket>),
    Asked {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        family: &'static str,
        local: String,
        peer: String,
    },
}

impl Name {
    pub(crate) fn asked(target: &tcpentry::Target, local: String) -> Self {
        let pair = target.pair();
        let id = match target {
            tcpentry::Target::Identity(identity) => Some(Identity::to_string(identity)),
            // By its ends.
            _ => None,
        };
        Self::Asked {
            id,
            family: family(pair.is_ipv4()),
            local,
            peer: pair.peer().to_string(),
        }
    }
}

impl Deletion {
    pub(crate) fn done(name: Name, method: tcpentry::Method, dry_run: bool) -> Self {
        Self {
            name,
            outcome: tcpentry::Outcome::Deleted.to_string(),
            dry_run,
            method: Some(method.to_string()),
            guard: None,
            errno: Some(0),
            win32: 0,
            error: None,
            hint: None,
            candidates: Vec::new(),
        }
    }

    pub(crate) fn not_done(name: Name, error: &Error, dry_run: bool) -> Self {
        let guard = match error.kind() {
            ErrorKind::Refused(guard) => Some(guard.to_string()),
            ErrorKind::Ambiguous => Some("ambiguous".to_owned()),
            _ => None,
        };
        Self {
            name,
            outcome: error.outcome().to_string(),
            dry_run,
            method: None,
            guard,
            errno: error.errno(),
            win32: error.win32(),
            error: Some(error.cause().to_owned()),
            hint: hint_of(error).map(str::to_owned),
            candidates: Vec::new(),
        }
    }
}

/// Writes one object and a newline.
pub(crate) fn line(out: &mut impl Write, object: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Harmless);
    object.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// Writes every character that a terminal would act upon as an escape of JSON, not only those below 32.
struct Harmless;

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // A single quote is escaped for Rust only.
        let is_harmless = |c: char| c == '\'' || c.escape_debug().len() == 1;
        let mut units = [0; 2];
        for part in fragment.split_inclusive(|c| !is_harmless(c)) {
            let harmful = part.chars().next_back().filter(|c| !is_harmless(*c));
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
}

fn family(is_ipv4: bool) -> &'static str {
    if is_ipv4 { "ipv4" } else { "ipv6" }
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
        let name = "a\u{1b}[m\u{7f}\u{9b}m \u{202e}\u{e0001} gr\u{fc}n 'x' \"\\";
        let mut out = Vec::new();
        line(&mut out, &name).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "\"a\\u001b[m\\u007f\\u009bm \\u202e\\udb40\\udc01 gr\u{fc}n 'x' \\\"\\\\\"\n"
        );
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
    }
}
