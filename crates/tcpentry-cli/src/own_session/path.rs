//! The path from this program to the operator: up the ancestors, through terminals and multiplexers, over local hops.
//!
//! What is met is never asked what it is called, but for one thing: of an SSH server's connections those it forwards
//! are left out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdin, stdout};
use tcpentry::process::Owners;
use tcpentry::{Endpoint, Inode, Pair};

use super::pipes::{self, Held, Pipes, Reach};
use super::proc::{self, File, Folder, PipeEnd, SessionStat, Terminal};
use super::servers;
use super::sockets::{self, Socket, Table};
use super::unix_peer;

/// The connections on the path, and its end.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// The connections on it.
    pub(super) carriers: HashSet<Inode>,
    /// Their ends as seen from the other one, which may be a socket of another network namespace of this host.
    pub(super) far_ends: HashSet<SeenEnds>,
    /// The connections of the other parts of this program's pipeline, which may bring data or commands.
    pub(super) feeders: HashSet<Inode>,
    /// True where it ends at this machine's own keyboard and screen.
    pub(super) is_local: bool,
    /// The part in which it goes on, where this caller can't look there.
    pub(super) hidden: Option<Hidden>,
    /// The point where it leaves what can be followed, where nothing was found that carries the session.
    pub(super) loose_end: Option<LooseEnd>,
}

/// The ends of a connection without their interfaces, a v4-mapped address as IPv4.
pub(super) type SeenEnds = [(IpAddr, u16); 2];

/// Returns the ends of a connection that has these, the local one first.
pub(super) fn ends(local: Endpoint, peer: Endpoint) -> SeenEnds {
    [local, peer].map(|end| (end.address().to_canonical(), end.port()))
}

/// The point where the path leaves what can be followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LooseEnd {
    /// This process holds the other end of the terminal, and leads no further.
    Terminal(i32),
    /// Nobody holds the other end of a terminal who can be seen.
    SeveredTerminal,
    /// This process holds the other end of a pipe, and leads no further.
    Pipe(i32),
    /// Nobody holds the other end of a pipe who can be seen.
    SeveredPipe,
    /// This process holds the other end of a terminal or a pipe, and may have what comes there by datagrams.
    Datagrams(i32),
    /// A descriptor is a socket that is followed nowhere.
    Socket,
    /// Whoever started this program has ended, and nothing is left that leads to them.
    Orphan,
}

/// The reason why something on the path can't be seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hidden {
    /// There is no `/proc`, or not this process's.
    NoProc,
    /// The processes of another pid namespace are not shown.
    PidNamespace,
    /// `/proc` does not show an ancestor (`hidepid`).
    Ancestor,
    /// The descriptors of an SSH server may not be seen.
    Server,
}

impl Path {
    pub(super) fn find(table: &mut Table) -> Self {
        let mut walk = Walk {
            table,
            path: Self::default(),
            own: None,
            unreadable: HashSet::new(),
            pipes: Pipes::default(),
            relays: Vec::new(),
            by_datagrams: None,
            has_foreign_socket: false,
            pairs: HashSet::new(),
            has_foreign_input: false,
            seen: HashSet::new(),
            met: HashMap::new(),
            holders: HashMap::new(),
            queue: VecDeque::new(),
            pending: HashSet::new(),
            controlled: HashMap::new(),
            hops: Vec::new(),
        };
        walk.start();
        walk.go();
        walk.path
    }
}

/// The relation of a process to the path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// The path leads through it: its ancestors are on it, too, and so are all its connections.
    Through,
    /// So it does, and has come by this connection.
    Across(Inode),
    /// It is another part of the same pipeline: what feeds it is guarded, and answers nothing.
    Pipeline,
    /// It is the other end of a unix socket: only what it has accepted counts, as who serves there.
    Beside(u8),
}

impl Role {
    const fn is_through(self) -> bool {
        matches!(self, Self::Through | Self::Across(_))
    }
}

struct Walk<'a> {
    table: &'a mut Table,
    path: Path,
    own: Option<SessionStat>,
    seen: HashSet<i32>,
    /// Those of them that could be looked at.
    met: HashMap<i32, Met>,
    /// Those whose descriptors may not be seen.
    unreadable: HashSet<i32>,
    pipes: Pipes,
    /// Those that were found among all processes by the other end of a pipe, and nobody else.
    relays: Vec<i32>,
    /// The last of those with the other end of a terminal or a pipe that receives datagrams of a unix socket.
    by_datagrams: Option<i32>,
    /// One of this process's own descriptors is a socket that is followed nowhere.
    has_foreign_socket: bool,
    /// Those of them that are one of a pair.
    pairs: HashSet<Inode>,
    /// Its standard input is a socket of which it can't be seen who has the other end.
    has_foreign_input: bool,
    /// The process, of those seen, that holds each connection.
    holders: HashMap<Inode, i32>,
    queue: VecDeque<(i32, Role)>,
    /// The pseudo-terminals on the path.
    pending: HashSet<u32>,
    /// Those whose other end a process holds that was seen.
    controlled: HashMap<u32, Controller>,
    /// Connections whose other end has not been looked for.
    hops: Vec<(Inode, Pair)>,
}

/// A process, as it was when the path led to it: each is read once.
#[derive(Debug)]
struct Met {
    stat: SessionStat,
    descriptors: Vec<(i32, File)>,
}

#[derive(Clone, Copy, Debug)]
struct Controller {
    pid: i32,
    /// True where it listens on a unix socket, as a multiplexer does: who has nobody attached is on no path.
    is_server: bool,
}

impl Walk<'_> {
    /// Starts with this process: its own descriptors, its terminal, its parent, its session's leader.
    fn start(&mut self) {
        for stream in [stdin(), stdout(), stderr()] {
            let Ok(stat) = fstat(stream) else {
                continue;
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Socket => {
                    let found = sockets::own(stream);
                    let is_input = stream.as_raw_fd() == stdin().as_raw_fd();
                    self.has_foreign_input |= is_input && found.is_none();
                    self.start_with_socket(found);
                }
                FileType::Fifo => {
                    if let Some(end) = pipes::own(stream) {
                        self.pipes.want_own(end);
                    }
                }
                FileType::CharacterDevice => self.meet(terminal(stream, stat.st_rdev)),
                _ => {}
            }
        }
        let Some(own) = proc::own_stat() else {
            self.path.hidden = Some(Hidden::NoProc);
            return;
        };
        self.own = Some(own);
        self.seen.insert(own.pid);
        self.meet(own.terminal);
        self.climb(own.parent);
        // Who has lost their parent may be in the session still.
        if own.session > 1 && own.session != own.pid {
            self.queue.push_back((own.session, Role::Through));
        }
    }

    fn start_with_socket(&mut self, found: Option<Socket>) {
        match found {
            Some(Socket::Tcp(inode, pair)) => self.carry(inode, pair),
            Some(Socket::Unix { peer, of_pair, .. }) => {
                // Who made a pair of sockets may have left it to others, and ended.
                self.has_foreign_socket |= Folder::of(peer).is_err();
                self.pairs.extend(of_pair);
                self.queue.push_back((peer, Role::Through));
            }
            Some(Socket::UnixDatagrams { .. } | Socket::Other) => self.has_foreign_socket = true,
            Some(Socket::UnixListener) | None => {}
        }
    }

    fn go(&mut self) {
        loop {
            while let Some((pid, role)) = self.queue.pop_front() {
                self.visit(pid, role);
            }
            let hops = std::mem::take(&mut self.hops);
            for (_, pair) in &hops {
                self.cross(*pair);
            }
            if !self.queue.is_empty() || !self.hops.is_empty() {
                continue;
            }
            if !self.look_beside()
                && !self.look_for_controllers()
                && !self.look_for_relays()
                && !self.look_for_pairs()
            {
                break;
            }
        }
        if self.is_unanswered() {
            self.path.loose_end = self.loose_end();
        }
    }

    /// Returns true while nothing was found that carries the session.
    fn is_unanswered(&self) -> bool {
        self.path.carriers.is_empty() && !self.path.is_local
    }

    fn loose_end(&self) -> Option<LooseEnd> {
        let controllers = self
            .pending
            .iter()
            .filter_map(|number| self.controlled.get(number));
        let leading_nowhere = controllers.filter(|controller| !controller.is_server);
        if let Some(controller) = leading_nowhere.last() {
            return Some(LooseEnd::Terminal(controller.pid));
        }
        let mut terminals = self.pending.iter();
        if terminals.any(|number| !self.controlled.contains_key(number)) {
            return Some(LooseEnd::SeveredTerminal);
        }
        if let Some(relay) = self.relays.last() {
            return Some(LooseEnd::Pipe(*relay));
        }
        if let Some(relay) = self.by_datagrams {
            return Some(LooseEnd::Datagrams(relay));
        }
        match self.path.hidden {
            None => {}
            // Into a container somebody may speak who has no terminal. Its output is collected of any.
            Some(Hidden::PidNamespace) if self.pipes.is_input_severed() => {
                return Some(LooseEnd::SeveredPipe);
            }
            Some(Hidden::PidNamespace) if self.has_foreign_input => return Some(LooseEnd::Socket),
            // Of what is out of sight it is known what it may be.
            Some(_) => return None,
        }
        if self.is_family_readable() && self.pipes.are_severed() {
            return Some(LooseEnd::SeveredPipe);
        }
        if self.has_foreign_socket {
            return Some(LooseEnd::Socket);
        }
        self.is_orphan().then_some(LooseEnd::Orphan)
    }

    /// Returns true if somebody has logged in, and whoever started this program for them has ended.
    ///
    /// Without a login it is a daemon: daemon(7) tells one to leave its parent and its session's leader. The shell of a
    /// login is that leader, so that once it has ended the login is over.
    fn is_orphan(&self) -> bool {
        let Some(own) = self.own else {
            return false;
        };
        let family = self.family();
        let highest = family.last().unwrap_or(&own);
        highest.parent <= 1 && highest.session == own.session && proc::own_login_user().is_some()
    }

    fn meet(&mut self, terminal: Option<Terminal>) {
        match terminal {
            Some(Terminal::Pseudo(number)) => {
                self.pending.insert(number);
            }
            Some(Terminal::Local) => self.path.is_local = true,
            None => {}
        }
    }

    fn climb(&mut self, parent: i32) {
        match parent {
            // In a namespace of its own this is its first process, or its parent is not shown.
            0 if !proc::is_in_first_namespace() => self.hide(Hidden::PidNamespace),
            1 if !proc::is_in_first_namespace() => {
                self.hide(Hidden::PidNamespace);
                self.queue.push_back((1, Role::Through));
            }
            // The first process adopts whoever has lost their parent, which says nothing.
            0 | 1 => {}
            parent => self.queue.push_back((parent, Role::Through)),
        }
    }

    fn hide(&mut self, hidden: Hidden) {
        self.path.hidden.get_or_insert(hidden);
    }

    fn carry(&mut self, inode: Inode, pair: Pair) {
        if self.path.carriers.insert(inode) {
            // The loopback of each namespace is its own.
            if !pair.peer().address().to_canonical().is_loopback() {
                self.path.far_ends.insert(ends(pair.peer(), pair.local()));
            }
            self.hops.push((inode, pair));
        }
    }

    fn visit(&mut self, pid: i32, role: Role) {
        if self.seen.len() > MOST || !self.seen.insert(pid) {
            return;
        }
        let is_leader = self.own.is_some_and(|own| own.session == pid);
        let (folder, stat) = match Folder::of(pid).map(|folder| (folder.stat(), folder)) {
            Ok((Some(stat), folder)) => (folder, stat),
            Ok((None, _)) | Err(Errno::NOENT | Errno::SRCH) if is_leader => return,
            _ if role.is_through() => return self.hide(Hidden::Ancestor),
            _ => return,
        };
        if role.is_through() {
            self.climb(stat.parent);
            self.meet(stat.terminal);
        }
        let Ok(descriptors) = folder.descriptors() else {
            self.unreadable.insert(pid);
            if role.is_through() && servers::is_one(&folder) {
                self.hide(Hidden::Server);
            }
            return;
        };
        self.look_into(&folder, stat, role, &descriptors);
        self.met.insert(pid, Met { stat, descriptors });
    }

    fn look_into(
        &mut self,
        folder: &Folder,
        stat: SessionStat,
        role: Role,
        descriptors: &[(i32, File)],
    ) {
        let mut controls = Vec::new();
        let mut terminals = Vec::new();
        let mut held = Vec::new();
        for &(number, file) in descriptors {
            match file {
                File::Socket(inode) => held.push((number, inode)),
                File::Controller => controls.extend(folder.controls(number)),
                File::Terminal(number) => terminals.push(number),
                File::Seat => self.path.is_local = true,
                File::Pipe(_) | File::Named => {}
            }
        }
        let may_relay = role.is_through() || role == Role::Pipeline;
        let is_relay = may_relay && self.pipes.held_by(folder, descriptors) != Held::None;
        let (found, is_all) = if held.is_empty() || !may_borrow_from(folder, role) {
            (Vec::new(), held.is_empty())
        } else {
            sockets::of_process(stat.pid, &held)
        };
        let mut connections = Vec::new();
        let mut peers = Vec::new();
        let mut is_server = false;
        let mut receives_datagrams = false;
        for socket in found {
            match socket {
                Socket::Tcp(inode, pair) => connections.push((inode, pair)),
                Socket::Unix { peer, accepted, .. } => peers.push((peer, accepted)),
                Socket::UnixListener => is_server = true,
                Socket::UnixDatagrams { receives } => receives_datagrams |= receives,
                Socket::Other => {}
            }
        }
        if !is_all {
            let of_table = held
                .iter()
                .filter_map(|&(_, inode)| Some((inode, self.table.pair_of(inode)?)));
            connections.extend(of_table);
            connections.sort_unstable_by_key(|(inode, _)| *inode);
            connections.dedup();
        }
        let all: HashSet<Inode> = held.iter().map(|(_, inode)| *inode).collect();
        for (inode, _) in &connections {
            self.holders.entry(*inode).or_insert(stat.pid);
        }
        for (inode, pair) in self.that_carry(folder, stat, role, connections, &all) {
            if role == Role::Pipeline {
                self.path.feeders.insert(inode);
            } else {
                self.carry(inode, pair);
            }
        }
        for &number in &controls {
            let controller = Controller {
                pid: stat.pid,
                is_server,
            };
            self.controlled.entry(number).or_insert(controller);
        }
        let controls_ours = controls.iter().any(|number| self.pending.contains(number));
        if controls_ours && role.is_through() {
            // A multiplexer has the terminals of its clients, too.
            self.pending.extend(
                terminals
                    .into_iter()
                    .filter(|number| !controls.contains(number)),
            );
        }
        if is_relay || (controls_ours && role.is_through()) {
            self.want_pipes(folder, stat, descriptors);
            if receives_datagrams {
                self.by_datagrams = Some(stat.pid);
            }
        }
        let is_met = controls_ours || self.relays.contains(&stat.pid);
        self.follow(&peers, role, is_met);
    }

    /// Adds the pipes of a process that has the other end of a terminal or a pipe: what it relays may go on there.
    fn want_pipes(&mut self, folder: &Folder, stat: SessionStat, descriptors: &[(i32, File)]) {
        let mut is_near = None;
        for &(number, file) in descriptors {
            if !matches!(file, File::Pipe(_) | File::Named) {
                continue;
            }
            let Some(end) = folder.pipe_end(number, file) else {
                continue;
            };
            let mut is_near = || *is_near.get_or_insert_with(|| self.is_near(stat));
            // What has no name, and is neither input nor output, is between a process and its children.
            let reach = if !end.is_named && number > 2 && is_near() {
                Reach::Near
            } else {
                Reach::Far
            };
            self.pipes.want(end, reach);
        }
    }

    /// Returns true if a process is in the session of this one or of an ancestor.
    fn is_near(&self, stat: SessionStat) -> bool {
        let mut family = self.family().into_iter();
        family.any(|near| near.session == stat.session)
    }

    /// Returns those of a process's connections that may carry the path.
    fn that_carry(
        &mut self,
        folder: &Folder,
        stat: SessionStat,
        role: Role,
        connections: Vec<(Inode, Pair)>,
        all: &HashSet<Inode>,
    ) -> Vec<(Inode, Pair)> {
        let is_of_own_session = self.own.is_some_and(|own| own.session == stat.session);
        // Of one there is nothing to be told apart, whoever holds it.
        let is_only = connections.len() == 1 && role.is_through() && !is_of_own_session;
        if connections.is_empty() || is_only {
            return connections;
        }
        if servers::is_one(folder) {
            let sessions = servers::sessions_of(&connections, all, self.table);
            // What has come by a session goes on by what that forwards: a tunnel from here to here.
            let is_forwarding = |(inode, _): &(Inode, Pair)| role == Role::Across(*inode);
            return if sessions.iter().any(is_forwarding) {
                connections
            } else {
                sessions
            };
        }
        if let Role::Beside(_) = role {
            let listeners = self.table.listeners();
            let ports: HashSet<u16> = listeners.iter().map(|(port, _)| *port).collect();
            let is_accepted = |held: &(Inode, Pair)| ports.contains(&held.1.local().port());
            return connections.into_iter().filter(is_accepted).collect();
        }
        // On this side of every terminal a connection of a process to itself brings nothing from elsewhere.
        if is_of_own_session {
            let pairs: HashSet<Pair> = connections.iter().map(|(_, pair)| *pair).collect();
            let is_loop = |pair: Pair| {
                Pair::new(pair.peer(), pair.local()).is_ok_and(|mirrored| pairs.contains(&mirrored))
            };
            return connections
                .into_iter()
                .filter(|(_, pair)| !is_loop(*pair))
                .collect();
        }
        connections
    }

    /// Follows unix sockets: of who has the other end of the terminal or of a pipe, to its clients and to its server; of others, to their clients.
    fn follow(&mut self, peers: &[(i32, bool)], role: Role, is_met: bool) {
        for &(peer, accepted) in peers {
            let next = match (role, is_met, accepted) {
                // A client on a terminal of its own is one in front of which somebody sits.
                (Role::Through | Role::Across(_), true, true) => {
                    let stat = Folder::of(peer).ok().and_then(|folder| folder.stat());
                    match stat.and_then(|stat| stat.terminal) {
                        Some(_) => Role::Through,
                        None => Role::Beside(1),
                    }
                }
                (Role::Through | Role::Across(_), is_met, _) if is_met || accepted => {
                    Role::Beside(1)
                }
                (Role::Beside(depth), _, true) if depth < DEEPEST => Role::Beside(depth + 1),
                _ => continue,
            };
            if peer > 1 {
                self.queue.push_back((peer, next));
            }
        }
    }

    /// Crosses a connection whose other end is on this host, too: a jump, or a tunnel.
    fn cross(&mut self, pair: Pair) {
        let Some(other) = self.table.other_end(pair) else {
            return;
        };
        let Some(inode) = other.inode else {
            return;
        };
        if !self.path.carriers.insert(inode) || self.holders.contains_key(&inode) {
            return;
        }
        let search = Owners::search().of_sockets([inode]);
        let Ok(owners) = search.run() else {
            return;
        };
        for owner in owners.of(inode) {
            let role = Role::Across(inode);
            self.queue.push_back((owner.process.pid(), role));
        }
    }

    /// Looks who holds the other ends of terminals that nobody has who was seen, at last among all processes. Says
    /// whether there was one.
    fn look_for_controllers(&mut self) -> bool {
        let wanted = |walk: &Self, number: &u32| {
            walk.pending.contains(number) && !walk.controlled.contains_key(number)
        };
        if self
            .pending
            .iter()
            .all(|number| self.controlled.contains_key(number))
        {
            return false;
        }
        let mut any = false;
        for pid in proc::pids().unwrap_or_default() {
            if self.seen.contains(&pid) {
                continue;
            }
            let Ok(folder) = Folder::of(pid) else {
                continue;
            };
            let descriptors = folder.descriptors().unwrap_or_default();
            let holds = descriptors.iter().any(|(descriptor, file)| {
                *file == File::Controller
                    && folder
                        .controls(*descriptor)
                        .is_some_and(|number| wanted(self, &number))
            });
            if holds {
                self.queue.push_back((pid, Role::Through));
                any = true;
            }
        }
        any
    }

    /// Looks who has the other ends of pipes among those seen, and among those whom the same shell has started: the rest of a
    /// pipeline. Returns true if there was one.
    fn look_beside(&mut self) -> bool {
        let least = if self.is_unanswered() {
            Reach::Near
        } else {
            Reach::Own
        };
        if !self.pipes.begin_search(least, Reach::Near) {
            return false;
        }
        for pid in self.seen.clone() {
            self.other_end(pid);
        }
        let mut any = false;
        for parent in self.family() {
            if self.pipes.are_known(least) {
                break;
            }
            let children = Folder::of(parent.pid).map(|folder| folder.children());
            for pid in children.unwrap_or_default() {
                let is_beside = || {
                    let stat = Folder::of(pid).ok().and_then(|folder| folder.stat());
                    stat.is_some_and(|stat| stat.session == parent.session)
                };
                if !self.seen.contains(&pid) && is_beside() && self.other_end(pid) != Held::None {
                    self.queue.push_back((pid, Role::Pipeline));
                    any = true;
                }
            }
        }
        any
    }

    /// Looks who has the other ends of pipes among all processes. Returns true if there was one.
    fn look_for_relays(&mut self) -> bool {
        let least = if self.is_unanswered() {
            Reach::Far
        } else {
            Reach::Own
        };
        if self.pipes.are_known(least) {
            return false;
        }
        self.pipes.leave_out_closed(&own_pipes());
        let own = self.is_family_readable() && self.pipes.begin_search(Reach::Own, Reach::Own);
        let far = self.is_unanswered() && self.pipes.begin_search(Reach::Far, Reach::Far);
        if !own && !far {
            return false;
        }
        let mut any = false;
        for pid in proc::pids().unwrap_or_default() {
            let held = self.other_end(pid);
            if held != Held::None && !self.seen.contains(&pid) {
                if held == Held::Alone {
                    self.relays.push(pid);
                }
                self.queue.push_back((pid, Role::Through));
                any = true;
            }
        }
        any
    }

    /// Looks who has the other ends of this program's own sockets among all processes, where whoever made them leads
    /// nowhere. Returns true if there was one.
    fn look_for_pairs(&mut self) -> bool {
        let pairs = std::mem::take(&mut self.pairs);
        if !self.is_unanswered() || pairs.is_empty() {
            return false;
        }
        let ends: Vec<Inode> = pairs.into_iter().filter_map(unix_peer::of).collect();
        let Ok(owners) = Owners::search().of_sockets(ends.iter().copied()).run() else {
            return false;
        };
        let mut any = false;
        for owner in ends.iter().flat_map(|&end| owners.of(end)) {
            let pid = owner.process.pid();
            if !self.seen.contains(&pid) {
                self.has_foreign_socket = true;
                self.queue.push_back((pid, Role::Through));
                any = true;
            }
        }
        any
    }

    /// Returns true if a process has the other end of a pipe on the path.
    fn other_end(&mut self, pid: i32) -> Held {
        if self.own.is_some_and(|own| own.pid == pid) {
            return Held::None;
        }
        if let Some(met) = self.met.get(&pid) {
            if !self.pipes.may_be_among(&met.descriptors) {
                return Held::None;
            }
            let folder = Folder::of(pid);
            return folder.map_or(Held::None, |folder| {
                self.pipes.held_by(&folder, &met.descriptors)
            });
        }
        let found = Folder::of(pid).and_then(|folder| Ok((folder.descriptors()?, folder)));
        found.map_or(Held::None, |(descriptors, folder)| {
            self.pipes.held_by(&folder, &descriptors)
        })
    }

    /// Returns this process and its ancestors, from below.
    fn family(&self) -> Vec<SessionStat> {
        let parent_of = |below: &SessionStat| match self.met.get(&below.parent) {
            _ if below.parent <= 1 => None,
            Some(met) => Some(met.stat),
            None => Folder::of(below.parent).ok()?.stat(),
        };
        std::iter::successors(self.own, parent_of)
            .take(MOST)
            .collect()
    }

    /// Returns true if the descriptors of all ancestors were seen: one of them may have the other end of a pipe.
    fn is_family_readable(&self) -> bool {
        let mut family = self.family().into_iter();
        !family.any(|stat| self.unreadable.contains(&stat.pid))
    }
}

/// Returns true if a process may be trusted with the close of what was borrowed from it: behind a number that was a
/// socket a moment ago it may have put a file whose close it never answers. An ancestor has better ways to stop us.
fn may_borrow_from(folder: &Folder, role: Role) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let is_ours = |user| user == 0 || user == own;
    role == Role::Through || folder.user().is_some_and(is_ours)
}

/// Returns those of this process's own descriptors that are pipes.
fn own_pipes() -> [Option<PipeEnd>; 3] {
    [
        pipes::own(stdin()),
        pipes::own(stdout()),
        pipes::own(stderr()),
    ]
}

/// Returns the terminal that a character device is.
fn terminal(stream: BorrowedFd<'_>, device: u64) -> Option<Terminal> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    rustix::termios::isatty(stream).then(|| Terminal::of_device(major, minor))
}

/// The number of steps that no path has; who pretends to more is not followed for ever.
const MOST: usize = 1000;
/// The number of steps from a terminal's program over its display server to who shows that elsewhere.
const DEEPEST: u8 = 2;
