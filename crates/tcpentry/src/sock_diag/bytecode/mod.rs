//! The program by which the kernel selects the sockets of a dump, `INET_DIAG_REQ_BYTECODE`.
//!
//! A program is a row of operations, each with two distances: how far to go on when it holds (`yes`)
//! and when it doesn't (`no`). Whoever arrives exactly at the end is accepted; a rejection is a jump of
//! four bytes beyond it. The kernel audits a program before it runs it (`inet_diag_bc_audit`): it
//! follows `yes` from one operation to the next, and every `no` must lead to one that it met on that
//! way. So here `yes` always leads to the very next operation, and all that jumps is a `no`; that `yes`
//! is a single byte is then no limit.
//!
//! Kernels learned the operations one after the other. `S_EQ` and `D_EQ` are not used, because a
//! condition on the port alone says the same and is as old as programs are. Where a kernel does not
//! know one of the others, it refuses the whole program with `EINVAL`.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use super::family::{AF_INET, AF_INET6, AF_UNSPEC};

/// A condition on a socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Condition {
    /// All of them; of none: always.
    All(Vec<Condition>),
    /// One of them at least; of none: never.
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Check(Check),
}

/// The question of a single operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Check {
    /// The address of an end begins like this, and its port is this one. IPv4 also means the mapped
    /// addresses of an IPv6 socket; an IPv6 prefix that they begin with means them too.
    Host {
        side: Side,
        prefix: Option<(IpAddr, u8)>,
        port: Option<u16>,
    },
    AtLeast(Side, u16),
    AtMost(Side, u16),
    /// The port was not given by `bind`. Also true of what is no full socket (TIME_WAIT, a request).
    Auto,
    /// `sk_bound_dev_if`; 0 is none.
    Device(u32),
    /// `mark & mask == value`; refused with `EPERM` to whom `CAP_NET_ADMIN` is lacking.
    Mark {
        value: u32,
        mask: u32,
    },
    /// The id of the cgroup (version 2), 0 for what is no full socket.
    Cgroup(u64),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Local,
    Peer,
}

impl Condition {
    pub(crate) const ALWAYS: Self = Self::All(Vec::new());
    pub(crate) const NEVER: Self = Self::Any(Vec::new());

    /// Creates the conjunction, simplified: a constant is left only where nothing else is.
    pub(crate) fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Vec::new();
        for condition in conditions {
            match condition {
                Self::All(several) => all.extend(several),
                never if never == Self::NEVER => return never,
                condition => all.push(condition),
            }
        }
        match <[Self; 1]>::try_from(all) {
            Ok([one]) => one,
            Err(all) => Self::All(all),
        }
    }

    /// Creates the disjunction, simplified in the same way.
    pub(crate) fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Vec::new();
        for condition in conditions {
            match condition {
                Self::Any(several) => any.extend(several),
                always if always == Self::ALWAYS => return always,
                condition => any.push(condition),
            }
        }
        match <[Self; 1]>::try_from(any) {
            Ok([one]) => one,
            Err(any) => Self::Any(any),
        }
    }

    /// Creates the negation, simplified in the same way.
    pub(crate) fn not(condition: Self) -> Self {
        match condition {
            Self::Not(condition) => *condition,
            always if always == Self::ALWAYS => Self::NEVER,
            never if never == Self::NEVER => Self::ALWAYS,
            condition => Self::Not(Box::new(condition)),
        }
    }
}

impl From<Check> for Condition {
    fn from(check: Check) -> Self {
        Self::Check(check)
    }
}

/// A condition as the kernel runs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Program {
    operations: Vec<Instruction>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Instruction {
    /// `None` is `JMP`, which goes on at `no`.
    check: Option<Check>,
    /// The place of the operation and the one where it goes on when the check fails, as the distance to the place to which a
    /// rejection jumps.
    at: usize,
    no: usize,
}

impl Program {
    /// Assembles a condition; `None` when there is nothing to evaluate, or when it would not fit into an attribute: without a
    /// program the kernel yields every socket.
    pub(crate) fn of(condition: &Condition) -> Option<Self> {
        let mut assembler = Assembler::default();
        assembler.put(condition, ACCEPT, REJECT);
        let mut operations = assembler.operations;
        operations.reverse();
        let length = operations.first()?.at - ACCEPT;
        (length <= LONGEST).then_some(Self { operations })
    }

    /// Returns a program that accepts the sockets of one half that this one accepts, and without one all of that half.
    pub(crate) fn within(half: Half, program: Option<Self>) -> Option<Self> {
        let mut operations = program.map_or_else(Vec::new, |program| program.operations);
        operations.reverse();
        let mut assembler = Assembler { operations };
        let accept = assembler.next();
        let mut by_peer = |ways: [usize; 2]| {
            assembler.put_stripes(Side::Peer, 0..STRIPES, ways);
            assembler.next()
        };
        let (same, other) = (by_peer([accept, REJECT]), by_peer([REJECT, accept]));
        let ways = match half {
            Half::First => [same, other],
            Half::Second => [other, same],
        };
        assembler.put_stripes(Side::Local, 0..STRIPES, ways);
        let mut operations = assembler.operations;
        operations.reverse();
        let length = operations.first()?.at - ACCEPT;
        (length <= LONGEST).then_some(Self { operations })
    }

    /// Writes it as the attribute of a request.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 2]);
        out.extend(INET_DIAG_REQ_BYTECODE.to_ne_bytes());
        for operation in &self.operations {
            operation.encode(out);
        }
        let length = u16::try_from(out.len() - start).expect("no program is longer than LONGEST");
        out[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

#[cfg(any(test, feature = "fuzz-internals"))]
impl Program {
    /// Returns the bytes that the kernel reads.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut attribute = Vec::new();
        self.encode(&mut attribute);
        attribute.split_off(4)
    }
}

/// One of two parts of a table that share no socket: by both ports, because of a server's connections only
/// the peer's differ, and of a client's only its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Half {
    First,
    Second,
}

impl Half {
    /// Returns true for a socket of these ports, the local one first.
    pub(crate) const fn contains(self, ports: (u16, u16)) -> bool {
        let is_even = (ports.0 / STRIPE + ports.1 / STRIPE) % 2 == 0;
        matches!((self, is_even), (Self::First, true) | (Self::Second, false))
    }
}

/// Puts operations one before the other, from the last to the first: then all jumps lead to places that
/// are known.
#[derive(Default)]
struct Assembler {
    /// The last one first.
    operations: Vec<Instruction>,
}

impl Assembler {
    /// Puts what goes on at `yes` if the condition holds, else at `no`; one of them is the next one.
    fn put(&mut self, condition: &Condition, yes: usize, no: usize) {
        match condition {
            Condition::Not(condition) => self.put(condition, no, yes),
            Condition::Check(check) => {
                if yes != self.next() {
                    self.push(None, yes);
                }
                self.push(Some(*check), no);
            }
            Condition::All(conditions) => match conditions.split_last() {
                None => self.go_on(yes),
                Some((last, others)) => {
                    self.put(last, yes, no);
                    for condition in others.iter().rev() {
                        let yes = self.next();
                        self.put(condition, yes, no);
                    }
                }
            },
            Condition::Any(conditions) => match conditions.split_last() {
                None => self.go_on(no),
                Some((last, others)) => {
                    self.put(last, yes, no);
                    for condition in others.iter().rev() {
                        let no = self.next();
                        self.put(condition, yes, no);
                    }
                }
            },
        }
    }

    /// Puts what goes on at the first way if the port is in a stripe of an even number, else at the second.
    fn put_stripes(&mut self, side: Side, stripes: Range<u16>, ways: [usize; 2]) {
        let Range { start, end } = stripes;
        if end - start == 1 {
            self.go_on(ways[usize::from(start % 2)]);
            return;
        }
        let middle = start.midpoint(end);
        self.put_stripes(side, start..middle, ways);
        let below = self.next();
        self.put_stripes(side, middle..end, ways);
        self.push(Some(Check::AtLeast(side, middle * STRIPE)), below);
    }

    fn go_on(&mut self, at: usize) {
        if at != self.next() {
            self.push(None, at);
        }
    }

    /// Returns the place of the operation before which the next one will be put.
    fn next(&self) -> usize {
        self.operations.last().map_or(ACCEPT, |next| next.at)
    }

    fn push(&mut self, check: Option<Check>, no: usize) {
        let at = self.next() + usize::from(Instruction::length_of(check));
        self.operations.push(Instruction { check, at, no });
    }
}

impl Instruction {
    /// Writes `struct inet_diag_bc_op` and its operands.
    fn encode(&self, out: &mut Vec<u8>) {
        let (code, _) = self.code();
        let no = u16::try_from(self.at - self.no).expect("no program is longer than LONGEST");
        out.extend([code, Self::length_of(self.check)]);
        out.extend(no.to_ne_bytes());
        match self.check {
            None | Some(Check::Auto) => {}
            Some(Check::Host { prefix, port, .. }) => {
                // struct inet_diag_hostcond: any port is -1.
                let (family, length) = match prefix {
                    None => (AF_UNSPEC, 0),
                    Some((IpAddr::V4(_), length)) => (AF_INET, length),
                    Some((IpAddr::V6(_), length)) => (AF_INET6, length),
                };
                out.extend([family, length, 0, 0]);
                out.extend(port.map_or(-1, i32::from).to_ne_bytes());
                match prefix {
                    None => {}
                    Some((IpAddr::V4(address), _)) => out.extend(address.octets()),
                    Some((IpAddr::V6(address), _)) => out.extend(address.octets()),
                }
            }
            Some(Check::AtLeast(_, port) | Check::AtMost(_, port)) => {
                // Another struct inet_diag_bc_op, whose `no` is the port.
                out.extend([0, 0]);
                out.extend(port.to_ne_bytes());
            }
            Some(Check::Device(index)) => out.extend(index.to_ne_bytes()),
            Some(Check::Mark { value, mask }) => {
                out.extend(value.to_ne_bytes());
                out.extend(mask.to_ne_bytes());
            }
            Some(Check::Cgroup(id)) => out.extend(id.to_ne_bytes()),
        }
    }

    fn length_of(check: Option<Check>) -> u8 {
        4 + match check {
            None | Some(Check::Auto) => 0,
            Some(Check::AtLeast(..) | Check::AtMost(..) | Check::Device(_)) => 4,
            Some(Check::Mark { .. } | Check::Cgroup(_)) => 8,
            Some(Check::Host { prefix, .. }) => {
                8 + match prefix {
                    None => 0,
                    Some((IpAddr::V4(_), _)) => 4,
                    Some((IpAddr::V6(_), _)) => 16,
                }
            }
        }
    }

    /// Returns the number and the name of `INET_DIAG_BC_*`.
    const fn code(&self) -> (u8, &'static str) {
        match self.check {
            None => (1, "JMP"),
            Some(Check::AtLeast(Side::Local, _)) => (2, "S_GE"),
            Some(Check::AtMost(Side::Local, _)) => (3, "S_LE"),
            Some(Check::AtLeast(Side::Peer, _)) => (4, "D_GE"),
            Some(Check::AtMost(Side::Peer, _)) => (5, "D_LE"),
            Some(Check::Auto) => (6, "AUTO"),
            Some(Check::Host { side, .. }) => match side {
                Side::Local => (7, "S_COND"),
                Side::Peer => (8, "D_COND"),
            },
            Some(Check::Device(_)) => (9, "DEV_COND"),
            Some(Check::Mark { .. }) => (10, "MARK_COND"),
            Some(Check::Cgroup(_)) => (13, "CGROUP_COND"),
        }
    }
}

impl fmt::Display for Program {
    /// Writes an operation a line: its number, its name without `INET_DIAG_BC_`, its operands, and with which
    /// operation it goes on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, operation) in self.operations.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let (_, name) = operation.code();
            let no = self.place(operation.no);
            write!(f, "{number:>3}  {name:<11}  ")?;
            let Some(check) = &operation.check else {
                write!(f, "{no}")?;
                continue;
            };
            let next = operation.at - usize::from(Instruction::length_of(operation.check));
            let yes = self.place(next);
            if *check != Check::Auto {
                write!(f, "{check}  ")?;
            }
            write!(f, "yes {yes}, no {no}")?;
        }
        Ok(())
    }
}

impl Program {
    fn place(&self, at: usize) -> String {
        match at {
            REJECT => "reject".to_owned(),
            ACCEPT => "accept".to_owned(),
            at => {
                let found = self.operations.binary_search_by(|found| at.cmp(&found.at));
                found.expect("it leads to an operation").to_string()
            }
        }
    }
}

impl fmt::Display for Check {
    /// Writes the operands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => Ok(()),
            Self::Host { prefix, port, .. } => {
                match prefix {
                    None => f.write_str("*")?,
                    Some((IpAddr::V4(address), length)) => write!(f, "{address}/{length}")?,
                    Some((IpAddr::V6(address), length)) => write!(f, "[{address}]/{length}")?,
                }
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::AtLeast(_, port) | Self::AtMost(_, port) => write!(f, "{port}"),
            Self::Device(index) => write!(f, "{index}"),
            Self::Mark { value, mask } => write!(f, "{value:#x}/{mask:#x}"),
            Self::Cgroup(id) => write!(f, "{id}"),
        }
    }
}

/// Places are distances to the one to which a rejection jumps, four bytes beyond the end.
const REJECT: usize = 0;
const ACCEPT: usize = 4;

/// The length of an attribute is 16 bits wide and counts its own header. The audit's time grows with the
/// square of it: 0.14 ms for 300 addresses, 23 ms for all that fit (Linux 6.18).
const LONGEST: usize = 65535 / 4 * 4 - 4;

/// The width of a stripe of ports: the range out of which kernels choose (32768 to 60999)
/// is then nearly evenly divided, by five comparisons.
const STRIPE: u16 = 2048;
const STRIPES: u16 = 32;

const INET_DIAG_REQ_BYTECODE: u16 = 1;

#[cfg(any(test, feature = "fuzz-internals"))]
pub(crate) mod interpreter;

#[cfg(test)]
pub(crate) mod tests;
