//! Tests of the socket with clients of all kinds.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use rustix::fs::Mode;

use super::super::client::{AskError, ask};
use super::client::{LONGEST, PATIENCE};
use super::socket::connect;
use super::*;
use crate::command::bans::BanChange;
use crate::command::guard::service::status::GuardStatus;

/// A service that runs on a thread until its value is dropped, and answers as one does.
struct Service {
    control: Option<Control>,
    folder: PathBuf,
}

impl Service {
    fn start(name: &str) -> Self {
        let name = format!("tcpentry-control-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        let control = Some(Control::open(&folder.join("guard.sock")).unwrap());
        Self { control, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("guard.sock")
    }

    fn control(&mut self) -> &mut Control {
        self.control.as_mut().unwrap()
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.path()).unwrap()
    }

    /// Turns the loop until this is done, and returns the requests.
    fn run_until<T>(&mut self, mut done: impl FnMut() -> Option<T>) -> (T, Vec<RequestKind>) {
        let mut seen = Vec::new();
        let control = self.control();
        loop {
            let now = Instant::now();
            let mut fds = Vec::new();
            control.add_fds(now, &mut fds);
            let tick = rustix::event::Timespec {
                tv_sec: 0,
                tv_nsec: 5_000_000,
            };
            rustix::event::poll(&mut fds, Some(&tick)).unwrap();
            drop(fds);
            for request in control.serve(now) {
                if !control.still_waits(&request.reply) {
                    continue;
                }
                let reply = match &request.kind {
                    RequestKind::Status => ControlReply::Status(Box::new(GuardStatus {
                        pid: std::process::id(),
                        ..GuardStatus::default()
                    })),
                    RequestKind::Ban(changes) => {
                        ControlReply::Done(format!("{} changes", changes.len()))
                    }
                    RequestKind::Resume(Some(_)) => {
                        ControlReply::Unwanted("no rule is about that".to_owned())
                    }
                    RequestKind::Pause(Some(rule)) if rule == "none" => {
                        ControlReply::Error("there is no rule none".to_owned())
                    }
                    _ => ControlReply::Done("done".to_owned()),
                };
                control.reply(&request.reply, &reply, now);
                seen.push(request.kind);
            }
            if let Some(it) = done() {
                return (it, seen);
            }
        }
    }

    /// Asks it.
    fn ask(&mut self, request: &RequestKind) -> Result<ControlReply, AskError> {
        let (path, asked) = (self.path(), request.clone());
        let asking = thread::spawn(move || ask(&path, &asked, Duration::from_secs(20)));
        self.run_until(|| asking.is_finished().then_some(()));
        asking.join().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.control = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn done(text: &str) -> ControlReply {
    ControlReply::Done(text.to_owned())
}

#[test]
fn each_request_has_its_reply() {
    let mut service = Service::start("each");
    match service.ask(&RequestKind::Status).unwrap() {
        ControlReply::Status(status) => assert_eq!(status.pid, std::process::id()),
        other => panic!("{other:?}"),
    }
    let pause = RequestKind::Pause(Some("leak".to_owned()));
    assert_eq!(service.ask(&pause).unwrap(), done("done"));
    assert_eq!(
        service.ask(&RequestKind::Resume(None)).unwrap(),
        done("done")
    );
    let refused = service
        .ask(&RequestKind::Pause(Some("none".to_owned())))
        .unwrap_err();
    assert_eq!(refused.to_string(), "there is no rule none");
    assert_eq!(refused.exit(), crate::exit::Exit::Usage);
    let unwanted = service.ask(&RequestKind::Resume(Some("x".to_owned())));
    assert!(matches!(unwanted, Err(AskError::Unwanted(_))));
    let two_lines = RequestKind::Pause(Some("a\nresume".to_owned()));
    assert!(matches!(service.ask(&two_lines), Err(AskError::Refused(_))));
    assert!(service.control().clients.is_empty());
}

#[test]
fn a_whole_blocklist_is_one_request() {
    let mut service = Service::start("list");
    let changes = (0..150_000_u32).map(|it| {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + it);
        BanChange::Add(
            std::net::IpAddr::from(address).into(),
            Some(Duration::from_secs(600)),
        )
    });
    let request = RequestKind::Ban(changes.collect());
    assert_eq!(service.ask(&request).unwrap(), done("150000 changes"));
    let many = RequestKind::Ban(vec![BanChange::Flush; MAX_CHANGES + 1]);
    let refused = service.ask(&many).unwrap_err().to_string();
    assert_eq!(refused, "a request is 200000 lines at most: send several");
}

#[test]
fn a_bad_line_refuses_the_whole_request() {
    let mut service = Service::start("bad");
    let mut client = service.connect();
    client
        .write_all(b"ban\nadd 10.0.0.1\nadd 10.0.0.x\n\n")
        .unwrap();
    let (text, requests) = reply_to(&mut service, client);
    assert!(text.starts_with("{\"error\":\"line 3: "), "{text}");
    assert!(requests.is_empty());
}

/// Returns what the service answers a client that has sent what it has to say.
fn reply_to(service: &mut Service, client: UnixStream) -> (String, Vec<RequestKind>) {
    client.set_nonblocking(true).unwrap();
    let mut client = client;
    let mut text = Vec::new();
    let ((), requests) = service.run_until(|| {
        let mut buffer = [0; 4096];
        match client.read(&mut buffer) {
            Ok(0) => Some(()),
            Ok(count) => {
                text.extend(&buffer[..count]);
                None
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(_) => Some(()),
        }
    });
    (String::from_utf8(text).unwrap(), requests)
}

#[test]
fn half_a_request_is_none() {
    let mut service = Service::start("half");
    for half in ["stat", "ban\nflush\nadd 10.0.0.1\n", "status", ""] {
        let mut client = service.connect();
        client.write_all(half.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (text, requests) = reply_to(&mut service, client);
        assert_eq!((&*text, requests.len()), ("", 0), "{half}");
    }
}

#[test]
fn ten_megabytes_without_a_line_are_refused() {
    let mut service = Service::start("large");
    let mut client = service.connect();
    let sending = thread::spawn(move || {
        let sent = client.write_all(&vec![b'x'; 10 << 20]);
        (sent.is_err(), client)
    });
    service.run_until(|| sending.is_finished().then_some(()));
    let (is_refused, client) = sending.join().unwrap();
    assert!(is_refused);
    assert!(service.control().clients.len() <= 1);
    let (text, _) = reply_to(&mut service, client);
    assert_eq!(text, "{\"error\":\"a line is too long\"}\n");
}

#[test]
fn many_clients_that_send_nothing_are_dropped_after_a_while() {
    let mut service = Service::start("many");
    let idle: Vec<_> = (0..MAX_CLIENTS + 20)
        .map(|index| {
            let mut client = service.connect();
            if index % 2 == 0 {
                client.write_all(b"ban\nadd 10.").unwrap();
            }
            client
        })
        .collect();
    let start = Instant::now();
    let control = service.control();
    assert!(control.serve(start).is_empty());
    assert_eq!(control.clients.len(), MAX_CLIENTS);
    let mut fds = Vec::new();
    control.add_fds(start, &mut fds);
    assert_eq!(
        fds.len(),
        MAX_CLIENTS,
        "nobody else is accepted, nor asked for"
    );
    drop(fds);
    assert_eq!(control.deadline(), Some(start + PATIENCE));
    // The rest comes in their place, and goes the same way.
    let mut now = start;
    for _ in 0..3 {
        now += PATIENCE;
        assert!(control.serve(now).is_empty());
    }
    assert!(control.serve(now + PATIENCE).is_empty());
    assert!(control.clients.is_empty());
    drop(idle);
    assert!(matches!(
        service.ask(&RequestKind::Status),
        Ok(ControlReply::Status(_))
    ));
}

#[test]
fn a_client_that_trickles_is_dropped_in_the_end() {
    let mut service = Service::start("trickle");
    let mut client = service.connect();
    let start = Instant::now();
    let mut now = start;
    let control = service.control();
    control.serve(now);
    while control.clients.len() == 1 {
        now += PATIENCE / 2;
        client.write_all(b"x").unwrap();
        control.serve(now);
        assert!(now <= start + LONGEST);
    }
    assert_eq!(now, start + LONGEST);
}

#[test]
fn a_client_that_does_not_read_is_dropped() {
    let mut service = Service::start("deaf");
    let mut client = service.connect();
    client.write_all(b"status\n").unwrap();
    let now = Instant::now();
    let control = service.control();
    let request = control.serve(now).pop().unwrap();
    assert_eq!(request.kind, RequestKind::Status);
    if let Some(pid) = request.caller.pid {
        assert_eq!(u32::try_from(pid), Ok(std::process::id()));
    }
    let long = ControlReply::Done("x".repeat(4 << 20));
    control.reply(&request.reply, &long, now);
    assert_eq!(control.clients.len(), 1);
    let mut fds = Vec::new();
    control.add_fds(now, &mut fds);
    assert_eq!(fds.len(), 2);
    drop(fds);
    control.serve(now + PATIENCE);
    assert!(control.clients.is_empty());
    // Nothing happens where a client is gone.
    control.reply(&request.reply, &long, now);
    drop(client);
}

#[test]
fn a_client_that_went_away_is_not_polled() {
    let mut service = Service::start("gone");
    let mut client = service.connect();
    client.write_all(b"pause\n").unwrap();
    let now = Instant::now();
    let control = service.control();
    let request = control.serve(now).pop().unwrap();
    drop(client);
    let mut fds = Vec::new();
    control.add_fds(now, &mut fds);
    assert_eq!(fds.len(), 1, "its hang-up would wake the loop without end");
    drop(fds);
    control.reply(&request.reply, &done("paused"), now);
    assert!(control.clients.is_empty());
}

#[test]
fn what_a_client_asked_for_that_has_gone_is_not_carried_out() {
    let mut service = Service::start("hangup");
    let mut waiting = service.connect();
    waiting.write_all(b"pause\n").unwrap();
    // One that has nothing more to say waits all the same.
    waiting.shutdown(Shutdown::Write).unwrap();
    for request in ["pause\n", "ban\nflush\n\n"] {
        service.connect().write_all(request.as_bytes()).unwrap();
    }
    let (text, requests) = reply_to(&mut service, waiting);
    assert_eq!(text, "{\"done\":\"done\"}\n");
    assert_eq!(requests, [RequestKind::Pause(None)]);
    service.run_until(|| Some(()));
    assert!(service.control().clients.is_empty());
}

#[test]
fn all_clients_together_have_a_limit() {
    let mut service = Service::start("together");
    let text = format!("ban\n{}", "flush\n".repeat(MAX_CHANGES - 1));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (mut client, text) = (service.connect(), text.clone());
            thread::spawn(move || (client.write_all(text.as_bytes()), client).0.is_err())
        })
        .collect();
    let all = || clients.iter().all(thread::JoinHandle::is_finished);
    service.run_until(|| all().then_some(()));
    let refused = clients.into_iter().map(|it| it.join().unwrap());
    assert!(refused.filter(|it| *it).count() >= 1);
}

#[test]
fn a_second_service_is_refused_and_a_dead_one_replaced() {
    let service = Service::start("second");
    let path = service.path();
    let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let refused = Control::open(&path).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);
    if crate::own_session::is_in_first_namespace() {
        let pid = format!("(pid {})", std::process::id());
        assert!(refused.to_string().contains(&pid), "{refused}");
    }
    // One whose lock was removed is alive all the same.
    fs::remove_file(service.folder.join("guard.sock.lock")).unwrap();
    assert_eq!(
        Control::open(&path).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
    // A socket that nobody listens at is what KILL leaves behind.
    let stale = service.folder.join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    drop(Control::open(&stale).unwrap());
    assert!(!stale.exists());
    let file = service.folder.join("file");
    fs::write(&file, "kept").unwrap();
    let refused = Control::open(&file).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    // Nobody reads a pipe in the place of the lock.
    let lock = path.with_extension("sock.lock");
    fs::remove_file(&lock).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &lock, Mode::RUSR | Mode::WUSR).unwrap();
    let refused = Control::open(&path).unwrap_err();
    assert!(
        refused.to_string().contains("is not a file: move it away"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn the_socket_of_another_service_stays() {
    let mut first = Service::start("other");
    let path = first.path();
    fs::remove_file(&path).unwrap();
    fs::remove_file(first.folder.join("guard.sock.lock")).unwrap();
    let second = Control::open(&path).unwrap();
    first.control = None;
    connect(&path).unwrap();
    drop(second);
    assert!(!path.exists());
}

#[test]
fn errors_of_who_asks_say_what_to_do() {
    let service = Service::start("errors");
    let limit = Duration::from_millis(200);
    let absent = ask(&service.folder.join("none"), &RequestKind::Status, limit).unwrap_err();
    assert_eq!(absent.exit(), crate::exit::Exit::Nothing);
    assert!(
        absent
            .to_string()
            .starts_with("no `tcpentry guard` is running")
    );
    assert!(absent.hint().unwrap().contains("systemctl start"));
    let denied = AskError::Denied(service.path());
    assert!(denied.hint().unwrap().contains("group tcpentry"));
    // A service that stands still, and one whose queue is full besides.
    let start = Instant::now();
    let stuck = ask(&service.path(), &RequestKind::Status, limit).unwrap_err();
    assert!(matches!(stuck, AskError::TimedOut(_)), "{stuck:?}");
    let late = ask(&service.path(), &RequestKind::Pause(None), limit).unwrap_err();
    assert!(matches!(late, AskError::Late(_)), "{late:?}");
    assert!(
        late.to_string()
            .ends_with("; it may still do what it was asked to")
    );
    let mut waiting = Vec::new();
    while let Ok(client) = connect(&service.path()) {
        waiting.push(client);
    }
    let full = ask(&service.path(), &RequestKind::Pause(None), limit).unwrap_err();
    assert!(matches!(full, AskError::TimedOut(_)), "{full:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}
