//! The split of a filter: the part that the kernel evaluates, and the part that is left to be evaluated here.
//!
//! The kernel is asked for more than is meant, never for less: it yields every socket of which the
//! expression is true, and every one of which it is hidden, because those have to be reported. Who
//! reads the answer evaluates the whole expression once more, so that nothing depends on the kernel having
//! evaluated anything. There is one exception, `autobound`, to which only the kernel has an answer: a [`Pass`]
//! says what it is for all sockets that this pass yields.
//!
//! Each term is looked at with its sign. One that the kernel can't evaluate is taken for true, with `not` before
//! it as well as without: that makes the whole larger, wherever the term stands. Of the others some are not
//! exactly the same to the kernel as they are here:
//!
//! - An IPv6 network that mapped addresses begin with contains them in the kernel, so they are excluded.
//! - A listener or a bound socket has no peer here. The kernel keeps the address of the one that the socket
//!   had before it was disconnected, and, of a bound socket whose connection was reset, the port as well
//!   (Linux 6.18). What is said of the peer is evaluated here if such states are asked for.
//! - A large set of prefixes would be a long program that every socket runs through: it is looked up here alone.
//! - What is no full socket (TIME_WAIT, a request) has no cgroup, and to the kernel its cgroup is 0; to the
//!   kernel it is autobound. Here that is unknown, and so is its mark where it is not shown (Linux 6.18 shows
//!   it).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::expr::{Comparison, End, Expr, Term};
use super::needs::{Needs, mentions};
use super::prefix::Prefix;
use super::prefix_set::PrefixSet;
use crate::connection::state::{State, States};
use crate::netns::LocalPorts;
use crate::sock_diag::Pass;
use crate::sock_diag::bytecode::{Check, Condition, Program, Side};

/// The plan of a dump that answers an expression.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The questions to the kernel: one; two, which share no socket; or none, if nothing can match.
    ///
    /// Where the kernel refuses the program of one, it yields every socket, and no other pass is needed.
    pub(crate) passes: Vec<Pass>,
    /// The exact ports that the expression demands, for the dump's header; 0 leaves one open.
    pub(crate) ports: (u16, u16),
    /// The part that the kernel evaluates, as an expression; `None` is nothing.
    pub(crate) kernel: Option<Expr>,
    /// The part that is evaluated here for those that it yields. `None` is nothing: they are what is meant.
    pub(crate) rest: Option<Expr>,
    pub(crate) needs: Needs,
}

/// The circumstances under which the kernel is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiler {
    /// The states that are asked for.
    pub(crate) states: States,
    /// Set when the caller may ask for marks (`CAP_NET_ADMIN`): else a program with one is refused.
    pub(crate) marks: bool,
    pub(crate) local_ports: LocalPorts,
    /// The inode of the network namespace whose kernel is asked.
    pub(crate) netns: u64,
}

impl Plan {
    /// Makes the plan of a filter that is only states.
    pub(crate) fn over_all() -> Self {
        Self {
            passes: vec![Pass::OVER_ALL],
            ports: (0, 0),
            kernel: None,
            rest: None,
            needs: Needs::default(),
        }
    }
}

impl Compiler {
    pub(crate) fn compile(&self, expr: &Expr) -> Plan {
        let split = self.split(expr, true);
        let port = |end| demanded_port(end, expr, true).unwrap_or(0);
        Plan {
            passes: self.passes(expr),
            ports: (port(End::Local), port(End::Peer)),
            kernel: split.kernel,
            rest: split.rest,
            needs: Needs::of(expr),
        }
    }

    fn passes(&self, expr: &Expr) -> Vec<Pass> {
        let auto = || Condition::from(Check::Auto);
        let parts = if !mentions(expr, &|term| *term == Term::Autobound) {
            vec![(None, Condition::ALWAYS)]
        } else if demands_not_autobound(expr, true) {
            // Out of the range it is not autobound either, whatever the kernel says.
            let not = Condition::not(Condition::all([auto(), self.in_range()]));
            vec![(Some(false), not)]
        } else {
            vec![(Some(true), auto()), (Some(false), Condition::not(auto()))]
        };
        let pass = |(autobound, part)| self.pass(expr, autobound, &part);
        parts.into_iter().filter_map(pass).collect()
    }

    /// Makes the question for one part of the sockets, of which the kernel says this to `autobound`.
    fn pass(&self, expr: &Expr, autobound: Option<bool>, part: &Condition) -> Option<Pass> {
        let condition = Condition::all([part.clone(), self.at_least(expr, true, autobound)]);
        // What is too long is asked without the condition, but never of another part.
        let program = Program::of(&condition).or_else(|| Program::of(part));
        (condition != Condition::NEVER).then_some(Pass { program, autobound })
    }

    /// Returns a condition that holds wherever the expression (its opposite) is true or hidden.
    fn at_least(&self, expr: &Expr, positive: bool, autobound: Option<bool>) -> Condition {
        let each = |expr: &Expr| self.at_least(expr, positive, autobound);
        match expr {
            Expr::Not(expr) => self.at_least(expr, !positive, autobound),
            Expr::And(all) if positive => Condition::all(all.iter().map(each)),
            Expr::And(any) => Condition::any(any.iter().map(each)),
            Expr::Or(any) if positive => Condition::any(any.iter().map(each)),
            Expr::Or(all) => Condition::all(all.iter().map(each)),
            Expr::Term(term) => self.of_term(term, positive, autobound),
        }
    }

    fn of_term(&self, term: &Term, positive: bool, autobound: Option<bool>) -> Condition {
        let condition = match term {
            Term::Host { end, network, port } => {
                return self.of_ends(*end, positive, |side| Leaf::Host(side, *network, *port));
            }
            Term::Set { end, set, .. } => return self.of_set(*end, set, positive),
            Term::Port {
                end,
                comparison,
                port,
            } => {
                return self.of_ends(*end, positive, |side| Leaf::Port(side, *comparison, *port));
            }
            Term::Anything { .. } => Condition::ALWAYS,
            Term::Device { interface, .. } => Check::Device(interface.index()).into(),
            Term::Mark { value, mask } if self.marks => Check::Mark {
                value: *value,
                mask: *mask,
            }
            .into(),
            Term::Cgroup { id, .. } => Check::Cgroup(*id).into(),
            Term::Netns { inode, .. } if *inode == self.netns => Condition::ALWAYS,
            Term::Autobound if autobound == Some(true) => self.in_range(),
            Term::Netns { .. } | Term::Autobound => Condition::NEVER,
            _ => return Condition::ALWAYS,
        };
        if positive {
            condition
        } else {
            Condition::not(condition)
        }
    }

    /// Returns the condition of each of its prefixes; nothing for a set that is large, which is looked up faster here.
    fn of_set(&self, end: End, set: &PrefixSet, positive: bool) -> Condition {
        if set.len() > LARGEST_SET {
            return Condition::ALWAYS;
        }
        let mut prefixes: Vec<_> = set.iter().collect();
        // So that a program is always the same.
        prefixes.sort_unstable();
        let each = prefixes.into_iter().map(|prefix| {
            let leaf = |side| Leaf::Host(side, prefix, None);
            self.of_ends(end, positive, leaf)
        });
        if positive {
            Condition::any(each)
        } else {
            Condition::all(each)
        }
    }

    fn of_ends(&self, end: End, positive: bool, leaf: impl Fn(Side) -> Leaf) -> Condition {
        let each = end.sides().iter().map(|side| {
            let leaf = leaf(*side);
            let condition = if positive {
                leaf.condition()
            } else {
                Condition::not(leaf.condition())
            };
            self.with_peerless(&leaf, positive, condition)
        });
        if positive {
            Condition::any(each)
        } else {
            Condition::all(each)
        }
    }

    /// Lets pass the sockets that have no peer here but have one in the kernel, if that makes a difference.
    fn with_peerless(&self, leaf: &Leaf, positive: bool, condition: Condition) -> Condition {
        let concerned = leaf.side() == Side::Peer && leaf.can_be(positive);
        match self.peerless() {
            Some(Peerless::Bound) if concerned => Condition::ALWAYS,
            Some(Peerless::Listening) if concerned && matches!(leaf, Leaf::Host(..)) => {
                Condition::any([condition, Check::AtMost(Side::Peer, 0).into()])
            }
            _ => condition,
        }
    }

    fn in_range(&self) -> Condition {
        let LocalPorts { first, last } = self.local_ports;
        Condition::all([
            Check::AtLeast(Side::Local, first).into(),
            Check::AtMost(Side::Local, last).into(),
        ])
    }

    fn peerless(&self) -> Option<Peerless> {
        let asked = |state| self.states.contains(state);
        if asked(State::BoundInactive) {
            Some(Peerless::Bound)
        } else if asked(State::Listening) || asked(State::Closed) {
            Some(Peerless::Listening)
        } else {
            None
        }
    }

    /// Divides the expression (its opposite) into what the kernel evaluates and what is evaluated here.
    fn split(&self, expr: &Expr, positive: bool) -> Split {
        let several = match expr {
            Expr::Not(expr) => return self.split(expr, !positive),
            Expr::Term(term) => {
                let autobound = Some(true);
                let evaluated = self.of_term(term, positive, autobound) != Condition::ALWAYS;
                return Split {
                    kernel: evaluated.then(|| signed(expr, positive)),
                    rest: (!self.is_exact(term, positive)).then(|| signed(expr, positive)),
                };
            }
            Expr::And(several) | Expr::Or(several) => several,
        };
        let splits = several.iter().map(|expr| self.split(expr, positive));
        let (kernel, rest): (Vec<_>, Vec<_>) =
            splits.map(|split| (split.kernel, split.rest)).unzip();
        if matches!(expr, Expr::And(_)) == positive {
            let all = |several: Vec<Option<Expr>>| join(several.into_iter().flatten(), Expr::And);
            Split {
                kernel: all(kernel),
                rest: all(rest),
            }
        } else {
            // If one of them is left open by the kernel, all are.
            let all_evaluated = kernel.iter().all(Option::is_some);
            let exact = rest.iter().all(Option::is_none);
            Split {
                kernel: join(kernel.into_iter().flatten(), Expr::Or).filter(|_| all_evaluated),
                rest: (!exact).then(|| signed(expr, positive)),
            }
        }
    }

    /// Returns true if the kernel's answer to the term (its opposite) is the one given here: yes, or anything else.
    fn is_exact(&self, term: &Term, positive: bool) -> bool {
        match term {
            // That of the namespace is settled before the kernel is asked.
            Term::Anything { .. } | Term::Device { .. } | Term::Netns { .. } => true,
            Term::Set { set, .. } if set.len() > LARGEST_SET => false,
            Term::Host { end, .. } | Term::Set { end, .. } => {
                *end == End::Local || self.peerless().is_none()
            }
            Term::Port { end, .. } => {
                *end == End::Local || self.peerless() != Some(Peerless::Bound)
            }
            Term::Mark { .. } => self.marks && self.only_full_sockets(),
            Term::Cgroup { .. } => positive || self.only_full_sockets(),
            Term::Autobound => self.only_full_sockets(),
            _ => false,
        }
    }

    fn only_full_sockets(&self) -> bool {
        let other = [State::TimeWait, State::SynRecv, State::FinWait2];
        !other.into_iter().any(|state| self.states.contains(state))
    }
}

/// The number of prefixes up to which the kernel looks for an address among them. It does so one by one, 4 ns each: with so
/// many that takes half as long as to describe every socket and to look it up here.
const LARGEST_SET: usize = 64;

struct Split {
    kernel: Option<Expr>,
    rest: Option<Expr>,
}

/// The requested states in which a socket has no peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peerless {
    /// To the kernel their peer's port is 0; its address may be anything.
    Listening,
    /// To the kernel their peer may be anything.
    Bound,
}

/// A statement about one end.
enum Leaf {
    Host(Side, Prefix, Option<u16>),
    Port(Side, Comparison, u16),
}

impl Leaf {
    const fn side(&self) -> Side {
        match self {
            Self::Host(side, ..) | Self::Port(side, ..) => *side,
        }
    }

    /// Returns the condition as the kernel evaluates it.
    fn condition(&self) -> Condition {
        match *self {
            Self::Host(side, network, port) => {
                let host = |network: Prefix, port| {
                    Condition::from(Check::Host {
                        side,
                        prefix: Some((network.address, network.length)),
                        port,
                    })
                };
                if network.begins_mapped() {
                    Condition::all([host(network, port), Condition::not(host(Prefix::V4, None))])
                } else {
                    host(network, port)
                }
            }
            Self::Port(side, comparison, port) => {
                let at_least = |port| Check::AtLeast(side, port).into();
                let at_most = |port| Check::AtMost(side, port).into();
                match comparison {
                    Comparison::Less => port.checked_sub(1).map_or(Condition::NEVER, at_most),
                    Comparison::LessOrEqual => at_most(port),
                    Comparison::Equal => Condition::from(Check::Host {
                        side,
                        prefix: None,
                        port: Some(port),
                    }),
                    Comparison::GreaterOrEqual => at_least(port),
                    Comparison::Greater => port.checked_add(1).map_or(Condition::NEVER, at_least),
                }
            }
        }
    }

    /// Returns true if it is true (or false) of the peer that is shown here for a socket which has none.
    fn can_be(&self, truth: bool) -> bool {
        let none = [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ];
        none.into_iter().any(|none| {
            truth
                == match *self {
                    Self::Host(_, network, port) => {
                        network.contains(none) && port.is_none_or(|port| port == 0)
                    }
                    Self::Port(_, comparison, port) => comparison.holds(&0, &port),
                }
        })
    }
}

impl Prefix {
    /// Returns true if the mapped addresses are in it to the kernel.
    fn begins_mapped(&self) -> bool {
        let mapped = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().into();
        self.length < 96 && *self == Self::masked(mapped, self.length)
    }
}

impl End {
    const fn sides(self) -> &'static [Side] {
        match self {
            Self::Local => &[Side::Local],
            Self::Peer => &[Side::Peer],
            Self::Either => &[Side::Local, Side::Peer],
        }
    }
}

/// Returns true if nothing that is autobound can be meant.
fn demands_not_autobound(expr: &Expr, positive: bool) -> bool {
    demanded(expr, positive, &|term, positive| {
        (*term == Term::Autobound && !positive).then_some(())
    })
    .is_some()
}

/// Returns the port without which nothing is meant.
fn demanded_port(at: End, expr: &Expr, positive: bool) -> Option<u16> {
    demanded(expr, positive, &|term, positive| match *term {
        Term::Host {
            end,
            port: Some(port),
            ..
        }
        | Term::Port {
            end,
            comparison: Comparison::Equal,
            port,
        } => (positive && end == at && port != 0).then_some(port),
        _ => None,
    })
}

/// Finds something in a term (or the opposite of one) that has to be true if the whole is.
fn demanded<T>(expr: &Expr, positive: bool, find: &impl Fn(&Term, bool) -> Option<T>) -> Option<T> {
    match expr {
        Expr::And(all) if positive => all.iter().find_map(|expr| demanded(expr, positive, find)),
        Expr::Or(all) if !positive => all.iter().find_map(|expr| demanded(expr, positive, find)),
        Expr::And(_) | Expr::Or(_) => None,
        Expr::Not(expr) => demanded(expr, !positive, find),
        Expr::Term(term) => find(term, positive),
    }
}

fn signed(expr: &Expr, positive: bool) -> Expr {
    if positive {
        expr.clone()
    } else {
        Expr::Not(Box::new(expr.clone()))
    }
}

/// Joins all of them in one, without a level of the same kind below.
fn join(several: impl Iterator<Item = Expr>, kind: fn(Vec<Expr>) -> Expr) -> Option<Expr> {
    let mut joined = Vec::new();
    for expr in several {
        match (kind(Vec::new()), expr) {
            (Expr::And(_), Expr::And(inner)) | (Expr::Or(_), Expr::Or(inner)) => {
                joined.extend(inner);
            }
            (_, expr) => joined.push(expr),
        }
    }
    match joined.len() {
        0 | 1 => joined.pop(),
        _ => Some(kind(joined)),
    }
}

#[cfg(test)]
mod tests;
