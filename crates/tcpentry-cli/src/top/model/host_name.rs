//! The name of a host: text from whoever answers for its address, and never to be taken for an address.

use std::fmt;
use std::sync::Arc;

use tcpentry::escape::escape_for_terminal;

/// A name that a resolver has given to an address.
///
/// Escaped. In quotes where, cut or at a glance, it could be read as an address, or is not made of what host names are made
/// of.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct HostName(Arc<str>);

impl HostName {
    /// Returns the name as it is shown; `None` for what is no name: nothing, a number or an address, or longer than DNS
    /// permits.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.len() > MAX_LENGTH || is_number(name) {
            return None;
        }
        let escaped = escape_for_terminal(name.as_bytes());
        let shown = if is_unmistakable(name) {
            escaped
        } else {
            format!("\"{}\"", escaped.replace('"', "\\\""))
        };
        Some(Self(shown.into()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true for what is all digits and punctuation, as an IPv4 address, or is an IPv6 address.
fn is_number(name: &str) -> bool {
    let bare = name.trim_start_matches('[');
    let bare = bare.split([']', '%']).next().unwrap_or_default();
    !name.chars().any(char::is_alphabetic) || bare.parse::<std::net::IpAddr>().is_ok()
}

/// Returns true for a name as host names are, of which each part begins with a letter: no address does, however it is cut.
fn is_unmistakable(name: &str) -> bool {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.split('.').all(|label| {
        label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && label.chars().all(is_of_names)
    })
}

/// The length of the longest name in DNS.
const MAX_LENGTH: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_taken_for_an_address() {
        let longest = format!("a{}", "b".repeat(MAX_LENGTH - 1));
        for (name, shown) in [
            ("www.example.com", "www.example.com"),
            ("www.example.com.", "www.example.com"),
            ("db1", "db1"),
            ("_gateway", "_gateway"),
            ("xn--p1ai.example", "xn--p1ai.example"),
            (&*longest, &*longest),
            (
                "7.100.51.198.static.example",
                "\"7.100.51.198.static.example\"",
            ),
            ("10.0.0.1.a", "\"10.0.0.1.a\""),
            ("3com.example", "\"3com.example\""),
            ("host.4you.example", "\"host.4you.example\""),
            ("a b", "\"a b\""),
            ("a:443", "\"a:443\""),
            ("a..b", "\"a..b\""),
            ("a\"b", "\"a\\\"b\""),
            ("a\\b", "\"a\\\\b\""),
            ("\u{1b}[2Ja", "\"\\u{1b}[2Ja\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            // Digits of another script.
            ("\u{ff11}\u{ff10}.a", "\"\u{ff11}\u{ff10}.a\""),
            ("0x7f.1", "\"0x7f.1\""),
        ] {
            let is = HostName::of(name).map(|name| name.to_string());
            assert_eq!(is.as_deref(), Some(shown), "{name}");
        }
        let too_long = format!("{longest}c");
        for name in [
            "",
            ".",
            "10.0.0.1",
            "10.0.0.1.",
            "1",
            "::1",
            "fe80::a",
            "[fe80::a]",
            "fe80::a%eth0",
            "::ffff:10.0.0.1",
            "-",
            &too_long,
            "\u{ff11}\u{ff10}",
        ] {
            assert_eq!(HostName::of(name), None, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_resolver_says_is_plain_text_and_no_address(name in "[0-9a-f:.\\[\\]%\\PC\u{1b}\u{9b}\n\"]{0,40}") {
            if let Some(shown) = HostName::of(&name) {
                let shown = shown.to_string();
                proptest::prop_assert!(shown.chars().all(tcpentry::escape::is_plain), "{shown}");
                proptest::prop_assert!(!shown.starts_with(|c: char| c.is_ascii_digit() || c == '['), "{shown}");
                proptest::prop_assert!(shown.parse::<std::net::IpAddr>().is_err());
            }
        }
    }
}
