//! Deletions of thousands: how far they are, what ends them, and who stops listening meanwhile.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use socket2::Socket;
use tcpentry_testkit::pty::Terminal;
use tcpentry_testkit::{Raised, isolated, skip, stage, tcp, until};

use crate::util::{ELSEWHERE, Run, program, run};

/// Runs a test among that many connections, or skips it.
macro_rules! with_crowd {
    ($body:expr) => {
        let _alone = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
        isolated(move || {
            if !tcp::room_for(u64::from(MANY)) {
                skip!("room for {MANY} descriptors is needed");
            }
            let crowd = tcp::imagined_crowd(MANY);
            $body(&crowd);
            // Those that are left would stay for minutes, waiting for a peer that is not there.
            run(DELETE);
        })
    };
}

/// The tests share one table of descriptors, which has no room for several crowds.
pub(crate) static ONE_CROWD: Mutex<()> = Mutex::new(());
const MANY: u32 = 6000;
const DELETE: &str = "delete --own-session --yes dst 127.200.0.1:80";

/// The signals that end a process and do not stand for a fault that would come again.
const ENDING: [Signal; 12] = [
    Signal::INT,
    Signal::TERM,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::XCPU,
    Signal::ABORT,
    Signal::TRAP,
];

fn start(stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Child {
    start_with("", stdout, stderr)
}

fn start_with(more: &str, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Child {
    program()
        .args(format!("{DELETE}{more}").split(' '))
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// Runs it with a standard output that may have a KiB or so.
fn with_a_small_file(more: &str) -> Run {
    let file = tempfile();
    let output = Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -f 1; exec \"$@\"", "sh"])
        .arg(program().get_program())
        .args(format!("{DELETE}{more}").split(' '))
        .env("SSH_CONNECTION", ELSEWHERE)
        .stdout(file)
        .stderr(Stdio::piped())
        .output();
    output.unwrap().into()
}

/// Creates a file without a name.
fn tempfile() -> File {
    let path = std::env::temp_dir().join(format!("tcpentry-limit-{}", std::process::id()));
    let file = File::create(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

/// Counts those that are no longer connected.
fn gone(crowd: &[Socket]) -> usize {
    crowd
        .iter()
        .filter(|socket| socket.peer_addr().is_err())
        .count()
}

#[test]
fn a_signal_ends_it_between_two_and_the_report_is_complete() {
    for signal in ENDING {
        with_crowd!(|crowd: &[Socket]| {
            let mut child = start(Stdio::piped(), Stdio::piped());
            let mut out = BufReader::new(child.stdout.take().unwrap());
            // A pipe that is full keeps it waiting.
            let mut lines = String::new();
            out.read_line(&mut lines).unwrap();
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
            out.read_to_string(&mut lines).unwrap();
            let ended: Run = child.wait_with_output().unwrap().into();
            let code = 128 + signal.as_raw();
            assert_eq!(ended.code, code, "{signal:?}: {}", ended.err);
            let reported = lines.lines().skip(1).count();
            assert!(
                lines
                    .lines()
                    .skip(1)
                    .all(|line| line.starts_with("deleted\t"))
            );
            assert_eq!(reported, gone(crowd), "{signal:?}");
            assert!(reported < crowd.len(), "{signal:?}");
            assert_eq!(
                ended.err,
                format!(
                    "tcpentry: interrupted: nothing more was deleted\n\
                     tcpentry: {reported} deleted\n"
                )
            );
        });
    }
}

#[test]
fn what_a_signal_has_interrupted_is_in_the_system_log() {
    for signal in [Signal::QUIT, Signal::ALARM] {
        with_crowd!(|crowd: &[Socket]| {
            if let Err(reason) = stage::without_devices() {
                skip!("no mount namespace: {reason}");
            }
            let log = UnixDatagram::bind("/dev/log").unwrap();
            let mut child = start_with(" --syslog", Stdio::piped(), Stdio::piped());
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            let mut logged = 0;
            let mut read = || {
                let mut line = [0; 4096];
                while log.recv(&mut line).is_ok() {
                    assert!(String::from_utf8_lossy(&line).contains(": deleted "));
                    logged += 1;
                    if logged == 300 {
                        rustix::process::kill_process(pid, signal).unwrap();
                        log.set_read_timeout(Some(Duration::from_millis(500)))
                            .unwrap();
                    }
                }
            };
            let mut lines = String::new();
            std::thread::scope(|scope| {
                let reading = scope.spawn(|| out.read_to_string(&mut lines));
                read();
                reading.join().unwrap().unwrap();
            });
            let ended: Run = child.wait_with_output().unwrap().into();
            assert_eq!(ended.code, 128 + signal.as_raw(), "{}", ended.err);
            assert_eq!(lines.lines().skip(1).count(), gone(crowd), "{signal:?}");
            assert_eq!(logged, gone(crowd), "{signal:?}");
            assert!(logged < crowd.len(), "{signal:?}");
        });
    }
}

#[test]
fn no_batch_is_deleted_before_the_system_log_has_the_one_before() {
    with_crowd!(|crowd: &[Socket]| {
        if let Err(reason) = stage::without_devices() {
            skip!("no mount namespace: {reason}");
        }
        // A log that nobody reads takes a few lines, and then the program waits.
        let log = UnixDatagram::bind("/dev/log").unwrap();
        let mut child = start_with(" --syslog", Stdio::null(), Stdio::null());
        until("the first batch is deleted", || gone(crowd) > 0);
        std::thread::sleep(Duration::from_millis(500));
        let deleted = gone(crowd);
        // Nothing that it does then can be kept from being lost.
        child.kill().unwrap();
        child.wait().unwrap();
        log.set_nonblocking(true).unwrap();
        let logged = std::iter::from_fn(|| log.recv(&mut [0; 4096]).ok()).count();
        assert!(logged > 0);
        assert!(deleted <= 256, "{deleted} deleted, {logged} logged");
    });
}

#[test]
fn what_a_full_file_does_not_take_the_system_log_has() {
    with_crowd!(|crowd: &[Socket]| {
        if let Err(reason) = stage::without_devices() {
            skip!("no mount namespace: {reason}");
        }
        let log = UnixDatagram::bind("/dev/log").unwrap();
        log.set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let is_over = AtomicBool::new(false);
        let (done, logged) = std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut logged = 0;
                loop {
                    match log.recv(&mut [0; 4096]) {
                        Ok(_) => logged += 1,
                        Err(_) if is_over.load(Ordering::Relaxed) => break logged,
                        Err(_) => {}
                    }
                }
            });
            let over = Raised(&is_over);
            let done = with_a_small_file(" --syslog");
            drop(over);
            (done, reading.join().unwrap())
        });
        assert_eq!(done.code, 0, "{}", done.err);
        assert_eq!(gone(crowd), crowd.len());
        assert_eq!(logged, crowd.len());
    });
}

#[test]
fn a_file_that_reaches_its_limit_is_an_error_of_the_write() {
    with_crowd!(|crowd: &[Socket]| {
        let done = with_a_small_file("");
        let expected = format!(
            "tcpentry: cannot write to standard output: File too large (os error 27); \
             the report there is not complete\ntcpentry: {MANY} deleted\n"
        );
        assert_eq!((done.code, done.err), (0, expected));
        assert_eq!(gone(crowd), crowd.len());
    });
}

#[test]
fn a_reader_who_goes_away_stops_nothing() {
    with_crowd!(|crowd: &[Socket]| {
        let mut child = start(Stdio::piped(), Stdio::piped());
        drop(child.stdout.take());
        let done: Run = child.wait_with_output().unwrap().into();
        let expected = format!("tcpentry: {MANY} deleted\n");
        assert_eq!((done.code, done.err), (0, expected));
        assert_eq!(gone(crowd), crowd.len());
    });
}

#[test]
fn a_full_disk_stops_nothing_and_is_said_once() {
    with_crowd!(|crowd: &[Socket]| {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let done: Run = start(full, Stdio::piped())
            .wait_with_output()
            .unwrap()
            .into();
        let expected = format!(
            "tcpentry: cannot write to standard output: No space left on device (os error 28); \
             the report there is not complete\ntcpentry: {MANY} deleted\n"
        );
        assert_eq!((done.code, done.err), (0, expected));
        assert_eq!(gone(crowd), crowd.len());
    });
}

#[test]
fn progress_is_shown_where_nothing_else_is_and_leaves_nothing() {
    with_crowd!(|crowd: &[Socket]| {
        let terminal = Terminal::open();
        let mut child = start(Stdio::piped(), terminal.inside());
        let mut out = child.stdout.take().unwrap();
        // It waits for its reader meanwhile.
        std::thread::sleep(Duration::from_millis(1200));
        assert_eq!(terminal.screen(), "", "nothing is reported yet");
        let mut lines = String::new();
        out.read_to_string(&mut lines).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let screen = terminal.screen();
        let first = screen.split('\r').nth(1).unwrap();
        assert!(first.ends_with(" deleted"), "{screen:?}");
        assert_eq!(
            seen(&screen),
            [format!("tcpentry: {MANY} deleted"), String::new()]
        );
        assert_eq!(gone(crowd), crowd.len());
    });
}

#[test]
fn no_progress_among_the_outcomes() {
    with_crowd!(|_: &[Socket]| {
        let terminal = Terminal::open();
        let mut child = start(terminal.inside(), terminal.inside());
        std::thread::sleep(Duration::from_millis(1200));
        until("it ends", || {
            terminal.screen();
            child.try_wait().unwrap().is_some()
        });
        let screen = terminal.screen();
        assert!(!screen.replace("\r\n", "").contains('\r'));
        let rows = screen
            .lines()
            .filter(|line| line.contains("127.200.0.1:80"));
        assert_eq!(rows.count(), MANY as usize);
    });
}

/// Returns the lines of a screen after this was written to it.
fn seen(written: &str) -> Vec<String> {
    let line = |text: &str| {
        let mut line = Vec::new();
        for part in text.split('\r') {
            for (column, letter) in part.chars().enumerate() {
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
            }
        }
        line.into_iter().collect::<String>().trim_end().to_owned()
    };
    written.split('\n').map(line).collect()
}
