//! Notices to the service manager, as sd_notify(3) has them.
//!
//! By hand: the crate `sd-notify` knows no abstract sockets, waits for a manager that does not read, and makes a socket for
//! each notice.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tcpentry::escape::escape_for_terminal;

/// The service's line to its manager, if it has one.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    manager: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    /// The notices that the manager has not taken so far.
    pending: VecDeque<String>,
    warning: Option<String>,
}

impl Notifier {
    /// Opens the line that the environment names. Without one, notices go nowhere; with one that can't be opened neither, and
    /// there is a warning.
    pub(crate) fn from_environment() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self::open_or_warn(
            variable("NOTIFY_SOCKET"),
            variable("WATCHDOG_USEC"),
            variable("WATCHDOG_PID"),
        )
    }

    /// Takes what is worth a line in the log: why the service manager hears nothing.
    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Opens the line, or none: the rules matter more than who hears of them.
    fn open_or_warn(
        socket: Option<OsString>,
        watchdog: Option<OsString>,
        watched: Option<OsString>,
    ) -> Self {
        let name = escape_for_terminal(socket.as_deref().unwrap_or_default().as_bytes());
        Self::open(socket, watchdog, watched).unwrap_or_else(|error| Self {
            warning: Some(format!(
                "NOTIFY_SOCKET={name}: {error}: the service manager hears nothing"
            )),
            ..Self::default()
        })
    }

    /// Opens the line that these variables name.
    ///
    /// # Errors
    /// When there is no such socket, or it is of a kind that this system lacks.
    fn open(
        socket: Option<OsString>,
        watchdog: Option<OsString>,
        watched: Option<OsString>,
    ) -> io::Result<Self> {
        let Some(name) = socket else {
            return Ok(Self::default());
        };
        let name = name.as_bytes();
        let address = match name.split_first() {
            Some((b'@', rest)) => SocketAddr::from_abstract_name(rest)?,
            Some((b'/', _)) => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
            // vsock: a manager outside of a virtual machine.
            _ => {
                let text = "neither a path nor an abstract socket";
                return Err(io::Error::new(ErrorKind::Unsupported, text));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        let number = |text: OsString| text.to_str()?.parse::<u64>().ok();
        let is_watched = match watched {
            None => true,
            Some(pid) => number(pid) == Some(std::process::id().into()),
        };
        let limit = watchdog.filter(|_| is_watched).and_then(number);
        Ok(Self {
            manager: Some((socket, address)),
            watchdog: limit.filter(|usec| *usec > 0).map(Duration::from_micros),
            pending: VecDeque::new(),
            warning: None,
        })
    }

    /// Returns the interval at which to call [`alive`](Self::alive): half of the time after which the manager ends the service,
    /// but not less than [`SHORTEST_INTERVAL`].
    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
            .map(|limit| (limit / 2).max(SHORTEST_INTERVAL))
    }

    /// Says that the service has started, or has read its configuration anew.
    pub(crate) fn ready(&mut self, status: &str) {
        self.push(format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// Says that the service reads its configuration; [`ready`](Self::ready) ends that.
    pub(crate) fn reloading(&mut self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.push(format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
    }

    /// Says that the service is about to end.
    pub(crate) fn stopping(&mut self, status: &str) {
        self.push(format!("STOPPING=1\nSTATUS={}", one_line(status)));
    }

    /// Sets the line that `systemctl status` shows.
    pub(crate) fn status(&mut self, status: &str) {
        // The manager shows the last one only.
        self.pending.retain(|it| !it.starts_with("STATUS="));
        self.push(format!("STATUS={}", one_line(status)));
    }

    /// Says that the loop turns.
    pub(crate) fn alive(&mut self) {
        if self.watchdog.is_some() {
            self.pending.retain(|it| it != ALIVE);
            self.push(ALIVE.to_owned());
        }
    }

    /// Returns the socket to be polled for room, while notices wait for it.
    pub(crate) fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        let (socket, _) = self.manager.as_ref()?;
        (!self.pending.is_empty()).then(|| socket.as_fd())
    }

    /// Sends what waits, as far as the manager takes it.
    pub(crate) fn flush(&mut self) {
        let Some((socket, address)) = &self.manager else {
            self.pending.clear();
            return;
        };
        while let Some(notice) = self.pending.front() {
            match socket.send(notice.as_bytes()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The manager was executed anew, with another socket; at its own pace it is found again.
                Err(_) if socket.connect_addr(address).is_err() => {
                    self.pending.clear();
                    return;
                }
                Err(_) => {
                    let sent = socket.send(notice.as_bytes());
                    if sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                        return;
                    }
                }
                Ok(_) => {}
            }
            self.pending.pop_front();
        }
    }

    fn push(&mut self, notice: String) {
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(notice);
        self.flush();
    }
}

/// Escapes line breaks, which would begin another assignment.
fn one_line(text: &str) -> String {
    escape_for_terminal(text.as_bytes())
}

const ALIVE: &str = "WATCHDOG=1";
/// The shortest time between two keep-alives. A limit of a few microseconds can't be kept whatever the service does, and the
/// attempt would take a whole processor.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// Beyond a reload and its end, nothing is worth being said late.
const MAX_PENDING: usize = 16;

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    /// Returns a manager at an abstract name of its own.
    fn manager(name: &str) -> (UnixDatagram, OsString) {
        let name = format!("tcpentry-notify-{name}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        (socket, format!("@{name}").into())
    }

    fn read(manager: &UnixDatagram) -> Option<String> {
        let mut text = [0; 4096];
        let length = manager.recv(&mut text).ok()?;
        Some(String::from_utf8(text[..length].to_vec()).unwrap())
    }

    #[test]
    fn the_life_of_a_service() {
        let (manager, name) = manager("life");
        let mut notifier = Notifier::open(Some(name), None, None).unwrap();
        notifier.ready("2 rules");
        assert_eq!(read(&manager).unwrap(), "READY=1\nSTATUS=2 rules");
        notifier.reloading();
        let reloading = read(&manager).unwrap();
        let usec = reloading
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .unwrap();
        assert!(usec.parse::<u64>().unwrap() > 0);
        notifier.status("a\nREADY=1");
        assert_eq!(read(&manager).unwrap(), "STATUS=a\\nREADY=1");
        notifier.alive();
        assert_eq!(read(&manager), None, "nobody watches");
        notifier.stopping("done");
        assert_eq!(read(&manager).unwrap(), "STOPPING=1\nSTATUS=done");
        assert!(notifier.waits_for().is_none());
    }

    #[test]
    fn a_socket_in_the_file_system() {
        let path = std::env::temp_dir().join(format!("tcpentry-notify-{}", std::process::id()));
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut notifier = Notifier::open(Some(path.clone().into()), None, None).unwrap();
        notifier.ready("");
        assert_eq!(read(&manager).unwrap(), "READY=1\nSTATUS=");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let (manager, name) = manager("watchdog");
        let interval = |usec: &str, pid: Option<u32>| {
            let pid = pid.map(|pid| pid.to_string().into());
            Notifier::open(Some(name.clone()), Some(usec.into()), pid).map(|mut notifier| {
                notifier.alive();
                notifier.watchdog_interval()
            })
        };
        let own = std::process::id();
        assert_eq!(
            interval("30000000", Some(own)).unwrap(),
            Some(Duration::from_secs(15))
        );
        assert_eq!(read(&manager).unwrap(), ALIVE);
        for tiny in ["1", "2", "10", "1000", "20000"] {
            let shortest = Some(Duration::from_millis(10));
            assert_eq!(interval(tiny, None).unwrap(), shortest, "{tiny}");
            assert_eq!(read(&manager).unwrap(), ALIVE);
        }
        for (usec, pid) in [("30000000", Some(own + 1)), ("0", None), ("x", None)] {
            assert_eq!(interval(usec, pid).unwrap(), None, "{usec}");
        }
        assert_eq!(read(&manager), None);
    }

    #[test]
    fn without_a_manager_nothing_is_said() {
        let mut notifier = Notifier::open(None, Some("1".into()), None).unwrap();
        notifier.ready("it");
        assert!(notifier.waits_for().is_none() && notifier.watchdog_interval().is_none());
    }

    #[test]
    fn a_name_that_is_no_socket_is_an_error() {
        let vsock = Notifier::open(Some("vsock:2:1234".into()), None, None).unwrap_err();
        assert_eq!(vsock.kind(), ErrorKind::Unsupported);
        let absent = OsString::from_vec(b"/no/such/folder/of/tcpentry".to_vec());
        assert!(Notifier::open(Some(absent), None, None).is_err());
    }

    #[test]
    fn a_service_without_a_line_to_its_manager_goes_on_and_has_one_warning() {
        for (name, error) in [
            (
                "/no/such\n/socket",
                "No such file or directory (os error 2)",
            ),
            ("/dev/null", "Connection refused (os error 111)"),
            ("vsock:2:1", "neither a path nor an abstract socket"),
        ] {
            let mut notifier = Notifier::open_or_warn(Some(name.into()), Some("9".into()), None);
            let shown = name.replace('\n', "\\n");
            let said = format!("NOTIFY_SOCKET={shown}: {error}: the service manager hears nothing");
            assert_eq!(notifier.take_warning(), Some(said));
            assert_eq!(notifier.take_warning(), None);
            notifier.ready("it");
            assert!(notifier.waits_for().is_none() && notifier.watchdog_interval().is_none());
        }
    }

    #[test]
    fn a_manager_that_does_not_read_gets_the_notices_later() {
        let (manager, name) = manager("full");
        let usec = Some("1000000".into());
        let mut notifier = Notifier::open(Some(name), usec, None).unwrap();
        while notifier.waits_for().is_none() {
            notifier.status("filling");
        }
        for _ in 0..1000 {
            notifier.status("old");
            notifier.alive();
        }
        notifier.reloading();
        notifier.ready("new");
        assert!(notifier.pending.len() < MAX_PENDING);
        let mut taken = Vec::new();
        for _ in 0..1000 {
            taken.extend(read(&manager));
            notifier.flush();
        }
        assert!(notifier.waits_for().is_none());
        let last = taken
            .iter()
            .rev()
            .take(4)
            .map(|it| it.split(['=', '\n']).next().unwrap());
        assert_eq!(
            last.collect::<Vec<_>>(),
            ["READY", "RELOADING", "WATCHDOG", "STATUS"]
        );
    }

    #[test]
    fn a_manager_that_is_gone_holds_nothing_up() {
        let (manager, name) = manager("gone");
        let mut notifier = Notifier::open(Some(name), None, None).unwrap();
        drop(manager);
        notifier.ready("it");
        assert!(notifier.waits_for().is_none());
    }
}
