//! Terms: a keyword and its value, and the error of a word that begins none.

use std::net::Ipv6Addr;

use super::cursor::{Cursor, ParsedName};
use super::host::{self, OTHER_FAMILIES};
use super::keywords::{is_clause, keyword_of, state_name, term_words};
use super::lex::{Kind, Operator, Token};
use super::number::{self, looks_like_number};
use super::set::is_set_name;
use crate::connection::endpoint::Interface;
use crate::filter::error::{FilterError, Piece, Span, near_miss, printable, quoted};
use crate::filter::expr::{Comparison, End, Expr, Term, negated};
use crate::filter::pattern::Pattern;
use crate::filter::resolve::Names;

/// Reads the terms of a text.
pub(super) struct TermParser<'p, 't> {
    pub(super) cursor: &'p mut Cursor<'t>,
    pub(super) names: &'p dyn Names,
}

impl<'t> TermParser<'_, 't> {
    /// Parses the term that begins with this word; `None` where it begins none.
    pub(super) fn term(&mut self, word: &str) -> Result<Option<Expr>, FilterError> {
        let term = match word {
            "src" => return self.host(End::Local).map(Some),
            "dst" => return self.host(End::Peer).map(Some),
            "host" => return self.host(End::Either).map(Some),
            "sport" => return self.port(End::Local).map(Some),
            "dport" => return self.port(End::Peer).map(Some),
            "port" => return self.port(End::Either).map(Some),
            "idle" => return self.counter("10m", number::time, Term::Idle).map(Some),
            "rtt" => return self.counter("200ms", number::time, Term::Rtt).map(Some),
            "retrans" => {
                let count = |piece| number::number(piece, u64::MAX);
                return self.counter("3", count, Term::Retransmits).map(Some);
            }
            "sendq" => return self.counter("1M", number::size, Term::SendQueue).map(Some),
            "recvq" => {
                return self
                    .counter("1M", number::size, Term::ReceiveQueue)
                    .map(Some);
            }
            "autobound" => return Ok(Some(Expr::Term(Term::Autobound))),
            "dev" => Self::device,
            "fwmark" => Self::mark,
            "cgroup" => Self::cgroup,
            "pid" => Self::pid,
            "process" => Self::process,
            "user" => Self::user,
            "unit" => Self::unit,
            "container" => Self::container,
            "netns" => Self::netns,
            _ => return Ok(None),
        };
        let not = self.cursor.equality()? == Operator::NotEqual;
        let term = Expr::Term(term(self)?);
        Ok(Some(if not { negated(term) } else { term }))
    }

    fn host(&mut self, end: End) -> Result<Expr, FilterError> {
        let start = self.cursor.place();
        let operator = self.cursor.equality()?;
        if let Some(error) = self.of_pcap(end, start) {
            return Err(error);
        }
        let value = self.cursor.value("an address")?;
        // `src foo=bar` is no reason to ask the network for foo.
        if let Some(
            token @ Token {
                kind: Kind::Operator(_),
                ..
            },
        ) = self.cursor.peek()
        {
            return Err(no_term(token, true));
        }
        if let Some(several) = host::several_hosts(end, value.text) {
            let not = if operator == Operator::NotEqual {
                "not "
            } else {
                ""
            };
            let term = self.cursor.taken_since(start);
            let error = value.error(format!("{} is more than one address", quoted(value.text)));
            return Err(host::instead_of_term(
                error,
                term,
                &format!("{not}{several}"),
            ));
        }
        let expr = host::host(end, value, self.names)?;
        Ok(match operator {
            Operator::NotEqual => negated(expr),
            _ => expr,
        })
    }

    /// Makes the error of `dst port 80` and `src host 192.0.2.1`, as filters of pcap have them.
    fn of_pcap(&self, end: End, start: Span) -> Option<FilterError> {
        let [second, value] = self.cursor.next_two()?;
        let begins_value = |word: &str| host::is_end(word) || looks_like_number(word);
        let ours = match second.text {
            "host" | "net" if begins_value(value.text) => end.host(),
            "port" => end.port(),
            _ => return None,
        };
        let theirs = format!("{} {}", end.host(), second.text);
        Some(
            FilterError::new(
                start.to(second.span),
                format!("`{theirs}` is the language of pcap"),
            )
            .meant(ours),
        )
    }

    /// Makes the error of `dport in 80,443`.
    fn list_of_ports(&mut self, end: End, start: Span) -> Option<FilterError> {
        let word = self.cursor.peek().filter(|token| token.text == "in")?;
        self.cursor.advance();
        let mut list = Vec::new();
        while let Some(token) = self.cursor.peek() {
            let text = token.text.trim_matches(['{', '}', '(', ')']);
            if !text.is_empty()
                && host::several(end, &format!("{text},{text}"), self.names).is_none()
            {
                break;
            }
            list.push(text);
            self.cursor.advance();
        }
        let error = FilterError::new(word.span, "`in` is not an operator");
        Some(match list.iter().find(|text| !text.is_empty()) {
            None => error.with_hint(host::SEVERAL_PORTS),
            Some(first) => {
                let list = list.join(",");
                let meant = host::several(end, &list, self.names).unwrap_or_else(|| {
                    format!("{} = :{}", end.port(), first.trim_matches([':', ',']))
                });
                let term = self.cursor.taken_since(start);
                host::instead_of_term(error, term, &meant)
            }
        })
    }

    fn port(&mut self, end: End) -> Result<Expr, FilterError> {
        let word = end.port();
        let start = self.cursor.place();
        if let Some(error) = self.list_of_ports(end, start) {
            return Err(error);
        }
        let operator = self.cursor.operator();
        let value = self
            .cursor
            .value("a port")
            .map_err(|error| match operator {
                // Unquoted, `=> 1024` is `=` and a file.
                None | Some(Operator::Equal) if self.cursor.peek().is_none() => {
                    error.with_hint(redirection(word, ":1024"))
                }
                None => error.with_hint(redirection(word, ":1024")),
                Some(_) => error,
            })?;
        let term = self.cursor.taken_since(start);
        let operator = operator.unwrap_or(Operator::Equal);
        host::port(end, operator, value, term, self.names)
    }

    fn counter<T>(
        &mut self,
        example: &str,
        read: impl FnOnce(Piece<'t>) -> Result<T, FilterError>,
        term: impl FnOnce(Comparison, T) -> Term,
    ) -> Result<Expr, FilterError> {
        let word = self.cursor.before();
        // The unit of a bare number, where everybody means the same.
        let unit = match word {
            "idle" => Some("s"),
            "rtt" => Some("ms"),
            _ => None,
        };
        let Some(operator) = self.cursor.operator() else {
            let value = self.cursor.peek();
            let value = value.filter(|it| it.text.starts_with(|c: char| c.is_ascii_digit()));
            let shown = value.map_or(example.to_owned(), |it| printable(it.text));
            let error = self.cursor.expected("a comparison");
            let error = error.with_hint(redirection(word, &shown));
            return Err(match value.filter(|_| unit.is_some()) {
                Some(value) => error.with_fix(value.span, format!("gt {}", value.text)),
                None => error,
            });
        };
        let value = self.cursor.value(&format!("a number such as {example}"))?;
        let (comparison, not) = operator.comparison();
        let number = read(value).map_err(|error| {
            let is_bare = value.text.bytes().all(|byte| byte.is_ascii_digit());
            match unit.filter(|_| is_bare && error.corrected("").is_none()) {
                Some(unit) => error.with_fix(value.span(), format!("{}{unit}", value.text)),
                None => error,
            }
        })?;
        let expr = Expr::Term(term(comparison, number));
        Ok(if not { negated(expr) } else { expr })
    }

    fn device(&mut self) -> Result<Term, FilterError> {
        let ParsedName { text: name, piece } = self.cursor.name("a device")?;
        let interface = if looks_like_number(piece.text) {
            let index = number::number(piece, u32::MAX.into())?;
            let index = u32::try_from(index).unwrap_or_default();
            Interface::new(index).ok_or_else(|| piece.error("no device has the index 0"))?
        } else {
            self.names.device(&name).ok_or_else(|| {
                piece
                    .error(format!("no device {} here", quoted(&name)))
                    .with_hint("`ip link` lists the devices of this network namespace")
            })?
        };
        Ok(Term::Device { name, interface })
    }

    fn mark(&mut self) -> Result<Term, FilterError> {
        let piece = self.cursor.value("a mark")?;
        let bits = |piece| {
            let bits = number::number(piece, u32::MAX.into())?;
            Ok(u32::try_from(bits).unwrap_or(u32::MAX))
        };
        let (value, mask) = match piece.split_once('/') {
            Some((value, mask)) => (bits(value)?, bits(mask)?),
            None => (bits(piece)?, u32::MAX),
        };
        Ok(Term::Mark { value, mask })
    }

    fn cgroup(&mut self) -> Result<Term, FilterError> {
        let ParsedName { text: path, piece } = self.cursor.name("a path")?;
        let id = self.names.cgroup(&path).map_err(|error| {
            let why = printable(&error.to_string());
            piece.error(format!("no cgroup {}: {why}", quoted(&path)))
        })?;
        Ok(Term::Cgroup { path, id })
    }

    fn pid(&mut self) -> Result<Term, FilterError> {
        let piece = self.cursor.value("a pid")?;
        let pid = number::number(piece, i32::MAX.unsigned_abs().into()).map_err(|error| {
            if piece.text.starts_with(|first: char| first.is_alphabetic()) {
                error.with_hint("a process is selected by its name with `process NAME`")
            } else {
                error
            }
        })?;
        match i32::try_from(pid) {
            Ok(pid) if pid > 0 => Ok(Term::Pid {
                pid,
                process: self.names.process(pid),
            }),
            _ => Err(piece.error("no process has the pid 0")),
        }
    }

    fn process(&mut self) -> Result<Term, FilterError> {
        let ParsedName { text, piece } = self.cursor.name("the name of a process")?;
        // One that is not there may have been removed while it runs.
        let executable = if text.starts_with('/') {
            self.names.executable(&text).map_err(|_| {
                piece.error(format!(
                    "the file system of {} does not answer",
                    quoted(&text)
                ))
            })?
        } else {
            None
        };
        Ok(Term::Process(match executable {
            Some(path) => Pattern::exactly(&path),
            None => Pattern::new(text),
        }))
    }

    fn user(&mut self) -> Result<Term, FilterError> {
        let ParsedName { text: name, piece } = self.cursor.name("a user")?;
        // An account may be called 1000.
        let uid = match self.names.user(&name) {
            Some(uid) => uid,
            None if looks_like_number(&name) => {
                let uid = number::number(piece, u32::MAX.into())?;
                u32::try_from(uid).unwrap_or(u32::MAX)
            }
            None => return Err(piece.error(format!("no user is called {}", quoted(&name)))),
        };
        Ok(Term::User { name, uid })
    }

    /// Takes a name that is not a pattern, though somebody may take it for one.
    fn plain_name(&mut self, what: &str) -> Result<String, FilterError> {
        let ParsedName { text, piece } = self.cursor.name(what)?;
        if text.contains('*') {
            let name = quoted(&text);
            return Err(piece
                .error(format!(
                    "{name} has a `*`, which stands for itself in {what}"
                ))
                .with_hint("only `process` and `container` take patterns"));
        }
        Ok(text)
    }

    fn unit(&mut self) -> Result<Term, FilterError> {
        Ok(Term::Unit(self.plain_name("the name of a unit")?))
    }

    fn netns(&mut self) -> Result<Term, FilterError> {
        let ParsedName { text: name, piece } = self.cursor.name("a network namespace")?;
        let inode = self.names.netns(&name).map_err(|error| {
            let why = printable(&error.to_string());
            piece.error(format!("{}: {why}", quoted(&name))).with_hint(
                "a name of `ip netns`, the pid of a process in it, or the path of its file",
            )
        })?;
        Ok(Term::Netns { name, inode })
    }

    fn container(&mut self) -> Result<Term, FilterError> {
        let name = self.cursor.name("the name or id of a container")?;
        Ok(Term::Container(Pattern::new(name.text)))
    }
}

/// Returns the hint for a comparison that is missing: its likely cause.
fn redirection(word: &str, example: &str) -> String {
    format!(
        "write `{word} gt {example}`, or quote the filter: an unquoted `>` makes the shell write to a file"
    )
}

/// Makes the error of a token that begins no term.
pub(super) fn no_term(token: Token<'_>, behind: bool) -> FilterError {
    let Token { kind, text, span } = token;
    let expected = if behind {
        "`and`, `or` or a term"
    } else {
        "a term"
    };
    let error = FilterError::new(span, format!("expected {expected}, found {}", quoted(text)));
    let Kind::Word(word) = kind else {
        return error;
    };
    match word {
        _ if is_clause(word) => {
            FilterError::new(span, format!("`{word}` comes first, before all terms"))
                .with_hint("states limit the whole filter, as in ss")
        }
        "inet" | "inet4" | "inet6" => {
            FilterError::new(span, format!("`{word}` is a family, not a term"))
                .with_hint("-4 selects IPv4, -6 IPv6")
        }
        _ if is_implied(word) => FilterError::new(span, "everything here is TCP")
            .with_hint(format!("leave out `{word}`")),
        _ if OTHER_FAMILIES.contains(&word) => {
            FilterError::new(span, format!("`{word}` is not TCP"))
        }
        _ if with_colon(word).is_some() => error.meant(&with_colon(word).unwrap_or_default()),
        _ if state_name(word).is_some() => {
            error.meant(&format!("state {}", state_name(word).unwrap_or_default()))
        }
        _ if word.starts_with(':') && !word.starts_with("::") => {
            error.meant(&format!("port = {word}"))
        }
        _ if host::is_end(word) => error.meant(&format!("host {}", in_brackets(word))),
        _ if word.strip_prefix('@').is_some_and(host::is_end) => {
            error.meant(&format!("host {}", &word[1..]))
        }
        _ if word.strip_prefix('@').is_some_and(is_set_name) => error.meant(&format!("dst {word}")),
        _ if looks_like_number(word) => error.meant(&format!("port {word}")),
        _ => {
            if let Some(keyword) = keyword_for(word, behind) {
                return error.meant(keyword);
            }
            let terms: Vec<_> = term_words().collect();
            error.with_hint(format!("terms are {}", terms.join(" ")))
        }
    }
}

/// Returns the term that `dport:8080` means.
fn with_colon(word: &str) -> Option<String> {
    let (keyword, value) = word.split_once(':')?;
    let is_value = !value.is_empty() && !value.starts_with(':');
    let ours = keyword_of(keyword).map(|it| it.word);
    let ours = ours.or_else(|| foreign_term(keyword))?;
    is_value.then(|| format!("{ours} {value}"))
}

/// Returns true for a word behind a complete term that may be another value of that.
pub(super) fn may_be_value_of(keyword: &str, word: &str) -> bool {
    match keyword {
        "port" | "sport" | "dport" | "pid" => looks_like_number(word),
        "src" | "dst" => host::is_end(word),
        // The name of a process may have blanks.
        "unit" | "container" => {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && !word.contains('.')
                && word != "localhost"
                && !is_clause(word)
                && !is_implied(word)
                && state_name(word).is_none()
                && with_colon(word).is_none()
                && !OTHER_FAMILIES.contains(&word)
                && keyword_of(word).is_none()
                && keyword_for(word, true).is_none()
        }
        _ => false,
    }
}

/// Returns true for a protocol or a family, which says nothing in a filter.
pub(super) fn is_implied(word: &str) -> bool {
    matches!(word, "tcp" | "tcp4" | "tcp6" | "inet" | "inet4" | "inet6")
}

/// Returns the keyword that a word stands for: another tool's word, or a misspelt one.
fn keyword_for(word: &str, behind: bool) -> Option<&'static str> {
    if let Some(ours) = foreign_term(word) {
        return Some(ours);
    }
    let mut valid: Vec<_> = term_words().collect();
    valid.push("not");
    if behind {
        valid.extend(["and", "or"]);
    }
    near_miss(word, &valid)
}

fn foreign_term(word: &str) -> Option<&'static str> {
    let is_it = |theirs: &&str| word.eq_ignore_ascii_case(theirs);
    let mut foreign = FOREIGN_TERMS.iter();
    let found = foreign.find(|(_, theirs)| theirs.iter().any(&is_it));
    found.map(|(ours, _)| *ours)
}

/// The words of other tools for our terms.
const FOREIGN_TERMS: [(&str, &[&str]); 15] = [
    (
        "dst",
        &[
            "peer",
            "remote",
            "foreign",
            "dest",
            "destination",
            "daddr",
            "raddr",
            "faddr",
            "paddr",
            "dip",
        ],
    ),
    ("src", &["local", "source", "saddr", "laddr", "sip"]),
    ("host", &["addr", "address", "ip", "net"]),
    ("sport", &["lport", "localport", "srcport"]),
    (
        "dport",
        &[
            "rport",
            "pport",
            "fport",
            "peerport",
            "remoteport",
            "dstport",
        ],
    ),
    ("port", &["ports", "portrange"]),
    ("dev", &["interface", "iface", "if", "device", "ifname"]),
    ("fwmark", &["mark"]),
    (
        "process",
        &[
            "command", "comm", "cmd", "prog", "program", "exe", "proc", "app",
        ],
    ),
    ("user", &["uid", "owner", "username"]),
    ("unit", &["service", "systemd"]),
    ("container", &["docker", "podman", "pod"]),
    ("netns", &["ns", "namespace"]),
    ("and", &["with", "plus"]),
    ("not", &["except", "without"]),
];

fn in_brackets(end: &str) -> String {
    match end.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{end}]"),
        Err(_) => printable(end),
    }
}
