//! Whole screens of several sizes, as text in the files of `screens`, to be looked at.
//!
//! A change of what is drawn changes them: run this test with `TCPENTRY_WRITE_SCREENS=1`, and look at the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use tcpentry::{Method, Pair, State};

use super::super::message::{DetailReading, DetailText, Section, Update};
use super::super::model::testing::{key, row_of};
use super::super::model::{Deletability, HolderNames, HostName, Resolved, Row};
use super::super::testing::Desk;
use crate::args::TopColumn;

/// A service with its connections.
struct SampleService {
    name: &'static str,
    user: &'static str,
    unit: &'static str,
    /// The first process, and the number of those that it has forked.
    pid: i32,
    workers: i32,
    local: &'static str,
    peers: fn(u64) -> String,
    count: u64,
    state: fn(u64) -> State,
}

const SERVICES: &[SampleService] = &[
    SampleService {
        name: "nginx",
        user: "www-data",
        unit: "nginx.service",
        pid: 812,
        workers: 4,
        local: "203.0.113.10:443",
        peers: |number| {
            format!(
                "198.51.{}.{}:{}",
                number % 5,
                number % 250 + 1,
                40_000 + number
            )
        },
        count: 140,
        state: |number| match number % 20 {
            7 => State::FinWait2,
            _ => State::Established,
        },
    },
    SampleService {
        name: "nginx",
        user: "www-data",
        unit: "nginx.service",
        pid: 812,
        workers: 4,
        local: "[2001:db8:aaaa:bbbb:cccc:dddd:1:1]:443",
        peers: |number| {
            format!(
                "[2001:db8:{number:x}:22:333:4444:5555:6666]:{}",
                50_000 + number
            )
        },
        count: 30,
        state: |_| State::Established,
    },
    SampleService {
        name: "postgres",
        user: "postgres",
        unit: "postgresql@16-main.service",
        pid: 1033,
        workers: 24,
        local: "10.0.0.5:5432",
        peers: |number| format!("10.0.0.{}:{}", 20 + number % 3, 33_000 + number),
        count: 24,
        state: |_| State::Established,
    },
    SampleService {
        name: "python3",
        user: "app",
        unit: "docker:3f9c1a675236",
        pid: 20_417,
        workers: 0,
        local: "10.0.0.5:38112",
        peers: |number| format!("10.0.9.{}:8080", 1 + number),
        count: 31,
        state: |number| match number {
            0..26 => State::CloseWait,
            _ => State::Established,
        },
    },
    SampleService {
        name: "sshd-session",
        user: "root",
        unit: "ssh.service",
        pid: 733,
        workers: 2,
        local: "203.0.113.10:22",
        peers: |number| format!("192.0.2.{}:51{number}22", 4 + number),
        count: 2,
        state: |_| State::Established,
    },
];

/// Returns the rows after so many seconds.
fn population(start: &[Row], seconds: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for service in SERVICES {
        for number in 0..service.count {
            let cookie = 1 + rows.len() as u64;
            let mut row = row_of(cookie.min(200), (service.state)(number));
            row.key = key(cookie);
            let peer = (service.peers)(number).parse().unwrap();
            row.connection.pair = Pair::new(service.local.parse().unwrap(), peer).unwrap();
            let pid = match service.workers {
                0 => service.pid,
                workers => service.pid + 1 + i32::try_from(number).unwrap() % workers,
            };
            let text = format!("{pid} {}", service.name);
            row.names_mut().user = Some(service.user.into());
            row.names_mut().unit = Some(service.unit.into());
            row.resolved = Resolved {
                holders: Some(Arc::new(match number {
                    // Inherited by another one.
                    3 => HolderNames {
                        text: format!("{text}, {} logger", pid + 90),
                        others: 1,
                        first: service.name.into(),
                        tree: service.pid,
                        unit: None,
                    },
                    _ => HolderNames {
                        text,
                        others: 0,
                        first: service.name.into(),
                        tree: service.pid,
                        unit: None,
                    },
                })),
                deletability: Some(Deletability::By(Method::SockDiag)),
            };
            let counters = row.counters.as_mut().unwrap();
            let small = |number: u64| u32::try_from(number).unwrap();
            counters.rtt = small(180 + 977 * (cookie % 40));
            counters.idle = small(match row.connection.state {
                State::CloseWait => 1000 * (600 + 311 * number),
                _ => 15 * cookie,
            });
            counters.bytes_received = seconds * 170 * (cookie * cookie % 97);
            counters.bytes_acked = seconds * 9_100 * (cookie * cookie % 89);
            counters.total_retransmits = small(cookie % 7 / 5);
            if let Some(first) = start.first() {
                row.read_at = first.read_at + Duration::from_secs(seconds);
            }
            rows.push(row);
        }
    }
    let read_at = rows[0].read_at;
    for row in &mut rows {
        row.read_at = read_at;
    }
    rows
}

/// Returns a screen on which they were read twice.
fn desk() -> Desk {
    let start = population(&[], 0);
    let mut desk = Desk::with(start.clone());
    desk.wait(1);
    let mut next = population(&start, 1);
    // One has left, and one has come.
    next.remove(40);
    let last = next.len() - 1;
    next[last].key = key(900);
    desk.read(next);
    desk.top.sort_by(TopColumn::State);
    desk
}

/// A screen, and how it is reached.
type Scene = (&'static str, fn(&mut Desk));

const SCENES: &[Scene] = &[
    ("table", |_| {}),
    ("sorted by throughput, three marked", |desk| {
        desk.type_in("oo");
        desk.type_in("   ");
    }),
    ("grouped by process, one expanded", |desk| {
        desk.press(KeyCode::Tab);
        desk.show_again();
        desk.press(KeyCode::Down);
        desk.press(KeyCode::Down);
        desk.press(KeyCode::Enter);
    }),
    ("grouped by local port", |desk| {
        for _ in 0..5 {
            desk.press(KeyCode::Tab);
        }
        desk.show_again();
    }),
    ("names of peers and ports", |desk| {
        desk.type_in("n");
        desk.top.request_names(desk.now);
        let services = [(443, "https"), (8080, "http-alt"), (5432, "postgresql")];
        let services = services.map(|(port, name)| (port, Arc::from(name)));
        desk.receive(Update::Services(Arc::new(services.into_iter().collect())));
        for (address, name) in [
            ([10, 0, 9, 1], "app1"),
            ([10, 0, 9, 2], "app2.internal.example.com"),
            ([10, 0, 9, 3], "3.9.0.10.dynamic.example.net"),
            ([10, 0, 9, 4], "10.0.9.40"),
            ([10, 0, 9, 5], "\u{1b}[2Jowned"),
            (
                [10, 0, 9, 6],
                "a-host.with-a-name.that-is-longer.than-its-column-is-wide.example.org",
            ),
        ] {
            desk.receive(Update::HostName {
                address: address.into(),
                name: HostName::of(name),
            });
        }
    }),
    ("both ends in one row, of some", |desk| {
        let mut rows = desk.top.table.frame.rows.clone();
        rows.retain(Row::is_present);
        let servers = rows.iter();
        let servers = servers.filter(|row| row.connection.local().port() == 5432);
        let clients = servers.zip(1000..).map(|(row, cookie)| {
            let mut client = row.clone();
            client.key = key(cookie);
            let pair = row.connection.pair;
            client.connection.pair = Pair::new(pair.peer(), pair.local()).unwrap();
            client.resolved.holders = Some(Arc::new(HolderNames {
                text: "4711 gunicorn".to_owned(),
                first: "gunicorn".into(),
                ..HolderNames::default()
            }));
            client
        });
        let clients: Vec<_> = clients.collect();
        rows.extend(clients);
        desk.read(rows);
        desk.type_in("b/guni");
        desk.press(KeyCode::Enter);
    }),
    ("finding", |desk| desk.type_in("/postgres")),
    ("an order is chosen", |desk| desk.type_in("o")),
    ("a cell is chosen", |desk| desk.type_in("=")),
    ("containers", |desk| desk.type_in("N")),
    ("preview", |desk| {
        desk.type_in("/python clsw");
        desk.press(KeyCode::Enter);
        desk.type_in("*");
        desk.open_preview(&[172]);
    }),
    ("details of one that is not read", |desk| {
        open_details(desk, kernel_details());
        watch(desk, &kernel_details(), 98);
    }),
    ("details by the kernel's names, scrolled", |desk| {
        open_details(desk, kernel_details());
        watch(desk, &kernel_details(), 3);
        desk.type_in("t");
        desk.draw(80, 24);
        desk.press(KeyCode::PageDown);
    }),
    ("details of a recorded row", |desk| {
        desk.top.is_replay = true;
        let recorded = recorded_details();
        open_details(desk, recorded.clone());
        watch(desk, &recorded, 40);
    }),
];

fn open_details(desk: &mut Desk, details: DetailText) {
    desk.press(KeyCode::Enter);
    let key = desk.top.details.as_ref().unwrap().target.key;
    let details = Box::new(details);
    desk.receive(Update::Details { key, details });
}

/// Reads the connection for so many seconds, in which its peer does not read; for a while it was not looked at.
fn watch(desk: &mut Desk, details: &DetailText, seconds: u64) {
    let key = desk.top.details.as_ref().unwrap().target.key;
    let start = desk.now;
    for second in (1..=seconds).filter(|second| !(30..36).contains(second)) {
        let all_taken = second.min(60);
        let rest = second - all_taken;
        let reading = details.reading.map(|first| DetailReading {
            at: start + Duration::from_secs(second),
            rtt: Some(Duration::from_micros(24_100 + second * second * 17 % 9_000)),
            congestion_window: first.congestion_window.map(|_| 10 + all_taken / 3),
            bytes_acked: Some(all_taken * 1_270_000),
            send_queue: Some(if rest == 0 {
                14_480
            } else {
                rest.min(26) * 145_000
            }),
            ..first
        });
        let details = Box::new(DetailText {
            reading,
            ..details.clone()
        });
        desk.receive(Update::Details { key, details });
    }
}

fn sample_section(title: &'static str, lines: &[(&str, &str)]) -> Section {
    let lines = lines.iter();
    Section {
        title,
        lines: lines
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// Returns the details as the worker makes them.
fn kernel_details() -> DetailText {
    let why =
        "the peer is not reading: 3.7 MB wait, its window is closed (for 38 s that were watched)";
    let delete = "tcpentry delete --id 1/7f3c6a52-3f0e-4a35-9d0a-0f6a3f4b2c11/4026531840/1a2b/10.0.0.5:38112/10.0.9.1:8080";
    DetailText {
        command: Some(delete.to_owned()),
        head: vec![sample_section(
            "why it is slow, or does nothing",
            &[("", why)],
        )],
        reading: Some(DetailReading {
            at: Instant::now(),
            rtt: None,
            congestion_window: Some(10),
            delivery_rate: Some(1_310_000),
            bytes_acked: Some(0),
            bytes_received: Some(0),
            send_queue: Some(0),
            recv_queue: Some(0),
            accept_queue: None,
        }),
        sections: vec![
            sample_section(
                "held by",
                &[("pid 20417", "python3"), ("command", "python3 feed.py")],
            ),
            sample_section("delete this connection, and no other", &[("", delete)]),
        ],
        groups: vec![
            sample_section(
                "time and path",
                &[
                    ("round trip, smoothed", "24.1 ms"),
                    ("its variation", "3.20 ms"),
                    ("path MTU", "1500 B"),
                ],
            ),
            sample_section(
                "sending",
                &[
                    ("congestion window", "30 segments"),
                    ("slow start up to", "no limit"),
                    ("window of the peer", "0 B"),
                ],
            ),
            sample_section("loss", &[("sent again", "0 segments"), ("timeouts", "0")]),
        ],
        kernel: vec![sample_section(
            "counters (struct tcp_info)",
            &[
                ("tcpi_rtt", "24.1ms"),
                ("tcpi_rttvar", "3.2ms"),
                ("tcpi_snd_cwnd", "30"),
                ("TCPI_OPT_SACK", "yes"),
            ],
        )],
    }
}

/// Returns the details of a recording, which has fewer counters.
fn recorded_details() -> DetailText {
    let kernel = kernel_details();
    DetailText {
        command: None,
        head: vec![sample_section(
            "not recorded",
            &[(
                "",
                "why it is slow, its congestion window, buffers, timers and other counters",
            )],
        )],
        reading: kernel.reading.map(|reading| DetailReading {
            congestion_window: None,
            delivery_rate: None,
            ..reading
        }),
        sections: vec![sample_section(
            "as it was read",
            &[("state", "close-wait"), ("local", "10.0.0.5:38112")],
        )],
        ..DetailText::default()
    }
}

#[test]
fn screens_are_as_they_were_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/top/view/screens");
    let writes = std::env::var_os("TCPENTRY_WRITE_SCREENS").is_some();
    for (columns, lines) in [(40, 10), (80, 24), (120, 40), (200, 60)] {
        let mut drawn = String::new();
        for (name, reach) in SCENES {
            let mut desk = desk();
            desk.draw(columns, lines);
            reach(&mut desk);
            let screen = desk.draw(columns, lines);
            for line in screen.lines() {
                assert!(super::text::width(line) <= columns.into(), "{name}: {line}");
            }
            let _ = write!(drawn, "-- {name}\n{screen}\n");
        }
        let file = folder.join(format!("{columns}x{lines}.txt"));
        if writes {
            fs::write(&file, &drawn).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap();
        assert_eq!(drawn, expected, "{}:\n{drawn}", file.display());
    }
}
