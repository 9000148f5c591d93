//! Filters that are true of nearly everything: what acts by itself must not take one for a choice.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::expr::{Comparison, End, Expr, Filter, Term};
use super::pattern::Pattern;
use super::prefix::Prefix;
use crate::connection::state::State;

impl Filter {
    /// Returns true where it chooses, and returns false where it is true of nearly every connection.
    ///
    /// These choose: states without ESTABLISHED and LISTEN; an address, a prefix or a set; a port, or a range of at most 4096;
    /// a process, user, unit or container; a device or a mark; a cgroup other than the root; being idle for a minute;
    /// retransmits, a round-trip time above and queues with something in them. Of terms joined by `and` one has to choose, of
    /// those joined by `or` each. The opposite of a choice is none: `not src 192.0.2.1` is nearly everything.
    ///
    /// A network namespace does not choose: it is a place.
    ///
    /// ```
    /// use tcpentry::{Filter, SystemNames, TcpTable};
    /// let table = TcpTable::open()?;
    /// let is_narrow = |text| Filter::parse(text, &SystemNames::new(&table)).map(|filter| filter.is_narrow());
    /// assert!(is_narrow("state close-wait process java")? && is_narrow("dport = :5432")?);
    /// assert!(!is_narrow("state established")? && !is_narrow("dst 0.0.0.0/0 and port > 0")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_narrow(&self) -> bool {
        let usual = [State::Established, State::Listening];
        let by_state = |states: super::States| usual.iter().all(|it| !states.contains(*it));
        self.states.is_some_and(by_state) || self.expr.as_ref().is_some_and(|it| chooses(it, true))
    }
}

/// Returns true where an expression chooses; where its opposite does, if `is_so` is false.
fn chooses(expr: &Expr, is_so: bool) -> bool {
    match (expr, is_so) {
        (Expr::And(all), true) | (Expr::Or(all), false) => {
            all.iter().any(|it| chooses(it, is_so)) || ports_choose(all, is_so)
        }
        (Expr::Or(all), true) | (Expr::And(all), false) => all.iter().all(|it| chooses(it, is_so)),
        (Expr::Not(inner), _) => chooses(inner, !is_so),
        (Expr::Term(term), _) => term_chooses(term, is_so),
    }
}

/// Returns true where comparisons of one end's port, all of which hold, leave a small range.
fn ports_choose(all: &[Expr], is_so: bool) -> bool {
    [End::Local, End::Peer].into_iter().any(|end| {
        let mut left = 0..=u16::MAX.into();
        for expr in all {
            let (expr, is_so) = match expr {
                Expr::Not(inner) => (&**inner, !is_so),
                expr => (expr, is_so),
            };
            if let Expr::Term(Term::Port {
                end: of,
                comparison,
                port,
            }) = expr
            {
                if *of == end {
                    let range = range(*comparison, (*port).into(), is_so);
                    left = *left.start().max(range.start())..=*left.end().min(range.end());
                }
            }
        }
        is_small(left)
    })
}

fn term_chooses(term: &Term, is_so: bool) -> bool {
    let above = |comparison: &Comparison, least: bool| match (comparison, is_so) {
        (Comparison::Greater, true) | (Comparison::LessOrEqual, false) => true,
        (Comparison::GreaterOrEqual | Comparison::Equal, true) | (Comparison::Less, false) => least,
        _ => false,
    };
    match term {
        Term::Port {
            comparison, port, ..
        } => is_small(range(*comparison, (*port).into(), is_so)),
        Term::Idle(comparison, time) => *time >= LONG_IDLE && above(comparison, true),
        Term::Rtt(comparison, time) => above(comparison, !time.is_zero()) && !time.is_zero(),
        Term::Retransmits(comparison, number)
        | Term::SendQueue(comparison, number)
        | Term::ReceiveQueue(comparison, number) => above(comparison, *number > 0),
        // Most sockets have none.
        Term::Mark { value, mask } => *mask != 0 && (*value != 0) == is_so,
        _ if !is_so => false,
        Term::Host { network, port, .. } => port.is_some() || !is_nearly_all(*network),
        Term::Cgroup { path, .. } => path != "/",
        Term::Process(pattern) | Term::Container(pattern) => !is_any(pattern),
        Term::Set { .. }
        | Term::Device { .. }
        | Term::Pid { .. }
        | Term::User { .. }
        | Term::Unit(_) => true,
        Term::Anything { .. } | Term::Autobound | Term::Netns { .. } => false,
    }
}

/// Returns the ports of which a comparison is so, or not so; all of them where those are no range.
fn range(comparison: Comparison, port: u32, is_so: bool) -> RangeInclusive<u32> {
    let all = u32::from(u16::MAX);
    match (comparison, is_so) {
        (Comparison::Equal, true) => port..=port,
        (Comparison::Equal, false) => 0..=all,
        (Comparison::Less, true) | (Comparison::GreaterOrEqual, false) => {
            // No port is less than 0.
            port.checked_sub(1).map_or(0..=0, |last| 0..=last)
        }
        (Comparison::LessOrEqual, true) | (Comparison::Greater, false) => 0..=port,
        (Comparison::GreaterOrEqual, true) | (Comparison::Less, false) => port..=all,
        (Comparison::Greater, true) | (Comparison::LessOrEqual, false) => {
            port.saturating_add(1)..=all
        }
    }
}

fn is_small(ports: RangeInclusive<u32>) -> bool {
    ports.end().saturating_sub(*ports.start()) < MOST_PORTS
}

/// Returns true for so large a part of all addresses as `2000::/3`, in which are all of the internet.
fn is_nearly_all(network: Prefix) -> bool {
    network.length() < SHORTEST_PREFIX
}

/// Returns true for a pattern of stars alone.
fn is_any(pattern: &Pattern) -> bool {
    let text = pattern.text();
    !text.is_empty() && text.bytes().all(|byte| byte == b'*')
}

/// The largest range of ports that is a choice: Kubernetes has 2768 for its services.
const MOST_PORTS: u32 = 4096;
const SHORTEST_PREFIX: u8 = 4;
const LONG_IDLE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::super::testing::texts::FakeNames;
    use super::*;

    #[test]
    fn a_choice_is_told_from_nearly_everything() {
        for (text, is_narrow) in [
            ("state close-wait process java", true),
            ("dport = :5432", true),
            ("state close-wait", true),
            ("state time-wait state fin-wait-2", true),
            ("state established", false),
            ("state all", false),
            ("state connected", false),
            ("state listening", false),
            ("exclude established", false),
            ("exclude established exclude listening", true),
            ("port > 0", false),
            ("sport >= :8000 and sport <= :8010", true),
            ("sport >= :8000 and dport <= :8010", false),
            ("dport ge 30000 and dport le 32767", true),
            ("dport ge 1024", false),
            ("not dport ge 1024", true),
            ("dport < 1024", true),
            ("dport != 443", false),
            ("dport != 443 and sport != 443", false),
            ("not dport != 443", true),
            ("port lt 0", true),
            ("src 192.0.2.1", true),
            ("not src 192.0.2.1", false),
            ("not ( src 192.0.2.1 and dport = :80 )", false),
            ("not ( not src 192.0.2.1 or dport = :80 )", true),
            ("dst 0.0.0.0/0", false),
            ("dst [::]/0", false),
            ("dst [2000::]/3", false),
            ("dst 128.0.0.0/1", false),
            ("dst 10.0.0.0/8", true),
            ("dst 0.0.0.0/0 dport = :22", true),
            ("dst *", false),
            ("dst *:22", true),
            ("dst 10.0.0.0/8 or dst 0.0.0.0/0", false),
            ("dst 10.0.0.0/8 or user root", true),
            ("dst 10.0.0.0/8 and port > 0", true),
            ("process *", false),
            ("process **", false),
            ("process j*", true),
            ("not process java", false),
            ("container *", false),
            ("unit nginx.service", true),
            ("user root", true),
            ("pid 1", true),
            ("netns web", false),
            ("dev eth0", true),
            ("not dev eth0", false),
            ("fwmark = 0", false),
            ("fwmark != 0", true),
            ("fwmark = 0x1/0x1", true),
            ("cgroup /", false),
            ("cgroup /a", true),
            ("autobound", false),
            ("not autobound", false),
            ("idle gt 10m", true),
            ("idle ge 0s", false),
            ("idle gt 1s", false),
            ("idle lt 10m", false),
            ("not idle lt 10m", true),
            ("rtt gt 200ms", true),
            ("rtt gt 0", false),
            ("rtt lt 200ms", false),
            ("retrans gt 0", true),
            ("retrans ge 0", false),
            ("retrans = 0", false),
            ("recvq gt 0", true),
            ("sendq lt 1M", false),
        ] {
            let filter =
                Filter::parse(text, &FakeNames).unwrap_or_else(|it| panic!("{text}: {it}"));
            assert_eq!(filter.is_narrow(), is_narrow, "{text}");
        }
    }
}
