//! `delete --id HOST/ID`: each identity goes to its host, and to no other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead};

use serde::Deserialize;
use tcpentry::Identity;

use super::{FleetDeletion, interrupted, refuse_for_names, task};
use crate::command::delete::{only_for_filters, target};
use crate::exit::Exit;
use crate::message::{notice, print_error};
use crate::remote::report::FleetReport;
use crate::remote::words::{Supervised, remote_words};

/// The identities for each host, by its index.
pub(super) type Routed = BTreeMap<usize, Vec<Identity>>;

impl FleetDeletion<'_> {
    /// Deletes what identities name.
    pub(super) fn by_identities(&self) -> Exit {
        if let Some(option) = only_for_filters(self.args) {
            return refuse_for_names(option);
        }
        let words = self.args.id.iter().chain(&self.args.words);
        let routed = match read(words, self.hosts, &mut io::stdin().lock()) {
            Ok(routed) => routed,
            Err(error) => {
                print_error(&error);
                return Exit::Usage;
            }
        };
        let count: usize = routed.values().map(Vec::len).sum();
        if let Some(max) = self.args.max.filter(|max| count as u64 > *max) {
            notice(&format!(
                "refused: {count} connections are named, more than --max {max}; nothing was deleted"
            ));
            return Exit::Guarded;
        }
        let mut report = FleetReport::new(self.args, &self.form());
        match self.delete_identities(&routed, self.args.yes, &mut report, |_, _| {}) {
            Ok(()) => report.end(),
            Err(exit) => interrupted(report, exit),
        }
    }

    /// Deletes these; `before` is called with the report and the index of a host before what comes of that host.
    pub(super) fn delete_identities(
        &self,
        routed: &Routed,
        yes: bool,
        report: &mut FleetReport,
        mut before: impl FnMut(&mut FleetReport, usize),
    ) -> Result<(), Exit> {
        let mut options = ["--json", "--id", "-"].map(str::to_owned).to_vec();
        if self.args.dry_run {
            options.push("--dry-run".to_owned());
        }
        if yes {
            options.push("--yes".to_owned());
        }
        options.extend(self.options(&OF_FILTERS));
        let words = remote_words("delete", options, &[]);
        let tasks = routed.iter().map(|(index, identities)| {
            let mut lines = String::new();
            for identity in identities {
                // Writing to memory can't fail.
                let _ = writeln!(lines, "{identity}");
            }
            task(
                &self.hosts[*index],
                &Supervised::new(&words, lines.as_bytes()),
            )
        });
        let indices: Vec<_> = routed.keys().copied().collect();
        self.delete(tasks.collect(), report, |report, task| {
            before(report, indices[task]);
        })
    }
}

/// Reads identities; `-` stands for those of standard input.
fn read<'w>(
    words: impl Iterator<Item = &'w String>,
    hosts: &[String],
    input: &mut dyn BufRead,
) -> Result<Routed, String> {
    let mut routed = Routed::new();
    for word in words {
        if word == "-" {
            read_lines(input, hosts, &mut routed)?;
        } else {
            let (host, identity) = split(word, hosts)?;
            routed.entry(host).or_default().push(identity);
        }
    }
    Ok(routed)
}

/// Splits `HOST/ID` into the index of the host and the identity. With a single host, there is one that is meant without it.
fn split(word: &str, hosts: &[String]) -> Result<(usize, Identity), String> {
    let of_host = |(index, host): (usize, &String)| {
        let identity = word.strip_prefix(host.as_str())?.strip_prefix('/')?;
        Some((index, identity.parse().ok()?))
    };
    if let Some(found) = hosts.iter().enumerate().find_map(of_host) {
        return Ok(found);
    }
    let shown = word.escape_debug();
    match word.parse::<Identity>() {
        Ok(identity) if hosts.len() == 1 => Ok((0, identity)),
        Ok(_) => Err(format!(
            "`{shown}` does not say which host it is of; expected HOST/ID"
        )),
        Err(error) => {
            let named = hosts.iter().any(|host| {
                word.strip_prefix(host.as_str())
                    .is_some_and(|it| it.starts_with('/'))
            });
            Err(if named {
                format!("`{shown}` is not HOST/ID: {error}")
            } else {
                format!("`{shown}` is not HOST/ID of one of the hosts of --on")
            })
        }
    }
}

/// The part of a line of JSON that says what it is about.
#[derive(Deserialize)]
struct NamedObject {
    host: Option<String>,
    id: Option<String>,
}

/// Reads identities, or objects with `host` and `id`, one a line.
fn read_lines(
    input: &mut dyn BufRead,
    hosts: &[String],
    routed: &mut Routed,
) -> Result<(), String> {
    target::each_line(input, MAX_LINE, |text| {
        let word = if text.starts_with('{') {
            let object: NamedObject =
                serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
            let id = object.id.ok_or("the object has no `id`")?;
            match object.host {
                Some(host) => format!("{host}/{id}"),
                None => id,
            }
        } else {
            text.to_owned()
        };
        let (host, identity) = split(&word, hosts)?;
        routed.entry(host).or_default().push(identity);
        Ok(())
    })
}

/// The longest line that is read: an object of `list` names all holders.
const MAX_LINE: u64 = 1024 * 1024;
/// The options that mean nothing where connections are named.
const OF_FILTERS: [&str; 10] = [
    "-4",
    "--ipv4",
    "-6",
    "--ipv6",
    "-l",
    "--listening",
    "-a",
    "--all",
    "--sample",
    "--seed",
];

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1/0b7b7ad56e244a0f9b9ae1ccbc5d0f1d/c1/3001/0/127.0.0.1,80/127.0.0.1,51034";

    fn routed(hosts: &[&str], words: &[&str], input: &str) -> Result<Vec<(usize, usize)>, String> {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let routed = read(words.iter(), &hosts, &mut input.as_bytes())?;
        Ok(routed
            .into_iter()
            .map(|(host, all)| (host, all.len()))
            .collect())
    }

    #[test]
    fn each_goes_to_its_host() {
        let (a, b) = (format!("a/{ID}"), format!("ssh://me@b:22/{ID}"));
        let hosts = ["a", "ssh://me@b:22"];
        assert_eq!(routed(&hosts, &[&a], "").unwrap(), [(0, 1)]);
        assert_eq!(routed(&hosts, &[&b, &a, &a], "").unwrap(), [(0, 2), (1, 1)]);
        let input = format!("{b}\n\n{{\"host\":\"a\",\"id\":\"{ID}\"}}\n {{\"id\":\"{a}\"}}\n");
        assert_eq!(routed(&hosts, &["-"], &input).unwrap(), [(0, 2), (1, 1)]);
        assert_eq!(routed(&["a"], &[ID], "").unwrap(), [(0, 1)]);
    }

    #[test]
    fn one_that_names_no_host_of_these_goes_nowhere() {
        let hosts = ["a", "b"];
        for (word, input, part) in [
            (ID, "", "does not say which host"),
            (&*format!("c/{ID}"), "", "one of the hosts"),
            (&*format!("aa/{ID}"), "", "one of the hosts"),
            ("a/1/x", "", "is not HOST/ID"),
            (
                "-",
                &*format!("{{\"host\":\"c\",\"id\":\"{ID}\"}}"),
                "line 1",
            ),
            ("-", "{\"host\":\"a\"}", "no `id`"),
            ("-", "{\"host\":\"a\",\"id\":1}", "not JSON"),
            ("-", "\nnonsense\n", "line 2"),
        ] {
            let error = routed(&hosts, &[word], input).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
