//! `SSH_CONNECTION`: what the operator's shell was given by its server. Anybody can set it, so that it can only add.

use tcpentry::{Endpoint, Pair};

/// Returns the connection it names, as the server sees it.
pub(super) fn connection() -> Option<Pair> {
    parse(&std::env::var("SSH_CONNECTION").ok()?)
}

/// Parses client address, client port, server address, server port.
fn parse(text: &str) -> Option<Pair> {
    let mut words = text.split_ascii_whitespace();
    let mut end = || -> Option<Endpoint> {
        // A link-local address comes with its scope.
        let address = words.next()?.split('%').next()?.parse().ok()?;
        Some(Endpoint::new(address, words.next()?.parse().ok()?))
    };
    let (client, server) = (end()?, end()?);
    Pair::new(server, client).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_the_pair_as_the_server_sees_it() {
        let pair = |text| parse(text).map(|pair| pair.to_string());
        assert_eq!(
            pair("198.51.100.7 51034 192.0.2.1 22").as_deref(),
            Some("192.0.2.1:22 198.51.100.7:51034")
        );
        assert_eq!(
            pair("fe80::2%eth0 51034 fe80::1%eth0 22").as_deref(),
            Some("[fe80::1]:22 [fe80::2]:51034")
        );
        assert_eq!(
            pair("::ffff:198.51.100.7 51034 ::ffff:192.0.2.1 22").as_deref(),
            Some("192.0.2.1:22 198.51.100.7:51034")
        );
        for nonsense in ["", "a b c d", "192.0.2.1 1 2", "192.0.2.1 1 ::1 2"] {
            assert_eq!(pair(nonsense), None);
        }
    }
}
