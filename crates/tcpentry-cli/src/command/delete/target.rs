//! The operands of `delete` in the tables: both ends of a connection, identities from words and standard input, or a filter.

use std::collections::HashSet;
use std::io::{self, BufRead, Read as _};

use tcpentry::{Identity, ScopedEndpoint, Target};

use crate::args::answer::Answer;
use crate::args::operands::{Purpose, Words, words};
use crate::tables::NamespaceTable;

/// The meaning of the words.
#[derive(Debug)]
pub(crate) enum Operands {
    /// Connections that are named exactly.
    Names(Vec<NamedTarget>),
    /// The words of a filter.
    Filter(Vec<String>),
}

/// One exact name: its meaning in each table where it has one, with the index of the table. Never empty.
#[derive(Debug)]
pub(crate) struct NamedTarget(pub(crate) Vec<(usize, Target)>);

/// Parses the words of a command, or says why they make no sense; a bare number is a pid rather than a port where the purpose says so.
///
/// Everything is read before anything is returned: one bad identity among thousands means that
/// nothing is tried.
pub(crate) fn read(
    given: &[String],
    ids: &[String],
    purpose: Purpose,
    tables: &[NamespaceTable],
    input: &mut dyn BufRead,
) -> Result<Operands, Answer> {
    if !ids.is_empty() {
        let mut targets = identities(given, ids, input).map_err(Answer::new)?;
        // A socket that is named twice is one socket.
        let mut seen = HashSet::new();
        targets.retain(|target| match target {
            Target::Identity(identity) => seen.insert(*identity),
            _ => true,
        });
        let named = targets
            .into_iter()
            .map(|target| in_its_namespace(target, tables));
        return Ok(Operands::Names(named.collect()));
    }
    match words(given, purpose)? {
        Words::Filter(words) => Ok(Operands::Filter(words)),
        Words::Ends(local, peer) => {
            let named = in_tables(&local, &peer, tables).map_err(Answer::new)?;
            Ok(Operands::Names(vec![named]))
        }
    }
}

/// Returns the meaning of an identity in its own namespace; where that is not read, any table refuses it.
fn in_its_namespace(target: Target, tables: &[NamespaceTable]) -> NamedTarget {
    let index = tables.iter().position(
        |table| matches!(&target, Target::Identity(identity) if identity.netns == table.table.netns()),
    );
    NamedTarget(vec![(index.unwrap_or_default(), target)])
}

fn identities(
    words: &[String],
    ids: &[String],
    input: &mut dyn BufRead,
) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for word in ids.iter().chain(words) {
        if word == "-" {
            read_lines(input, &mut targets)?;
        } else {
            targets.push(identity(word)?);
        }
    }
    Ok(targets)
}

/// Looks up the devices of both ends in each table.
fn in_tables(
    local: &ScopedEndpoint,
    peer: &ScopedEndpoint,
    tables: &[NamespaceTable],
) -> Result<NamedTarget, String> {
    // A device need not exist in every namespace.
    let mut refused = None;
    let mut named = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        match table.table.resolve(local, peer) {
            Ok(pair) => named.push((index, pair.into())),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if named.is_empty() => {
            let hint = error.hint().map(|hint| format!("\nhint: {hint}"));
            Err(format!("{}{}", error.cause(), hint.unwrap_or_default()))
        }
        _ => Ok(NamedTarget(named)),
    }
}

fn identity(word: &str) -> Result<Target, String> {
    let identity: Identity = word.parse().map_err(|error| format!("{error}"))?;
    Ok(identity.into())
}

/// Reads identities, or JSON objects with an `id`, one a line.
fn read_lines(input: &mut dyn BufRead, targets: &mut Vec<Target>) -> Result<(), String> {
    each_line(input, MAX_LINE, |text| {
        targets.push(if text.starts_with('{') {
            from_json(text)?
        } else {
            identity(text)?
        });
        Ok(())
    })
}

/// Calls with each line of standard input that is not empty, without the blanks around it, until one is wrong; none is longer
/// than so many bytes.
pub(crate) fn each_line(
    input: &mut dyn BufRead,
    longest: u64,
    mut take: impl FnMut(&str) -> Result<(), String>,
) -> Result<(), String> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let at = |problem: String| format!("standard input, line {number}: {problem}");
        let length = input
            .take(longest + 1)
            .read_until(b'\n', &mut line)
            .map_err(|error| format!("standard input: {error}"))?;
        if length == 0 {
            break;
        }
        if line.len() as u64 > longest {
            return Err(at(format!("longer than {longest} bytes")));
        }
        let text = std::str::from_utf8(&line)
            .map_err(|_| at("not UTF-8".to_owned()))?
            .trim();
        if !text.is_empty() {
            take(text).map_err(at)?;
        }
    }
    Ok(())
}

fn from_json(text: &str) -> Result<Target, String> {
    let object: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    match object.get("id") {
        Some(serde_json::Value::String(word)) => identity(word),
        Some(_) => Err("`id` is not a string".to_owned()),
        None => Err("the object has no `id`".to_owned()),
    }
}

/// The longest line that is read: more than any identity or object of this program takes.
const MAX_LINE: u64 = 64 * 1024;

/// Returns standard input, for [`read`].
pub(crate) fn standard_input() -> impl BufRead {
    io::stdin().lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELETE: Purpose = Purpose::Delete { pids_first: false };
    const ID: &str = "1/0b7b7ad56e244a0f9b9ae1ccbc5d0f1d/c1/3001/0/127.0.0.1,80/127.0.0.1,51034";

    fn split(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn here() -> Vec<NamespaceTable> {
        let table = tcpentry::TcpTable::open().unwrap();
        vec![NamespaceTable {
            table,
            name: None,
            plain_name: None,
            inode: None,
        }]
    }

    fn name(text: &str) -> Result<String, String> {
        let read = read(&split(text), &[], DELETE, &here(), &mut io::empty());
        match read.map_err(|answer| answer.errors.join("\n"))? {
            Operands::Names(named) => Ok(named[0].0[0].1.pair().to_string()),
            Operands::Filter(words) => Ok(format!("filter {}", words.join(" "))),
        }
    }

    fn ids(text: &str, input: &str) -> Result<usize, String> {
        let read = read(&[], &split(text), DELETE, &here(), &mut input.as_bytes());
        match read.map_err(|answer| answer.errors.join("\n"))? {
            Operands::Names(targets) => Ok(targets.len()),
            Operands::Filter(words) => panic!("a filter: {words:?}"),
        }
    }

    #[test]
    fn every_notation_names_the_same_connection() {
        for text in [
            "127.0.0.1:80 127.0.0.1:5000",
            "127.0.0.1 80 127.0.0.1 5000",
            "[::ffff:127.0.0.1]:80 [::ffff:127.0.0.1]:5000",
            "::ffff:127.0.0.1 80 127.0.0.1 5000",
        ] {
            assert_eq!(name(text).unwrap(), "127.0.0.1:80 127.0.0.1:5000", "{text}");
        }
        for text in [
            "[fe80::1%lo]:80 [fe80::2]:9",
            "[fe80::1]:80 [fe80::2%1]:9",
            "fe80::1%lo 80 fe80::2%1 9",
        ] {
            assert_eq!(name(text).unwrap(), "[fe80::1]%1:80 [fe80::2]:9", "{text}");
        }
    }

    #[test]
    fn the_first_word_decides() {
        for text in [
            "state established",
            "! dev lo",
            "( sport = :80 )",
            "(sport = :80)",
            "!sport = :80",
            "dport=:80",
            "host 192.0.2.1",
            "stat established",
            "localhost",
            "close-wait",
        ] {
            assert_eq!(name(text).unwrap(), format!("filter {text}"));
        }
        let quoted = ["state close-wait idle gt 10m".to_owned()];
        let read = read(&quoted, &[], DELETE, &here(), &mut io::empty()).unwrap();
        assert!(matches!(read, Operands::Filter(words) if words == quoted));
    }

    #[test]
    fn what_is_empty_is_not_everything() {
        for words in [&[""][..], &["", ""], &[" "], &["\t", "\n"]] {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            let answer = read(&words, &[], DELETE, &here(), &mut io::empty()).unwrap_err();
            let error = answer.errors.join("\n");
            assert!(error.starts_with("what should be deleted?"), "{error}");
        }
    }

    #[test]
    fn anything_else_is_a_usage_error_that_says_how() {
        for (text, start) in [
            ("", "what should be deleted?"),
            (
                "192.0.2.1",
                "`192.0.2.1` names one end; a connection has two",
            ),
            (ID, "this is an identity; write it after --id"),
            ("1 2 3", "3 words; expected two endpoints"),
            (
                "127.0.0.1:1 [::1]:2",
                "`127.0.0.1:1 [::1]:2`: one end is IPv4, the other IPv6",
            ),
            (
                "127.0.0.1%nope:1 127.0.0.1:2",
                "no device `nope` here\nhint: `ip link`",
            ),
            (
                "127.0.0.1%lo:1 127.0.0.1%2:2",
                "127.0.0.1%lo:1 127.0.0.1%2:2: the two ends name different devices",
            ),
        ] {
            let error = name(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }

    #[test]
    fn identities_come_from_words_and_from_standard_input() {
        assert_eq!(ids(ID, "").unwrap(), 1);
        let input = format!("{ID}\n\n{{\"id\":\"{ID}\",\"state\":\"established\"}}\r\n{ID}");
        // They are all one.
        assert_eq!(ids(&format!("{ID} -"), &input).unwrap(), 1);
        let other = ID.replace("/3001/", "/3002/");
        assert_eq!(ids(&format!("{other} -"), &input).unwrap(), 2);
    }

    #[test]
    fn one_bad_line_means_that_nothing_is_tried() {
        for (line, problem) in [
            ("nonsense", "`nonsense`: not an identity"),
            ("{\"id\":7}", "`id` is not a string"),
            ("{\"x\":7}", "the object has no `id`"),
            ("{", "not JSON: EOF"),
        ] {
            let error = ids("-", &format!("{ID}\n{line}\n")).unwrap_err();
            let start = format!("standard input, line 2: {problem}");
            assert!(error.starts_with(&start), "{error}");
        }
        assert!(ids("-", "\u{fffd}").is_err());
        let long = "x".repeat(100_000);
        assert_eq!(
            ids("-", &long).unwrap_err(),
            "standard input, line 1: longer than 65536 bytes"
        );
    }
}
