//! Recordings without a file: what was written is read again, and what is none is refused.

use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tcpentry::{Method, Outcome, State, TcpTable};

use super::super::model::testing::{row, row_of};
use super::super::model::{Deletability, NotDeleted, Resolved, Row};
use super::super::testing::Desk;
use super::*;
use crate::output::SocketObject;
use crate::top::model::Frame;

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn head() -> RecordingHead {
    RecordingHead::new(Duration::from_secs(2), "dport = :443", SocketKind::All)
}

/// Returns the recording of these frames.
fn recorded(frames: &[Frame]) -> String {
    let memory = Memory::default();
    let (mut recorder, failure) = FrameRecorder::new(Box::new(memory.clone()), &head()).unwrap();
    let mut devices = TcpTable::open().unwrap().devices();
    for frame in frames {
        let begun = frame.read_at.unwrap();
        let present = frame.rows.iter().filter(|row| row.is_present());
        let rows = present.map(|row| {
            let connection = row.to_connection();
            let mut object = SocketObject::new(&connection, None, &mut devices);
            object.put_kept_counters(&connection);
            object.user = Some("root".to_owned());
            RowFields::new(object, row, &row.resolved, begun)
        });
        recorder.write(frame, Baseline::Previous, rows);
    }
    assert!(failure.get().is_none());
    let bytes = memory.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn open(text: &str) -> Result<(RecordingHead, RecordingReader), RecordingError> {
    let input = Cursor::new(text.as_bytes().to_vec());
    RecordingReader::open(Box::new(input), "f".to_owned())
}

/// Reads everything, up to an error.
fn read(text: &str) -> Result<Vec<Vec<Row>>, String> {
    let (_, mut reader) = open(text).map_err(|error| error.to_string())?;
    let mut frames = Vec::new();
    let base = Instant::now();
    let mut placer = RowPlacer::default();
    while let Some(frame) = reader.next().map_err(|error| error.to_string())? {
        let rows = placer.place(frame.rows, base + frame.head.at(), &reader);
        let rows = rows.map_err(|error| error.to_string())?.into_iter();
        frames.push(rows.map(|(row, _)| row).collect());
    }
    Ok(frames)
}

/// Returns two readings, of which the second has other counters, one row less and one more.
fn two_readings() -> [Vec<Row>; 2] {
    let now = Instant::now();
    let mut first: Vec<_> = (1..=3).map(row).collect();
    first[0].resolved = Resolved {
        deletability: Some(Deletability::By(Method::Borrow)),
        ..Resolved::default()
    };
    first[1].resolved.deletability = Some(
        NotDeleted {
            outcome: Outcome::Guarded,
            cause: "it's \\ that".to_owned(),
            hint: Some("do".to_owned()),
        }
        .into(),
    );
    for row in &mut first {
        row.read_at = now.into();
    }
    let mut second = first.clone();
    second.remove(2);
    second.push(row_of(9, State::CloseWait));
    for row in &mut second {
        row.read_at = (now + Duration::from_micros(1_000_500)).into();
        if let Some(counters) = &mut row.counters {
            counters.bytes_received = 123_456;
        }
    }
    [first, second]
}

#[test]
fn what_is_recorded_gives_the_same_screens() {
    let readings = two_readings();
    let now = Instant::now();
    let mut frames = vec![Frame::default().followed_by(readings[0].clone(), Baseline::Reset, now)];
    let later = now + Duration::from_secs(1);
    frames.push(frames[0].followed_by(readings[1].clone(), Baseline::Previous, later));
    let again = read(&recorded(&frames)).unwrap();
    assert_eq!(again.len(), 2);
    let screens = |readings: &[Vec<Row>]| {
        let mut desk = Desk::with(readings[0].clone());
        let first = desk.draw(150, 12);
        desk.wait(1);
        desk.read(readings[1].clone());
        [first, desk.draw(150, 12)]
    };
    let mut original = readings.to_vec();
    // Whoever reads a recording knows that nobody was seen to hold it.
    for row in original.iter_mut().flatten() {
        let names = crate::top::model::HolderNames {
            text: "?".to_owned(),
            ..Default::default()
        };
        row.resolved.holders = Some(Arc::new(names));
    }
    assert_eq!(screens(&again), screens(&original));
    let deletability = |rows: &[Row]| -> Vec<_> {
        let all = rows.iter().map(|row| row.resolved.deletability.clone());
        all.collect()
    };
    assert_eq!(deletability(&again[0]), deletability(&readings[0]));
}

#[test]
fn the_first_line_says_what_was_shown() {
    let (head, _) = open(&recorded(&[])).unwrap();
    assert_eq!(
        (head.interval(), head.kind(), &*head.filter),
        (
            Some(Duration::from_secs(2)),
            SocketKind::All,
            "dport = :443"
        )
    );
}

#[test]
fn each_object_has_the_keys_of_list() {
    let [reading, _] = two_readings();
    let frame = Frame::default().followed_by(reading, Baseline::Reset, Instant::now());
    let text = recorded(&[frame]);
    let line = text.lines().nth(2).unwrap();
    let object: serde_json::Map<_, _> = serde_json::from_str(line).unwrap();
    for key in [
        "id",
        "state",
        "local",
        "peer",
        "netns",
        "processes",
        "rtt_us",
        "idle_ms",
    ] {
        assert!(object.contains_key(key), "{key}");
    }
    assert_eq!(object["method"], "borrow");
    // It is not kept of a row.
    assert!(object["congestion_window"].is_null() && object["rtt_us"].is_number());
}

#[test]
fn what_is_no_recording_is_refused_with_its_line() {
    let [reading, _] = two_readings();
    let frame = Frame::default().followed_by(reading, Baseline::Reset, Instant::now());
    let good = recorded(&[frame]);
    let lines: Vec<_> = good.lines().collect();
    let with = |line: usize, text: &str| {
        let mut lines = lines.clone();
        lines[line] = text;
        lines.join("\n")
    };
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(2 << 20));
    for (text, expected) in [
        (String::new(), "f, line 1: it is empty"),
        ("hello\n".to_owned(), "f, line 1: this is no recording"),
        ("[1]\n".to_owned(), "f, line 1: this is no recording"),
        (
            "{\"id\":null}\n".to_owned(),
            "f, line 1: this is no recording",
        ),
        (
            "{\"recording\":2}\n".to_owned(),
            "f, line 1: the recording has version 2",
        ),
        (
            with(1, "{}"),
            "f, line 2: not a frame: missing field `frame`",
        ),
        (with(1, lines[2]), "f, line 2: not a frame: missing field"),
        (with(1, "[]"), "f, line 2: expected a frame"),
        (
            with(1, r#"{"frame":1,"at_us":0,"rows":18446744073709551615}"#),
            "f, line 2: a frame has at most",
        ),
        (with(2, "{\"state\":"), "f, line 3: a row is cut off"),
        (
            with(2, "{\"state\":\"\u{1b}[m\"}"),
            "f, line 3: not a row: control character",
        ),
        (
            with(2, "{}"),
            "f, line 3: it has neither `id` nor the addresses",
        ),
        (
            with(3, &lines[3].replace("established", "x\\u001b")),
            "f, line 4: `state` is none: `x\\u{1b}`",
        ),
        (
            with(3, &lines[3].replace("\"id\":null", "\"id\":\"1/2\"")),
            "f, line 4: `id` is no identity",
        ),
        (
            with(
                3,
                &lines[3].replace("192.0.2.1\",\"local_port", "::1\",\"local_port"),
            ),
            "f, line 4: it has no pair",
        ),
        (with(4, &long), "f, line 5: longer than"),
        (
            lines[..4].join("\n"),
            "f, line 4: it is cut off: the last frame has 2 of its 3 rows",
        ),
        (
            good.replace("\"cookie\":\"", "\"cookie\":\"-"),
            "f, line 3: it has neither `id` nor a `cookie`",
        ),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.starts_with(expected), "{error} for {expected}");
    }
}

#[test]
fn whatever_is_changed_or_cut_off_is_read_or_refused() {
    let [first, second] = two_readings();
    let before = Frame::default().followed_by(first, Baseline::Reset, Instant::now());
    let after = before.followed_by(second, Baseline::Previous, Instant::now());
    let good = recorded(&[before, after]).into_bytes();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes.truncate(place + 1),
                1 => bytes[place] = random.u8(..),
                _ => {
                    bytes.remove(place);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        // It ends, and does not panic.
        let _ = read(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_full_disk_is_told_once_and_nothing_more_is_written() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (mut recorder, failure) = FrameRecorder::new(Box::new(Full(400)), &head()).unwrap();
    let frame = Frame {
        read_at: Some(Instant::now()),
        ..Frame::default()
    };
    for _ in 0..5 {
        recorder.write(&frame, Baseline::Previous, std::iter::empty());
    }
    let kind = failure.get().map(io::Error::kind);
    assert_eq!(kind, Some(io::ErrorKind::StorageFull));
}
