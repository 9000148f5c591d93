//! Borrowing in a child process: what comes out of another process is a file of theirs until it is proved, and closing
//! it is an operation of theirs.
//!
//! A process that flips a descriptor number between its socket and a file of its own FUSE file system gets the
//! borrower's `close` into its hands: it sleeps beyond `SIGKILL` for as long as it likes (Linux 6.18). So a
//! [child](Child) takes the descriptor, proves it, disconnects it and closes it, and this process never has it. One
//! that does not answer is abandoned, and its holder is not asked again.

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{Shutdown, SocketAddrAny, ipproto, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

use crate::child::{self, Child};
use crate::connection::endpoint::{Endpoint, Pair};
use crate::connection::state::State;
use crate::connection::{Connection, Inode};
use crate::delete::lender_message::{ANSWER, ChildReply, ChildRequest, REQUEST, Wanted};
use crate::privilege::PtraceScope;
use crate::process::Process;
use crate::process::holder::Holder;
use crate::sys;

/// The place where descriptors are borrowed: a child process from the first on, for a run of deletions.
#[derive(Debug, Default)]
pub(crate) struct Lender {
    child: Option<Child>,
    /// The descriptors that this process holds itself.
    here: Option<Proven>,
    /// Set while the child gives the last descriptor back.
    is_giving_back: bool,
    /// The result of making the last descriptor transparent, where that was done with its borrowing.
    transparent: Option<Result<(), Errno>>,
    /// Those for whom a child has been abandoned, with their users.
    stuck: Vec<(Process, Option<u32>)>,
}

/// The state in which a descriptor is lent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lending {
    AsItIs,
    /// With `IP_TRANSPARENT`, which saves one exchange with the child: for a connection that is about to be destroyed. Whether that could be
    /// set, [`Borrowed::make_transparent`] says.
    Transparent,
}

/// The reason for which a holder does not lend.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotLent {
    /// `pidfd_open` or `pidfd_getfd` failed.
    Refused(Errno),
    /// The child did not come back: it closes a file of the holder's, which does not let it, or waits for a socket that
    /// the holder keeps locked. It was abandoned, now or before.
    Stuck,
    /// So many other processes of this user have done that that it is not tried.
    OfSuchUser,
    /// There is no child to do it.
    NoChild(Errno),
}

/// A descriptor that the child holds for us, proved to be the connection's. It is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct Borrowed<'l> {
    lender: &'l mut Lender,
    is_held: bool,
}

impl Lender {
    /// Borrows a descriptor; `false` where it is not that of the connection.
    pub(crate) fn borrow(
        &mut self,
        holder: Holder,
        connection: &Connection,
        inode: Inode,
        lending: Lending,
    ) -> Result<bool, NotLent> {
        if let Some(not_lent) = self.distrusted(holder.process) {
            return Err(not_lent);
        }
        let wanted = Wanted::of(connection, inode);
        let transparent = lending == Lending::Transparent;
        let request = ChildRequest::Borrow {
            pid: holder.table(),
            descriptor: holder.descriptor.number,
            wanted,
            transparent,
        };
        self.transparent = None;
        let behind = self.ask_behind_return(&request);
        if behind.is_none() && self.child.is_none() {
            let child = Child::start(None, serve).map_err(NotLent::NoChild)?;
            self.child = Some(child);
        }
        let reply = behind.unwrap_or_else(|| self.ask(&request));
        match reply {
            Ok(ChildReply::Yes) => {
                self.transparent = transparent.then_some(Ok(()));
                Ok(true)
            }
            Ok(ChildReply::NotTransparent(errno)) => {
                self.transparent = Some(Err(errno));
                Ok(true)
            }
            Ok(ChildReply::No | ChildReply::InRepair) => Ok(false),
            Ok(ChildReply::Failed(Errno::PERM)) if is_near(holder) => {
                let taken = Pid::from_raw(holder.table()).ok_or(Errno::SRCH);
                let taken = taken.and_then(|pid| take(pid, holder.descriptor.number));
                self.here = prove(taken.map_err(NotLent::Refused)?, &wanted);
                Ok(self.here.is_some())
            }
            Ok(ChildReply::Failed(errno)) => Err(NotLent::Refused(errno)),
            Err(Errno::TIMEDOUT) => {
                self.stuck.push((holder.process, holder.process.uid()));
                Err(NotLent::Stuck)
            }
            Err(errno) => Err(NotLent::NoChild(errno)),
        }
    }

    /// Returns the reason for which a process is not asked, after what others have done.
    fn distrusted(&self, process: Process) -> Option<NotLent> {
        if self.stuck.is_empty() {
            return None;
        }
        if self.stuck.iter().any(|&(it, _)| it == process) {
            return Some(NotLent::Stuck);
        }
        let user = process.uid();
        let others = self.stuck.iter().filter(|&&(_, it)| it == user).count();
        (others >= MOST_ABANDONED).then_some(NotLent::OfSuchUser)
    }

    /// Returns the descriptor that the last call has borrowed.
    pub(crate) const fn borrowed(&mut self) -> Borrowed<'_> {
        Borrowed {
            lender: self,
            is_held: true,
        }
    }

    /// Sends a request and waits for the answer. A child that does not give one is no longer ours.
    fn ask(&mut self, request: &ChildRequest) -> Result<ChildReply, Errno> {
        let child = self.child.as_ref().ok_or(Errno::PIPE)?;
        let answer = child.send(&request.to_bytes());
        let answer = answer.and_then(|()| receive(child));
        if answer.is_err() {
            self.child = None;
        }
        answer
    }

    /// Has the child give the descriptor back, which takes it time that this process needs not wait: the child does that before
    /// anything else, and ends only after it.
    fn give_back(&mut self) {
        let sent = self.child.as_ref().map(|child| {
            let request = ChildRequest::Release.to_bytes();
            child.send(&request)
        });
        self.is_giving_back = matches!(sent, Some(Ok(())));
        if !self.is_giving_back {
            self.child = None;
        }
    }

    /// Sends a request to a child that is giving the last descriptor back, which saves both a wait, and waits for both answers. `None`
    /// where it gives none back, or does not come back from that: then it is no longer ours.
    fn ask_behind_return(&mut self, request: &ChildRequest) -> Option<Result<ChildReply, Errno>> {
        if !std::mem::take(&mut self.is_giving_back) {
            return None;
        }
        let child = self.child.take()?;
        let sent = child.send(&request.to_bytes());
        receive(&child).ok()?;
        let reply = sent.and_then(|()| receive(&child));
        if reply.is_ok() {
            self.child = Some(child);
        }
        Some(reply)
    }
}

/// Receives a child's answer.
fn receive(child: &Child) -> Result<ChildReply, Errno> {
    let mut message = [0; ANSWER];
    let length = child.receive(&mut message, DEADLINE)?;
    let whole = length == ANSWER;
    whole
        .then(|| ChildReply::from_bytes(message))
        .ok_or(Errno::PROTO)
}

impl Borrowed<'_> {
    /// Lets packets of the connection leave although its local address has gone, until this is dropped. See
    /// [`Proven::make_transparent`].
    pub(crate) fn make_transparent(&mut self) -> Result<(), Errno> {
        if let Some(proven) = &mut self.lender.here {
            return proven.make_transparent();
        }
        if let Some(result) = self.lender.transparent {
            return result;
        }
        match self.lender.ask(&ChildRequest::MakeTransparent)? {
            ChildReply::Yes => Ok(()),
            ChildReply::No | ChildReply::InRepair => Err(Errno::PROTO),
            ChildReply::NotTransparent(errno) | ChildReply::Failed(errno) => Err(errno),
        }
    }

    /// Ends the connection. See [`Proven::disconnect`]; `ETIMEDOUT` where the holder keeps the child from it.
    pub(crate) fn disconnect(mut self) -> Result<Disconnected, Errno> {
        self.is_held = false;
        if let Some(proven) = self.lender.here.take() {
            return proven.disconnect();
        }
        match self.lender.ask(&ChildRequest::Disconnect)? {
            ChildReply::Yes => Ok(Disconnected::Done),
            ChildReply::No => Ok(Disconnected::Gone),
            ChildReply::InRepair => Ok(Disconnected::InRepair),
            ChildReply::NotTransparent(errno) | ChildReply::Failed(errno) => Err(errno),
        }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if self.is_held && self.lender.here.take().is_none() {
            self.lender.give_back();
        }
    }
}

/// Returns true for a process that may allow us more than a child of ours: every process may borrow from itself, and under Yama (1)
/// from its descendants. Who has `CAP_SYS_PTRACE` never comes here.
fn is_near(holder: Holder) -> bool {
    Some(holder.process) == Process::current() || PtraceScope::read() == PtraceScope::Restricted
}

/// Runs the child: system calls only.
fn serve(channel: BorrowedFd<'_>) {
    let mut held: Option<Proven> = None;
    let mut message = [0; REQUEST];
    while let Some(message) = child::next(channel, &mut message) {
        let Some(request) = message.try_into().ok().and_then(ChildRequest::from_bytes) else {
            return;
        };
        let answer = match request {
            ChildRequest::Borrow {
                pid,
                descriptor,
                wanted,
                transparent,
            } => match Pid::from_raw(pid).ok_or(Errno::SRCH) {
                Ok(pid) => match take(pid, descriptor) {
                    Ok(descriptor) => {
                        // What is not proved is closed here, before the answer.
                        held = prove(descriptor, &wanted);
                        match &mut held {
                            Some(held) if transparent => make_transparent(held),
                            held => ChildReply::yes_or_no(held.is_some()),
                        }
                    }
                    Err(errno) => ChildReply::Failed(errno),
                },
                Err(errno) => ChildReply::Failed(errno),
            },
            ChildRequest::MakeTransparent => match &mut held {
                Some(held) => make_transparent(held),
                None => ChildReply::Failed(Errno::BADF),
            },
            ChildRequest::Disconnect => {
                let ended = held.as_ref().map(Proven::disconnect);
                held = None;
                match ended {
                    Some(Ok(Disconnected::InRepair)) => ChildReply::InRepair,
                    Some(Ok(ended)) => ChildReply::yes_or_no(ended == Disconnected::Done),
                    Some(Err(errno)) => ChildReply::Failed(errno),
                    None => ChildReply::Failed(Errno::BADF),
                }
            }
            ChildRequest::Release => {
                held = None;
                ChildReply::Yes
            }
        };
        if child::send(channel, &answer.to_bytes()).is_err() {
            return;
        }
    }
}

fn make_transparent(held: &mut Proven) -> ChildReply {
    match held.make_transparent() {
        Ok(()) => ChildReply::Yes,
        Err(errno) => ChildReply::NotTransparent(errno),
    }
}

/// Takes a copy of another process's descriptor: nobody knows of what.
///
/// That of a thread with a table to itself (the id is that thread's then) takes Linux 6.9.
pub(crate) fn take(pid: Pid, descriptor: i32) -> Result<OwnedFd, Errno> {
    let open = |flags| retry_on_intr(|| rustix::process::pidfd_open(pid, flags));
    let pidfd = match open(PidfdFlags::empty()) {
        // It is no process's.
        Err(Errno::INVAL | Errno::NOENT) => open(PIDFD_THREAD)?,
        opened => opened?,
    };
    let flags = PidfdGetfdFlags::empty();
    retry_on_intr(|| rustix::process::pidfd_getfd(&pidfd, descriptor, flags))
}

/// A copy of the connection's own descriptor, proved to be that socket: in the child.
#[derive(Debug)]
struct Proven {
    descriptor: OwnedFd,
    pair: Pair,
    state: State,
    /// Set where it is the very socket of the table, and not the MPTCP connection above it.
    is_itself: bool,
    /// Set where `IP_TRANSPARENT` was set here, and has to be cleared.
    is_made_transparent: bool,
}

/// The result of disconnecting a borrowed connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Disconnected {
    /// It is ended.
    Done,
    /// Its owner had ended it, and may have connected the socket to somebody else.
    Gone,
    /// It is as it was: its socket is in the repair mode (`TCP_REPAIR`), in which a disconnect sends no reset, and this caller
    /// may not end that mode.
    InRepair,
}

impl Drop for Proven {
    /// Puts the option back, also where this is the child and its parent was killed.
    fn drop(&mut self) {
        if self.is_made_transparent {
            // A socket of IPv4 takes that in every state.
            let _ = sys::set_transparent(&self.descriptor, false);
        }
    }
}

impl Proven {
    /// Sets `IP_TRANSPARENT` until this is dropped, with which a reset leaves from an IPv4 address that is no longer on this
    /// host (measured, Linux 6.18: by `SOCK_DESTROY` as by a disconnect, of IPv4 and of mapped sockets, bound to a device or not).
    ///
    /// As long as it is set, the owner may use the right that it gives to this socket: to bind it to an address of somebody
    /// else's. So it is set for one last look at the connection and its deletion, and cleared immediately after it, whatever became of that.
    fn make_transparent(&mut self) -> Result<(), Errno> {
        if !sys::is_transparent(&self.descriptor)? {
            sys::set_transparent(&self.descriptor, true)?;
            self.is_made_transparent = true;
        }
        Ok(())
    }

    /// Ends the connection: `connect(AF_UNSPEC)`. The owner keeps a socket that is not connected.
    ///
    /// The ends are compared immediately before. What is left is the time between two system calls, in
    /// which the owner would have to disconnect this very socket and connect it to somebody else: a
    /// cookie does not tell two lifetimes of one socket apart, and Linux has no call that compares
    /// and disconnects at once.
    ///
    /// `EBUSY` where the kernel does not do it while the owner waits in a call, and could not be
    /// woken.
    fn disconnect(&self) -> Result<Disconnected, Errno> {
        if self.is_itself && !self.has_its_ends()? {
            return Ok(Disconnected::Gone);
        }
        // The peer would go on with a connection that is none any more.
        if sys::is_in_repair(&self.descriptor) && sys::leave_repair(&self.descriptor).is_err() {
            return Ok(Disconnected::InRepair);
        }
        disconnect(
            self.state,
            || retry_on_intr(|| rustix::net::connect_unspec(&self.descriptor)),
            |how| rustix::net::shutdown(&self.descriptor, how),
        )
        .map(|()| Disconnected::Done)
    }

    fn has_its_ends(&self) -> Result<bool, Errno> {
        let endpoint = |address: SocketAddrAny| SocketAddr::try_from(address).map(Endpoint::from);
        if endpoint(rustix::net::getsockname(&self.descriptor)?)? != self.pair.local() {
            return Ok(false);
        }
        match rustix::net::getpeername(&self.descriptor) {
            Ok(Some(peer)) => Ok(endpoint(peer)? == self.pair.peer()),
            Ok(None) => Ok(false),
            // Nobody is told the peer of a socket that is still connecting, and a listener has none.
            Err(Errno::NOTCONN) => Ok(matches!(self.state, State::SynSent | State::Listening)),
            Err(errno) => Err(errno),
        }
    }
}

/// Disconnects, and wakes the owner first where the kernel insists on it.
///
/// Linux 6.5 and a 5.10 with the same patch refuse to disconnect a socket in whose `recv` or `send`
/// somebody waits (measured). Shutting down the reading side sends nothing and ends a `recv`; only a
/// `send` that waits needs the other side shut down too, and the reset still comes before the FIN
/// that is queued behind its data.
fn disconnect(
    state: State,
    mut disconnect: impl FnMut() -> Result<(), Errno>,
    mut shut_down: impl FnMut(Shutdown) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut result = disconnect();
    // There is nothing to shut down before the connection is established, nor in a listener.
    if !state.is_synchronized() {
        return result;
    }
    for how in [Shutdown::Read, Shutdown::Both] {
        for attempt in 0..WAKING_ATTEMPTS {
            if result != Err(Errno::BUSY) {
                return result;
            }
            if attempt == 0 {
                // A connection that has ended meanwhile is disconnected without complaint.
                let _ = shut_down(how);
            } else {
                std::thread::sleep(WAKING_PAUSE);
            }
            result = disconnect();
        }
    }
    result
}

/// Proves that the descriptor is the connection's: their cookies are one.
///
/// The descriptor of an MPTCP connection is another socket than its subflow, which the table shows:
/// there the subflow names the descriptor by its inode, which nobody else can have while we hold it.
/// It may be unknown that the connection is one; the descriptor knows it of itself. What is not a socket is not asked anything: a
/// question to a file may wait for its file system.
fn prove(descriptor: OwnedFd, wanted: &Wanted) -> Option<Proven> {
    let is_itself = sockopt::socket_cookie(&descriptor) == Ok(wanted.cookie);
    let is_above = || {
        wanted.may_be_mptcp
            && sockopt::socket_protocol(&descriptor) == Ok(Some(ipproto::MPTCP))
            && rustix::fs::fstat(&descriptor)
                .is_ok_and(|file| file.st_ino == u64::from(wanted.inode))
    };
    (is_itself || is_above()).then_some(Proven {
        descriptor,
        pair: wanted.pair,
        state: wanted.state,
        is_itself,
        is_made_transparent: false,
    })
}

/// `PIDFD_THREAD` of `linux/pidfd.h`, since Linux 6.9.
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(0o200);
/// The time that the child may take for an answer, of which waking an owner takes a second at most.
const DEADLINE: Duration = Duration::from_secs(5);
/// After so many abandoned children nothing is borrowed from a user any more, who can have as many hostile processes as
/// they like.
const MOST_ABANDONED: usize = 8;
/// Half a second for an owner that has been woken to leave its call.
const WAKING_ATTEMPTS: u32 = 500;
const WAKING_PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the result for a socket that is busy until it has been shut down so, and the shutdowns that were tried.
    fn steps(state: State, busy_until: Option<Shutdown>) -> (Result<(), Errno>, Vec<Shutdown>) {
        let done = std::cell::RefCell::new(Vec::new());
        let disconnect_it = || {
            let done = done.borrow();
            let woken = busy_until.is_some_and(|how| done.contains(&how));
            if woken { Ok(()) } else { Err(Errno::BUSY) }
        };
        let result = disconnect(state, disconnect_it, |how| {
            done.borrow_mut().push(how);
            Ok(())
        });
        (result, done.into_inner())
    }

    #[test]
    fn an_owner_who_waits_is_woken_where_the_kernel_insists() {
        let established = State::Established;
        assert_eq!(
            steps(established, Some(Shutdown::Read)),
            (Ok(()), vec![Shutdown::Read])
        );
        assert_eq!(
            steps(established, Some(Shutdown::Both)),
            (Ok(()), vec![Shutdown::Read, Shutdown::Both])
        );
        assert_eq!(
            steps(established, None),
            (Err(Errno::BUSY), vec![Shutdown::Read, Shutdown::Both])
        );
        for state in [State::SynSent, State::Listening] {
            assert_eq!(
                steps(state, Some(Shutdown::Read)),
                (Err(Errno::BUSY), vec![])
            );
        }
    }

    #[test]
    fn nobody_is_woken_where_the_kernel_does_not_insist() {
        for answer in [Ok(()), Err(Errno::PERM)] {
            let result = disconnect(State::Established, || answer, |_| unreachable!());
            assert_eq!(result, answer);
        }
    }

    #[test]
    fn a_socket_that_was_connected_to_somebody_else_is_left_alone() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(to).unwrap();
        let (server, _) = listener.accept().unwrap();
        let local = Endpoint::from(client.local_addr().unwrap());
        let before = Pair::new(local, "127.0.0.1:1".parse().unwrap()).unwrap();
        let now = Pair::new(local, to.into()).unwrap();
        let disconnect = |pair| {
            let borrowed = Proven {
                descriptor: client.try_clone().unwrap().into(),
                pair,
                state: State::Established,
                is_itself: true,
                is_made_transparent: false,
            };
            borrowed.disconnect().unwrap()
        };
        assert_eq!(disconnect(before), Disconnected::Gone);
        assert_eq!(server.take_error().unwrap().map(|error| error.kind()), None);
        assert!(client.peer_addr().is_ok(), "it is still connected");
        assert_eq!(disconnect(now), Disconnected::Done);
        assert_eq!(disconnect(now), Disconnected::Gone);
    }

    #[test]
    fn who_has_kept_a_child_is_not_asked_again_nor_a_user_of_many_such() {
        let hidden = |pid| Process::hidden(std::num::NonZeroI32::new(pid).unwrap());
        let this = Process::current().unwrap();
        let mut lender = Lender::default();
        assert!(lender.distrusted(this).is_none());
        let another = |place| (hidden(place), this.uid());
        lender.stuck = (1..8).map(another).collect();
        assert!(lender.distrusted(this).is_none());
        let first = lender.distrusted(hidden(1));
        assert!(matches!(first, Some(NotLent::Stuck)));
        lender.stuck.push(another(8));
        assert!(matches!(lender.distrusted(this), Some(NotLent::OfSuchUser)));
        // Others are.
        for stuck in &mut lender.stuck {
            stuck.1 = this.uid().map(|uid| uid + 1);
        }
        assert!(lender.distrusted(this).is_none());
    }

    #[test]
    fn a_child_whose_parent_is_gone_puts_the_option_back() {
        tcpentry_testkit::isolated(|| {
            let ends = tcpentry_testkit::tcp::connected();
            let (local, peer) = tcpentry_testkit::tcp::addresses(&ends.server);
            let pair = Pair::new(local.into(), peer.into()).unwrap();
            let mut table = crate::TcpTable::open().unwrap();
            let connection = table.find(&pair.into()).unwrap();
            let is_transparent = || sys::is_transparent(&ends.server).unwrap();
            for lending in [Lending::AsItIs, Lending::Transparent] {
                let mut lender = Lender::default();
                let mut source = crate::delete::holders::HolderSource::EachTime;
                let borrow = crate::delete::borrow::borrow;
                let mut borrowed = borrow(&connection, &mut source, &mut lender, lending).unwrap();
                assert_eq!(is_transparent(), lending == Lending::Transparent);
                borrowed.make_transparent().unwrap();
                assert!(is_transparent());
                // As when this process is killed: nothing is said, and the channel is closed.
                std::mem::forget(borrowed);
                assert!(is_transparent());
                drop(lender);
                assert!(!is_transparent());
            }
        });
    }

    #[test]
    fn another_socket_under_the_number_of_the_descriptor_is_not_taken() {
        tcpentry_testkit::isolated(|| {
            let ends = tcpentry_testkit::tcp::connected();
            let of = |stream: &std::net::TcpStream| {
                let (local, peer) = tcpentry_testkit::tcp::addresses(stream);
                let pair = Pair::new(local.into(), peer.into()).unwrap();
                let mut table = crate::TcpTable::open().unwrap();
                table.find(&pair.into()).unwrap()
            };
            let meant = of(&ends.client);
            let is_taken = |descriptor: OwnedFd, connection: &Connection| {
                prove(descriptor, &Wanted::of(connection, meant.inode.unwrap())).is_some()
            };
            let [client, server] = [&ends.client, &ends.server].map(|it| it.try_clone().unwrap());
            assert!(!is_taken(server.into(), &meant));
            let file = std::fs::File::open("/dev/null").unwrap();
            assert!(!is_taken(file.into(), &meant));
            // Above a subflow of MPTCP there is a socket of MPTCP, and this is none.
            let mut unknown = of(&ends.server);
            unknown.mptcp = None;
            let again = client.try_clone().unwrap();
            assert!(!is_taken(again.into(), &unknown));
            assert!(is_taken(client.into(), &meant));
        });
    }

    #[test]
    fn the_socket_above_a_subflow_is_the_one_of_its_inode() {
        tcpentry_testkit::isolated(|| {
            let mptcp = Some(socket2::Protocol::MPTCP);
            let socket =
                || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, mptcp).ok();
            let Some(listener) = socket() else {
                tcpentry_testkit::skip!("this kernel has no MPTCP");
            };
            let at = tcpentry_testkit::tcp::loopback(0);
            let listener = tcpentry_testkit::tcp::listen_from(listener, at, 8);
            let [one, other] = [(); 2].map(|()| {
                let ends = tcpentry_testkit::tcp::connect_from(socket().unwrap(), &listener);
                // The connection is complete when data has come.
                std::io::Write::write_all(&mut &ends.client, b"x").unwrap();
                std::io::Read::read_exact(&mut &ends.server, &mut [0]).unwrap();
                ends
            });
            let (local, peer) = tcpentry_testkit::tcp::addresses(&one.server);
            let pair = Pair::new(local.into(), peer.into()).unwrap();
            let mut table = crate::TcpTable::open().unwrap();
            let subflow = table.find(&pair.into()).unwrap();
            assert_eq!(subflow.mptcp, Some(true));
            let wanted = Wanted::of(&subflow, subflow.inode.unwrap());
            let is_taken = |stream: &std::net::TcpStream| {
                let proven = prove(stream.try_clone().unwrap().into(), &wanted);
                proven.map(|it| it.is_itself)
            };
            assert_eq!(is_taken(&one.server), Some(false));
            // Those are sockets of MPTCP as well.
            for stream in [&one.client, &other.server, &other.client] {
                assert_eq!(is_taken(stream), None);
            }
        });
    }
}
