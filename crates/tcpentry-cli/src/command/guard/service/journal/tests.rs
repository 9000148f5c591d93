//! Tests of the log, with a journal and pipes of their own.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use rustix::io::Errno;

use super::*;

/// A journal, and the standard error of a service that is connected to it.
struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    stderr: OwnedFd,
}

impl Journal {
    fn start(name: &str) -> Self {
        let name = format!("tcpentry-journal-{name}-{}", std::process::id());
        let path = env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let stderr = File::open("/dev/null").unwrap().into();
        let socket = bind(&path);
        Self {
            socket,
            path,
            stderr,
        }
    }

    fn log(&self) -> EventLog {
        let stat = File::from(self.stderr.try_clone().unwrap())
            .metadata()
            .unwrap();
        let stream = format!("{}:{}", stat.dev(), stat.ino());
        let stderr = self.stderr.try_clone().ok();
        opened(Some(stream.as_ref()), stderr, &self.path)
    }

    fn restart(&mut self) {
        std::fs::remove_file(&self.path).unwrap();
        self.socket = bind(&self.path);
    }

    fn read(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 100_000];
        let length = self.socket.recv(&mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens a log as a service does that has this in its environment.
fn opened(stream: Option<&OsStr>, stderr: Option<OwnedFd>, journal: &Path) -> EventLog {
    EventLog::of(LogSink::choose(stream, stderr, journal))
}

fn bind(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn pipe() -> (File, OwnedFd) {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    (reader.into(), writer)
}

fn deleted() -> LogRecord {
    let message = "rule leak: deleted 192.0.2.1:8080 198.51.100.7:41234";
    LogRecord::new(Priority::Notice, message)
        .with(LogField::Rule, "leak")
        .with(LogField::Errno, 0)
}

#[test]
fn a_record_has_its_fields_in_the_journal() {
    let journal = Journal::start("fields");
    let mut log = journal.log();
    let record = deleted()
        .with(LogField::Cause, "a\nb")
        .with_some(LogField::Netns, None::<u8>);
    log.write(&record);
    let mut expected =
        b"PRIORITY=5\nSYSLOG_IDENTIFIER=tcpentry-guard\nSYSLOG_FACILITY=3\n".to_vec();
    expected.extend(b"MESSAGE=rule leak: deleted 192.0.2.1:8080 198.51.100.7:41234\n");
    expected.extend(b"TCPENTRY_RULE=leak\nTCPENTRY_ERRNO=0\n");
    expected.extend(b"TCPENTRY_CAUSE\n\x03\0\0\0\0\0\0\0a\nb\n");
    assert_eq!(journal.read().unwrap(), expected);
    assert!(log.waits_for().is_none());
}

#[test]
fn a_message_is_escaped_and_has_an_end() {
    let journal = Journal::start("long");
    let mut log = journal.log();
    let text = format!("\u{1b}[2J{}", "ä".repeat(100_000));
    let record = LogRecord::new(Priority::Error, &*text);
    let record = (0..12).fold(record, |record, _| record.with(LogField::Cause, &text));
    log.write(&record);
    let taken = String::from_utf8(journal.read().unwrap()).unwrap();
    assert!(
        taken.contains("\nMESSAGE=\\u{1b}[2Jää"),
        "{}",
        &taken[..200]
    );
    assert!(taken.len() < 13 * 2200);
    assert_eq!(log.lost(), 0);
}

#[test]
fn a_journal_that_stands_still_holds_nothing_up() {
    let journal = Journal::start("full");
    let mut log = journal.log();
    let start = Instant::now();
    while log.lost() < 1000 {
        log.write(&deleted());
        assert!(start.elapsed() < Duration::from_secs(60));
    }
    assert!(log.waits_for().is_some() && log.pending_bytes < MAX_PENDING_BYTES + 1000);
    let begin = Instant::now();
    log.drain(Duration::from_millis(150));
    assert!(begin.elapsed() < Duration::from_secs(5));
    // It reads again.
    let mut last = Vec::new();
    while log.waits_for().is_some() {
        last = std::iter::from_fn(|| journal.read()).last().unwrap_or(last);
        log.flush();
    }
    last = std::iter::from_fn(|| journal.read()).last().unwrap_or(last);
    let last = String::from_utf8(last).unwrap();
    assert!(
        last.contains("\nMESSAGE=1000 log records are lost: the log did not take"),
        "{last}"
    );
    assert!(last.ends_with("TCPENTRY_LOST=1000\n"), "{last}");
    assert_eq!(
        (log.lost(), log.unreported, log.pending_bytes),
        (1000, 0, 0)
    );
}

#[test]
fn a_journal_that_was_started_anew_is_found_again() {
    let mut journal = Journal::start("anew");
    let mut log = journal.log();
    journal.restart();
    log.write(&deleted());
    assert!(journal.read().is_some());
    assert_eq!(log.lost(), 0);
}

#[test]
fn while_there_is_no_journal_records_are_lost_and_that_is_said_once_it_is_back() {
    let mut journal = Journal::start("away");
    let mut log = journal.log();
    // Nobody has bound the socket, then there is none.
    journal.socket = UnixDatagram::unbound().unwrap();
    log.write(&deleted());
    std::fs::remove_file(&journal.path).unwrap();
    log.write(&deleted());
    log.drain(Duration::from_secs(60));
    assert_eq!((log.lost(), log.pending_bytes), (2, 0));
    journal.socket = bind(&journal.path);
    log.write(&deleted());
    let records: Vec<_> = std::iter::from_fn(|| journal.read()).collect();
    assert_eq!(records.len(), 2);
    assert!(records[1].ends_with(b"TCPENTRY_LOST=2\n"));
    assert_eq!((log.lost(), log.unreported), (2, 0));
}

#[test]
fn a_report_of_lost_records_that_is_lost_itself_is_made_again() {
    let mut journal = Journal::start("twice");
    let mut log = journal.log();
    while log.lost() == 0 {
        log.write(&deleted());
    }
    // What waits goes out but for the report.
    let _ = journal.read();
    while log.pending.len() > 1 {
        log.flush();
        let _ = journal.read();
    }
    log.report_lost();
    journal.socket = UnixDatagram::unbound().unwrap();
    log.flush();
    assert!(log.waits_for().is_none() && log.unreported > 0, "{log:?}");
    let lost = log.lost();
    std::fs::remove_file(&journal.path).unwrap();
    journal.socket = bind(&journal.path);
    log.write(&deleted());
    let last = std::iter::from_fn(|| journal.read()).last().unwrap();
    assert!(last.ends_with(format!("TCPENTRY_LOST={lost}\n").as_bytes()));
}

#[test]
fn a_file_that_takes_nothing_more_loses_records_and_that_is_all() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut log = opened(None, Some(full.into()), Path::new(JOURNAL));
    log.write(&deleted());
    log.write(&deleted());
    assert_eq!((log.lost(), log.pending_bytes), (2, 0));
}

#[test]
fn without_a_journal_there_are_lines() {
    let (mut reader, writer) = pipe();
    let stdin_of_another = Some(OsStr::new("1:2"));
    let nowhere = Path::new("/no/such/folder/of/tcpentry");
    let mut log = opened(stdin_of_another, Some(writer), nowhere);
    log.write(&deleted());
    log.write(&LogRecord::new(Priority::Info, "a\u{1b}[2J\nb"));
    drop(log);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let expected = "rule leak: deleted 192.0.2.1:8080 198.51.100.7:41234\na\\u{1b}[2J\\nb\n";
    assert_eq!(text, expected);
}

#[test]
fn a_pipe_that_nobody_reads_holds_nothing_up() {
    let (mut reader, writer) = pipe();
    let mut log = opened(None, Some(writer), Path::new(JOURNAL));
    while log.lost() == 0 {
        log.write(&deleted());
    }
    let mut text = String::new();
    let mut buffer = [0; 16384];
    while log.waits_for().is_some() {
        let length = reader.read(&mut buffer).unwrap();
        text += std::str::from_utf8(&buffer[..length]).unwrap();
        log.flush();
    }
    drop(log);
    reader.read_to_string(&mut text).unwrap();
    let (lost, lines): (Vec<_>, Vec<_>) = text.lines().partition(|it| it.contains(" lost: "));
    assert_eq!(
        lost,
        ["1 log record is lost: the log did not take it in time"]
    );
    let whole = deleted().escaped();
    assert!(lines.iter().all(|line| *line == whole), "no line is cut");
}

#[test]
fn a_pipe_that_others_fill_and_a_terminal_that_nobody_reads_hold_nothing_up() {
    let (reader, writer) = pipe();
    let terminal = tcpentry_testkit::pty::Terminal::open();
    for out in [writer, OwnedFd::from(terminal.inside())] {
        let log = opened(None, Some(out), Path::new(JOURNAL));
        // As if `poll` had seen room each time.
        let LogSink::Lines(out) = &log.sink else {
            panic!("{log:?}");
        };
        let written = (0..).map(|_| rustix::io::write(out, &[b'a'; 100]));
        let failed = written.take(1 << 20).find_map(Result::err);
        assert_eq!(failed, Some(Errno::AGAIN));
    }
    drop((reader, terminal));
}

#[test]
fn a_reader_that_is_gone_loses_records_and_that_is_all() {
    let (reader, writer) = pipe();
    let mut log = opened(None, Some(writer), Path::new(JOURNAL));
    drop(reader);
    log.write(&deleted());
    assert_eq!((log.lost(), log.pending_bytes), (1, 0));
    assert!(log.waits_for().is_none());
    let mut nowhere = opened(None, None, Path::new(JOURNAL));
    nowhere.write(&deleted());
    assert!(nowhere.waits_for().is_none());
}
