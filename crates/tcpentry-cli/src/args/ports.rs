//! Lists of ports as firewalls and ban daemons write them: `ssh,80,8000:8010,9000-9010`.

use std::ops::RangeInclusive;
use std::str::FromStr;

use tcpentry::SystemNames;

/// A list of ports and of ranges of ports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PortList {
    text: String,
    ranges: Vec<RangeInclusive<u16>>,
}

impl PortList {
    pub(crate) fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|range| range.contains(&port))
    }

    /// Returns true where no connection has another port.
    pub(crate) fn is_every(&self) -> bool {
        (1..=u16::MAX).all(|port| self.contains(port))
    }

    /// Returns the words of a filter for connections to these ports of this host.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec!["(".to_owned()];
        for (index, range) in self.ranges.iter().enumerate() {
            if index > 0 {
                words.push("or".to_owned());
            }
            let (first, last) = (range.start(), range.end());
            let term = if first == last {
                format!("sport = :{first}")
            } else {
                format!("( sport ge :{first} and sport le :{last} )")
            };
            words.extend(term.split(' ').map(str::to_owned));
        }
        words.push(")".to_owned());
        words
    }

    /// Returns the list as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for PortList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ranges: Result<_, String> = text.split(',').map(|part| range(part.trim())).collect();
        Ok(Self {
            text: text.to_owned(),
            ranges: ranges?,
        })
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    // A name may have a `-` in it.
    if let Some(port) = port(text) {
        return Ok(port..=port);
    }
    let ends = text.split_once(':').or_else(|| text.split_once('-'));
    let ends = ends.map(|(first, last)| (port(first.trim()), port(last.trim())));
    match ends {
        Some((Some(first), Some(last))) if first <= last => Ok(first..=last),
        Some((Some(first), Some(last))) => Err(format!(
            "the range {first}:{last} is empty: the smaller port comes first"
        )),
        _ if text.is_empty() => Err("expected a port between the commas".to_owned()),
        _ => Err(format!(
            "`{}` is not a port, a range of ports, or a TCP service in /etc/services",
            text.escape_debug()
        )),
    }
}

fn port(text: &str) -> Option<u16> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return text.parse().ok();
    }
    SystemNames::service_port(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_firewalls_write_them() {
        for (text, inside, outside) in [
            ("ssh", &[22][..], &[21, 23][..]),
            ("2222", &[2222], &[22]),
            ("http,https", &[80, 443], &[81]),
            (
                "80,443,1000:2000",
                &[80, 443, 1000, 1500, 2000],
                &[999, 2001],
            ),
            ("ssh, 8000-8010", &[22, 8000, 8010], &[8011]),
            ("0:65535", &[0, 22, 65535], &[]),
            ("8000:8000", &[8000], &[8001]),
            ("ftp-data", &[20], &[21]),
        ] {
            let list: PortList = text.parse().unwrap();
            assert!(inside.iter().all(|port| list.contains(*port)), "{text}");
            assert!(!outside.iter().any(|port| list.contains(*port)), "{text}");
        }
        for (text, is_every) in [
            ("0:65535", true),
            ("1:1024,1025-65535", true),
            ("2:65535", false),
            ("1:1024,1026:65535", false),
        ] {
            assert_eq!(text.parse::<PortList>().unwrap().is_every(), is_every);
        }
        for text in [
            "",
            ",",
            "80,",
            "65536",
            "-1",
            "80:",
            ":80",
            "90:80",
            "no-such-service",
            "80/tcp",
            "8 0",
            "1-2-3",
            "80;81",
        ] {
            assert!(text.parse::<PortList>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_is_a_filter() {
        let list: PortList = "22,8000:8010".parse().unwrap();
        assert_eq!(
            list.words().join(" "),
            "( sport = :22 or ( sport ge :8000 and sport le :8010 ) )"
        );
    }
}
