//! The text of a set: a prefix a line, as blocklists, `ipset` and `nft` have them.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, BufRead, Read as _};

use super::error::{FilterError, Piece, quoted};
use super::prefix::Prefix;
use super::prefix_set::PrefixSet;
use super::syntax::prefix::prefix;

impl PrefixSet {
    /// Reads a set from text to its end: a line each, `ADDRESS` or `ADDRESS/LENGTH`, IPv6 with or without brackets.
    ///
    /// Behind `#` is a comment. Empty lines, spaces around a prefix, CRLF and a byte order mark count for nothing. As in a
    /// filter, bits behind the prefix are cleared (`10.0.0.1/8` is `10.0.0.0/8`), a mapped address is IPv4, `10/8` and
    /// `10.0.0.0/255.0.0.0` are understood, and a prefix of length 0 is every address of its family. What is there twice
    /// is there once.
    ///
    /// ```
    /// use tcpentry::filter::PrefixSet;
    /// let list = "# who is banned\n192.0.2.7\n198.51.100.0/24 # a neighbour\n\n2001:db8::/48\n";
    /// let set = PrefixSet::read(list.as_bytes())?;
    /// assert_eq!(set.len(), 3);
    ///
    /// let error = PrefixSet::read("192.0.2.7\n192.0.2.256\n".as_bytes()).unwrap_err();
    /// assert_eq!(error.to_string(), "line 2, column 1: `192.0.2.256` is not an IPv4 address");
    /// # Ok::<(), tcpentry::filter::PrefixListError>(())
    /// ```
    ///
    /// # Errors
    /// Fails at the first line that is not a prefix, and where reading fails. So that input that never ends is an error, too,
    /// a line has at most 4096 bytes, a set 4,194,304 prefixes, and the whole text 256 MiB.
    pub fn read(input: impl BufRead) -> Result<Self, PrefixListError> {
        Self::read_within(&LIMITS, input)
    }

    fn read_within(limits: &Limits, mut input: impl BufRead) -> Result<Self, PrefixListError> {
        let Limits {
            line: longest_line,
            prefixes: most_prefixes,
            text: longest_text,
        } = *limits;
        let mut set = Self::new();
        let mut line = Vec::new();
        let mut left = longest_text;
        for number in 1.. {
            line.clear();
            let length = input
                .by_ref()
                .take(longest_line + 1)
                .read_until(b'\n', &mut line)
                .map_err(PrefixListError::from_io)?;
            if length == 0 {
                break;
            }
            let at = |column, message: String, hint: Option<&str>| PrefixListError {
                place: Some((number, column)),
                message,
                hint: hint.map(str::to_owned),
                source: None,
            };
            if line.len() as u64 > longest_line {
                return Err(at(1, format!("longer than {longest_line} bytes"), None));
            }
            let Some(rest) = left.checked_sub(length) else {
                let message = format!("the text is longer than {longest_text} bytes");
                return Err(at(1, message, None));
            };
            left = rest;
            let of_filter =
                |error: FilterError| at(error.column() + 1, error.to_string(), error.hint());
            let Some(prefix) = element(&line, number == 1).map_err(of_filter)? else {
                continue;
            };
            set.insert(prefix);
            if set.len() > most_prefixes {
                return Err(at(1, format!("more than {most_prefixes} prefixes"), None));
            }
        }
        Ok(set)
    }
}

/// Parses a line; `None` where it has only a comment.
fn element(line: &[u8], is_first: bool) -> Result<Option<Prefix>, FilterError> {
    // A comment may be in any encoding.
    let end = line.iter().position(|&byte| byte == b'#');
    let text = String::from_utf8_lossy(&line[..end.unwrap_or(line.len())]);
    let mut text = &*text;
    if is_first {
        text = text.strip_prefix('\u{feff}').unwrap_or(text);
    }
    let begun = text.trim_start();
    let column = text.chars().count() - begun.chars().count();
    let text = begun.trim_end();
    if text.is_empty() {
        return Ok(None);
    }
    let piece = Piece { text, column };
    let Some(space) = text.find(char::is_whitespace) else {
        return prefix(piece).map(Some);
    };
    let (first, rest) = piece.split_at(space);
    prefix(first)?;
    let (_, rest) = rest.split_at(rest.text.len() - rest.text.trim_start().len());
    Err(rest
        .error(format!(
            "expected the end of the line after {}, found {}",
            quoted(first.text),
            quoted(rest.text)
        ))
        .with_hint("one prefix per line; a comment begins with `#`"))
}

/// The reason why a text is not a set of prefixes: the line, the column, and what was expected there; or the failure to read it.
#[derive(Debug)]
pub struct PrefixListError {
    place: Option<(u64, usize)>,
    message: String,
    hint: Option<String>,
    source: Option<io::Error>,
}

impl PrefixListError {
    fn from_io(error: io::Error) -> Self {
        Self {
            place: None,
            message: error.to_string(),
            hint: None,
            source: Some(error),
        }
    }

    /// Returns the line, counted from 1; `None` where reading failed.
    pub fn line(&self) -> Option<u64> {
        self.place.map(|(line, _)| line)
    }

    /// Returns the column, in characters, counted from 1.
    pub fn column(&self) -> Option<usize> {
        self.place.map(|(_, column)| column)
    }

    /// Returns the way out.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for PrefixListError {
    /// Writes one line, without the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl StdError for PrefixListError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

/// A longer line is of no list.
struct Limits {
    /// The bytes of a line.
    line: u64,
    /// The prefixes of a set.
    prefixes: usize,
    /// The bytes of the whole text.
    text: usize,
}

/// More than any list has. So many addresses of IPv6 take 142 MB.
const LIMITS: Limits = Limits {
    line: 4096,
    prefixes: 1 << 22,
    text: 256 << 20,
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Vec<String>, String> {
        let set = PrefixSet::read(text.as_ref()).map_err(|error| {
            let hint = error.hint().map(|hint| format!(" ({hint})"));
            format!("{error}{}", hint.unwrap_or_default())
        })?;
        let mut prefixes: Vec<_> = set.iter().collect();
        prefixes.sort_unstable();
        Ok(prefixes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        for (text, prefixes) in [
            ("", &[][..]),
            ("\n\n  \n\t\r\n", &[]),
            ("# 192.0.2.1\n#\n   # x", &[]),
            ("192.0.2.1", &["192.0.2.1"]),
            ("\u{feff}192.0.2.1\r\n", &["192.0.2.1"]),
            ("\u{feff}# a list\n192.0.2.1\n", &["192.0.2.1"]),
            ("  192.0.2.1/32 # one\n", &["192.0.2.1"]),
            ("192.0.2.1#one", &["192.0.2.1"]),
            ("10.1.2.3/8\n10.0.0.0/8", &["10.0.0.0/8"]),
            ("10/8\n172.16/12\n", &["10.0.0.0/8", "172.16.0.0/12"]),
            ("10.0.0.0/255.0.0.0", &["10.0.0.0/8"]),
            ("0.0.0.0/0\n::/0", &["0.0.0.0/0", "::/0"]),
            ("2001:DB8::1/32", &["2001:db8::/32"]),
            ("[2001:db8::1]", &["2001:db8::1"]),
            (
                "[2001:db8::]/32\n[2001:db8:1::/48]",
                &["2001:db8::/32", "2001:db8:1::/48"],
            ),
            (
                "::ffff:192.0.2.1\n192.0.2.1\n[::ffff:192.0.2.1]",
                &["192.0.2.1"],
            ),
            ("::ffff:10.0.0.0/104", &["10.0.0.0/8"]),
            ("[192.0.2.1]", &["192.0.2.1"]),
        ] {
            let read = read(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(read, prefixes, "{text:?}");
        }
        // A comment in another encoding.
        assert_eq!(read(b"192.0.2.1 # M\xfcller\n").unwrap(), ["192.0.2.1"]);
    }

    #[test]
    fn what_is_no_list_says_where_and_what_was_expected() {
        for (text, error) in [
            (
                "192.0.2.1\n192.0.2.256",
                "line 2, column 1: `192.0.2.256` is not an IPv4 address",
            ),
            (
                "\n  192.0.2.0/33 # x",
                "line 2, column 13: expected the length of an IPv4 prefix, from 0 to 32, found `33`",
            ),
            (
                "::/129",
                "line 1, column 4: expected the length of an IPv6 prefix, from 0 to 128, found `129`",
            ),
            (
                "10.0.0.0/",
                "line 1, column 10: expected the length of an IPv4 prefix, from 0 to 32",
            ),
            (
                "10.0.0.0/0.0.0.255",
                "line 1, column 10: `0.0.0.255` is a wildcard mask, not a netmask (did you mean `24`?)",
            ),
            (
                "10.0.0",
                "line 1, column 1: `10.0.0` is only part of an address (did you mean `10.0.0/24`?)",
            ),
            (
                "example.org",
                "line 1, column 1: expected an address or a prefix, found `example.org`",
            ),
            (
                "*",
                "line 1, column 1: expected an address or a prefix, found `*`",
            ),
            (
                "/8",
                "line 1, column 1: expected an address or a prefix, found `/8`",
            ),
            (
                "192.0.2.1:80",
                "line 1, column 1: expected an address or a prefix, found `192.0.2.1:80` (without its port: 192.0.2.1)",
            ),
            (
                "[::1]:80",
                "line 1, column 1: expected an address or a prefix, found `[::1]:80`",
            ),
            (
                "[::1",
                "line 1, column 1: expected an address or a prefix, found `[::1`",
            ),
            (
                "fe80::1%eth0",
                "line 1, column 1: expected an address or a prefix, found `fe80::1%eth0`",
            ),
            (
                "192.0.2.1-192.0.2.9",
                "line 1, column 1: expected an address or a prefix, found `192.0.2.1-192.0.2.9`",
            ),
            (
                "192.0.2.1  192.0.2.2\n",
                "line 1, column 12: expected the end of the line after `192.0.2.1`, found `192.0.2.2` (one prefix per line; a comment begins with `#`)",
            ),
            (
                "192.0.2.1; x",
                "line 1, column 1: expected an address or a prefix, found `192.0.2.1;`",
            ),
            (
                "192.0.2.1\0",
                "line 1, column 1: expected an address or a prefix, found `192.0.2.1\\0`",
            ),
            (
                "192.0.2.1\n\u{feff}192.0.2.2",
                "line 2, column 1: expected an address or a prefix, found `\\u{feff}192.0.2.2`",
            ),
            (
                "<!DOCTYPE html>",
                "line 1, column 1: expected an address or a prefix, found `<!DOCTYPE`",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text:?}");
        }
        let error = read(b"192.0.2.1\n\xff\xfe1\0").unwrap_err();
        assert!(
            error.starts_with("line 2, column 1: expected an address"),
            "{error}"
        );
    }

    #[test]
    fn input_that_never_ends_is_an_error() {
        struct Repeated(&'static [u8], usize);
        impl io::Read for Repeated {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                for byte in &mut *buffer {
                    *byte = self.0[self.1 % self.0.len()];
                    self.1 += 1;
                }
                Ok(buffer.len())
            }
        }
        let limits = Limits {
            text: 1 << 20,
            ..LIMITS
        };
        let read = |text: &'static str| {
            let input = io::BufReader::new(Repeated(text.as_bytes(), 0));
            PrefixSet::read_within(&limits, input)
                .unwrap_err()
                .to_string()
        };
        for text in ["\0", "1", " ", "#"] {
            assert_eq!(read(text), "line 1, column 1: longer than 4096 bytes");
        }
        for text in ["# a comment\n", "192.0.2.1\n", "\n"] {
            assert!(read(text).ends_with("the text is longer than 1048576 bytes"));
        }
    }

    #[test]
    fn a_set_has_an_end() {
        let limits = Limits {
            prefixes: 3,
            ..LIMITS
        };
        let list = "192.0.2.1\n192.0.2.2\n192.0.2.1\n10/8\n";
        let set = PrefixSet::read_within(&limits, list.as_bytes());
        assert_eq!(set.unwrap().len(), 3);
        let longer = format!("{list}::1\n");
        let error = PrefixSet::read_within(&limits, longer.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "line 5, column 1: more than 3 prefixes");
    }

    #[test]
    fn a_failure_to_read_has_no_line() {
        let folder = std::fs::File::open("/").unwrap();
        let error = PrefixSet::read(io::BufReader::new(folder)).unwrap_err();
        assert_eq!((error.line(), error.column()), (None, None));
        assert!(error.to_string().starts_with("Is a directory"));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(v4: Vec<(u32, u8)>, v6: Vec<(u128, u8)>) {
            let v4 = v4.into_iter().map(|(bits, length)| {
                Prefix::masked(std::net::Ipv4Addr::from_bits(bits).into(), length % 33)
            });
            let v6 = v6.into_iter().map(|(bits, length)| {
                Prefix::masked(std::net::Ipv6Addr::from_bits(bits).into(), length % 129)
            });
            let set: PrefixSet = v4.chain(v6).collect();
            let lines: Vec<_> = set.iter().map(|prefix| prefix.to_string()).collect();
            let text = lines.join("\n");
            prop_assert_eq!(PrefixSet::read(text.as_bytes()).unwrap(), set);
        }

        #[test]
        fn any_bytes_are_a_list_or_an_error_of_one_line(bytes: Vec<u8>) {
            if let Err(error) = PrefixSet::read(&bytes[..]) {
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
    }
}
