//! The processes that hold the connection of the details, as text.

use std::io;
use std::time::{Duration, Instant};

use tcpentry::Connection;
use tcpentry::escape::escape_for_terminal;
use tcpentry::process::{Owner, Owners, Process};

use super::super::message::Section;
use super::names::search;

/// The processes that hold the connection, by the last search.
pub(super) struct HeldBy {
    pub(super) section: Section,
    searched: Instant,
    pub(super) took: Duration,
}

impl HeldBy {
    pub(super) fn search(connection: &Connection) -> Self {
        let begin = Instant::now();
        let owners = search(Owners::search().of_sockets(connection.inode));
        let section = processes(connection, owners);
        Self {
            section,
            searched: Instant::now(),
            took: begin.elapsed(),
        }
    }

    /// Returns true where a search costs no more than a tenth of the time since the last one.
    pub(super) fn is_due(&self) -> bool {
        self.searched.elapsed() >= self.took * 9
    }
}

/// Says that nobody knows yet.
pub(super) fn searching() -> Section {
    let text = "looking for the processes that hold it";
    Section {
        title: HELD_BY,
        lines: vec![(String::new(), text.to_owned())],
    }
}

/// Describes the holders. Their names and arguments may contain anything, and are escaped.
fn processes(connection: &Connection, owners: io::Result<Owners>) -> Section {
    let mut lines = Vec::new();
    match (connection.inode, owners) {
        (None, _) => lines.push(("none".to_owned(), "no process holds it".to_owned())),
        (Some(_), Err(error)) => lines.push(("unknown".to_owned(), error.to_string())),
        (Some(inode), Ok(owners)) => {
            for owner in owners.of(inode) {
                lines.extend(process(owner));
            }
            if lines.is_empty() {
                let hidden = owners.hidden().len();
                let text = format!(
                    "no visible process; {hidden} processes can't be inspected by this user"
                );
                lines.push(("unknown".to_owned(), text));
            }
        }
    }
    Section {
        title: HELD_BY,
        lines,
    }
}

fn process(owner: &Owner) -> Vec<(String, String)> {
    let process: Process = owner.process;
    let command = match process.arguments() {
        Some(arguments) => {
            let arguments = arguments
                .iter()
                .map(|argument| escape_for_terminal(argument));
            arguments.collect::<Vec<_>>().join(" ")
        }
        None => "unknown: its arguments can't be read".to_owned(),
    };
    let mut lines = vec![
        (
            format!("pid {}", process.pid()),
            escape_for_terminal(&owner.name),
        ),
        ("command".to_owned(), command),
    ];
    if let Some(uid) = owner.uid {
        lines.push(("user".to_owned(), uid.to_string()));
    }
    if let Some(cgroup) = &owner.cgroup {
        let path = cgroup.as_path().as_str();
        lines.push(("cgroup".to_owned(), escape_for_terminal(path.as_bytes())));
    }
    lines
}

const HELD_BY: &str = "held by";
