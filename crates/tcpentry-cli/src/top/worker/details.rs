//! The details of one connection, as text.

use std::fmt;
use std::time::Instant;

use tcpentry::connection::{Details, Measure};
use tcpentry::escape::escape_for_terminal;
use tcpentry::why::Watch;
use tcpentry::{Error, State};

use super::super::message::{DetailReading, DetailText, Section, SocketTarget, Update};
use super::held_by::{HeldBy, searching};
use super::{WatchedNamespace, Worker, counters};
use crate::output::{amount, duration};

impl Worker {
    /// Sends the details of the connection for which they are shown.
    pub(super) fn send_details(&mut self) {
        let Some(target) = self.details.clone() else {
            return;
        };
        let key = target.key;
        let Some(mut details) = self.details_of(&target) else {
            let details = Box::default();
            (self.send)(Update::Details { key, details });
            return;
        };
        let known = self.held_by.as_ref();
        let section = known.map_or_else(searching, |it| it.section.clone());
        details.sections.insert(0, section);
        // Beside a million descriptors the search takes seconds: what the kernel says of the connection does not wait for it.
        let is_due = known.is_none_or(HeldBy::is_due);
        let again = is_due.then(|| details.clone());
        let send = |details| (self.send)(Update::Details { key, details });
        send(Box::new(details));
        let Some(mut details) = again else { return };
        let found = self.held_by.insert(HeldBy::search(&target.connection));
        if details.sections[0] != found.section {
            details.sections[0] = found.section.clone();
            send(Box::new(details));
        }
    }

    /// Returns the details but for its holders; `None` where its network namespace is no longer shown.
    fn details_of(&mut self, target: &SocketTarget) -> Option<DetailText> {
        let all = self.all_netns || !self.settings.netns.netns.is_empty();
        let is_it = |namespace: &&mut WatchedNamespace| namespace.number == target.key.netns;
        let namespace = self.namespaces.iter_mut().find(is_it)?;
        let origin = namespace.opened.table.origin().ok();
        let id = origin.map(|origin| origin.identity(&target.connection));
        let command = id.map(|id| {
            let all = if all { "--all-netns " } else { "" };
            format!("tcpentry delete {all}--id {id}")
        });
        let found = namespace.opened.table.details(&target.connection);
        let now = Instant::now();
        let mut text = DetailText {
            command: command.clone(),
            ..DetailText::default()
        };
        let mut from_kernel = Vec::new();
        match found {
            Ok(details) => {
                let watch = self.watch.get_or_insert_with(|| {
                    Watch::new(namespace.opened.table.retry_limits(), &details, now)
                });
                watch.add(&details, now);
                text.head = vec![cause(watch)];
                text.reading = Some(reading(&details, now));
                let counters = counters::named(&details.counters);
                text.groups = counters::grouped(&counters);
                text.kernel = vec![counters::by_kernel_names(&counters)];
                from_kernel = kernel_sections(namespace, &details);
            }
            Err(error) => text.head = vec![unread(&error)],
        }
        text.sections.push(Section {
            title: "delete this connection, and no other",
            lines: vec![(
                String::new(),
                command.unwrap_or_else(|| {
                    "no command: /proc does not show the boot id of this machine".to_owned()
                }),
            )],
        });
        let cgroup = self.names.cgroup(&target.connection);
        let cgroup = cgroup.map(|path| line("cgroup", escape_for_terminal(path.as_bytes())));
        if let Some(first) = from_kernel.first_mut() {
            first.lines.extend(cgroup);
        }
        text.sections.extend(from_kernel);
        Some(text)
    }
}

/// Says why nothing is known any more.
fn unread(error: &Error) -> Section {
    Section {
        title: "connection",
        lines: vec![line(error.outcome(), error.cause())],
    }
}

/// Picks out what is charted.
fn reading(details: &Details, at: Instant) -> DetailReading {
    let counter = |name| match details.counter(name) {
        Some(Measure::Count(number) | Measure::BytesPerSecond(number)) => Some(number),
        _ => None,
    };
    DetailReading {
        // A listener has one for those to come.
        congestion_window: counter("snd_cwnd")
            .filter(|_| details.connection.state != State::Listening),
        delivery_rate: counter("delivery_rate"),
        ..DetailReading::of_row(at, &details.connection)
    }
}

/// Describes what holds the connection up, as far as it was watched.
fn cause(watch: &Watch) -> Section {
    Section {
        title: "why it is slow, or does nothing",
        lines: vec![(String::new(), watch.diagnosis().to_string())],
    }
}

/// Describes what the kernel reports of the connection beside its counters.
fn kernel_sections(namespace: &mut WatchedNamespace, details: &Details) -> Vec<Section> {
    let now = &details.connection;
    let mut lines = vec![
        line("state", now.state),
        line("cookie", now.cookie),
        line("user", now.uid),
        line(
            "queues",
            format_args!("recvq {}, sendq {}", now.recv_queue, now.send_queue),
        ),
    ];
    if let Some(idle) = now.idle() {
        lines.push(line("idle", duration(idle)));
    }
    if let Some(timer) = details.timer {
        let (kind, expires, times) = (timer.kind, timer.expires, timer.retransmits);
        let expires = amount::time(expires);
        let text = format!("{kind}, expires in {expires}, expired {times} times before");
        lines.push(line("timer", text));
    }
    if let Some(interface) = now.interface() {
        lines.push(line("device", namespace.devices.name(interface)));
    }
    if let Some(mark) = now.mark.filter(|mark| *mark != 0) {
        lines.push(line("mark", format_args!("{mark:#x}")));
    }
    if now.mptcp == Some(true) {
        lines.push(line("mptcp", "a subflow of an MPTCP connection"));
    }
    if let Some(shutdown) = details.shutdown {
        let closed = match (shutdown.receive, shutdown.send) {
            (false, false) => "no direction",
            (true, false) => "receiving",
            (false, true) => "sending",
            (true, true) => "both directions",
        };
        lines.push(line("shut down", closed));
    }
    let named = [
        ("congestion", details.congestion_control.as_deref()),
        ("upper layer", details.upper_layer.as_deref()),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            lines.push(line(name, escape_for_terminal(value.as_bytes())));
        }
    }
    let mut sections = vec![Section {
        title: "connection",
        lines,
    }];
    if let Some(memory) = details.memory {
        let bytes = |count: u32| amount::bytes(count.into());
        let of = |taken: u32, limit: u32| format!("{} of {}", bytes(taken), bytes(limit));
        sections.push(Section {
            title: "memory",
            lines: vec![
                line("receive buffer", of(memory.receive, memory.receive_limit)),
                line("send buffer", of(memory.send, memory.send_limit)),
                line("backlog", bytes(memory.backlog)),
                line(
                    "drops",
                    memory
                        .drops
                        .map_or("-".to_owned(), |drops| drops.to_string()),
                ),
            ],
        });
    }
    sections
}

fn line(name: impl fmt::Display, value: impl fmt::Display) -> (String, String) {
    (name.to_string(), value.to_string())
}
