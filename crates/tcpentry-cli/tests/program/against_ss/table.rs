//! The table as `ss` shows it, without any filter.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::by_ss;
use crate::util::Run;

pub(super) struct Table {
    /// The sockets by cookie.
    pub(super) sockets: HashMap<String, Socket>,
}

#[derive(Debug)]
pub(super) struct Socket {
    /// The kernel's number.
    pub(super) state: u8,
    pub(super) local: IpAddr,
    pub(super) peer: IpAddr,
    pub(super) has_owner: bool,
    pub(super) cgroup: Option<String>,
    /// The answer of `ss` to `autobound`; `None` if it selects it neither by that nor by `not autobound`.
    pub(super) autobound: Option<bool>,
}

impl Table {
    pub(super) fn read() -> Self {
        let listed: Run = std::process::Command::new("ss")
            .args(["-tanHeO"])
            .output()
            .unwrap()
            .into();
        let autobound = by_ss(&["-a", "autobound"]);
        let not_autobound = by_ss(&["-a", "not", "autobound"]);
        let read = |line: &str| {
            let cookie = cookie(line);
            let socket = Socket::read(line, told(&cookie, &autobound, &not_autobound));
            (cookie, socket)
        };
        Self {
            sockets: listed.out.lines().map(read).collect(),
        }
    }
}

fn told(cookie: &str, yes: &BTreeSet<String>, no: &BTreeSet<String>) -> Option<bool> {
    match (yes.contains(cookie), no.contains(cookie)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

impl Socket {
    fn read(line: &str, autobound: Option<bool>) -> Self {
        let words: Vec<_> = line.split_whitespace().collect();
        let [state, _, _, local, peer, ..] = words[..] else {
            panic!("{line}")
        };
        Self {
            state: number(state),
            local: address(local),
            peer: address(peer),
            has_owner: field(line, "ino:") != Some("0"),
            cgroup: field(line, "cgroup:").map(str::to_owned),
            autobound,
        }
    }

    pub(super) fn is_v6(&self) -> bool {
        self.local.is_ipv6()
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.is_v6() && self.local.to_canonical().is_ipv4()
    }

    /// Returns true of what is neither a listener nor a connection: a request, or what is left of a connection.
    pub(super) fn is_mini(&self) -> bool {
        match self.state {
            TIME_WAIT => true,
            SYN_RECV | FIN_WAIT_2 => !self.has_owner,
            _ => false,
        }
    }
}

pub(super) fn cookie(line: &str) -> String {
    field(line, "sk:")
        .unwrap_or_else(|| panic!("{line}"))
        .to_owned()
}

fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split_whitespace()
        .find_map(|word| word.strip_prefix(name))
}

fn number(state: &str) -> u8 {
    let at = STATES.iter().position(|name| *name == state);
    let at = at.unwrap_or_else(|| panic!("ss shows the state {state}"));
    u8::try_from(at + 1).expect("they are few")
}

/// Returns the address of an end, without device and port; `*` is that of a listener for both families.
fn address(end: &str) -> IpAddr {
    let (address, _) = end.rsplit_once(':').unwrap_or_else(|| panic!("{end}"));
    let address = address.split('%').next().unwrap_or_default();
    let address = address.trim_matches(['[', ']']);
    let address = if address == "*" { "::" } else { address };
    address.parse().unwrap_or_else(|_| panic!("{end}"))
}

/// The states as `ss` names them, from number 1 on.
const STATES: [&str; 11] = [
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "UNCONN",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
];
const SYN_RECV: u8 = 3;
const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
