//! A kernel that answers what the input says, whatever it is asked.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::connection::Connection;
use crate::connection::endpoint::Pair;
use crate::connection::state::States;
use crate::delete::batch::item::Action;
use crate::delete::{MethodChoice, Options};
use crate::fuzz::texts::pair;
use crate::sock_diag::bytecode::{Check, Half, Program, Side};
use crate::sock_diag::{Channel, Datagram, Diag, Scope};
use crate::table::TcpTable;
use crate::table::query::Query;

/// Dumps from a scripted kernel. The first byte says what is asked; the rest is the [`Script`].
pub fn dump(data: &[u8]) {
    let Some((&question, answers)) = data.split_first() else {
        return;
    };
    let script = Script::new(answers);
    let diag = || Diag::new(Scripted::new(&script));
    match question % 12 {
        0 => ask(&mut diag()),
        1 => dump_twice(&mut diag(), None, None),
        2 => dump_twice(&mut diag(), None, Some(Half::First)),
        3 => {
            let program = Program::of(&Check::AtLeast(Side::Peer, 5000).into());
            dump_twice(&mut diag(), program, Some(Half::Second));
        }
        4 => look_up_many(&mut diag()),
        5 => destroy_many(&mut diag(), &script),
        6 => probe(&mut diag()),
        7 => {
            list(&mut TcpTable::of([diag(), diag()]));
            list_in_place(answers);
        }
        8 => one(&mut TcpTable::of([diag(), diag()]), &script),
        9 => matching(&mut TcpTable::of([diag(), diag()]), &script),
        10 => all(&mut TcpTable::of([diag(), diag()]), &script),
        _ => rehearse(&mut TcpTable::of([diag(), diag()]), &script),
    }
}

fn ask(diag: &mut Diag) {
    let _ = diag.get(&name(), None);
    let _ = diag.destroy(&name(), cookie(1));
    let _ = diag.get(&name(), Some(cookie(1)));
}

fn dump_twice(diag: &mut Diag, program: Option<Program>, half: Option<Half>) {
    let scope = Scope {
        states: States::ALL,
        info: half.is_none(),
        ports: (0, 0),
        program,
        half,
    };
    let Ok(dump) = diag.dump(scope.clone()) else {
        return;
    };
    // What was left amid its answers is drained by the next question.
    let _ = dump.take(3).count();
    let _ = diag.probe();
    if let Ok(dump) = diag.dump(scope) {
        let _ = dump.count();
    }
}

fn look_up_many(diag: &mut Diag) {
    let sockets: Vec<_> = (1..=70).map(|number| (name(), cookie(number))).collect();
    assert_eq!(diag.get_many(&sockets).len(), sockets.len());
}

fn destroy_many(diag: &mut Diag, script: &Mutex<Script>) {
    let sockets: Vec<_> = (1..=300).map(|number| (name(), cookie(number))).collect();
    let words = diag.destroy_many(&sockets);
    assert_eq!(words.len(), sockets.len());
    let script = lock(script);
    for ((_, cookie), word) in sockets.iter().zip(words) {
        assert!(word.is_err() || script.destroyed.contains(&cookie.value()));
    }
}

fn probe(diag: &mut Diag) {
    let _ = diag.probe_one_dump();
    let _ = diag.probe_right();
    let _ = diag.probe_destroy(&name());
    let _ = diag.has_mptcp();
    let _ = diag.runs_programs(States::ALL);
}

fn list(table: &mut TcpTable) {
    let query = Query::in_states(States::ALL).with_info();
    for half in query.halves() {
        if let Ok(rows) = table.connections(&half) {
            let _ = rows.count();
        }
    }
    let _ = table.find(&pair("10.0.0.1:80 0.0.0.0:*").into());
}

/// Reads a table row by row, and in place, from two kernels that answer alike.
fn list_in_place(answers: &[u8]) {
    let table = || {
        let script = Script::new(answers);
        let diag = || Diag::new(Scripted::new(&script));
        TcpTable::of([diag(), diag()])
    };
    let query = Query::in_states(States::ALL);
    let (mut one, mut other) = (table(), table());
    let (Ok(rows), Ok(mut in_place)) = (one.connections(&query), other.connections(&query)) else {
        return;
    };
    for row in rows {
        assert_eq!(
            in_place.advance().map(Option::<&_>::cloned).ok(),
            row.map(Some).ok()
        );
    }
    assert!(in_place.advance().is_ok_and(|row| row.is_none()));
}

fn one(table: &mut TcpTable, script: &Mutex<Script>) {
    let Ok(found) = table.find(&name().into()) else {
        return;
    };
    assert!(found.pair.same_ends(&name()), "{found}");
    if let Ok(deleted) = table.delete(&found, &options()) {
        assert_eq!(deleted.connection.cookie, found.cookie);
        assert!(lock(script).destroyed.contains(&found.cookie.value()));
    }
}

fn matching(table: &mut TcpTable, script: &Mutex<Script>) {
    let mut taken = Vec::new();
    let mut told = Vec::new();
    let select = |row: &Connection| {
        if row.peer().port() % 2 == 1 {
            return Action::Skip;
        }
        taken.push(row.cookie);
        Action::Delete
    };
    let report = |connection: &Connection, result: Result<_, _>| {
        told.push(connection.cookie);
        let number = connection.cookie.value();
        assert!(result.is_err() || lock(script).destroyed.contains(&number));
        ControlFlow::Continue(())
    };
    let _ = table.delete_matching(&Query::in_states(States::ALL), &options(), select, report);
    assert_eq!(taken, told, "each once, in the order of the table");
}

fn all(table: &mut TcpTable, script: &Mutex<Script>) {
    let named: Vec<_> = match table.connections(&Query::default()) {
        Ok(rows) => rows.map_while(Result::ok).collect(),
        Err(_) => return,
    };
    let mut told = Vec::new();
    table.delete_all(named.iter().cloned(), &options(), |connection, result| {
        told.push(connection.cookie);
        let number = connection.cookie.value();
        assert!(result.is_err() || lock(script).destroyed.contains(&number));
        ControlFlow::Continue(())
    });
    assert!(told.into_iter().eq(named.iter().map(|row| row.cookie)));
}

fn rehearse(table: &mut TcpTable, script: &Mutex<Script>) {
    let _ = table.check_matching(
        &Query::in_states(States::ALL),
        &options(),
        |_| Action::Delete,
        |_, _| ControlFlow::Continue(()),
    );
    // It only asks whether there is `SOCK_DESTROY`, for a cookie that no socket has.
    assert!(lock(script).destroyed.iter().all(|&cookie| cookie == 0));
}

/// Returns options by which nothing of this machine is borrowed, whatever inodes the input has.
fn options() -> Options {
    Options::default()
        .with_method(MethodChoice::SockDiag)
        .with_listeners()
}

fn name() -> Pair {
    pair("10.0.0.1:80 10.0.0.2:5000")
}

fn cookie(number: u64) -> crate::connection::Cookie {
    crate::connection::Cookie::new(number).expect("it is not the one that means any")
}

/// The kernel's answers, as records: a byte of kind, for some of them a length in two bytes (the low one
/// first), and as many bytes.
///
/// | kind | what is read |
/// |---|---|
/// | 0, 1, 2 | a datagram, whose messages get the sequence number of the request (their own counts on from its first) |
/// | 3 | a datagram as it is |
/// | 4 | a datagram of another process |
/// | 5 | one that is longer than the buffer |
/// | 6 | an errno, in one byte |
/// | 7 | nothing |
/// | 255 | the next request is not even taken, with an errno in one byte |
struct Script {
    rest: Vec<u8>,
    /// The cookies whose destruction was asked for.
    destroyed: HashSet<u64>,
}

impl Script {
    fn new(answers: &[u8]) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            rest: answers.to_vec(),
            destroyed: HashSet::new(),
        }))
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        (count <= self.rest.len()).then(|| self.rest.drain(..count).collect())
    }

    fn errno(&mut self) -> Errno {
        let number = self.byte().unwrap_or(11);
        Errno::from_raw_os_error(1 + i32::from(number % 132))
    }
}

struct Scripted {
    script: Arc<Mutex<Script>>,
    /// The sequence number of the first request that was sent last, and how many were sent with it.
    first: u32,
    count: u32,
}

impl Scripted {
    fn new(script: &Arc<Mutex<Script>>) -> Self {
        Self {
            script: Arc::clone(script),
            first: 0,
            count: 1,
        }
    }
}

impl Channel for Scripted {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let mut script = lock(&self.script);
        let word = |bytes: &[u8], at: usize| {
            let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
            u32::from_ne_bytes(word.expect("a whole request"))
        };
        self.first = word(datagram, 8);
        self.count = 0;
        let refused = script.rest.first() == Some(&255);
        let mut rest = datagram;
        while !rest.is_empty() {
            let (request, others) = rest.split_at(word(rest, 0) as usize);
            rest = others;
            self.count += 1;
            let sock_destroy = 21_u16.to_ne_bytes();
            if request[4..6] == sock_destroy {
                let cookie = u64::from(word(request, 64)) | u64::from(word(request, 68)) << 32;
                assert_ne!(cookie, u64::MAX, "a deletion of any socket was asked for");
                if !refused {
                    script.destroyed.insert(cookie);
                }
            }
        }
        if refused {
            script.byte();
            return Err(script.errno());
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Datagram, Errno> {
        let mut script = lock(&self.script);
        let kind = script.byte().ok_or(Errno::AGAIN)? % 8;
        match kind {
            6 => return Err(script.errno()),
            7 => return Err(Errno::AGAIN),
            _ => {}
        }
        let length = script.take(2).ok_or(Errno::AGAIN)?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let length = length.min(script.rest.len()).min(buffer.len());
        let bytes = script.take(length).unwrap_or_default();
        let buffer_length = buffer.len();
        let datagram = &mut buffer[..length];
        datagram.copy_from_slice(&bytes);
        if kind < 3 {
            self.number(datagram);
        }
        Ok(Datagram {
            length: if kind == 5 { buffer_length + 1 } else { length },
            from_kernel: kind != 4,
        })
    }
}

impl Scripted {
    /// Makes the messages of a datagram answers to what was asked.
    fn number(&self, datagram: &mut [u8]) {
        let mut rest = datagram;
        while let Some((header, _)) = rest.split_first_chunk_mut::<16>() {
            let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let said = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
            let sequence = self.first.wrapping_add(said % self.count.max(1));
            header[8..12].copy_from_slice(&sequence.to_ne_bytes());
            let Some(next) = length.checked_next_multiple_of(4).filter(|&next| next > 0) else {
                return;
            };
            match rest.split_at_mut_checked(next) {
                Some((_, behind)) => rest = behind,
                None => return,
            }
        }
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
