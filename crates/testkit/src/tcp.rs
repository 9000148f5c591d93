//! TCP sockets as tests need them. Whatever blocks gives up after ten seconds.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::proc_net;
use crate::sys;
use crate::wait::{limit, until};

/// Both ends of a connection.
#[derive(Debug)]
pub struct Ends {
    /// The end that connected.
    pub client: TcpStream,
    /// The end that was accepted.
    pub server: TcpStream,
}

impl Ends {
    /// Returns both ends, with a time limit on every operation.
    pub fn new(client: TcpStream, server: TcpStream) -> Self {
        bound(&client);
        bound(&server);
        Self { client, server }
    }
}

/// Makes a connection over the loopback device; its listener is closed.
pub fn connected() -> Ends {
    let listener = listen(loopback(0));
    let ends = connect_to(&listener);
    end_listening(listener);
    ends
}

/// Closes a listener of a port that the kernel chose: it is gone at once, also where a process that another thread is
/// starting has a copy of it until it is executed.
pub fn end_listening(listener: TcpListener) {
    rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).expect("it listens");
    drop(listener);
}

/// Makes a connection to a listener, and accepts it.
pub fn connect_to(listener: &TcpListener) -> Ends {
    let client = TcpStream::connect(reachable(listener)).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    Ends::new(client, server)
}

/// Makes a connection from a socket that has been prepared (bound, given options).
pub fn connect_from(socket: Socket, listener: &TcpListener) -> Ends {
    socket
        .connect(&reachable(listener).into())
        .expect("connect");
    let (server, _) = listener.accept().expect("accept");
    Ends::new(socket.into(), server)
}

/// Opens a listener; with port 0 on any port.
pub fn listen(at: SocketAddr) -> TcpListener {
    TcpListener::bind(at).expect("listen")
}

/// Makes a listener with this backlog of a socket that has been prepared.
pub fn listen_from(socket: Socket, at: SocketAddr, backlog: i32) -> TcpListener {
    socket.bind(&at.into()).expect("bind");
    socket.listen(backlog).expect("listen");
    socket.into()
}

/// Makes a listener whose queue is full, and the connection in it: the next one that connects stays in SYN_SENT.
pub fn full_listener() -> (TcpListener, TcpStream) {
    let listener = listen_from(socket(loopback(0)), loopback(0), 0);
    let address = listener.local_addr().expect("it is bound");
    let first = TcpStream::connect(address).expect("connect");
    // Its client is connected before it is in the queue; until then another one would be let in.
    until("the queue is full", || {
        let rows = proc_net::rows();
        rows.iter()
            .any(|row| row.local == address && row.state == LISTEN && row.recv_queue == 1)
    });
    (listener, first)
}

/// Creates a TCP socket for an address.
pub fn socket(of: SocketAddr) -> Socket {
    Socket::new(Domain::for_address(of), Type::STREAM, Some(Protocol::TCP)).expect("socket")
}

/// Returns 127.0.0.1 and a port.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Returns the address at which a listener is reached from its own namespace.
pub fn reachable(listener: &TcpListener) -> SocketAddr {
    let mut address = listener.local_addr().expect("listeners are bound");
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Closes one end of a connection and waits until it is an orphan in FIN_WAIT2; returns its address and the peer's.
pub fn orphan(end: TcpStream) -> (SocketAddr, SocketAddr) {
    const FIN_WAIT_2: u8 = 5;
    let (local, peer) = addresses(&end);
    drop(end);
    proc_net::await_orphan(local, peer, FIN_WAIT_2);
    (local, peer)
}

/// Closes one end of a connection and then the other, and waits until the first is in TIME_WAIT; returns its address and the
/// peer's.
pub fn time_wait(first: TcpStream, second: TcpStream) -> (SocketAddr, SocketAddr) {
    const TIME_WAIT: u8 = 6;
    let (local, peer) = orphan(first);
    drop(second);
    proc_net::await_state(local, peer, TIME_WAIT);
    (local, peer)
}

/// Returns both addresses of a connected socket: its own and its peer's.
pub fn addresses(stream: &TcpStream) -> (SocketAddr, SocketAddr) {
    (
        stream.local_addr().expect("it is connected"),
        stream.peer_addr().expect("it is connected"),
    )
}

/// Makes an established connection without a peer (`TCP_REPAIR`): no packet is sent.
pub fn imagined(socket: &Socket, local: SocketAddr, peer: SocketAddr) {
    try_imagined(socket, local, peer).expect("connect in repair mode");
}

/// Makes such a connection, which may exist already.
pub(crate) fn try_imagined(socket: &Socket, local: SocketAddr, peer: SocketAddr) -> io::Result<()> {
    sys::set_tcp_option(socket, libc::TCP_REPAIR, 1).expect("TCP_REPAIR needs CAP_NET_ADMIN");
    socket.bind(&local.into()).expect("bind");
    socket.connect(&peer.into())?;
    // TCP_REPAIR_OFF_NO_WP: no window probe either.
    sys::set_tcp_option(socket, libc::TCP_REPAIR, -1).expect("leave the repair mode");
    Ok(())
}

/// Puts a connection into the repair mode of checkpoints (`TCP_REPAIR`), in which it sends nothing.
pub fn put_into_repair(socket: &TcpStream) {
    sys::set_tcp_option(socket, libc::TCP_REPAIR, 1).expect("TCP_REPAIR needs CAP_NET_ADMIN");
}

/// Returns true if this process may have this many sockets, and as many other descriptors.
pub fn room_for(sockets: u64) -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.is_none_or(|limit| limit / 2 >= sockets)
}

/// Makes this many [`imagined`] connections, from 127.1.0.1 on to one peer.
pub fn imagined_crowd(count: u32) -> Vec<Socket> {
    part_of_a_crowd(0..count)
}

/// Makes some of them, if one process may not hold them all.
pub fn part_of_a_crowd(numbers: Range<u32>) -> Vec<Socket> {
    let peer = SocketAddr::from(([127, 200, 0, 1], 80));
    numbers
        .map(|number| {
            // Few of an address, and few of a port: a bind looks through those that have either.
            let [_, _, high, low] = (number / 8).to_be_bytes();
            let port = 10_000 + u16::try_from(number % 4096).expect("it is a small number");
            let local = SocketAddr::from(([127, 1, high, low], port));
            let socket = socket(local);
            imagined(&socket, local, peer);
            socket
        })
        .collect()
}

/// Lets a listener take data in the SYN (`TCP_FASTOPEN`).
pub fn allow_fast_open(listener: &TcpListener) {
    sys::set_tcp_option(listener, libc::TCP_FASTOPEN, 16).expect("TCP_FASTOPEN");
}

/// Keeps connections as requests until they send data (`TCP_DEFER_ACCEPT`).
pub fn defer_accept(listener: &TcpListener) {
    sys::set_tcp_option(listener, libc::TCP_DEFER_ACCEPT, 30).expect("TCP_DEFER_ACCEPT");
}

/// Makes a connection that is in SYN_RECV on the side of the server (`TCP_DEFER_ACCEPT`), and returns
/// the listener and the client. It stays there until the client sends data.
pub fn half_open() -> (TcpListener, TcpStream) {
    let listener = listen(loopback(0));
    defer_accept(&listener);
    let client = TcpStream::connect(reachable(&listener)).expect("connect");
    bound(&client);
    let (local, peer) = addresses(&client);
    proc_net::await_state(peer, local, SYN_RECV);
    (listener, client)
}

/// The kernel's number of the state.
const SYN_RECV: u8 = 3;
const LISTEN: u8 = 10;

/// Sends until nothing more fits into the queues of either end.
pub fn fill(mut stream: &TcpStream) {
    let data = vec![0; 65536];
    stream.set_nonblocking(true).expect("O_NONBLOCK");
    let full = loop {
        if let Err(error) = stream.write(&data) {
            break error;
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock, "{full}");
    stream.set_nonblocking(false).expect("O_NONBLOCK");
}

/// Sets a time limit on every operation of a stream.
pub fn bound(stream: &TcpStream) {
    stream.set_read_timeout(Some(limit())).expect("SO_RCVTIMEO");
    stream
        .set_write_timeout(Some(limit()))
        .expect("SO_SNDTIMEO");
}

/// A thread that is blocked in a system call until something happens to its socket.
#[derive(Debug)]
pub struct Blocked<T>(JoinHandle<T>);

/// Starts a thread that is blocked in `recv`.
pub fn blocked_in_recv(stream: &TcpStream) -> Blocked<io::Result<usize>> {
    let mut stream = stream.try_clone().expect("duplicate the descriptor");
    blocked(libc::SYS_recvfrom, move || stream.read(&mut [0; 16]))
}

/// Starts a thread that is blocked in `accept`.
pub fn blocked_in_accept(listener: &TcpListener) -> Blocked<io::Result<TcpStream>> {
    let listener = listener.try_clone().expect("duplicate the descriptor");
    blocked(libc::SYS_accept4, move || {
        listener.accept().map(|(stream, _)| stream)
    })
}

/// Starts a thread that is blocked in `connect`.
pub fn blocked_in_connect(socket: Socket, to: SocketAddr) -> Blocked<(Socket, io::Result<()>)> {
    blocked(libc::SYS_connect, move || {
        let result = socket.connect(&to.into());
        (socket, result)
    })
}

impl<T> Blocked<T> {
    /// Returns the result of the call.
    pub fn result(self) -> T {
        until("the blocked call returns", || self.0.is_finished());
        self.0.join().expect("it does not panic")
    }
}

/// Returns once the thread has been seen inside the call.
fn blocked<T: Send + 'static>(
    call: libc::c_long,
    body: impl FnOnce() -> T + Send + 'static,
) -> Blocked<T> {
    let (started, tid) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = started.send(rustix::thread::gettid().as_raw_nonzero());
        body()
    });
    let tid = tid.recv().expect("the thread starts");
    let path = format!("/proc/self/task/{tid}/syscall");
    let inside = format!("{call} ");
    until("a thread blocks in its system call", || {
        fs::read_to_string(&path).is_ok_and(|text| text.starts_with(&inside))
    });
    Blocked(thread)
}

/// Returns the errno of a failed call; panics if it succeeded.
pub fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> Errno {
    let error = result.expect_err("it should have failed");
    Errno::from_io_error(&error).expect("it is a system call's error")
}

/// Takes the pending error of a socket (`SO_ERROR`).
pub fn pending_error(socket: impl AsFd) -> Option<Errno> {
    rustix::net::sockopt::socket_error(socket)
        .expect("SO_ERROR")
        .err()
}

/// Returns the kernel's memory for a socket's send queue (`SO_MEMINFO`), in bytes.
pub fn send_memory(socket: impl AsFd) -> u32 {
    sys::send_memory(socket).expect("SO_MEMINFO")
}

/// Returns the events that `epoll` reports for a socket, of all there are; 0 for none.
pub fn events(socket: impl AsFd) -> u32 {
    use rustix::event::epoll;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll_create1");
    let interest = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
    epoll::add(&poll, socket, epoll::EventData::new_u64(0), interest).expect("epoll_ctl");
    let mut events = Vec::with_capacity(1);
    let now = rustix::event::Timespec::default();
    epoll::wait(
        &poll,
        rustix::buffer::spare_capacity(&mut events),
        Some(&now),
    )
    .expect("epoll_wait");
    events.first().map_or(0, |event| {
        let flags = event.flags;
        flags.bits()
    })
}
