//! The log of the service: records with fields of their own in the systemd journal, or lines on standard error.
//!
//! By hand: the crates that speak the journal's protocol wait for a journal that does not read, and have its path built in.
//! What neither takes at once waits here, up to a limit; beyond it records are lost, and counted.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;
use tcpentry::escape::escape_for_terminal;

/// The log.
#[derive(Debug)]
pub(crate) struct EventLog {
    sink: LogSink,
    /// The records that have not been taken so far, and their size in all.
    pending: VecDeque<PendingRecord>,
    pending_bytes: usize,
    lost: u64,
    /// The lost records that no record has mentioned so far.
    unreported: u64,
}

/// A record as it is written, or the rest of it.
#[derive(Debug)]
struct PendingRecord {
    bytes: Vec<u8>,
    /// The number of lost records that it reports.
    lost: u64,
}

/// A place that takes records.
#[derive(Debug)]
enum LogSink {
    Journal {
        socket: UnixDatagram,
        path: PathBuf,
    },
    Lines(OwnedFd),
    /// Standard error is closed.
    Nowhere,
}

/// A record: a message for people, and its parts for programs.
#[derive(Clone, Debug)]
pub(crate) struct LogRecord {
    priority: Priority,
    message: String,
    fields: Vec<(LogField, String)>,
}

/// The weight of a record, with the numbers of syslog(3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Priority {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

/// A field of a record in the journal. tcpentry-guard(8) lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LogField {
    /// The name of the rule.
    Rule,
    /// The identity of the connection, for `--id`.
    Id,
    Outcome,
    Local,
    Peer,
    /// The network namespace, where it is not the service's own.
    Netns,
    Errno,
    /// The reason why it was not deleted.
    Cause,
    DryRun,
    /// A pid and a uid of those who asked for it on the socket.
    CallerPid,
    CallerUid,
    /// The number of log records that were lost.
    Lost,
}

impl LogField {
    const fn name(self) -> &'static str {
        match self {
            Self::Rule => "TCPENTRY_RULE",
            Self::Id => "TCPENTRY_ID",
            Self::Outcome => "TCPENTRY_OUTCOME",
            Self::Local => "TCPENTRY_LOCAL",
            Self::Peer => "TCPENTRY_PEER",
            Self::Netns => "TCPENTRY_NETNS",
            Self::Errno => "TCPENTRY_ERRNO",
            Self::Cause => "TCPENTRY_CAUSE",
            Self::DryRun => "TCPENTRY_DRY_RUN",
            Self::CallerPid => "TCPENTRY_CALLER_PID",
            Self::CallerUid => "TCPENTRY_CALLER_UID",
            Self::Lost => "TCPENTRY_LOST",
        }
    }
}

impl LogRecord {
    /// Makes a record of this message, which is escaped when it is written.
    pub(crate) fn new(priority: Priority, message: impl Into<String>) -> Self {
        Self {
            priority,
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// Adds a field; the journal has it as it is.
    pub(crate) fn with(mut self, field: LogField, value: impl fmt::Display) -> Self {
        self.fields.push((field, value.to_string()));
        self
    }

    /// Adds a field that the record may lack.
    pub(crate) fn with_some(self, field: LogField, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    fn escaped(&self) -> String {
        let mut text = escape_for_terminal(self.message.as_bytes());
        truncate(&mut text, MAX_MESSAGE);
        text
    }

    /// Encodes the record as the journal's native protocol has it.
    fn datagram(&self) -> Vec<u8> {
        let mut datagram = Vec::new();
        put(
            &mut datagram,
            "PRIORITY",
            &(self.priority as u8).to_string(),
        );
        put(&mut datagram, "SYSLOG_IDENTIFIER", IDENTIFIER);
        put(&mut datagram, "SYSLOG_FACILITY", DAEMON);
        put(&mut datagram, "MESSAGE", &self.escaped());
        for (field, value) in &self.fields {
            let mut value = value.clone();
            truncate(&mut value, MAX_MESSAGE);
            put(&mut datagram, field.name(), &value);
        }
        datagram
    }
}

/// Appends a field: a line, or with its length where it has several.
fn put(datagram: &mut Vec<u8>, name: &str, value: &str) {
    datagram.extend(name.as_bytes());
    if value.contains('\n') {
        datagram.push(b'\n');
        datagram.extend((value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend(value.as_bytes());
    datagram.push(b'\n');
}

fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push_str("...");
    }
}

impl EventLog {
    /// Opens the journal where standard error is connected to it, as under systemd, and else standard error.
    pub(crate) fn open() -> Self {
        let stream = env::var_os("JOURNAL_STREAM");
        let stderr = io::stderr().as_fd().try_clone_to_owned().ok();
        Self::choose(stream.as_deref(), stderr, Path::new(JOURNAL))
    }

    fn choose(stream: Option<&OsStr>, stderr: Option<OwnedFd>, journal: &Path) -> Self {
        let Some(stderr) = stderr else {
            return Self::of(LogSink::Nowhere);
        };
        let is_journal = stream.is_some_and(|stream| {
            let stat = rustix::fs::fstat(&stderr);
            stat.is_ok_and(|stat| *stream == *format!("{}:{}", stat.st_dev, stat.st_ino))
        });
        match is_journal.then(|| connect(journal)) {
            Some(Ok(socket)) => Self::of(LogSink::Journal {
                socket,
                path: journal.to_owned(),
            }),
            // Lines on standard error are better than nothing, also where they end up in the journal.
            _ => Self::of(LogSink::Lines(reopen(&stderr).unwrap_or(stderr))),
        }
    }

    const fn of(sink: LogSink) -> Self {
        Self {
            sink,
            pending: VecDeque::new(),
            pending_bytes: 0,
            lost: 0,
            unreported: 0,
        }
    }

    /// Writes a record, now or when there is room for it.
    pub(crate) fn write(&mut self, record: &LogRecord) {
        if self.pending_bytes > MAX_PENDING_BYTES {
            // A reader that has made room is noticed without a turn of the loop.
            self.flush();
        }
        if self.pending_bytes > MAX_PENDING_BYTES {
            self.lose();
            return;
        }
        self.push(record, 0);
        self.flush();
    }

    /// Returns the number of records that were lost.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns the descriptor to be polled for room, while records wait for it.
    pub(crate) fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        if self.pending.is_empty() {
            return None;
        }
        match &self.sink {
            LogSink::Journal { socket, .. } => Some(socket.as_fd()),
            LogSink::Lines(out) => Some(out.as_fd()),
            LogSink::Nowhere => None,
        }
    }

    /// Writes what waits, as far as it is taken.
    pub(crate) fn flush(&mut self) {
        while let Some(record) = self.pending.front_mut() {
            let length = record.bytes.len();
            let is_taken = match self.sink.send(&record.bytes) {
                // The rest of a line follows.
                Ok(written) if written < length => {
                    record.bytes.drain(..written);
                    self.pending_bytes -= written;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                sent => sent.is_ok(),
            };
            let record = self.pending.pop_front();
            self.pending_bytes -= length;
            match record.map_or(0, |record| record.lost) {
                _ if is_taken => {}
                0 => self.lose(),
                reported => self.unreported += reported,
            }
            // Not before one is taken: where none is, that report is not either.
            if is_taken && self.pending.is_empty() && self.unreported > 0 {
                self.report_lost();
            }
        }
    }

    /// Writes what waits, for so long at most: before the service ends.
    pub(crate) fn drain(&mut self, limit: Duration) {
        let end = Instant::now() + limit;
        self.flush();
        while let Some(out) = self.waits_for() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // Without a wake-up it is tried again all the same: a journal may have been started anew.
            let _ = wait_for_room(out, left.min(Duration::from_millis(100)));
            self.flush();
        }
    }

    fn push(&mut self, record: &LogRecord, lost: u64) {
        let bytes = match &self.sink {
            LogSink::Journal { .. } => record.datagram(),
            LogSink::Lines(_) => record
                .escaped()
                .into_bytes()
                .into_iter()
                .chain(*b"\n")
                .collect(),
            LogSink::Nowhere => return,
        };
        self.pending_bytes += bytes.len();
        self.pending.push_back(PendingRecord { bytes, lost });
    }

    const fn lose(&mut self) {
        self.lost += 1;
        self.unreported += 1;
    }

    fn report_lost(&mut self) {
        let lost = std::mem::take(&mut self.unreported);
        let what = if lost == 1 { "it" } else { "them" };
        let text = format!(
            "{}: the log did not take {what} in time",
            lost_records(lost)
        );
        let record = LogRecord::new(Priority::Warning, text).with(LogField::Lost, lost);
        self.push(&record, lost);
    }
}

/// Returns how many records of the log are lost, in words.
pub(crate) fn lost_records(count: u64) -> String {
    match count {
        1 => "1 log record is lost".to_owned(),
        count => format!("{count} log records are lost"),
    }
}

impl LogSink {
    /// Writes some of it without waiting, and returns how much.
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Journal { socket, path } => match socket.send(bytes) {
                Err(error) if is_disconnected(&error) => {
                    // It was started anew, with another socket.
                    let address = std::os::unix::net::SocketAddr::from_pathname(path)?;
                    socket.connect_addr(&address)?;
                    socket.send(bytes)
                }
                sent => sent,
            },
            Self::Lines(out) => {
                if !wait_for_room(out.as_fd(), Duration::ZERO)? {
                    return Err(ErrorKind::WouldBlock.into());
                }
                // A pipe that has room takes this much without waiting (PIPE_BUF).
                let some = &bytes[..bytes.len().min(AT_ONCE)];
                match rustix::net::send(out, some, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                    Err(Errno::NOTSOCK) => Ok(rustix::io::write(out, some)?),
                    sent => Ok(sent?),
                }
            }
            Self::Nowhere => Ok(bytes.len()),
        }
    }
}

/// Returns true for the errors of a socket whose other end is gone.
fn is_disconnected(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::CONNREFUSED | Errno::NOTCONN | Errno::CONNRESET)
    )
}

fn connect(journal: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(journal)?;
    Ok(socket)
}

/// Opens the pipe or terminal behind a descriptor anew, so that no write to it blocks: between `poll` and the write, another writer may
/// take the room, and a terminal that has some need not have it for a line. `O_NONBLOCK` on the descriptor that was inherited would
/// be that of others, too. `None` for what never blocks, and for what may not be opened.
fn reopen(out: &OwnedFd) -> Option<OwnedFd> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(out).ok()?.st_mode);
    if !matches!(kind, FileType::Fifo | FileType::CharacterDevice) {
        return None;
    }
    let path = format!("/proc/self/fd/{}", out.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// Waits until something can be written, for so long at most; false where it can't be. An error is an answer, too: the write
/// says which.
fn wait_for_room(out: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    let limit = Timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    let mut fds = [PollFd::from_borrowed_fd(out, PollFlags::OUT)];
    Ok(poll(&mut fds, Some(&limit))? > 0)
}

const JOURNAL: &str = "/run/systemd/journal/socket";
const IDENTIFIER: &str = "tcpentry-guard";
/// The facility of syslog(3).
const DAEMON: &str = "3";
/// No message is so long, but for what comes from outside. Twelve fields of it fit into a datagram.
const MAX_MESSAGE: usize = 2048;
/// A burst of some ten thousand deletions.
const MAX_PENDING_BYTES: usize = 4 << 20;
const AT_ONCE: usize = 4096;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;

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
            EventLog::choose(Some(stream.as_ref()), stderr, &self.path)
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
        let mut log = EventLog::choose(None, Some(full.into()), Path::new(JOURNAL));
        log.write(&deleted());
        log.write(&deleted());
        assert_eq!((log.lost(), log.pending_bytes), (2, 0));
    }

    #[test]
    fn without_a_journal_there_are_lines() {
        let (mut reader, writer) = pipe();
        let stdin_of_another = Some(OsStr::new("1:2"));
        let nowhere = Path::new("/no/such/folder/of/tcpentry");
        let mut log = EventLog::choose(stdin_of_another, Some(writer), nowhere);
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
        let mut log = EventLog::choose(None, Some(writer), Path::new(JOURNAL));
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
            let log = EventLog::choose(None, Some(out), Path::new(JOURNAL));
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
        let mut log = EventLog::choose(None, Some(writer), Path::new(JOURNAL));
        drop(reader);
        log.write(&deleted());
        assert_eq!((log.lost(), log.pending_bytes), (1, 0));
        assert!(log.waits_for().is_none());
        let mut nowhere = EventLog::choose(None, None, Path::new(JOURNAL));
        nowhere.write(&deleted());
        assert!(nowhere.waits_for().is_none());
    }
}
