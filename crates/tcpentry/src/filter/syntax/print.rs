//! The canonical text of a filter: words for what a shell would take for itself, one spelling each.

use std::fmt;
use std::time::Duration;

use super::keywords::{GROUPS, is_word};
use super::lex::{Kind, lex};
use super::number::{SIZE_UNITS, TIME_UNITS};
use crate::connection::state::States;
use crate::filter::expr::Filter;
use crate::filter::expr::{Comparison, End, Expr, Term};
use crate::filter::prefix::Prefix;

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(states) = self.states {
            f.write_str(&clauses(states))?;
        }
        match &self.expr {
            None => Ok(()),
            Some(expr) if self.states.is_none() => write!(f, "{expr}"),
            // Without them it could be asked whether the states bound all of it.
            Some(expr @ Expr::Or(_)) => write!(f, " ( {expr} )"),
            Some(expr) => write!(f, " {expr}"),
        }
    }
}

/// Returns the fewest clauses that make the set, from a group or from nothing.
fn clauses(states: States) -> String {
    if states == States::NONE {
        return "exclude all".to_owned();
    }
    let from = |start: Option<(&str, States)>| {
        let (name, base) = start.unzip();
        let base = base.unwrap_or(States::NONE);
        let added: Vec<_> = states.difference(base).iter().collect();
        let removed: Vec<_> = base.difference(states).iter().collect();
        // Exclusion alone begins with all.
        let name = name.filter(|name| *name != "all" || !added.is_empty() || removed.is_empty());
        let mut clauses: Vec<_> = name
            .map(|name| format!("state {name}"))
            .into_iter()
            .collect();
        clauses.extend(added.iter().map(|state| format!("state {state}")));
        clauses.extend(removed.iter().map(|state| format!("exclude {state}")));
        clauses
    };
    std::iter::once(None)
        .chain(GROUPS.into_iter().map(Some))
        .map(from)
        .min_by_key(Vec::len)
        .map(|clauses| clauses.join(" "))
        .unwrap_or_default()
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => list(f, all, " and "),
            Self::Or(any) => list(f, any, " or "),
            Self::Not(expr) => {
                f.write_str("not ")?;
                operand(f, expr)
            }
            Self::Term(term) => write!(f, "{term}"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, exprs: &[Expr], separator: &str) -> fmt::Result {
    for (position, expr) in exprs.iter().enumerate() {
        if position > 0 {
            f.write_str(separator)?;
        }
        operand(f, expr)?;
    }
    Ok(())
}

fn operand(f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
    match expr {
        Expr::And(_) | Expr::Or(_) => write!(f, "( {expr} )"),
        Expr::Not(_) | Expr::Term(_) => write!(f, "{expr}"),
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { end, network, port } => {
                write!(f, "{} {}", end.host(), PrintedAddress(*network))?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Set { end, name, .. } => write!(f, "{} @{name}", end.host()),
            Self::Port {
                end,
                comparison,
                port,
            } => write!(f, "{} {comparison} :{port}", end.port()),
            Self::Anything { end } => write!(f, "{} *", end.host()),
            Self::Device { name, .. } => write!(f, "dev {}", QuotedName(name)),
            Self::Mark {
                value,
                mask: u32::MAX,
            } => write!(f, "fwmark {value:#x}"),
            Self::Mark { value, mask } => write!(f, "fwmark {value:#x}/{mask:#x}"),
            Self::Cgroup { path, .. } => write!(f, "cgroup {}", QuotedName(path)),
            Self::Autobound => f.write_str("autobound"),
            Self::Pid { pid, .. } => write!(f, "pid {pid}"),
            Self::Process(pattern) => write!(f, "process {}", QuotedName(pattern.text())),
            Self::User { name, .. } => write!(f, "user {}", QuotedName(name)),
            Self::Netns { name, .. } => write!(f, "netns {}", QuotedName(name)),
            Self::Unit(name) => write!(f, "unit {}", QuotedName(name)),
            Self::Container(pattern) => write!(f, "container {}", QuotedName(pattern.text())),
            Self::Idle(comparison, time) => write!(f, "idle {comparison} {}", Time(*time)),
            Self::Rtt(comparison, time) => write!(f, "rtt {comparison} {}", Time(*time)),
            Self::Retransmits(comparison, count) => write!(f, "retrans {comparison} {count}"),
            Self::SendQueue(comparison, size) => write!(f, "sendq {comparison} {}", Size(*size)),
            Self::ReceiveQueue(comparison, size) => {
                write!(f, "recvq {comparison} {}", Size(*size))
            }
        }
    }
}

impl End {
    /// Returns the keyword of its address.
    pub(super) const fn host(self) -> &'static str {
        match self {
            Self::Local => "src",
            Self::Peer => "dst",
            Self::Either => "host",
        }
    }

    /// Returns the keyword of its port.
    pub(super) const fn port(self) -> &'static str {
        match self {
            Self::Local => "sport",
            Self::Peer => "dport",
            Self::Either => "port",
        }
    }
}

/// A prefix as it stands in a filter.
struct PrintedAddress(Prefix);

impl fmt::Display for PrintedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(prefix) = self;
        if prefix.address().is_ipv4() {
            write!(f, "{prefix}")
        } else {
            // The only place for the length where ss 6.1 takes it.
            write!(f, "[{prefix}]")
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "lt",
            Self::LessOrEqual => "le",
            Self::Equal => "=",
            Self::GreaterOrEqual => "ge",
            Self::Greater => "gt",
        })
    }
}

/// A name, in quotes where it would be read as something else.
pub(super) struct QuotedName<'n>(pub(super) &'n str);

impl fmt::Display for QuotedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        let bare = lex(name).is_ok_and(|tokens| {
            matches!(tokens[..], [token] if token.kind == Kind::Word(name)) && !is_word(name)
        });
        match name {
            name if bare => f.write_str(name),
            name if name.contains(['"', '\\']) && !name.contains('\'') => write!(f, "'{name}'"),
            name => write!(f, "\"{}\"", name.replace('\\', r"\\").replace('"', "\\\"")),
        }
    }
}

/// A time in the largest unit that says it in a whole number.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let unit = TIME_UNITS
            .into_iter()
            .rev()
            .find(|(_, unit)| micros % u128::from(*unit) == 0);
        match unit {
            Some((name, unit)) if micros > 0 => write!(f, "{}{name}", micros / u128::from(unit)),
            _ => write!(f, "{micros}"),
        }
    }
}

/// A number of bytes, likewise.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let unit = SIZE_UNITS
            .into_iter()
            .rev()
            .find(|(_, unit)| bytes % unit == 0);
        match unit {
            Some((name, unit)) if bytes > 0 => write!(f, "{}{name}", bytes / unit),
            _ => write!(f, "{bytes}"),
        }
    }
}
