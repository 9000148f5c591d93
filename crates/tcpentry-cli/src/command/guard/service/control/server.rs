//! The service's side of the socket. No client can hold it up: nothing here waits, each client has a deadline and a limit of
//! what it may send, and there are only so many.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::GROUP;
use super::caller::Caller;
use super::request::{ControlReply, RequestKind};
use crate::command::bans::BanChange;

/// The socket and its clients.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
    /// The device and the inode of the socket's file.
    file: (u64, u64),
    /// Held as long as the service runs: a second one sees by it that there is a first.
    _lock: OwnedFd,
    clients: Vec<ControlClient>,
    next: u64,
    /// The time before which nobody is accepted: there were no descriptors.
    accept_after: Option<Instant>,
    warning: Option<String>,
}

/// A request that has come in whole.
#[derive(Debug)]
pub(crate) struct ControlRequest {
    pub(crate) kind: RequestKind,
    pub(crate) caller: Caller,
    pub(crate) reply: ReplyTo,
}

/// The client that waits for a reply. It may be gone by then.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ReplyTo(u64);

#[derive(Debug)]
struct ControlClient {
    number: u64,
    stream: UnixStream,
    caller: Caller,
    stage: ClientStage,
    /// The end of patience without progress, and in any case.
    idle_until: Instant,
    until: Instant,
}

#[derive(Debug)]
enum ClientStage {
    Reading {
        /// The begin of a line.
        rest: Vec<u8>,
        /// The changes so far, once the first line was `ban`.
        changes: Option<Vec<BanChange>>,
    },
    /// The service has the request.
    Waiting,
    Writing {
        text: Vec<u8>,
        written: usize,
    },
    Over,
}

impl Control {
    /// Listens at a path, in place of a service that is no more.
    ///
    /// # Errors
    /// When another service listens there ([`ErrorKind::AddrInUse`], with its pid), something else is there, or the folder
    /// can't be written to.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir(folder)?;
        }
        let lock = lock(path)?;
        remove_stale(path)?;
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        // The file begins with these rights, and gets more only once its group is right.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        let file = file_at(path)?;
        let warning = give_to_group(path)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self {
            listener: socket.into(),
            path: path.to_owned(),
            file,
            _lock: lock,
            clients: Vec::new(),
            next: 0,
            accept_after: None,
            warning,
        })
    }

    /// Takes what is worth a line in the log: why the socket is not for the group.
    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Adds the descriptors that the loop polls. Which of them are ready does not matter to [`serve`](Self::serve).
    pub(crate) fn add_fds<'c>(&'c self, now: Instant, fds: &mut Vec<PollFd<'c>>) {
        if self.accepts(now) {
            fds.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        for client in &self.clients {
            let events = match client.stage {
                ClientStage::Reading { .. } => PollFlags::IN,
                ClientStage::Writing { .. } => PollFlags::OUT,
                // Even without events, a hang-up would be one.
                ClientStage::Waiting | ClientStage::Over => continue,
            };
            fds.push(PollFd::new(&client.stream, events));
        }
    }

    /// Returns the time at which [`serve`](Self::serve) is due even if no descriptor is ready.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ends = self.clients.iter().map(ControlClient::end);
        ends.chain(self.accept_after).min()
    }

    /// Goes on with all clients as far as possible without waiting, and returns the requests that are whole.
    pub(crate) fn serve(&mut self, now: Instant) -> Vec<ControlRequest> {
        let mut requests = Vec::new();
        self.accept_after = self.accept_after.filter(|after| *after > now);
        self.advance(0, now, &mut requests);
        // A loop that was busy must not be held against a client that has sent or read in the meantime.
        self.clients.retain(|client| now < client.end());
        let first_new = self.clients.len();
        self.accept(now);
        self.advance(first_new, now, &mut requests);
        requests
    }

    /// Returns true if the client still waits for the reply to its request. One that has gone was told that it has none, and is
    /// dropped: what it asked for must not be carried out behind its back.
    pub(crate) fn still_waits(&mut self, to: &ReplyTo) -> bool {
        self.clients
            .retain(|client| client.number != to.0 || !client.has_gone());
        self.clients.iter().any(|client| client.number == to.0)
    }

    /// Sends the reply to a request.
    pub(crate) fn reply(&mut self, to: &ReplyTo, reply: &ControlReply, now: Instant) {
        let client = self.clients.iter_mut().find(|client| client.number == to.0);
        if let Some(client) = client {
            client.answer(reply, now);
        }
        self.clients.retain(|client| !client.is_over());
    }

    /// Goes on with the clients from this one on.
    fn advance(&mut self, first: usize, now: Instant, requests: &mut Vec<ControlRequest>) {
        let mut held: usize = self.clients.iter().map(ControlClient::held).sum();
        for client in &mut self.clients[first..] {
            let before = client.held();
            // Of all clients together.
            let room = MAX_HELD.saturating_sub(held - before);
            match client.advance(room, now) {
                Ok(Some(kind)) => requests.push(ControlRequest {
                    kind,
                    caller: client.caller,
                    reply: ReplyTo(client.number),
                }),
                Ok(None) => {}
                Err(reason) => client.answer(&ControlReply::Error(reason), now),
            }
            held = held - before + client.held();
        }
        self.clients.retain(|client| !client.is_over());
    }

    fn accepts(&self, now: Instant) -> bool {
        self.clients.len() < MAX_CLIENTS && self.accept_after.is_none_or(|after| after <= now)
    }

    fn accept(&mut self, now: Instant) {
        while self.accepts(now) {
            match self.listener.accept() {
                Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                    self.next += 1;
                    self.clients.push(ControlClient {
                        number: self.next,
                        caller: Caller::of(&stream),
                        stream,
                        stage: ClientStage::Reading {
                            rest: Vec::new(),
                            changes: None,
                        },
                        idle_until: now + PATIENCE,
                        until: now + LONGEST,
                    });
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Whoever waits goes on waiting, and the loop would be woken up for that without end.
                Err(_) => self.accept_after = Some(now + ACCEPT_PAUSE),
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Where file and lock were removed meanwhile, another service may have bound its own. The number of the inode is not
        // used again as long as this socket is open.
        if file_at(&self.path).is_ok_and(|file| file == self.file) {
            // The lock stays: a service that starts now may hold it already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl ControlClient {
    fn end(&self) -> Instant {
        self.idle_until.min(self.until)
    }

    const fn is_over(&self) -> bool {
        matches!(self.stage, ClientStage::Over)
    }

    /// Returns true if the client has closed its socket, and not only the half of it that it writes to.
    fn has_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.stream, PollFlags::empty())];
        let now = Timespec::default();
        rustix::event::poll(&mut fds, Some(&now)).is_ok()
            && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    /// Returns the number of changes that it has sent.
    fn held(&self) -> usize {
        match &self.stage {
            ClientStage::Reading { changes, .. } => changes.as_ref().map_or(0, Vec::len),
            _ => 0,
        }
    }

    /// Reads or writes without waiting; returns the request once it is whole, or the reason why it is none.
    fn advance(&mut self, room: usize, now: Instant) -> Result<Option<RequestKind>, String> {
        match &mut self.stage {
            ClientStage::Reading { .. } => self.read(room, now),
            ClientStage::Writing { .. } => {
                self.write(now);
                Ok(None)
            }
            ClientStage::Waiting | ClientStage::Over => Ok(None),
        }
    }

    fn read(&mut self, room: usize, now: Instant) -> Result<Option<RequestKind>, String> {
        let mut buffer = [0; 16 * 1024];
        // The others have their turn after that.
        for _ in 0..READS_AT_ONCE {
            match self.stream.read(&mut buffer) {
                // Half a request is none.
                Ok(0) => {
                    self.stage = ClientStage::Over;
                    return Ok(None);
                }
                Ok(count) => {
                    self.idle_until = now + PATIENCE;
                    if let Some(request) = self.take(&buffer[..count], room)? {
                        self.stage = ClientStage::Waiting;
                        return Ok(Some(request));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(_) => {
                    self.stage = ClientStage::Over;
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Takes what has come, line by line.
    fn take(&mut self, mut bytes: &[u8], room: usize) -> Result<Option<RequestKind>, String> {
        let ClientStage::Reading { rest, changes } = &mut self.stage else {
            return Ok(None);
        };
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            rest.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(rest);
            if line.len() > MAX_LINE {
                return Err(TOO_LONG.to_owned());
            }
            let line = std::str::from_utf8(&line).map_err(|_| "a line is not UTF-8".to_owned())?;
            let line = line.trim();
            match changes {
                None => match RequestKind::parse(line)? {
                    RequestKind::Ban(none) => *changes = Some(none),
                    request => return Ok(Some(request)),
                },
                Some(changes) if line.is_empty() => {
                    return Ok(Some(RequestKind::Ban(std::mem::take(changes))));
                }
                Some(changes) if changes.len() >= MAX_CHANGES => {
                    return Err(format!(
                        "a request is {MAX_CHANGES} lines at most: send several"
                    ));
                }
                Some(changes) if changes.len() >= room => return Err(TOO_MANY.to_owned()),
                Some(changes) => {
                    let number = changes.len() + 2;
                    let change = BanChange::parse(line).map_err(|reason| {
                        format!("line {number}: {reason}; nothing of it was taken")
                    })?;
                    changes.push(change);
                }
            }
        }
        rest.extend(bytes);
        if rest.len() > MAX_LINE {
            return Err(TOO_LONG.to_owned());
        }
        Ok(None)
    }

    fn answer(&mut self, reply: &ControlReply, now: Instant) {
        let mut text = Vec::new();
        // Memory takes whatever is written.
        let _ = crate::output::line(&mut text, reply);
        // Who still sends is not left waiting for a reader.
        let _ = self.stream.shutdown(Shutdown::Read);
        self.stage = ClientStage::Writing { text, written: 0 };
        self.idle_until = now + PATIENCE;
        self.until = now + LONGEST;
        self.write(now);
    }

    fn write(&mut self, now: Instant) {
        let ClientStage::Writing { text, written } = &mut self.stage else {
            return;
        };
        while *written < text.len() {
            match self.stream.write(&text[*written..]) {
                Ok(count) => {
                    *written += count;
                    self.idle_until = now + PATIENCE;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.stage = ClientStage::Over;
    }
}

/// Takes the lock beside the socket; an error where another service has it.
fn lock(path: &Path) -> io::Result<OwnedFd> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    // A pipe in its place would wait for a reader.
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let flags = flags | OFlags::NONBLOCK;
    let file = match rustix::fs::open(&name, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::NXIO) => {
            let text = format!("{} is not a file: move it away", Path::new(&name).display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        opened => opened?,
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(in_use(path, connect(path).ok().as_ref())),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes the socket of a service that is no more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?.file_type(),
    };
    if !kind.is_socket() {
        let text = format!("{} is not a socket: move it away", path.display());
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    match connect(path) {
        // Somebody listens; without the lock, which may have been removed.
        Ok(socket) => Err(in_use(path, Some(&socket))),
        Err(Errno::AGAIN) => Err(in_use(path, None)),
        Err(_) => fs::remove_file(path),
    }
}

/// Returns the device and the inode of what is at a path.
fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Connects without waiting.
fn connect(path: &Path) -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

fn in_use(path: &Path, socket: Option<&OwnedFd>) -> io::Error {
    let pid = socket.and_then(|socket| Caller::of(socket).pid);
    let pid = pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
    let text = format!(
        "`tcpentry guard` already runs{pid}, and listens at {}",
        path.display()
    );
    io::Error::new(ErrorKind::AddrInUse, text)
}

/// Makes the socket usable by its group; returns why that is not the group it should be.
fn give_to_group(path: &Path) -> io::Result<Option<String>> {
    let warning = match uzers::get_group_by_name(GROUP) {
        None => Some(format!("there is no group {GROUP}")),
        // As under systemd, which starts the service with this group, and without the right to give anything away.
        Some(group) if fs::symlink_metadata(path)?.gid() == group.gid() => None,
        Some(group) => std::os::unix::fs::chown(path, None, Some(group.gid()))
            .err()
            .map(|error| format!("cannot give it to the group {GROUP}: {error}")),
    };
    // Without that group, it is for the service's own.
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(warning.map(|reason| {
        format!(
            "{} is for the service's own group: {reason}",
            path.display()
        )
    }))
}

const MAX_CLIENTS: usize = 16;
const BACKLOG: i32 = 64;
/// The time without progress after which a client is dropped, and the time for all of it.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(30);
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// No name of a rule, and no prefix, is so long.
const MAX_LINE: usize = 1024;
const TOO_MANY: &str = "too much comes in at once from all clients together: try again";
const TOO_LONG: &str = "a line is too long";
/// The changes of one request, and those of all clients at once: 40 bytes each.
pub(crate) const MAX_CHANGES: usize = 200_000;
const MAX_HELD: usize = 400_000;
const READS_AT_ONCE: usize = 4;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::client::{AskError, ask};
    use super::*;
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
}
