//! Rows of other tools, pasted: both ends of the connection that a row shows.

use tcpentry::{ScopedEndpoint, State};

/// Both ends of a row, the local one first, as they stand in it.
pub(crate) type Ends = [String; 2];

/// Returns both ends of a row of ss, netstat, sockstat, lsof or of this program; also of `A->B` and `A B` in one word.
pub(crate) fn ends(words: &[String]) -> Option<Ends> {
    let split: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    if let Some(ends) = joined(&split) {
        return Some(ends);
    }
    if let Some(ends) = split.iter().find_map(|word| of_arrow(word)) {
        return (split.len() == 1 || split.contains(&"TCP")).then_some(ends);
    }
    let is_one_word = words.len() == 1 && split.len() == 2;
    if !is_one_word && !begins_row(&split) {
        return None;
    }
    let colons = split.first().is_some_and(|first| *first == "tcp6");
    let ends = split
        .iter()
        .map(|word| if colons { end(word) } else { plain(word) });
    let found: Vec<_> = ends
        .enumerate()
        .filter_map(|(at, end)| Some((at, end?)))
        .collect();
    match &found[..] {
        [(first, local), (second, peer)] if *second == first + 1 => {
            Some([local.clone(), peer.clone()])
        }
        _ => None,
    }
}

/// Returns both ends of what conntrack and tcpdump print, where it is not known which of them is here.
pub(crate) fn either_way(words: &[String]) -> Option<Ends> {
    let split: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    if let Some(ends) = of_tcpdump(&split) {
        return Some(ends);
    }
    let first = |key: &str| split.iter().find_map(|word| word.strip_prefix(key));
    let one = endpoint(first("src=")?, first("sport=")?);
    let other = endpoint(first("dst=")?, first("dport=")?);
    let ends = [one, other];
    ends.iter()
        .all(|end| end.parse::<ScopedEndpoint>().is_ok())
        .then_some(ends)
}

/// Returns both ends of `A -> B` in several words, of `A to B`, of `A, B`.
fn joined(words: &[&str]) -> Option<Ends> {
    let (local, peer) = match words {
        ["from", local, "to", peer]
        | [local, "->" | "-->" | "<->" | "→" | "=>" | "to" | ",", peer] => (*local, *peer),
        [local, peer] => (local.strip_suffix(',')?, *peer),
        [both] => both.split_once(',')?,
        _ => return None,
    };
    Some([plain(local)?, plain(peer)?])
}

/// Returns both ends of `IP 192.0.2.1.80 > 198.51.100.7.51034: Flags [.]`.
fn of_tcpdump(words: &[&str]) -> Option<Ends> {
    let at = words.iter().position(|word| *word == ">")?;
    let end = |word: &str| {
        let end = word.parse::<ScopedEndpoint>().ok()?;
        Some(end.to_string())
    };
    let from = words.get(at.checked_sub(1)?)?;
    let to = words.get(at + 1)?;
    Some([end(from)?, end(to.strip_suffix(':').unwrap_or(to))?])
}

/// Returns both ends of a row of lsof without `-n` or `-P`: names where others have numbers.
pub(crate) fn named_ends(words: &[String]) -> Option<Ends> {
    let split: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    let (local, peer) = split.iter().find_map(|word| word.split_once("->"))?;
    let is_named = |end: &str| {
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]%".contains(&byte);
        end.rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && !port.is_empty())
            && end.bytes().all(in_name)
    };
    let is_row = split.len() == 1 || split.contains(&"TCP");
    (is_row && is_named(local) && is_named(peer)).then(|| [local, peer].map(str::to_owned))
}

/// Returns the term that selects the listener of a row of lsof, and its value.
pub(crate) fn listener(words: &[String]) -> Option<(&'static str, String)> {
    let split: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    let [.., "TCP", end, "(LISTEN)"] = &split[..] else {
        return None;
    };
    Some(match end.strip_prefix("*:") {
        Some(port) => ("sport", port.to_owned()),
        None => ("src", (*end).to_owned()),
    })
}

/// Returns true for a row of UDP or another protocol.
pub(crate) fn is_foreign(words: &[String]) -> bool {
    let first = words.iter().flat_map(|word| word.split_whitespace()).next();
    first.is_some_and(|first| OTHER_PROTOCOLS.contains(&first))
}

/// Returns true for the first word of a row: a state, the protocol, or the columns that lsof and sockstat have first.
fn begins_row(words: &[&str]) -> bool {
    let [first, .., _, _] = words else {
        return false;
    };
    is_state(first) || first.starts_with("tcp") || words.contains(&"TCP") || {
        // USER COMMAND PID FD PROTO
        words
            .get(4)
            .is_some_and(|word| matches!(*word, "tcp4" | "tcp6" | "tcp46"))
    }
}

pub(crate) fn is_state(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.parse::<State>().is_ok() || FOREIGN_STATES.contains(&word.as_str())
}

/// Returns the ends of `A->B`.
fn of_arrow(word: &str) -> Option<Ends> {
    let (local, peer) = word.split_once("->")?;
    Some([plain(local)?, plain(peer)?])
}

/// Returns an end where the word is one; also an IPv6 address without brackets before its port, as netstat prints it.
pub(crate) fn end(word: &str) -> Option<String> {
    plain(word).or_else(|| {
        let (address, port) = word.rsplit_once(':')?;
        plain(&endpoint(address, port))
    })
}

fn plain(word: &str) -> Option<String> {
    word.parse::<ScopedEndpoint>().ok().map(|_| word.to_owned())
}

/// Joins an address and a port.
pub(crate) fn endpoint(address: &str, port: &str) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

/// The names that netstat and others have for states with another name here.
const FOREIGN_STATES: [&str; 9] = [
    "estab",
    "listen",
    "unconn",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close_wait",
    "last_ack",
    "syn_sent",
];

const OTHER_PROTOCOLS: [&str; 12] = [
    "udp", "udp4", "udp6", "udplite", "unix", "u_str", "u_dgr", "raw", "raw6", "icmp", "nl",
    "p_raw",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
        ends(&words).map(|ends| ends.join(" "))
    }

    #[test]
    fn rows_that_tools_print() {
        for row in [
            "ESTAB 0 0 127.0.0.1:80 127.0.0.1:500",
            "ESTAB 0 0 127.0.0.1:80 127.0.0.1:500 users:((\"a\",pid=1,fd=3))",
            "ESTAB 0 0 127.0.0.1:80 127.0.0.1:500 timer:(keepalive,12sec,0) uid:3 ino:5 sk:1 <->",
            "established 0 0 127.0.0.1:80 127.0.0.1:500",
            "tcp ESTAB 0 0 127.0.0.1:80 127.0.0.1:500",
            "tcp 0 0 127.0.0.1:80 127.0.0.1:500 ESTABLISHED",
            "tcp 0 0 127.0.0.1:80 127.0.0.1:500 ESTABLISHED 123/nginx",
            "tcp4 0 0 127.0.0.1.80 127.0.0.1.500 ESTABLISHED",
            "root sshd 123 3 tcp4 127.0.0.1:80 127.0.0.1:500",
            "sshd 123 root 3u IPv4 4711 0t0 TCP 127.0.0.1:80->127.0.0.1:500 (ESTABLISHED)",
            "127.0.0.1:80->127.0.0.1:500",
            "[::ffff:127.0.0.1]:80->127.0.0.1:500",
        ] {
            let ends = read(row).unwrap_or_else(|| panic!("{row}"));
            let mut ends = ends
                .split(' ')
                .map(|end| end.parse::<ScopedEndpoint>().unwrap());
            assert_eq!(ends.next().unwrap().to_string(), "127.0.0.1:80", "{row}");
            assert_eq!(ends.next().unwrap().to_string(), "127.0.0.1:500", "{row}");
        }
        let netstat = "tcp6 0 0 ::1:80 fe80::2:500 ESTABLISHED";
        assert_eq!(read(netstat).as_deref(), Some("[::1]:80 [fe80::2]:500"));
        assert_eq!(
            ends(&["127.0.0.1:80 127.0.0.1:500".to_owned()]).unwrap()[0],
            "127.0.0.1:80"
        );
    }

    #[test]
    fn what_is_no_row() {
        for text in [
            "127.0.0.1:80 127.0.0.1:500",
            "state established dst 127.0.0.1:80",
            "udp 0 0 127.0.0.1:80 127.0.0.1:500",
            "ESTAB 0 0 127.0.0.1:80",
            "ESTAB 127.0.0.1:80 127.0.0.1:500 127.0.0.1:80 127.0.0.1:500",
            "ESTAB 127.0.0.1:80 0 127.0.0.1:500",
            "a->b",
            "x 127.0.0.1:80->127.0.0.1:500",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
