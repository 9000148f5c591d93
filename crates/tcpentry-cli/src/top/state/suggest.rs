//! Filters for text that is not one: a bare address, port, state or process name.

use std::net::{IpAddr, SocketAddr};

use tcpentry::State;

/// Returns the filter that a word stands for: an address, a port, a state, or else the name of a process. Two words stand
/// for both ends, as the table shows them.
pub(crate) fn filter(text: &str) -> Option<String> {
    let word = text.trim();
    let mut words = word.split_whitespace();
    if let (Some(local), Some(peer), None) = (words.next(), words.next(), words.next()) {
        let is_end = |word: &str| word.parse::<SocketAddr>().is_ok();
        return (is_end(local) && is_end(peer)).then(|| format!("src {local} and dst {peer}"));
    }
    if word.is_empty()
        || word.contains(char::is_whitespace)
        || tcpentry::Filter::starts_with_keyword(word)
    {
        return None;
    }
    if let Ok(port) = word.strip_prefix(':').unwrap_or(word).parse::<u16>() {
        return Some(format!("port = :{port}"));
    }
    let bare = word.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(match address {
            IpAddr::V4(address) => format!("host {address}"),
            IpAddr::V6(address) => format!("host [{address}]"),
        });
    }
    // `host` takes ADDRESS:PORT and ADDRESS/LENGTH unchanged.
    if word.starts_with('[') || word.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(format!("host {word}"));
    }
    if word.to_ascii_lowercase().parse::<State>().is_ok() {
        return Some(format!("state {}", word.to_ascii_lowercase()));
    }
    if word == "localhost" {
        return Some("host localhost".to_owned());
    }
    let is_name = |c: char| c.is_alphanumeric() || "-_.*".contains(c);
    // `pyth` finds python3 too.
    let any_end = if word.ends_with('*') { "" } else { "*" };
    word.chars()
        .all(is_name)
        .then(|| format!("process {word}{any_end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_what_it_looks_like() {
        for (word, meant) in [
            ("nginx", Some("process nginx*")),
            ("ng*x*", Some("process ng*x*")),
            ("localhost", Some("host localhost")),
            (
                "192.0.2.1:443 [::1]:9",
                Some("src 192.0.2.1:443 and dst [::1]:9"),
            ),
            ("443", Some("port = :443")),
            (":443", Some("port = :443")),
            ("10.0.0.1", Some("host 10.0.0.1")),
            ("10.0.0.0/8", Some("host 10.0.0.0/8")),
            ("10.0.0.1:80", Some("host 10.0.0.1:80")),
            ("::1", Some("host [::1]")),
            ("[::1]:80", Some("host [::1]:80")),
            ("CLOSE-WAIT", Some("state close-wait")),
            ("state", None),
            ("dport = :80", None),
            ("a b", None),
            ("", None),
            ("x;y", None),
        ] {
            assert_eq!(filter(word).as_deref(), meant, "{word}");
        }
    }
}
