//! The cause of a slow connection, with connections that are really in each condition.

use std::io::{ErrorKind as IoError, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tcpentry::connection::Details;
use tcpentry::why::{Cause, Diagnosis, RetryLimits, Unanswered, Watch};
use tcpentry::{Connection, Query, State, States};
use tcpentry_testkit::link::{Neighbour, THERE, ip, sysctl};
use tcpentry_testkit::{isolated, skip, tcp, until};

use crate::util::{find, listener_at, pair, pair_of, table};

const SECOND: Duration = Duration::from_secs(1);

fn details(connection: &Connection) -> Details {
    table().details(connection).unwrap()
}

/// Reads a connection twice, with so much time between.
fn watched(connection: &Connection, time: Duration) -> Diagnosis {
    let mut watch = Watch::new(RetryLimits::read(), &details(connection), Instant::now());
    thread::sleep(time);
    watch.add(&details(connection), Instant::now());
    watch.diagnosis()
}

fn at_once(connection: &Connection) -> Diagnosis {
    let first = details(connection);
    Watch::new(RetryLimits::read(), &first, Instant::now()).diagnosis()
}

fn sentence(stream: &TcpStream, time: Duration) -> String {
    watched(&find(pair_of(stream)), time).to_string()
}

/// Returns the sentence with `N` for each number, and times in seconds.
fn shape(sentence: &str) -> String {
    let mut shape = String::new();
    let chars: Vec<_> = sentence.chars().collect();
    let is_digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    for (at, char) in chars.iter().enumerate() {
        let is_point = *char == '.' && at > 0 && is_digit(at - 1) && is_digit(at + 1);
        if !is_digit(at) && !is_point {
            shape.push(*char);
        } else if !shape.ends_with('N') {
            shape.push('N');
        }
    }
    shape.replace("N ms", "N s").replace("N us", "N s")
}

#[track_caller]
fn assert_shape(sentence: &str, expected: &str) {
    assert_eq!(shape(sentence), expected, "{sentence}");
}

/// Sends until nothing more is taken.
fn fill(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut stream = stream;
    let block = vec![7; 65536];
    let mut refused = 0;
    while refused < 20 {
        match stream.write(&block) {
            Ok(taken) => refused = if taken == 0 { refused + 1 } else { 0 },
            Err(error) => {
                assert_eq!(error.kind(), IoError::WouldBlock);
                refused += 1;
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
    stream.set_nonblocking(false).unwrap();
}

/// Threads that go on until this is dropped.
struct Traffic {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    fn new() -> Self {
        Self {
            stop: Arc::default(),
            threads: Vec::new(),
        }
    }

    /// Sends so many bytes at a time, with a pause after each.
    fn sending(mut self, stream: &TcpStream, bytes: usize, pause: Duration) -> Self {
        let (mut stream, stop) = (stream.try_clone().unwrap(), Arc::clone(&self.stop));
        self.threads.push(thread::spawn(move || {
            let block = vec![7; bytes];
            while !stop.load(Ordering::Relaxed) && stream.write(&block).is_ok() {
                thread::sleep(pause);
            }
        }));
        self
    }

    /// Reads so many bytes at a time, with a pause after each.
    fn reading(mut self, stream: &TcpStream, bytes: usize, pause: Duration) -> Self {
        let (mut stream, stop) = (stream.try_clone().unwrap(), Arc::clone(&self.stop));
        self.threads.push(thread::spawn(move || {
            let mut block = vec![0; bytes];
            while !stop.load(Ordering::Relaxed) && stream.read(&mut block).is_ok_and(|n| n > 0) {
                thread::sleep(pause);
            }
        }));
        self
    }

    /// Ends the connection, and with it the threads.
    fn end(self, ends: &tcp::Ends) {
        self.stop.store(true, Ordering::Relaxed);
        for stream in [&ends.client, &ends.server] {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

/// Runs a program that configures this thread's namespace; its complaint where that can't be.
fn configure(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments.split(' '))
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

#[test]
fn a_peer_that_does_not_read_and_an_application_that_does_not() {
    isolated(|| {
        let ends = tcp::connected();
        fill(&ends.client);
        let at_client = find(pair_of(&ends.client));
        // The peer's kernel takes a little more at first.
        until("nothing is taken any more", || {
            matches!(
                watched(&at_client, SECOND * 2).cause,
                Cause::PeerNotReading { .. }
            )
        });
        let waiting = details(&at_client).connection.send_queue;
        let said = watched(&at_client, SECOND * 3 / 2);
        let Cause::PeerNotReading {
            waiting: told,
            watched,
        } = said.cause
        else {
            panic!("{said}");
        };
        assert_eq!(told, u64::from(waiting));
        assert!(watched >= SECOND && said.watched >= SECOND, "{said:?}");
        assert_shape(
            &said.to_string(),
            "the peer is not reading: N MB wait, its window is closed (for N s that were watched)",
        );
        // A single reading does not know for how long.
        let said = at_once(&at_client).to_string();
        assert_shape(
            &said,
            "the peer is not reading: N MB wait, its window is closed",
        );
        assert_shape(
            &sentence(&ends.server, SECOND * 3 / 2),
            "the application here has not read N kB, and the peer can send no more (for N s that were watched)",
        );
    });
}

#[test]
fn an_application_that_leaves_a_little_unread() {
    isolated(|| {
        let ends = tcp::connected();
        (&ends.client).write_all(&[1; 1000]).unwrap();
        until("it is there", || {
            find(pair_of(&ends.server)).recv_queue == 1000
        });
        assert_shape(
            &at_once(&find(pair_of(&ends.server))).to_string(),
            "the application here has not read N kB",
        );
        assert_shape(
            &sentence(&ends.server, SECOND * 3 / 2),
            "the application here has not read N kB (for N s that were watched)",
        );
    });
}

#[test]
fn a_silent_peer_is_given_up_when_it_is_said() {
    isolated(|| {
        let neighbour = Neighbour::new();
        sysctl("net/ipv4/tcp_retries2", "4");
        let ends = neighbour.connected();
        neighbour.mute_there();
        (&ends.server).write_all(&[1; 5000]).unwrap();
        let connection = find(pair_of(&ends.server));
        let mut said = None;
        until("three retries", || {
            let diagnosis = at_once(&connection);
            let is_silent = matches!(diagnosis.cause, Cause::PeerSilent { .. });
            said = is_silent.then_some((diagnosis, Instant::now()));
            is_silent
        });
        let (diagnosis, at) = said.unwrap();
        assert_shape(
            &diagnosis.to_string(),
            "the peer is silent: nothing has come for N s, N kB wait, N retries, next in N s, \
             given up in about N s by the system's defaults (net.ipvN.tcp_retriesN)",
        );
        let Cause::PeerSilent {
            sent: Unanswered::Data,
            given_up,
            ..
        } = diagnosis.cause
        else {
            panic!("{diagnosis:?}");
        };
        assert!(given_up.is_read && given_up.after > SECOND, "{given_up:?}");
        until("it is given up", || table().details(&connection).is_err());
        let (left, after) = (at.elapsed(), given_up.after);
        let difference = left.abs_diff(after);
        assert!(difference < SECOND, "said {after:?}, it took {left:?}");
    });
}

#[test]
fn a_link_that_is_down() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        ip(&["link set veth0 down"]);
        (&ends.server).write_all(&[1; 5000]).unwrap();
        let connection = find(pair_of(&ends.server));
        until("three retries", || {
            matches!(at_once(&connection).cause, Cause::PeerSilent { .. })
        });
        let said = at_once(&connection);
        let Cause::PeerSilent { given_up, .. } = said.cause else {
            panic!("{said}");
        };
        let minutes = given_up.after.as_secs() / 60;
        assert!(
            (14..=18).contains(&minutes),
            "15 retries take 15 minutes: {said}"
        );
    });
}

#[test]
fn a_closed_window_whose_probes_nobody_answers() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        fill(&ends.server);
        let connection = find(pair_of(&ends.server));
        until("its window is closed", || {
            matches!(at_once(&connection).cause, Cause::PeerNotReading { .. })
        });
        neighbour.mute_there();
        until("two probes", || {
            matches!(at_once(&connection).cause, Cause::PeerSilent { .. })
        });
        let said = at_once(&connection).to_string();
        let (start, end) = said.split_once(" wait, ").unwrap();
        assert!(
            start.starts_with("the peer is silent: nothing has come for "),
            "{said}"
        );
        assert!(
            end.starts_with("2 unanswered probes of its closed window, next in "),
            "{said}"
        );
    });
}

#[test]
fn keepalive_that_nobody_answers() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let ends = neighbour.connected();
        let keepalive = TcpKeepalive::new().with_time(SECOND).with_interval(SECOND);
        SockRef::from(&ends.server)
            .set_tcp_keepalive(&keepalive)
            .unwrap();
        neighbour.mute_there();
        let connection = find(pair_of(&ends.server));
        until("two probes", || {
            matches!(at_once(&connection).cause, Cause::PeerSilent { .. })
        });
        assert_shape(
            &at_once(&connection).to_string(),
            "the peer is silent: nothing has come for N s, N unanswered keepalive probes, next in N s, \
             given up in about N min by the system's defaults (net.ipvN.tcp_keepalive_probes)",
        );
    });
}

#[test]
fn an_idle_connection() {
    isolated(|| {
        let ends = tcp::connected();
        thread::sleep(SECOND * 2);
        assert_shape(
            &sentence(&ends.client, Duration::from_millis(200)),
            "idle for N s: nothing waits here",
        );
    });
}

#[test]
fn a_slow_reader_seen_from_both_ends() {
    isolated(|| {
        let ends = tcp::connected();
        let traffic = Traffic::new()
            .sending(&ends.client, 65536, Duration::ZERO)
            .reading(&ends.server, 20_000, Duration::from_millis(20));
        thread::sleep(SECOND);
        let said = sentence(&ends.client, SECOND * 2);
        // What follows is the window, which opens and closes.
        let (said, _) = said.split_once(" wait, ").unwrap();
        assert_shape(
            said,
            "limited by the peer's receive window, N% of the time: N MB",
        );
        assert_shape(
            &sentence(&ends.server, SECOND * 2),
            "the application here reads slower than the peer sends: N kB wait, N kB/s were read",
        );
        traffic.end(&ends);
    });
}

#[test]
fn a_slow_writer_seen_from_both_ends() {
    isolated(|| {
        let ends = tcp::connected();
        let traffic = Traffic::new()
            .sending(&ends.client, 1000, Duration::from_millis(50))
            .reading(&ends.server, 65536, Duration::ZERO);
        thread::sleep(SECOND);
        assert_shape(
            &sentence(&ends.client, SECOND),
            "the application here sends little: nothing to send N% of the time, N kB/s",
        );
        assert_shape(
            &sentence(&ends.server, SECOND),
            "the peer sends little: all that came was read, N kB/s",
        );
        traffic.end(&ends);
    });
}

#[test]
fn a_connection_that_only_the_peer_has_closed() {
    isolated(|| {
        let ends = tcp::connected();
        (&ends.client).write_all(b"bye").unwrap();
        // Its end is to come by itself.
        until("it is there", || {
            find(pair_of(&ends.server)).recv_queue == 3
        });
        (&ends.server).read_exact(&mut [0; 1]).unwrap();
        ends.client.shutdown(Shutdown::Write).unwrap();
        let server = find(pair_of(&ends.server));
        until("it has come", || {
            details(&server).connection.state == State::CloseWait
        });
        let said = || at_once(&server).to_string();
        assert_eq!(
            said(),
            "the peer has closed, the process here has not: it has not read 2 bytes"
        );
        assert_eq!((&ends.server).read(&mut [0; 9]).unwrap(), 2);
        assert_eq!((&ends.server).read(&mut [0]).unwrap(), 0);
        assert_eq!(said(), "the peer has closed, the process here has not");
        assert_shape(
            &sentence(&ends.server, SECOND * 3 / 2),
            "the peer has closed, the process here has not; no data has moved for N s",
        );
        assert_eq!(
            at_once(&find(pair_of(&ends.client))).to_string(),
            "it is closed here, and the peer has not closed"
        );
    });
}

#[test]
fn a_process_that_has_not_seen_the_end() {
    isolated(|| {
        let ends = tcp::connected();
        ends.client.shutdown(Shutdown::Write).unwrap();
        let server = find(pair_of(&ends.server));
        until("it has come", || {
            details(&server).connection.state == State::CloseWait
        });
        assert_eq!(
            at_once(&server).to_string(),
            "the peer has closed, the process here has not: it has not read the end"
        );
    });
}

#[test]
fn a_connection_that_nobody_holds() {
    isolated(|| {
        let ends = tcp::connected();
        let (local, peer) = tcp::orphan(ends.client);
        assert_shape(
            &at_once(&find(pair(local, peer))).to_string(),
            "it is closed here, and the peer has not closed; the kernel ends it in N s",
        );
        drop(ends.server);
        let of_time_wait = Query::in_states(States::NONE.with(State::TimeWait));
        let mut over = None;
        until("it is in TIME_WAIT", || {
            let mut table = table();
            let mut rows = table.connections(&of_time_wait).unwrap();
            over = rows.next().map(Result::unwrap);
            over.is_some()
        });
        assert_shape(
            &at_once(&over.unwrap()).to_string(),
            "it is over: both ends have closed, and the kernel keeps its name for N s",
        );
    });
}

#[test]
fn a_connection_that_is_being_made() {
    isolated(|| {
        let neighbour = Neighbour::new();
        neighbour.mute_there();
        let socket = tcp::socket((THERE, 9).into());
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&SocketAddr::new(THERE, 9).into());
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        let connection = find(pair(local, (THERE, 9).into()));
        assert_shape(
            &at_once(&connection).to_string(),
            "connecting: the peer has not answered: N retries, next in N s, given up in about N min \
             by the system's defaults (net.ipvN.tcp_syn_retries)",
        );
        until(
            "it was sent again",
            || matches!(at_once(&connection).cause, Cause::Connecting { retries, .. } if retries >= 1),
        );
    });
}

#[test]
fn a_connection_in_the_making_is_given_up_when_it_is_said() {
    isolated(|| {
        let neighbour = Neighbour::new();
        neighbour.mute_there();
        sysctl("net/ipv4/tcp_syn_retries", "1");
        let linear = "/proc/sys/net/ipv4/tcp_syn_linear_timeouts";
        if std::path::Path::new(linear).exists() {
            sysctl("net/ipv4/tcp_syn_linear_timeouts", "1");
        }
        let socket = tcp::socket((THERE, 9).into());
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&SocketAddr::new(THERE, 9).into());
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        let connection = find(pair(local, (THERE, 9).into()));
        let at = Instant::now();
        let said = at_once(&connection);
        let Cause::Connecting {
            given_up: Some(given_up),
            ..
        } = said.cause
        else {
            panic!("{said}");
        };
        until("it is given up", || table().details(&connection).is_err());
        let (left, after) = (at.elapsed(), given_up.after);
        let difference = left.abs_diff(after);
        assert!(difference < SECOND, "said {after:?}, it took {left:?}");
    });
}

#[test]
fn a_handshake_that_the_peer_does_not_complete() {
    isolated(|| {
        let neighbour = Neighbour::new();
        let listener = neighbour.listener();
        neighbour.mute_here();
        let to = listener.local_addr().unwrap();
        let client = neighbour.there.run(move || {
            let socket = tcp::socket(to);
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&to.into());
            socket
        });
        let requests = Query::in_states(States::NONE.with(State::SynRecv));
        let mut found = None;
        until("there is a request", || {
            let mut table = table();
            found = table
                .connections(&requests)
                .unwrap()
                .next()
                .map(Result::unwrap);
            found.is_some()
        });
        assert_shape(
            &at_once(&found.unwrap()).to_string(),
            "the peer asked to connect and has not answered since: N retries, next in N s, given up in about N s \
             by the system's defaults (net.ipvN.tcp_synack_retries)",
        );
        drop(client);
    });
}

#[test]
fn a_listener_that_nobody_accepts_from() {
    isolated(|| {
        let listener = tcp::listen_from(tcp::socket(tcp::loopback(0)), tcp::loopback(0), 0);
        let address = listener.local_addr().unwrap();
        let row = find(listener_at(address));
        assert_eq!(at_once(&row).to_string(), "it listens, and nobody waits");
        let _client = TcpStream::connect(address).unwrap();
        until("its queue is full", || {
            matches!(at_once(&row).cause, Cause::AcceptQueueFull { .. })
        });
        assert_eq!(
            at_once(&row).to_string(),
            "its queue is full: 1 connection is not accepted by the application here, the limit is 0"
        );
    });
}

#[test]
fn a_lossy_way() {
    isolated(|| {
        let ends = tcp::connected();
        let port = ends.server.local_addr().unwrap().port();
        for rule in [
            "add table inet lossy".to_owned(),
            "add chain inet lossy in { type filter hook input priority 0 ; }".to_owned(),
            format!("add rule inet lossy in tcp dport {port} numgen random mod 100 < 8 drop"),
        ] {
            if let Err(reason) = configure("nft", &rule) {
                skip!("nft can't drop at random here: {reason}");
            }
        }
        let traffic = Traffic::new()
            .sending(&ends.client, 4000, Duration::from_millis(2))
            .reading(&ends.server, 65536, Duration::ZERO);
        thread::sleep(SECOND);
        let said = sentence(&ends.client, SECOND * 3);
        traffic.end(&ends);
        assert_shape(
            &said,
            "N% of segments were sent again (N of N while it was watched)",
        );
    });
}

/// Makes the way out of this namespace a slow one, with a queue.
fn slow_way() -> Result<(), String> {
    configure(
        "tc",
        "qdisc add dev veth0 root tbf rate 4mbit burst 16kb latency 2s",
    )
}

#[test]
fn a_queue_on_the_way() {
    isolated(|| {
        let neighbour = Neighbour::new();
        if let Err(reason) = slow_way() {
            skip!("this kernel has no token bucket filter: {reason}");
        }
        let ends = neighbour.connected();
        // It fills the queue: BBR would not.
        let _ = SockRef::from(&ends.server).set_tcp_congestion(b"cubic");
        let traffic = Traffic::new()
            .sending(&ends.server, 65536, Duration::ZERO)
            .reading(&ends.client, 65536, Duration::ZERO);
        thread::sleep(SECOND * 2);
        let said = sentence(&ends.server, SECOND);
        traffic.end(&ends);
        assert_shape(
            &said,
            "a queue on the way: a round trip takes N s, and N s at best",
        );
    });
}

#[test]
fn a_sender_with_a_small_buffer() {
    isolated(|| {
        let neighbour = Neighbour::new();
        // Acknowledgements come late: data under way waits nowhere at this end.
        let late = neighbour.there.run(|| {
            configure(
                "tc",
                "qdisc add dev veth0 root tbf rate 8kbit burst 150 limit 3000",
            )
        });
        if let Err(reason) = late {
            skip!("this kernel has no token bucket filter: {reason}");
        }
        let ends = neighbour.connected();
        let _ = SockRef::from(&ends.server).set_tcp_congestion(b"cubic");
        SockRef::from(&ends.server)
            .set_send_buffer_size(8192)
            .unwrap();
        let traffic = Traffic::new()
            .sending(&ends.server, 65536, Duration::ZERO)
            .reading(&ends.client, 65536, Duration::ZERO);
        // Where the sender is not scheduled, its buffer is not full: what is seen then is the queue of acknowledgements.
        let mut said = (0..10).map(|_| {
            thread::sleep(SECOND);
            sentence(&ends.server, SECOND)
        });
        let said = said.find(|said| !said.starts_with("a queue on the way"));
        let said = said.expect("its buffer is full at some time");
        traffic.end(&ends);
        assert!(said.starts_with("limited by the sender's buffer"), "{said}");
        let end = " too few for this round trip (SO_SNDBUF, net.ipv4.tcp_wmem)";
        assert!(said.ends_with(end), "{said}");
    });
}

#[test]
fn a_long_way() {
    isolated(|| {
        let neighbour = Neighbour::new();
        if let Err(reason) = configure("tc", "qdisc add dev veth0 root netem delay 150ms") {
            skip!("this kernel has no netem: {reason}");
        }
        let ends = neighbour.connected();
        let traffic = Traffic::new()
            .sending(&ends.server, 1000, Duration::from_millis(50))
            .reading(&ends.client, 65536, Duration::ZERO);
        thread::sleep(SECOND);
        let said = sentence(&ends.server, SECOND * 2);
        traffic.end(&ends);
        assert_shape(&said, "the way is long: a round trip takes N s");
    });
}
