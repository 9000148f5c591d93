//! The words of `delete` and `why` that are not identities: both ends of a connection, or a filter.

use std::net::Ipv4Addr;

use tcpentry::{Filter, Identity, ScopedEndpoint};

use super::answer::Answer;
use super::habits::rows;
use super::line::Line;

/// The command that the words are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// `delete`; with `pids_first`, a bare number is a pid rather than a port.
    Delete { pids_first: bool },
    /// `why`
    Explain,
}

impl Purpose {
    const fn pids_first(self) -> bool {
        matches!(self, Self::Delete { pids_first: true })
    }

    const fn command(self) -> &'static str {
        match self {
            Self::Delete { .. } => "delete",
            Self::Explain => "why",
        }
    }

    /// Returns the ways to name what is meant.
    fn ways(self) -> String {
        match self {
            Self::Delete { .. } => TO_DELETE.to_owned(),
            Self::Explain => TO_DELETE
                .replace("look first (-n):    ", "look first:         ")
                .replace("delete -n", "why")
                .replace("tcpentry delete", "tcpentry why"),
        }
    }
}

/// The meaning of words that are not identities, before it is known where they are looked up.
#[derive(Debug)]
pub(crate) enum Words {
    /// Both ends of a connection, the local one first.
    Ends(ScopedEndpoint, ScopedEndpoint),
    /// The words of a filter.
    Filter(Vec<String>),
}

/// Parses words that are not identities; none of it is looked up.
pub(crate) fn words(words: &[String], purpose: Purpose) -> Result<Words, Answer> {
    let pids_first = purpose.pids_first();
    // An empty variable of a script must not mean everything.
    if words.iter().all(|word| word.trim().is_empty()) {
        return Err(nothing_named(purpose));
    }
    if let Some([local, peer]) = rows::ends(words) {
        return ends(&local, &peer);
    }
    if let Some([local, peer]) = rows::named_ends(words) {
        return Err(Answer::new("this row has names in the place of numbers")
            .with_words("", &["src", &local, "dst", &peer]));
    }
    if let Some((term, end)) = rows::listener(words) {
        let (options, error) = match purpose {
            Purpose::Delete { .. } => (
                vec!["--listeners".into()],
                "this row is a listener, which is protected",
            ),
            Purpose::Explain => (Vec::new(), "this row is a listener; a filter names it"),
        };
        let line = Line {
            options,
            ..Line::default()
        };
        let words = ["state", "listening", term, &end];
        return Err(Answer::new(error).with_meant("", line.with_words(words)));
    }
    if let Some([one, other]) = rows::either_way(words) {
        return Err(
            Answer::new("this row does not say which end is on this host")
                .with_words("", &["host", &one, "host", &other]),
        );
    }
    if rows::is_foreign(words) {
        return Err(Answer::new(match purpose {
            Purpose::Delete { .. } => {
                "this row is not a TCP connection; only TCP connections can be deleted"
            }
            Purpose::Explain => "this row is not a TCP connection",
        }));
    }
    let are_numbers = words
        .iter()
        .all(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    if pids_first && words.len() > 1 && are_numbers {
        let pids: Vec<_> = words.iter().map(|pid| ["pid", pid]).collect();
        return Err(Answer::new(
            "no process is killed here; a filter selects the connections that one holds",
        )
        .with_words("as pids", &pids.join(&"or")));
    }
    match words {
        [first] if names_term(first) => Ok(Words::Filter(words.to_vec())),
        [first, ..] if is_filter(first) => Ok(Words::Filter(words.to_vec())),
        [local, peer] => ends(local, peer),
        [laddr, lport, paddr, pport] if !words.iter().any(|it| is_keyword(it)) => {
            let local = parse_words(laddr, lport).map_err(Answer::new)?;
            Ok(Words::Ends(
                local,
                parse_words(paddr, pport).map_err(Answer::new)?,
            ))
        }
        [one] => Err(one_word(one, purpose)),
        more => Err(too_many(more, purpose)),
    }
}

/// Answers words that are neither two ends nor a filter: each end before a filter is a term of that, and without a filter
/// the first one is all that is meant for certain.
fn too_many(words: &[String], purpose: Purpose) -> Answer {
    let answer = Answer::new(format!(
        "{} words; expected two endpoints, or tcpdrop's four words\n{}",
        words.len(),
        purpose.ways()
    ));
    let filter = words.iter().position(|it| is_keyword(it));
    let (ends, filter) = words.split_at(filter.unwrap_or(words.len()));
    let filter = filter.iter().map(String::as_str);
    let are_ends = ends.iter().all(|end| is_end(end));
    match ends {
        [first, ..] if filter.len() == 0 && are_ends => {
            answer.with_words("all with this end", &["host", first])
        }
        [_] | [_, _] if are_ends => {
            let hosts = ends.iter().flat_map(|end| ["host", end]);
            answer.with_words("", &hosts.chain(filter).collect::<Vec<_>>())
        }
        _ => answer.with_words("", &filter.collect::<Vec<_>>()),
    }
}

fn is_keyword(word: &str) -> bool {
    Filter::starts_with_keyword(word)
}

/// Returns true for an end, or the address of one.
fn is_end(word: &str) -> bool {
    word.parse::<ScopedEndpoint>().is_ok() || word.parse::<Ipv4Addr>().is_ok()
}

/// Parses both ends. Where names stand for numbers, a filter looks them up.
fn ends(local: &str, peer: &str) -> Result<Words, Answer> {
    let is_any = |word: &str| matches!(word, "*" | "*:*");
    if is_any(local) && is_any(peer) {
        return Err(every_connection(local));
    }
    // ss has it as the peer of a listener of either family; here a family has its own.
    if is_any(peer)
        && local
            .parse::<ScopedEndpoint>()
            .is_ok_and(|it| it.endpoint.address().is_ipv4())
    {
        return Err(Answer::new(format!(
            "`{peer}` can't be the peer of an IPv4 socket; that of a listener is 0.0.0.0:*"
        ))
        .with_words("all with this end", &["src", local]));
    }
    match (parse(local), parse(peer)) {
        (Ok(local), Ok(peer)) => Ok(Words::Ends(local, peer)),
        (Err(error), _) | (_, Err(error)) => {
            let answer = Answer::new(error);
            // netstat prints IPv6 without brackets.
            if let (Some(local), Some(peer)) = (rows::end(local), rows::end(peer)) {
                return Err(answer.with_words("", &[&local, &peer]));
            }
            let [src, dst] = [("src", "sport", local), ("dst", "dport", peer)].map(term);
            Err(answer.with_words("", &[src, local, dst, peer]))
        }
    }
}

/// Returns the term for one end: a number alone is a port.
fn term((address, port, end): (&'static str, &'static str, &str)) -> &'static str {
    if end.parse::<u16>().is_ok() {
        port
    } else {
        address
    }
}

fn every_connection(word: &str) -> Answer {
    Answer::new(format!(
        "`{word}` does not mean every connection; select connections with a filter"
    ))
    .with_words("all connections", &["state", "connected"])
}

/// Answers a single word, which is neither both ends nor a filter.
fn one_word(word: &str, purpose: Purpose) -> Answer {
    let shown = word.escape_debug();
    if word.parse::<Identity>().is_ok() {
        let line = Line {
            command: Some(purpose.command().to_owned()),
            options: vec!["--id".into(), word.into()],
            ..Line::default()
        };
        let answer = Answer::new("this is an identity; write it after --id");
        return match line.for_shell() {
            Some(line) => answer.with_hint(line),
            None => answer,
        };
    }
    if let Some(answer) = redirected(word) {
        return answer;
    }
    if matches!(word, "*" | "*:*") {
        return every_connection(word);
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = ("as a port", ["port", word]);
        let pid = ("as a pid", ["pid", word]);
        let order = if purpose.pids_first() {
            [pid, port]
        } else {
            [port, pid]
        };
        return order.iter().fold(
            Answer::new(format!("`{word}` alone may be a port or a pid; say which")),
            |answer, (label, words)| answer.with_words(label, words),
        );
    }
    let port = word.strip_prefix(':').filter(|port| !port.contains(':'));
    let of_fuser = word.strip_suffix("/tcp");
    if let Some(port) = port.or(of_fuser) {
        return Answer::new(format!("`{shown}` names a port; a connection has two ends"))
            .with_words("all with this port", &["port", port]);
    }
    Answer::new(format!("`{shown}` names one end; a connection has two"))
        .with_words("all with this end", &["host", word])
}

/// Answers `A->B` without quotes, of which the shell left `A-` and made a file `B`.
fn redirected(word: &str) -> Option<Answer> {
    let local = word.strip_suffix('-')?;
    local.parse::<ScopedEndpoint>().ok()?;
    let answer = Answer::new(format!(
        "`{word}` is what a shell leaves of `{local}->PEER`: it writes standard output to a file"
    ))
    .with_hint("quote it: the shell does not redirect inside quotes");
    let file = std::fs::read_link("/proc/self/fd/1").ok();
    let peer = file.as_deref().and_then(|file| file.file_name()?.to_str());
    let peer = peer.filter(|peer| peer.parse::<ScopedEndpoint>().is_ok());
    Some(match peer {
        Some(peer) => answer.with_words("", &[&format!("{local}->{peer}")]),
        None => answer.with_words("", &["src", local]),
    })
}

/// Returns true for a first word that begins a filter: a keyword, a parenthesis, a negation; or a word that can't be
/// an address either, whose error is the filter's.
fn is_filter(word: &str) -> bool {
    let no_address = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
    Filter::starts_with_keyword(word) || word.trim().bytes().all(no_address)
}

/// Returns true for a term with a colon, as in `dport:80`, and for a state of netstat's.
fn names_term(word: &str) -> bool {
    let keyword = word.split_once(':').map(|(keyword, _)| keyword);
    keyword.is_some_and(Filter::starts_with_keyword) || rows::is_state(word)
}

fn nothing_named(purpose: Purpose) -> Answer {
    let question = match purpose {
        Purpose::Delete { .. } => "what should be deleted?",
        Purpose::Explain => "which connection?",
    };
    Answer::new(format!("{question}\n{}", purpose.ways()))
        .with_words("for example", &["state", "close-wait"])
}

fn parse(word: &str) -> Result<ScopedEndpoint, String> {
    word.parse().map_err(|error| format!("{error}"))
}

fn parse_words(address: &str, port: &str) -> Result<ScopedEndpoint, String> {
    ScopedEndpoint::from_words(address, port).map_err(|error| error.to_string())
}

const TO_DELETE: &str = "\
name both ends as `tcpentry list` prints them:  tcpentry delete 192.0.2.1:443 198.51.100.7:51034
or one socket by its identity (list --id):      tcpentry delete --id ID
or select by a filter, and look first (-n):     tcpentry delete -n dst 198.51.100.7 dport = :443";
