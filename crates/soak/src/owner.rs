//! An owner of connections: it has both ends of each, opens, uses and closes them, and so sees how each of them ends.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketFlags, SocketType,
    acceptfrom_with, bind, connect, ipproto, listen, recv, send, shutdown, socket_with, sockopt,
};
use tcpentry_testkit::random::Random;

use crate::oracle::End;
use crate::terms::{GuardRule, Wrong};
use crate::tuples::{Before, CLIENT, Presence, SERVER, Tuple, Tuples};
use crate::world::World;

pub(crate) struct OwnerThread<'w> {
    world: &'w World,
    tuples: &'w Tuples,
    listener: OwnedFd,
    /// The connections, one for each tuple.
    slots: Vec<Option<Live>>,
    retired: VecDeque<Retired>,
    random: Random,
    /// The source of numbers: every connection has its own, across all owners.
    number: u64,
}

/// A connection that was alive when it was last used.
struct Live {
    number: u64,
    sockets: [OwnedFd; 2],
    ends: [Arc<End>; 2],
    before: [Before; 2],
    /// The presence of its address since before it was opened.
    presence: Presence,
    /// True once the client has shut down its direction.
    half: bool,
}

/// A connection that has ended, and waits until all reports are in.
struct Retired {
    number: u64,
    tuple: usize,
    time: u64,
    ends: [Option<Arc<End>>; 2],
    fates: [Fate; 2],
    before: [Before; 2],
    named_by_pair: [bool; 2],
}

/// The way in which an end ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// Closed as its owner planned; the owner does not see what came after.
    Closed,
    /// ECONNABORTED: only a deletion does that.
    Aborted,
    /// Reset by its peer.
    Reset,
    /// Not notified.
    Unnotified,
    /// Not notified, while its address or its peer's was removed: none comes to an address that has gone, and one from there
    /// leaves only where the descriptor could be borrowed in time.
    OutOfReach,
    /// Never opened.
    Missing,
}

impl<'w> OwnerThread<'w> {
    pub(crate) fn new(world: &'w World, number: usize, seed: u64) -> Self {
        let tuples = &world.tuples[number];
        let listener = socket(tuples.listener);
        bind(&listener, &tuples.listener).expect("the port is free in this namespace");
        listen(&listener, 1024).expect("listen");
        let number = u64::try_from(number).expect("it is small");
        Self {
            world,
            tuples,
            listener,
            slots: tuples.all.iter().map(|_| None).collect(),
            retired: VecDeque::new(),
            random: Random::new(seed.wrapping_mul(1000) + number),
            number: number << 48,
        }
    }

    pub(crate) fn run(&mut self) {
        while !self.world.over.load(SeqCst) {
            for _ in 0..32 {
                let slot = self.random.below(self.slots.len());
                match self.slots[slot].take() {
                    None => self.open(slot),
                    Some(live) => self.visit(slot, live),
                }
            }
            self.judge();
        }
        for slot in 0..self.slots.len() {
            if let Some(live) = self.slots[slot].take() {
                self.visit(slot, live);
            }
            if let Some(live) = self.slots[slot].take() {
                self.close(slot, live);
            }
        }
        while !self.retired.is_empty() {
            self.judge();
            thread::sleep(Duration::from_millis(1));
        }
        self.still_listens();
    }

    fn tuple(&self, slot: usize) -> &'w Tuple {
        &self.tuples.all[slot]
    }

    fn open(&mut self, slot: usize) {
        let oracle = &self.world.oracle;
        let tuple = self.tuple(slot);
        self.number += 1;
        let before = [CLIENT, SERVER].map(|side| tuple.sides[side].now());
        let presence = Presence::now();
        let client = socket(tuple.client);
        if bind(&client, &tuple.client).is_err() {
            oracle.counts.busy.fetch_add(1, SeqCst);
            return;
        }
        let cookie = sockopt::socket_cookie(&client).expect("SO_COOKIE");
        // Before anybody can see it in the table.
        let end = oracle.end(cookie);
        match connect(&client, &tuple.server) {
            Ok(()) => {}
            // A TIME_WAIT that is too young, or an orphan.
            Err(Errno::ADDRNOTAVAIL) => {
                oracle.counts.busy.fetch_add(1, SeqCst);
                return;
            }
            Err(errno) => {
                if errno == Errno::CONNREFUSED && !self.still_listens() {
                    // It would be counted for every connection from now on.
                    self.listener = self.listen_again();
                    return;
                }
                oracle.counts.opened.fetch_add(1, SeqCst);
                let server = self.accept(tuple, Duration::ZERO);
                let server = server.map(|socket| {
                    (
                        oracle.end(cookie_of(&socket)),
                        fate(&socket, None, Duration::ZERO),
                    )
                });
                let (server, its_fate) = server.unzip();
                let fates = [fate_of(errno), its_fate.unwrap_or(Fate::Missing)];
                self.retire(slot, self.number, [Some(end), server], fates, before);
                return;
            }
        }
        oracle.counts.opened.fetch_add(1, SeqCst);
        let Some(server) = self.accept(tuple, MAX_WAIT) else {
            // Its request was deleted by a pair; the client learns it when it sends.
            oracle.counts.unaccepted.fetch_add(1, SeqCst);
            // Where it was deleted itself, this returns the error, which no later call does.
            let seen = send(&client, &[0], SendFlags::NOSIGNAL).err();
            let fates = [fate(&client, seen, MAX_WAIT), Fate::Missing];
            self.retire(slot, self.number, [Some(end), None], fates, before);
            return;
        };
        let cookies = [cookie, cookie_of(&server)];
        let live = Live {
            number: self.number,
            sockets: [client, server],
            ends: [end, oracle.end(cookies[SERVER])],
            before,
            presence,
            half: false,
        };
        for (side, cookie) in cookies.into_iter().enumerate() {
            tuple.sides[side].held.store(cookie, SeqCst);
        }
        self.slots[slot] = Some(live);
    }

    /// Accepts the server's end of the connection that this owner has just opened.
    fn accept(&self, tuple: &Tuple, patience: Duration) -> Option<OwnedFd> {
        loop {
            if !wait(&self.listener, PollFlags::IN, patience) {
                return None;
            }
            match acceptfrom_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((socket, from)) if port_of(from.as_ref()) == Some(tuple.client.port()) => {
                    return Some(socket);
                }
                // Of an earlier client that had been deleted before it came.
                Ok(_) => {}
                Err(errno) => {
                    self.world
                        .oracle
                        .wrong(Wrong::ListenerLost, || format!("accept: {errno}"));
                    return None;
                }
            }
        }
    }

    /// Uses a connection, and perhaps closes it.
    fn visit(&mut self, slot: usize, mut live: Live) {
        let oracle = &self.world.oracle;
        // The exchange refutes what was reported until now.
        let said = live.ends.each_ref().map(|end| end.fault_if_alive());
        let mut seen = [None; 2];
        if self.exchange(&live, &mut seen).is_err() {
            self.let_go(slot);
            let mut fates =
                [CLIENT, SERVER].map(|side| fate(&live.sockets[side], seen[side], MAX_WAIT));
            let rule = self.tuples.all[slot].rule;
            if rule == Some(GuardRule::Removed) && live.presence.has_ended() {
                let is_told = |fate: &Fate| *fate != Fate::Unnotified;
                if !fates.iter().any(is_told) {
                    oracle.counts.cut_off.fetch_add(1, SeqCst);
                } else if !fates.iter().all(is_told) {
                    oracle.counts.out_of_reach.fetch_add(1, SeqCst);
                }
                for fate in fates.iter_mut().filter(|fate| !is_told(fate)) {
                    *fate = Fate::OutOfReach;
                }
            }
            if fates.contains(&Fate::Unnotified) {
                let [client, server] = &live.ends;
                let detail = || {
                    format!(
                        "{} {fates:?}, half {}: {client} / {server}",
                        live.number, live.half
                    )
                };
                oracle.wrong(Wrong::PeerNotNotified, detail);
            }
            self.retire(slot, live.number, live.ends.map(Some), fates, live.before);
            return;
        }
        oracle.counts.exchanges.fetch_add(1, SeqCst);
        for (side, wrong) in said.into_iter().enumerate() {
            if let Some(wrong) = wrong {
                let detail = || format!("{} side {side}: {}", live.number, live.ends[side]);
                oracle.wrong(wrong, detail);
            }
        }
        match self.random.below(24) {
            0..=2 => self.close(slot, live),
            _ if live.half => self.close(slot, live),
            3 => {
                live.half = true;
                let _ = shutdown(&live.sockets[CLIENT], Shutdown::Write);
                self.slots[slot] = Some(live);
            }
            _ => self.slots[slot] = Some(live),
        }
    }

    /// Sends the connection's number there and back; `seen` is the error that an end returned.
    fn exchange(&self, live: &Live, seen: &mut [Option<Errno>; 2]) -> Result<(), ()> {
        let ways: &[_] = if live.half {
            &[(SERVER, CLIENT)]
        } else {
            &[(CLIENT, SERVER), (SERVER, CLIENT)]
        };
        for &(from, to) in ways {
            if let Err(errno) = send(
                &live.sockets[from],
                &live.number.to_ne_bytes(),
                SendFlags::NOSIGNAL,
            ) {
                seen[from] = Some(errno);
                return Err(());
            }
            let mut got = [0; 8];
            let mut result = recv(&live.sockets[to], &mut got, RecvFlags::DONTWAIT);
            if result == Err(Errno::AGAIN) && wait(&live.sockets[to], PollFlags::IN, MAX_WAIT) {
                result = recv(&live.sockets[to], &mut got, RecvFlags::DONTWAIT);
            }
            match result {
                Ok((8, _)) if u64::from_ne_bytes(got) == live.number => {}
                Ok((0, _)) => return Err(()),
                Ok((length, _)) => {
                    let detail = || {
                        format!(
                            "{}: {length} bytes of {}",
                            live.number,
                            u64::from_ne_bytes(got)
                        )
                    };
                    self.world.oracle.wrong(Wrong::Crossed, detail);
                }
                Err(errno) => {
                    seen[to] = Some(errno).filter(|&errno| errno != Errno::AGAIN);
                    return Err(());
                }
            }
        }
        Ok(())
    }

    /// Closes it as planned: with TIME_WAIT at either end, or with a reset.
    fn close(&mut self, slot: usize, live: Live) {
        self.let_go(slot);
        let Live {
            sockets: [client, server],
            ..
        } = live;
        match self.random.below(3) {
            0 => {
                drop(client);
                drop(server);
            }
            1 => {
                drop(server);
                drop(client);
            }
            _ => {
                let _ = sockopt::set_socket_linger(&client, Some(Duration::ZERO));
                drop(client);
                drop(server);
            }
        }
        self.world.oracle.counts.closed.fetch_add(1, SeqCst);
        self.retire(
            slot,
            live.number,
            live.ends.map(Some),
            [Fate::Closed; 2],
            live.before,
        );
    }

    /// Releases the tuple.
    fn let_go(&self, slot: usize) {
        for side in &self.tuple(slot).sides {
            side.held.store(0, SeqCst);
        }
    }

    fn retire(
        &mut self,
        slot: usize,
        number: u64,
        ends: [Option<Arc<End>>; 2],
        fates: [Fate; 2],
        before: [Before; 2],
    ) {
        let tuple = self.tuple(slot);
        self.retired.push_back(Retired {
            number,
            tuple: slot,
            ends,
            fates,
            before,
            named_by_pair: [CLIENT, SERVER]
                .map(|side| tuple.sides[side].was_named_since(before[side])),
            time: self.world.oracle.tick(),
        });
    }

    /// Judges the connections of which every report is in.
    fn judge(&mut self) {
        let oracle = &self.world.oracle;
        while let Some(retired) = self.retired.front() {
            if !oracle.has_all_reports_until(retired.time) {
                return;
            }
            let retired = self.retired.pop_front().expect("there is one");
            retired.judge(self.world, self.tuple(retired.tuple));
        }
    }

    /// Checks that the listener accepts a connection from a port that no other has; else it counts as lost.
    fn still_listens(&self) -> bool {
        let to = self.tuples.all[0].server;
        let client = socket(to);
        let result = connect(&client, &to);
        // That client may have been deleted, by a filter.
        if result != Err(Errno::CONNREFUSED) {
            return true;
        }
        self.world
            .oracle
            .wrong(Wrong::ListenerLost, || format!("{to} refuses"));
        false
    }

    fn listen_again(&self) -> OwnedFd {
        let listener = socket(self.tuples.listener);
        bind(&listener, &self.tuples.listener).expect("nobody else has the port");
        listen(&listener, 1024).expect("listen");
        listener
    }
}

impl Retired {
    fn judge(&self, world: &World, tuple: &Tuple) {
        let oracle = &world.oracle;
        let reports = self
            .ends
            .each_ref()
            .map(|end| end.as_ref().map_or(0, |end| end.judge()));
        let by_pair =
            [CLIENT, SERVER].map(|side| tuple.sides[side].was_deleted_since(self.before[side]));
        let is_named = [CLIENT, SERVER].map(|side| {
            self.named_by_pair[side] || self.ends[side].as_ref().is_some_and(|end| end.is_named())
        });
        let is_explained = [CLIENT, SERVER].map(|side| reports[side] > 0 || by_pair[side]);
        let detail = || {
            let ends: Vec<_> = self
                .ends
                .iter()
                .flatten()
                .map(ToString::to_string)
                .collect();
            format!(
                "{} of {}: {:?}, named {is_named:?}, reports {reports:?}, by pair {by_pair:?}; {}",
                self.number,
                tuple.client,
                self.fates,
                ends.join(" / ")
            )
        };
        // Where both are out of each other's reach, neither need have died.
        let may_live = |fate: &Fate| matches!(fate, Fate::Closed | Fate::OutOfReach);
        let has_died = !self.fates.iter().all(may_live);
        // What was never accepted had a cookie that its owner never learnt.
        let is_whole = !self.fates.contains(&Fate::Missing);
        if has_died {
            oracle.counts.died.fetch_add(1, SeqCst);
            if is_whole && is_named == [false; 2] {
                oracle.wrong(Wrong::NeverNamed, detail);
            } else if is_whole && is_explained == [false; 2] {
                oracle.wrong(Wrong::AliveButDeleted, detail);
            }
        }
        for side in [CLIENT, SERVER] {
            match self.fates[side] {
                Fate::Aborted if !is_named[side] => oracle.wrong(Wrong::NeverNamed, detail),
                Fate::Aborted if !is_explained[side] => {
                    oracle.wrong(Wrong::AliveButDeleted, detail);
                }
                Fate::Aborted => {
                    oracle.counts.proven.fetch_add(1, SeqCst);
                }
                Fate::Closed if reports[side] > 0 => {
                    oracle.counts.ownerless.fetch_add(1, SeqCst);
                }
                Fate::Reset | Fate::Unnotified if reports[side] > 0 => {
                    oracle.wrong(Wrong::DiedOtherwise, detail);
                }
                _ => {}
            }
        }
    }
}

/// Returns the way in which an end that should be dead has ended; `seen` is the error that it has already returned.
fn fate(socket: &OwnedFd, seen: Option<Errno>, patience: Duration) -> Fate {
    if let Some(errno) = seen {
        return fate_of(errno);
    }
    if !wait(socket, PollFlags::empty(), patience) {
        return Fate::Unnotified;
    }
    match sockopt::socket_error(socket) {
        Ok(Err(errno)) => fate_of(errno),
        _ => Fate::Reset,
    }
}

fn fate_of(errno: Errno) -> Fate {
    match errno {
        Errno::CONNABORTED => Fate::Aborted,
        _ => Fate::Reset,
    }
}

/// Waits for one of the events, or for an error or a full hang-up, which need not be asked for.
fn wait(socket: impl AsFd, events: PollFlags, patience: Duration) -> bool {
    let patience = Timespec::try_from(patience).expect("it is short");
    let mut polled = [PollFd::new(&socket, events)];
    loop {
        match poll(&mut polled, Some(&patience)) {
            Err(Errno::INTR) => {}
            count => return count.is_ok_and(|count| count > 0),
        }
    }
}

fn socket(of: SocketAddr) -> OwnedFd {
    let family = if of.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        Some(ipproto::TCP),
    )
    .expect("socket");
    sockopt::set_socket_reuseaddr(&socket, true).expect("SO_REUSEADDR");
    socket
}

fn cookie_of(socket: &OwnedFd) -> u64 {
    sockopt::socket_cookie(socket).expect("SO_COOKIE")
}

fn port_of(address: Option<&SocketAddrAny>) -> Option<u16> {
    let address = SocketAddr::try_from(address?.clone()).ok()?;
    Some(address.port())
}

/// The time limit for data: on the loopback device it is there at once, except for what another processor still handles.
const MAX_WAIT: Duration = Duration::from_secs(3);
