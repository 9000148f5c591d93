//! Deleting one connection: guards, method, and the kernel's confirmation.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use rustix::io::Errno;

use super::answers::Answers;
use super::borrow;
use super::diagnosis::Fallback;
use super::holders::HolderSource;
use super::kernel::may_leave_orphans;
use super::lender::{Borrowed, Disconnected, Lender, Lending};
use super::recheck::{NO_LONGER_MATCHES, Recheck};
use super::reset::{NoReset, PeerReset, sends_reset};
use super::subflows::KnownSubflows;
use super::{Deleted, Ending, Listeners, Method, MethodChoice, Mode, Options};
use crate::connection::endpoint::{Endpoint, Interface, Pair};
use crate::connection::state::State;
use crate::connection::{Connection, Cookie};
use crate::error::{Error, ErrorKind, Guard, Operation, Reason};
use crate::privilege::sees_by_right;
use crate::table::TcpTable;
use crate::table::find::Target;
use crate::table::lookup::{Lookup, Sought};

impl TcpTable {
    /// Deletes the very socket of a connection: aborts it and removes it from the table.
    ///
    /// The counterpart of `SetTcpEntry` on Windows. The connection comes from [`connections`](Self::connections)
    /// or [`find`](Self::find); its cookie decides, so a connection that has ended meanwhile is
    /// `NotFound`, whatever has its ends by now.
    ///
    /// Every state of a connection can be deleted. A reset goes to the peer, except from SYN_SENT,
    /// SYN_RECV, CLOSING, LAST_ACK and TIME_WAIT, where none is sent (Linux 6.18). Where the local IPv4 address has left the
    /// host, it leaves only by way of the holder's borrowed descriptor: [`Deleted::reset`] says what became of it.
    ///
    /// `NotFound` may take some 10 milliseconds, or twice that, as in [`find`](Self::find). For many that may have ended, use
    /// [`delete_all`](Self::delete_all), which waits once for two thousand.
    ///
    /// # Errors
    /// See [`ErrorKind`]. `Ok` only after the kernel has confirmed it.
    pub fn delete(&mut self, connection: &Connection, options: &Options) -> Result<Deleted, Error> {
        Deleter::of_one(&mut self.lookup, options, Mode::Act).run(connection)
    }

    /// Finds and deletes a connection: [`find`](Self::find) and [`delete`](Self::delete), with a single look between them.
    ///
    /// Two questions to the kernel instead of three, of some microseconds each.
    ///
    /// ```no_run
    /// use tcpentry::{Options, Pair, TcpTable};
    /// let pair = Pair::new("192.0.2.1:443".parse()?, "198.51.100.7:51034".parse()?)?;
    /// let deleted = TcpTable::open()?.find_and_delete(&pair.into(), &Options::default())?;
    /// println!("{}", deleted.connection);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Fails as both do; where nothing is found, the operation that failed is the deletion.
    pub fn find_and_delete(
        &mut self,
        target: &Target,
        options: &Options,
    ) -> Result<Deleted, Error> {
        let found = self.find(target);
        let found = found.map_err(|error| error.during(Operation::Delete))?;
        self.delete_seen(found, options)
    }

    /// Deletes a connection that the caller has looked at just now.
    pub(crate) fn delete_seen(
        &mut self,
        connection: Connection,
        options: &Options,
    ) -> Result<Deleted, Error> {
        Deleter::of_one(&mut self.lookup, options, Mode::Act).run_on_seen(connection)
    }

    /// Finds out what [`delete`](Self::delete) would do, by all its steps but the last.
    ///
    /// The answer holds for now: a right that is there may be gone at the deletion. What an old kernel
    /// can't do only the deletion finds out (TIME_WAIT and MPTCP before Linux 6.1).
    pub fn check(&mut self, connection: &Connection, options: &Options) -> Result<Method, Error> {
        Deleter::of_one(&mut self.lookup, options, Mode::Rehearse)
            .run(connection)
            .map(|deleted| deleted.method)
    }
}

/// A route to a peer, by all that it depends on but the source: the peer, the device that the socket is bound to, and its mark.
type Route = (Ipv4Addr, Option<Interface>, Option<u32>);

/// A run of deletions, of one connection or of many.
pub(super) struct Deleter<'t> {
    pub(super) lookup: &'t mut Lookup,
    pub(super) options: &'t Options,
    pub(super) mode: Mode,
    pub(super) holders: HolderSource,
    pub(super) recheck: Option<Recheck<'t>>,
    /// The subflows that have ended with others of their connections.
    pub(super) ended: HashMap<Cookie, PeerReset>,
    /// The subflows that were destroyed with others of connections that no process holds, and how many these were.
    pub(super) destroyed: HashMap<Cookie, usize>,
    subflows: KnownSubflows,
    lender: Lender,
    patience: Patience,
    /// The grace periods that the last answer still needs; 0 where it is certain. Only where none are waited for.
    doubt: u32,
    /// The answers of a rehearsal that hold for all connections: asked once in a run.
    has_destroy: Option<Result<(), Errno>>,
    has_right: Option<Result<(), Errno>>,
    /// True for an address of this host; `None` where the kernel does not say.
    local: Answers<Ipv4Addr, Option<bool>>,
    /// True where the kernel has a route, or does not say.
    routes: Answers<Route, bool>,
}

impl<'t> Deleter<'t> {
    pub(super) fn new(
        lookup: &'t mut Lookup,
        options: &'t Options,
        mode: Mode,
        holders: HolderSource,
    ) -> Self {
        Self {
            lookup,
            options,
            mode,
            holders,
            recheck: options.selection.as_deref().map(Recheck::new),
            ended: HashMap::new(),
            destroyed: HashMap::new(),
            subflows: KnownSubflows::default(),
            lender: Lender::default(),
            patience: Patience::Wait,
            doubt: 0,
            has_destroy: None,
            has_right: None,
            local: Answers::default(),
            routes: Answers::default(),
        }
    }

    fn of_one(lookup: &'t mut Lookup, options: &'t Options, mode: Mode) -> Self {
        Self::new(lookup, options, mode, HolderSource::EachTime)
    }

    /// Does something without waiting, and returns with its result the number of grace periods that have to pass before that is
    /// certain: a connection that was missed is taken for gone at once.
    pub(super) fn without_waiting<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> (T, u32) {
        (self.patience, self.doubt) = (Patience::Defer, 0);
        let result = act(self);
        self.patience = Patience::Wait;
        (result, self.doubt)
    }

    fn run(&mut self, connection: &Connection) -> Result<Deleted, Error> {
        let now = self.recheck(connection)?;
        self.run_on_seen(now)
    }

    /// Deletes a connection that has been looked at just now.
    fn run_on_seen(&mut self, connection: Connection) -> Result<Deleted, Error> {
        let Ending { method, reset } = self.delete_if_selected(&connection)?;
        Ok(Deleted {
            connection,
            method,
            reset,
        })
    }

    /// Deletes a connection that has been looked at just now, if the selection still selects it.
    pub(super) fn delete_if_selected(&mut self, connection: &Connection) -> Result<Ending, Error> {
        self.evaluate(connection)?;
        self.delete_now(connection)
    }

    fn delete_now(&mut self, connection: &Connection) -> Result<Ending, Error> {
        let allowed = guard(connection, self.options);
        let result = allowed.and_then(|()| self.choose(connection));
        result.map_err(|error| error.during(Operation::Delete).about(connection.pair))
    }

    /// Finds out what became of a connection that the kernel may have destroyed; `None` where it is still there.
    pub(super) fn resolve(&mut self, connection: &Connection) -> Option<Error> {
        let error = match self.current(connection, Missed::No) {
            Ok(Some(_)) => return None,
            Ok(None) => self.lookup.missing(),
            Err(error) => error,
        };
        Some(error.during(Operation::Delete).about(connection.pair))
    }

    /// Looks at a listed connection again, and applies the guards to the result.
    ///
    /// A cookie does not say what its socket has become: since it was listed its owner may have made a
    /// listener of it, or accepted it as an MPTCP connection.
    pub(super) fn recheck(&mut self, connection: &Connection) -> Result<Connection, Error> {
        let allowed = match connection.state {
            // It was leaving the table when it was listed, perhaps for an entry of TIME_WAIT.
            State::Closed => Ok(()),
            _ => guard(connection, self.options),
        };
        let now = allowed.and_then(|()| {
            self.current(connection, Missed::No)?
                .ok_or_else(|| self.lookup.missing())
        });
        let now = now.and_then(|now| self.accept(connection, now));
        now.map_err(|error| error.during(Operation::Delete).about(connection.pair))
    }

    /// Returns a listed connection as it is now, with what only the listing shows, if its state allows that.
    pub(super) fn accept(&self, was: &Connection, now: Connection) -> Result<Connection, Error> {
        self.check_state(was, &now)?;
        Ok(Connection {
            autobound: was.autobound,
            ..now
        })
    }

    /// Spares a connection that has left the state in which it was listed, where that is asked for.
    pub(super) fn check_state(&self, was: &Connection, now: &Connection) -> Result<(), Error> {
        if self.options.same_state && was.state != now.state {
            let cause = format!("it was {}, and is {} now", was.state, now.state);
            return Err(Error::spared(cause, was.pair));
        }
        Ok(())
    }

    /// Spares a connection, looked at just now, that the selection no longer selects.
    ///
    /// In a rehearsal there is no time between its listing and this that would matter.
    pub(super) fn evaluate(&mut self, connection: &Connection) -> Result<(), Error> {
        let Some(recheck) = self.recheck.as_mut().filter(|_| self.mode == Mode::Act) else {
            return Ok(());
        };
        for _ in 0..EVALUATIONS {
            if recheck.evaluate(&[connection])? != [true] {
                break;
            }
            // It may have changed hands while processes were looked into.
            if recheck.may_be_destroyed(connection) {
                return Ok(());
            }
        }
        Err(Error::spared(NO_LONGER_MATCHES, connection.pair))
    }

    /// Returns the connection as it is now.
    ///
    /// `None` also when it is closed, and about to leave the table, or when nothing but its port is left: a listener that was shut down or disconnected
    /// keeps a port that it was given by name, and is bound like any new socket (Linux 6.18).
    fn current(
        &mut self,
        connection: &Connection,
        missed: Missed,
    ) -> Result<Option<Connection>, Error> {
        let (pair, cookie) = (&connection.pair, connection.cookie);
        let state = Some(connection.state);
        let now = match (missed, self.patience) {
            (Missed::BeforeGrace, _) => self.lookup.get_or_scan_now(pair, cookie)?,
            (Missed::No, Patience::Wait) => self.lookup.get_or_scan(pair, cookie, state)?,
            (Missed::No, Patience::Defer) => match self.lookup.seek(pair, cookie, state)? {
                Sought::There(now) => Some(now),
                Sought::Missed(replacements) => {
                    self.doubt = replacements;
                    None
                }
            },
        };
        Ok(now.filter(is_connection))
    }

    fn choose(&mut self, connection: &Connection) -> Result<Ending, Error> {
        let is_mptcp = connection.mptcp == Some(true);
        match self.options.method {
            MethodChoice::Auto | MethodChoice::Borrow if is_mptcp => {
                self.by_borrowing(connection, Fallback::Mptcp)
            }
            MethodChoice::Borrow => self.by_borrowing(connection, Fallback::Asked),
            MethodChoice::SockDiag if is_mptcp => Err(Fallback::Mptcp.not_allowed_to_borrow()),
            choice @ (MethodChoice::Auto | MethodChoice::SockDiag) => {
                match self.by_sock_diag(connection)? {
                    Step::Done(ending) => Ok(ending),
                    Step::TryBorrow(fallback) if choice == MethodChoice::Auto => {
                        self.by_borrowing(connection, fallback)
                    }
                    Step::TryBorrow(fallback) => Err(fallback.not_allowed_to_borrow()),
                }
            }
        }
    }

    /// Destroys it by the kernel's own method, or says why another one has to be tried.
    fn by_sock_diag(&mut self, connection: &Connection) -> Result<Step, Error> {
        let (mut answer, mut reset) = self.ask_to_destroy(connection)?;
        if answer == Err(Errno::NOENT) {
            // It may have been missed while its entry was replaced, or found before that and left alone: only what is
            // missed a second time is out of reach.
            let Some(now) = self.current(connection, Missed::No)? else {
                return Err(self.lookup.missing());
            };
            // Meanwhile a grace period may have passed.
            let now = self.accept(connection, now)?;
            guard(&now, self.options)?;
            self.evaluate(&now)?;
            if now.mptcp == Some(true) {
                return self.choose(&now).map(Step::Done);
            }
            (answer, reset) = self.ask_to_destroy(&now)?;
        }
        match answer {
            Ok(()) if self.mode == Mode::Act => {
                self.confirm(connection)?;
                Ok(Step::Done(Ending::with(Method::SockDiag, reset)))
            }
            Ok(()) => Ok(Step::Done(Ending::foreseen(Method::SockDiag))),
            Err(Errno::PERM) => Ok(Step::TryBorrow(Fallback::NotPermitted)),
            Err(Errno::ACCESS) => Ok(Step::TryBorrow(Fallback::Forbidden)),
            // Linux 5.15 and before says the same of a TIME_WAIT socket, after having found it (6.1
            // does not).
            Err(Errno::OPNOTSUPP) => Ok(Step::TryBorrow(
                match self.lookup.diag.probe_destroy(&connection.pair) {
                    Ok(()) => Fallback::NotInThisState,
                    Err(_) => Fallback::NoDestroy,
                },
            )),
            Err(Errno::NOENT) => match self.current(connection, Missed::No)? {
                Some(_) => Ok(Step::TryBorrow(Fallback::Unreachable)),
                None => Err(self.lookup.missing()),
            },
            // Both answers got lost: what is no longer there is gone, whoever did it.
            Err(Errno::AGAIN | Errno::NOBUFS)
                if self.current(connection, Missed::No)?.is_none() =>
            {
                Err(self.lookup.missing())
            }
            Err(errno) => Err(Error::os(Operation::Delete, "SOCK_DESTROY", errno)),
        }
    }

    /// Returns the kernel's answer, and the reset that was sent if that is success.
    fn ask_to_destroy(&mut self, connection: &Connection) -> Result<Destruction, Error> {
        if self.mode == Mode::Rehearse {
            return Ok((self.rehearse_destroy(connection), PeerReset::Unknown));
        }
        match self.is_address_local(connection) {
            Some(true) => {
                let answer = self.destroy(connection);
                Ok((answer, PeerReset::of_destroy(connection)))
            }
            Some(false) => self.destroy_from_lost_address(connection),
            None => Ok((self.destroy(connection), PeerReset::Unknown)),
        }
    }

    /// Returns true where a reset from the connection's local address would leave, as far as that depends on the address;
    /// `None` where the kernel does not say.
    pub(super) fn is_address_local(&mut self, connection: &Connection) -> Option<bool> {
        let IpAddr::V4(address) = connection.local().address() else {
            return Some(true);
        };
        if address.is_loopback() || !sends_reset(connection.state) {
            return Some(true);
        }
        let addresses = &mut self.lookup.addresses;
        self.local.get(address, || addresses.is_local(address))
    }

    /// Destroys a connection whose reset would not be routed, with `IP_TRANSPARENT` set on its borrowed descriptor where
    /// that can be had.
    fn destroy_from_lost_address(&mut self, connection: &Connection) -> Result<Destruction, Error> {
        if let Err(reason) = self.may_be_transparent(connection) {
            return Ok((self.destroy(connection), PeerReset::NotSent(reason)));
        }
        let mut lender = std::mem::take(&mut self.lender);
        let result = self.destroy_transparent(&mut lender, connection);
        self.lender = lender;
        result
    }

    /// Finds what is against [`destroy_transparent`](Self::destroy_transparent), before anything is borrowed.
    fn may_be_transparent(&mut self, connection: &Connection) -> Result<(), NoReset> {
        if self.options.method == MethodChoice::SockDiag {
            return Err(NoReset::Method);
        }
        if connection.inode.is_none() {
            return Err(NoReset::NoHolder);
        }
        // Who may not destroy it is about to borrow it for that.
        if self.probe_right().is_err() {
            return Err(NoReset::NotPermitted);
        }
        self.check_route(connection)
    }

    /// Returns an error where there is no route to the peer, whatever the source.
    fn check_route(&mut self, connection: &Connection) -> Result<(), NoReset> {
        let IpAddr::V4(peer) = connection.peer().address() else {
            return Ok(());
        };
        let route @ (peer, interface, mark) = (peer, connection.interface(), connection.mark);
        let addresses = &mut self.lookup.addresses;
        let may = self
            .routes
            .get(route, || addresses.may_reach(peer, interface, mark));
        may.then_some(()).ok_or(NoReset::NoRoute)
    }

    fn destroy_transparent(
        &mut self,
        lender: &mut Lender,
        connection: &Connection,
    ) -> Result<Destruction, Error> {
        let lending = Lending::Transparent;
        let mut borrowed = match borrow::borrow(connection, &mut self.holders, lender, lending) {
            Ok(borrowed) => borrowed,
            Err(failure) => {
                let reset = PeerReset::NotSent(failure.no_reset());
                return Ok((self.destroy(connection), reset));
            }
        };
        // Its holder was looked for in the whole of /proc meanwhile.
        let Some(now) = self.current(connection, Missed::No)? else {
            return Err(self.lookup.missing());
        };
        let now = self.accept(connection, now)?;
        guard(&now, self.options)?;
        self.evaluate(&now)?;
        let reset = transparent_reset(&mut borrowed);
        let answer = self.destroy(&now);
        // Whatever the answer is, the option is put back with the descriptor.
        drop(borrowed);
        Ok((answer, reset))
    }

    /// Sends `SOCK_DESTROY` by cookie, with the name under which the kernel finds this very socket.
    fn destroy(&mut self, connection: &Connection) -> Result<(), Errno> {
        let diag = &mut self.lookup.diag;
        by_any_name(connection, |name| {
            match diag.destroy(name, connection.cookie) {
                // The answer got lost for want of memory. Asked again, the kernel says either that it
                // is done now, or that there is nothing to do: then it is gone, and who did it is not
                // known.
                Err(Errno::AGAIN | Errno::NOBUFS) => diag.destroy(name, connection.cookie),
                answer => answer,
            }
        })
    }

    /// Finds everything that would make `SOCK_DESTROY` fail, without sending it for this socket.
    fn rehearse_destroy(&mut self, connection: &Connection) -> Result<(), Errno> {
        self.probe_destroy(connection)?;
        by_any_name(connection, |name| {
            self.lookup.diag.get(name, Some(connection.cookie))
        })?;
        self.probe_right()
    }

    pub(super) fn probe_destroy(&mut self, connection: &Connection) -> Result<(), Errno> {
        let diag = &mut self.lookup.diag;
        once(&mut self.has_destroy, || {
            diag.probe_destroy(&connection.pair)
        })
    }

    pub(super) fn probe_right(&mut self) -> Result<(), Errno> {
        let diag = &mut self.lookup.diag;
        once(&mut self.has_right, || diag.probe_right())
    }

    /// Checks that a destroyed connection has left the table.
    ///
    /// Kernels before 6.11 acknowledge the destruction of an orphan and may leave it there.
    pub(super) fn confirm(&mut self, connection: &Connection) -> Result<(), Error> {
        // There a socket that had an owner when it was looked up can be an orphan by now.
        if connection.inode.is_some() && !may_leave_orphans() {
            return Ok(());
        }
        match self.current(connection, after_success(connection))? {
            None => Ok(()),
            Some(_) => Err(still_there_error()),
        }
    }

    fn by_borrowing(
        &mut self,
        connection: &Connection,
        fallback: Fallback,
    ) -> Result<Ending, Error> {
        let mut lender = std::mem::take(&mut self.lender);
        let result = self.borrow_from(&mut lender, connection, fallback);
        self.lender = lender;
        result
    }

    /// Returns true for an MPTCP connection that no process holds, as far as anybody could see: what is left is to destroy
    /// its subflows, which does not end the connection by itself.
    fn is_held_by_nobody(&self, fallback: Fallback, failure: &borrow::Failure) -> bool {
        self.options.method == MethodChoice::Auto
            && matches!(fallback, Fallback::Mptcp)
            && matches!(failure, borrow::Failure::NotFound { .. })
            // The sockets of unit tests are made up, and held by no process of this system.
            && !cfg!(test)
            && sees_by_right()
    }

    /// Returns the other subflows of its MPTCP connection, as far as these were just read.
    fn other_subflows(&mut self, connection: &Connection) -> Result<Vec<Connection>, Error> {
        if connection.mptcp == Some(false) {
            return Ok(Vec::new());
        }
        let subflows = self.subflows.refresh(self.lookup)?;
        Ok(subflows.others_of(connection).cloned().collect())
    }

    /// Refuses a subflow if another one, which would end with it, must not be deleted.
    fn check_subflows(
        &mut self,
        connection: &Connection,
        others: &[Connection],
    ) -> Result<(), Error> {
        for other in others {
            guard(other, self.options)?;
        }
        let Some(recheck) = &mut self.recheck else {
            return Ok(());
        };
        let rows: Vec<_> = others.iter().collect();
        let selected = recheck.evaluate(&rows)?;
        match others.iter().zip(selected).find(|(_, selected)| !selected) {
            Some((other, _)) => Err(Error::subflow_not_selected(connection.pair, &other.pair)),
            None => Ok(()),
        }
    }

    /// Destroys all subflows of an MPTCP connection that no process holds, and returns the error that says so.
    fn destroy_subflows(
        &mut self,
        connection: &Connection,
        failure: &borrow::Failure,
    ) -> Result<Error, Error> {
        let others = self.other_subflows(connection)?;
        self.check_subflows(connection, &others)?;
        if self.mode == Mode::Rehearse
            || self.destroy(connection).is_err()
            || self.current(connection, Missed::BeforeGrace)?.is_some()
        {
            return Ok(Fallback::Mptcp.not_borrowed(connection, failure));
        }
        // One of them that is not found has ended meanwhile.
        let others: Vec<_> = others
            .iter()
            .filter(|other| self.destroy(other).is_ok())
            .map(|other| other.cookie)
            .collect();
        let count = 1 + others.len();
        let others = others.into_iter().map(|cookie| (cookie, count));
        self.destroyed.extend(others);
        Ok(Fallback::only_subflows_destroyed(count))
    }

    /// Returns the error of a subflow that was destroyed with another one of a connection that no process holds.
    pub(super) fn error_of_destroyed(&self, connection: &Connection) -> Option<Error> {
        let count = *self.destroyed.get(&connection.cookie)?;
        let error = Fallback::only_subflows_destroyed(count);
        Some(error.during(Operation::Delete).about(connection.pair))
    }

    fn borrow_from(
        &mut self,
        lender: &mut Lender,
        connection: &Connection,
        fallback: Fallback,
    ) -> Result<Ending, Error> {
        let mut moves = 0;
        let failure = loop {
            let lending = Lending::AsItIs;
            let failure = match borrow::borrow(connection, &mut self.holders, lender, lending) {
                Ok(borrowed) => return self.disconnect(borrowed, connection, fallback),
                Err(failure) => failure,
            };
            // What has ended meanwhile is held by nobody, and nobody is to blame for it.
            let Some(now) = self.current(connection, Missed::No)? else {
                return Err(self.lookup.missing());
            };
            let has_moved = matches!(
                failure,
                borrow::Failure::NotFound {
                    has_moved: true,
                    ..
                }
            );
            if !has_moved || now.inode != connection.inode || moves == MOST_MOVES {
                break failure;
            }
            // It was passed on, or has got another number.
            moves += 1;
            self.holders.forget();
        };
        if !self.is_held_by_nobody(fallback, &failure) {
            return Err(fallback.not_borrowed(connection, &failure));
        }
        // A socket that changes hands during a scan is missed at both ends.
        self.holders.next_batch([]);
        let lending = Lending::AsItIs;
        match borrow::borrow(connection, &mut self.holders, lender, lending) {
            Ok(borrowed) => self.disconnect(borrowed, connection, fallback),
            Err(failure) if self.is_held_by_nobody(fallback, &failure) => {
                Err(self.destroy_subflows(connection, &failure)?)
            }
            Err(failure) => Err(fallback.not_borrowed(connection, &failure)),
        }
    }

    /// Disconnects a connection by its borrowed descriptor.
    fn disconnect(
        &mut self,
        mut borrowed: Borrowed<'_>,
        connection: &Connection,
        fallback: Fallback,
    ) -> Result<Ending, Error> {
        // While we hold it, its inode and cookie are nobody else's: if the table still shows them
        // with these ends, this descriptor is that connection.
        let now = self.current(connection, Missed::No)?;
        let Some(now) = now.filter(|now| now.inode == connection.inode) else {
            return Err(self.lookup.missing());
        };
        let subflows = self.other_subflows(&now)?;
        self.check_subflows(&now, &subflows)?;
        if self.mode == Mode::Rehearse {
            return Ok(Ending::foreseen(Method::Borrow));
        }
        let reset = match self.is_address_local(&now) {
            Some(true) => PeerReset::of_disconnect(&now),
            Some(false) => match self.check_route(&now) {
                Ok(()) => transparent_reset(&mut borrowed),
                Err(reason) => PeerReset::NotSent(reason),
            },
            None => PeerReset::Unknown,
        };
        let ended = borrowed
            .disconnect()
            .map_err(|errno| fallback.not_disconnected(connection, errno))?;
        match ended {
            Disconnected::Done => {}
            Disconnected::Gone => return Err(self.lookup.missing()),
            Disconnected::InRepair => return Err(fallback.in_repair()),
        }
        match self.current(connection, Missed::BeforeGrace)? {
            None => {
                let ended = subflows.iter().map(|it| (it.cookie, reset));
                self.ended.extend(ended);
                Ok(Ending::with(Method::Borrow, reset))
            }
            Some(_) => Err(Error::new(
                Operation::Delete,
                ErrorKind::Os,
                "the borrowed descriptor was disconnected, but the connection is still in the table",
            )),
        }
    }
}

/// The number of times that a connection has been missed, as far as it matters: missed again after a grace period, it is gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Missed {
    No,
    BeforeGrace,
}

/// The treatment of a connection that was missed, and may be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Patience {
    /// Wait, and look again.
    Wait,
    /// Take it for gone, and leave that to be confirmed.
    Defer,
}

/// Returns false for what is closed and about to leave the table, and where nothing but the port is left.
pub(super) fn is_connection(now: &Connection) -> bool {
    !matches!(now.state, State::BoundInactive | State::Closed)
}

/// Creates the error of a deletion that was acknowledged and did not happen.
pub(super) fn still_there_error() -> Error {
    Error::new(
        Operation::Delete,
        ErrorKind::Os,
        "the kernel acknowledged it, but a socket with this cookie and these ends is still in the table",
    )
    .with_hint(
        "kernels before 6.11 can leave such orphans; they end with their timers or at the next boot",
    )
}

/// Returns the looks that confirm a success: a destroyed socket is not replaced by another entry, but a request that was
/// accepted at that moment has been.
const fn after_success(connection: &Connection) -> Missed {
    match connection.state {
        State::SynRecv => Missed::No,
        _ => Missed::BeforeGrace,
    }
}

/// The kernel's answer to a destruction, and the reset that was sent if that is success.
type Destruction = (Result<(), Errno>, PeerReset);

/// Makes a borrowed connection transparent, immediately before it is ended, and returns the reset that then leaves.
fn transparent_reset(borrowed: &mut Borrowed<'_>) -> PeerReset {
    match borrowed.make_transparent() {
        Ok(()) => PeerReset::SentFromLostAddress,
        Err(Errno::PERM | Errno::ACCESS) => PeerReset::NotSent(NoReset::NotPermitted),
        Err(Errno::INVAL) => PeerReset::NotSent(NoReset::Mptcp),
        Err(_) => PeerReset::NotSent(NoReset::Failed),
    }
}

/// The result of the kernel's own method.
enum Step {
    Done(Ending),
    /// Only a borrowed descriptor can end it.
    TryBorrow(Fallback),
}

/// Asks what holds for all connections once in a run. An answer that got lost is none.
fn once(
    known: &mut Option<Result<(), Errno>>,
    ask: impl FnOnce() -> Result<(), Errno>,
) -> Result<(), Errno> {
    if let Some(answer) = *known {
        return answer;
    }
    let answer = ask();
    if !matches!(answer, Err(Errno::AGAIN | Errno::NOBUFS)) {
        *known = Some(answer);
    }
    answer
}

/// Refuses a connection that is there but must not, or can't, be deleted.
pub(super) fn guard(connection: &Connection, options: &Options) -> Result<(), Error> {
    match connection.state {
        State::Listening if options.listeners == Listeners::Refuse => {
            Err(Error::refused(Guard::Listener, connection.pair))
        }
        // The kernel is about to take it out of the table (seen five times in a million deletions, Linux 6.18).
        State::Closed => Err(Error::new(
            Operation::Delete,
            ErrorKind::NotFound,
            "the connection has just ended",
        )),
        State::BoundInactive => Err(Error::new(
            Operation::Delete,
            ErrorKind::NotSupported,
            "it is bound but not connected: there is no connection to abort",
        )
        .because(Reason::NotConnected)
        .with_hint("end the process that holds it")),
        _ => Ok(()),
    }
}

/// Returns the first answer to any name of a connection that is not "no such socket".
fn by_any_name<T>(
    connection: &Connection,
    mut ask: impl FnMut(&Pair) -> Result<T, Errno>,
) -> Result<T, Errno> {
    names(connection)
        .map(|name| ask(&name))
        .find(|answer| !matches!(answer, Err(Errno::NOENT)))
        .unwrap_or(Err(Errno::NOENT))
}

/// Returns the names by which the kernel can be asked for a connection.
///
/// One, its four-tuple; but which of several listeners of a port (`SO_REUSEPORT`) a look-up finds
/// depends on a hash over the peer, so for those many peers are tried, always with the cookie.
fn names(connection: &Connection) -> impl Iterator<Item = Pair> + use<> {
    let pair = connection.pair;
    let is_listener = connection.state == State::Listening;
    let others = (1..=LISTENER_ATTEMPTS)
        .take_while(move |_| is_listener)
        .map(move |port| {
            let peer = Endpoint::new(pair.peer().address(), port);
            Pair::new(pair.local(), peer).map_or(pair, |other| other.on(pair.interface()))
        });
    std::iter::once(pair).chain(others)
}

/// A connection that changes hands more often while it is looked at is spared.
const EVALUATIONS: usize = 3;
/// A group of 64 listeners misses one of them this often with a chance of 1e-28.
const LISTENER_ATTEMPTS: u16 = 4096;

/// The number of times that a descriptor is searched for anew because it was not where it had been found.
const MOST_MOVES: u32 = 3;

#[cfg(test)]
mod tests;
