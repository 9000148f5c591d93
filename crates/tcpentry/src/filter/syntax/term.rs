//! Terms: a keyword and its value, and the error of a word that begins none.

use std::net::Ipv6Addr;

use super::cursor::{Cursor, Name};
use super::host::{self, OTHER_FAMILIES};
use super::keywords::{is_clause, states_of, term_words};
use super::lex::{Kind, Operator, Token};
use super::number::{self, looks_like_number};
use crate::connection::endpoint::Interface;
use crate::filter::error::{FilterError, Piece, near_miss, printable, quoted};
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
        let operator = self.cursor.equality()?;
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
        let expr = host::host(end, value, self.names)?;
        Ok(match operator {
            Operator::NotEqual => negated(expr),
            _ => expr,
        })
    }

    fn port(&mut self, end: End) -> Result<Expr, FilterError> {
        let word = end.port();
        let operator = self.cursor.operator();
        let value = self
            .cursor
            .value("a port")
            .map_err(|error| match operator {
                None => error.with_hint(redirection(word, ":1024")),
                Some(_) => error,
            })?;
        host::port(end, operator.unwrap_or(Operator::Equal), value, self.names)
    }

    fn counter<T>(
        &mut self,
        example: &str,
        read: impl FnOnce(Piece<'t>) -> Result<T, FilterError>,
        term: impl FnOnce(Comparison, T) -> Term,
    ) -> Result<Expr, FilterError> {
        let word = self.cursor.before();
        let Some(operator) = self.cursor.operator() else {
            let value = self.cursor.peek().map(|token| token.text);
            let value = value.filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
            return Err(self.cursor.expected("a comparison").with_hint(redirection(
                word,
                &value.map_or(example.to_owned(), printable),
            )));
        };
        let value = self.cursor.value(&format!("a number such as {example}"))?;
        let (comparison, not) = operator.comparison();
        let expr = Expr::Term(term(comparison, read(value)?));
        Ok(if not { negated(expr) } else { expr })
    }

    fn device(&mut self) -> Result<Term, FilterError> {
        let Name { text: name, piece } = self.cursor.name("a device")?;
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
        let Name { text: path, piece } = self.cursor.name("a path")?;
        let id = self.names.cgroup(&path).map_err(|error| {
            let why = printable(&error.to_string());
            piece.error(format!("no cgroup {}: {why}", quoted(&path)))
        })?;
        Ok(Term::Cgroup { path, id })
    }

    fn pid(&mut self) -> Result<Term, FilterError> {
        let piece = self.cursor.value("a pid")?;
        let pid = number::number(piece, i32::MAX.unsigned_abs().into())?;
        match i32::try_from(pid) {
            Ok(pid) if pid > 0 => Ok(Term::Pid {
                pid,
                process: self.names.process(pid),
            }),
            _ => Err(piece.error("no process has the pid 0")),
        }
    }

    fn process(&mut self) -> Result<Term, FilterError> {
        let name = self.cursor.name("the name of a process")?;
        let path = Some(&name.text).filter(|text| text.starts_with('/'));
        // One that is not there may have been removed while it runs.
        let executable = path.and_then(|path| self.names.executable(path));
        Ok(Term::Process(match executable {
            Some(path) => Pattern::exactly(&path),
            None => Pattern::new(name.text),
        }))
    }

    fn user(&mut self) -> Result<Term, FilterError> {
        let Name { text: name, piece } = self.cursor.name("a user")?;
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
        let Name { text, piece } = self.cursor.name(what)?;
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
        let Name { text: name, piece } = self.cursor.name("a network namespace")?;
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
    let meant = |filter: String| format!("did you mean `{filter}`?");
    match word {
        _ if is_clause(word) => {
            FilterError::new(span, format!("`{word}` stands first, before every term"))
                .with_hint("states bound the whole filter, as in ss")
        }
        "tcp" => FilterError::new(span, "everything here is TCP").with_hint("leave `tcp` out"),
        _ if OTHER_FAMILIES.contains(&word) => {
            FilterError::new(span, format!("`{word}` is not TCP"))
        }
        _ if states_of(word).is_some() => error.with_hint(meant(format!("state {word}"))),
        _ if word.starts_with(':') && !word.starts_with("::") => {
            error.with_hint(meant(format!("port = {}", printable(word))))
        }
        _ if host::is_end(word) => error.with_hint(meant(format!("host {}", in_brackets(word)))),
        _ if looks_like_number(word) => error.with_hint(meant(format!("port {word}"))),
        _ => {
            let terms: Vec<_> = term_words().collect();
            let mut valid = terms.clone();
            valid.push("not");
            if behind {
                valid.extend(["and", "or"]);
            }
            match near_miss(word, &valid) {
                Some(near) => error.with_hint(meant(near.to_owned())),
                None => error.with_hint(format!("terms are {}", terms.join(" "))),
            }
        }
    }
}

fn in_brackets(end: &str) -> String {
    match end.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{end}]"),
        Err(_) => printable(end),
    }
}
