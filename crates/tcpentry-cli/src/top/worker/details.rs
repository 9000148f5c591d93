//! All that is known of one connection, made ready to be read.

use std::io;

use tcpentry::{Connection, Owner, Owners, Process, escape};

use super::super::message::{Details, Section, Target, Update};
use super::facts::search;
use super::{Field, Worker};

impl Worker {
    /// Tells it of the one whose details are shown.
    pub(super) fn tell_details(&mut self) {
        let Some(target) = self.details.clone() else {
            return;
        };
        let details = Box::new(self.details_of(&target));
        let key = target.key;
        (self.tell)(Update::Details { key, details });
    }

    fn details_of(&mut self, target: &Target) -> Details {
        let all = self.all_netns || !self.settings.netns.netns.is_empty();
        let is_it = |field: &&mut Field| field.number == target.key.site;
        let Some(field) = self.fields.iter_mut().find(is_it) else {
            return Details::default();
        };
        let place = field.site.table.place().ok();
        let id = place.map(|place| place.identity(&target.connection));
        let command = id.map(|id| {
            let all = if all { "--all-netns " } else { "" };
            format!("tcpentry delete {all}--id {id}")
        });
        let mut sections = vec![Section {
            title: "delete it, and nothing else, however late",
            lines: command
                .iter()
                .map(|command| (String::new(), command.clone()))
                .collect(),
        }];
        sections.push(connection(field, target));
        let owners = search(Owners::search().of_sockets(target.connection.inode));
        sections.push(processes(&target.connection, owners));
        Details { command, sections }
    }
}

/// What the kernel tells of it now.
fn connection(_field: &mut Field, target: &Target) -> Section {
    Section {
        title: "connection",
        lines: vec![("ends".to_owned(), target.connection.pair.to_string())],
    }
}

/// Who holds it: names and arguments are whatever their users have put there.
fn processes(connection: &Connection, owners: io::Result<Owners>) -> Section {
    let mut lines = Vec::new();
    match (connection.inode, owners) {
        (None, _) => lines.push(("nobody".to_owned(), "it is without owner".to_owned())),
        (Some(_), Err(error)) => lines.push(("unknown".to_owned(), error.to_string())),
        (Some(inode), Ok(owners)) => {
            for owner in owners.of(inode) {
                lines.extend(process(owner));
            }
            if lines.is_empty() {
                let hidden = owners.hidden().len();
                let text =
                    format!("nobody who may be seen; {hidden} processes hide what they hold");
                lines.push(("unknown".to_owned(), text));
            }
        }
    }
    Section {
        title: "held by",
        lines,
    }
}

fn process(owner: &Owner) -> Vec<(String, String)> {
    let process: Process = owner.process;
    let arguments = process.arguments().unwrap_or_default();
    let arguments: Vec<_> = arguments.iter().map(|argument| escape(argument)).collect();
    let mut lines = vec![
        (format!("pid {}", process.pid()), escape(&owner.name)),
        ("command".to_owned(), arguments.join(" ")),
    ];
    if let Some(uid) = owner.uid {
        lines.push(("user".to_owned(), uid.to_string()));
    }
    if let Some(cgroup) = &owner.cgroup {
        lines.push(("cgroup".to_owned(), escape(cgroup.as_bytes())));
    }
    lines
}
