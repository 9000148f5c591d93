//! Tokens to a filter, by recursive descent: the messages are the point.

use std::net::Ipv6Addr;

use super::Filter;
use super::error::{FilterError, Piece, Span, near_miss, printable, quoted};
use super::expr::{Comparison, End, Expr, Pattern, Term};
use super::host::{self, OTHER_FAMILIES};
use super::lex::{Kind, Operator, Token, lex};
use super::names::Names;
use super::number::{self, looks_like_number};
use crate::endpoint::Interface;
use crate::state::{State, States};

/// How deep parentheses and `not` may be nested.
const DEEPEST: usize = 64;

/// How many bytes a text may have, and its canonical form.
const LONGEST: usize = 64 << 10;

pub(super) fn parse(text: &str, names: &dyn Names) -> Result<Filter, FilterError> {
    let whole = Span {
        column: 0,
        length: text.chars().count(),
    };
    let too_long = || FilterError::new(whole, format!("the filter is longer than {LONGEST} bytes"));
    if text.len() > LONGEST {
        return Err(too_long());
    }
    let mut parser = Parser {
        tokens: lex(text)?,
        next: 0,
        end: Span {
            column: whole.length,
            length: 0,
        },
        names,
        mixed: None,
    };
    if parser.tokens.is_empty() {
        return Err(FilterError::new(whole, "the filter is empty")
            .with_hint("`state all` selects every connection"));
    }
    let states = parser.states()?;
    let tree = match parser.peek() {
        Some(_) => Some(parser.level(0)?),
        None => None,
    };
    // A level ends before what it does not know: only this.
    if let Some(token) = parser.peek() {
        return Err(FilterError::new(token.span, "`)` without `(`"));
    }
    let filter = |reading| Filter {
        states,
        expr: tree.as_ref().map(|tree| tree.read(reading)),
    };
    if let Some(span) = parser.mixed {
        let can_be_shown = tree.as_ref().is_some_and(|tree| tree.depth() <= DEEPEST);
        return Err(mixed(span, can_be_shown.then_some(filter)));
    }
    let filter = filter(Reading::LeftToRight);
    if filter
        .expr
        .as_ref()
        .is_some_and(|expr| depth(expr) > DEEPEST)
    {
        return Err(too_deep(whole));
    }
    // So that it can be read back.
    if filter.to_string().len() > LONGEST {
        return Err(too_long());
    }
    Ok(filter)
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    next: usize,
    end: Span,
    names: &'t dyn Names,
    /// Where a level has its first operator of the other kind.
    mixed: Option<Span>,
}

/// An expression before it is decided how `and` and `or` of one level bind.
enum Tree {
    Leaf(Expr),
    Not(Box<Tree>),
    Level(Box<Tree>, Vec<(Junction, Tree)>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Junction {
    And,
    Or,
}

/// How a level is read that mixes `and` with `or`. All are the same where it does not.
#[derive(Clone, Copy)]
enum Reading {
    /// As ss 6.1 does.
    LeftToRight,
    /// As its manual says of `and`.
    Tighter(Junction),
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).copied()
    }

    fn take(&mut self) -> Option<Token<'t>> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    /// The clauses that come first.
    fn states(&mut self) -> Result<Option<States>, FilterError> {
        let mut included = None;
        let mut excluded = States::NONE;
        let mut any = false;
        while let Some(clause) = self.peek() {
            let Kind::Word(word @ ("state" | "exclude" | "excl")) = clause.kind else {
                break;
            };
            self.next += 1;
            any = true;
            let states = self.state()?;
            if word == "state" {
                included = Some(included.unwrap_or(States::NONE).union(states));
            } else {
                excluded = excluded.union(states);
            }
        }
        match self.peek() {
            Some(token) if any && token.kind == Kind::And => Err(FilterError::new(
                token.span,
                "expected a term after the states",
            )
            .with_hint(format!(
                "leave `{}` out: the states bound the whole filter",
                token.text
            ))),
            Some(token) if any && token.kind == Kind::Or => Err(FilterError::new(
                token.span,
                "a state is no alternative to a term: the states bound the whole filter",
            )),
            _ => Ok(()),
        }?;
        let all = included.unwrap_or(States::ALL_ACTIVE);
        Ok(any.then(|| all.difference(excluded)))
    }

    fn state(&mut self) -> Result<States, FilterError> {
        let token = match self.peek() {
            Some(token) if matches!(token.kind, Kind::Word(_) | Kind::Quoted(_)) => token,
            _ => return Err(self.expected("a state")),
        };
        self.next += 1;
        let piece = piece(token);
        states_of(piece.text).ok_or_else(|| {
            let error = piece.error(format!("{} is no state", quoted(piece.text)));
            if piece.text.contains(',') {
                return error.with_hint("one state to a clause: state established state syn-sent");
            }
            let valid: Vec<_> = state_words().collect();
            let valid: Vec<_> = valid.iter().map(String::as_str).collect();
            match near_miss(piece.text, &valid) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint(format!("states are {}", valid.join(" "))),
            }
        })
    }

    /// Operands and what joins them, up to a `)` or the end.
    fn level(&mut self, depth: usize) -> Result<Tree, FilterError> {
        let first = self.operand(depth, false)?;
        let mut rest: Vec<(Junction, Tree)> = Vec::new();
        while let Some(token) = self.peek() {
            let (junction, spelt) = match token.kind {
                Kind::Close => break,
                Kind::And => (Junction::And, true),
                Kind::Or => (Junction::Or, true),
                _ => (Junction::And, false),
            };
            if spelt {
                self.next += 1;
            }
            if rest.first().is_some_and(|(other, _)| *other != junction) {
                self.mixed.get_or_insert(token.span);
            }
            rest.push((junction, self.operand(depth, !spelt)?));
        }
        Ok(if rest.is_empty() {
            first
        } else {
            Tree::Level(Box::new(first), rest)
        })
    }

    /// `behind` says that a term has just ended, so that this may be a misspelt `and`.
    fn operand(&mut self, depth: usize, behind: bool) -> Result<Tree, FilterError> {
        let Some(token) = self.take() else {
            return Err(self.expected("a term"));
        };
        if depth > DEEPEST {
            return Err(too_deep(token.span));
        }
        match token.kind {
            Kind::Not => Ok(Tree::Not(Box::new(self.operand(depth + 1, false)?))),
            Kind::Open => {
                if let Some(Token {
                    kind: Kind::Close,
                    span,
                    ..
                }) = self.peek()
                {
                    return Err(FilterError::new(
                        span,
                        "expected a term between the parentheses",
                    ));
                }
                let tree = self.level(depth + 1)?;
                match self.take() {
                    Some(_) => Ok(tree),
                    None => Err(FilterError::new(token.span, "`(` without `)`")),
                }
            }
            Kind::Word(word) => match self.term(word)? {
                Some(expr) => Ok(Tree::Leaf(expr)),
                None => Err(no_term(token, behind)),
            },
            _ => Err(no_term(token, behind)),
        }
    }

    /// What a term says; `None` where the word begins none.
    fn term(&mut self, word: &str) -> Result<Option<Expr>, FilterError> {
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
        let not = self.equality()? == Operator::NotEqual;
        let term = Expr::Term(term(self)?);
        Ok(Some(if not { negated(term) } else { term }))
    }

    fn host(&mut self, end: End) -> Result<Expr, FilterError> {
        let operator = self.equality()?;
        let value = self.value("an address")?;
        // `src foo=bar` is no reason to ask the network for foo.
        if let Some(
            token @ Token {
                kind: Kind::Operator(_),
                ..
            },
        ) = self.peek()
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
        let operator = self.operator();
        let value = self.value("a port").map_err(|error| match operator {
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
        let word = self.before();
        let Some(operator) = self.operator() else {
            let value = self.peek().map(|token| token.text);
            let value = value.filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
            return Err(self.expected("a comparison").with_hint(redirection(
                word,
                &value.map_or(example.to_owned(), printable),
            )));
        };
        let value = self.value(&format!("a number such as {example}"))?;
        let (comparison, not) = operator.comparison();
        let expr = Expr::Term(term(comparison, read(value)?));
        Ok(if not { negated(expr) } else { expr })
    }

    fn device(&mut self) -> Result<Term, FilterError> {
        let piece = self.name("a device")?;
        let interface = if looks_like_number(piece.text) {
            let index = number::number(piece, u32::MAX.into())?;
            let index = u32::try_from(index).unwrap_or_default();
            Interface::new(index).ok_or_else(|| piece.error("no device has the index 0"))?
        } else {
            self.names.device(piece.text).ok_or_else(|| {
                piece
                    .error(format!("no device {} here", quoted(piece.text)))
                    .with_hint("`ip link` lists the devices of this network namespace")
            })?
        };
        Ok(Term::Device {
            name: piece.text.to_owned(),
            interface,
        })
    }

    fn mark(&mut self) -> Result<Term, FilterError> {
        let piece = self.value("a mark")?;
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
        let piece = self.name("a path")?;
        let id = self.names.cgroup(piece.text).map_err(|error| {
            let why = printable(&error.to_string());
            piece.error(format!("no cgroup {}: {why}", quoted(piece.text)))
        })?;
        Ok(Term::Cgroup {
            path: piece.text.to_owned(),
            id,
        })
    }

    fn pid(&mut self) -> Result<Term, FilterError> {
        let piece = self.value("a pid")?;
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
        let name = self.name("the name of a process")?;
        let path = Some(name.text).filter(|text| text.starts_with('/'));
        // One that is not there may have been removed while it runs.
        let executable = path.and_then(|path| self.names.executable(path));
        let pattern = executable.unwrap_or_else(|| name.text.to_owned());
        Ok(Term::Process(Pattern(pattern)))
    }

    fn user(&mut self) -> Result<Term, FilterError> {
        let piece = self.name("a user")?;
        let uid = if looks_like_number(piece.text) {
            let uid = number::number(piece, u32::MAX.into())?;
            u32::try_from(uid).unwrap_or(u32::MAX)
        } else {
            self.names
                .user(piece.text)
                .ok_or_else(|| piece.error(format!("no user is called {}", quoted(piece.text))))?
        };
        Ok(Term::User {
            name: piece.text.to_owned(),
            uid,
        })
    }

    /// A name that is no pattern, though somebody may take it for one.
    fn plain_name(&mut self, what: &str) -> Result<String, FilterError> {
        let piece = self.name(what)?;
        if piece.text.contains('*') {
            let name = quoted(piece.text);
            return Err(piece
                .error(format!(
                    "{name} has a `*`, which stands for itself in {what}"
                ))
                .with_hint("only `process` takes patterns"));
        }
        Ok(piece.text.to_owned())
    }

    fn unit(&mut self) -> Result<Term, FilterError> {
        Ok(Term::Unit(self.plain_name("the name of a unit")?))
    }

    fn netns(&mut self) -> Result<Term, FilterError> {
        let piece = self.name("a network namespace")?;
        let inode = self.names.netns(piece.text).map_err(|error| {
            let why = printable(&error.to_string());
            piece
                .error(format!("{}: {why}", quoted(piece.text)))
                .with_hint(
                    "a name of `ip netns`, the pid of a process in it, or the path of its file",
                )
        })?;
        Ok(Term::Netns {
            name: piece.text.to_owned(),
            inode,
        })
    }

    fn container(&mut self) -> Result<Term, FilterError> {
        let prefix = self.plain_name("the beginning of a container's id or name")?;
        Ok(Term::Container(prefix))
    }

    fn operator(&mut self) -> Option<Operator> {
        let Some(Token {
            kind: Kind::Operator(operator),
            ..
        }) = self.peek()
        else {
            return None;
        };
        self.next += 1;
        Some(operator)
    }

    /// `=`, `!=`, or nothing, which is `=`.
    fn equality(&mut self) -> Result<Operator, FilterError> {
        let word = self.before();
        let at = self.peek();
        match (self.operator(), at) {
            (None, _) => Ok(Operator::Equal),
            (Some(operator @ (Operator::Equal | Operator::NotEqual)), _) => Ok(operator),
            (Some(_), at) => Err(FilterError::new(
                at.map_or(self.end, |token| token.span),
                format!("`{word}` can only be compared with `=` and `!=`"),
            )),
        }
    }

    /// A value that may be any name, if need be in quotes.
    fn name(&mut self, what: &str) -> Result<Piece<'t>, FilterError> {
        let next = self.peek().map_or("", |token| token.text);
        self.value(what).map_err(|error| {
            if is_word(next) {
                error.with_hint(format!(
                    "a name that is a word of the language needs quotes: \"{next}\""
                ))
            } else {
                error
            }
        })
    }

    fn value(&mut self, what: &str) -> Result<Piece<'t>, FilterError> {
        let Some(token) = self.peek() else {
            return Err(self.expected(what));
        };
        match token.kind {
            Kind::Quoted("") => return Err(FilterError::new(token.span, "a name can't be empty")),
            Kind::Quoted(_) => {}
            Kind::Word(word) if !is_word(word) => {}
            _ => return Err(self.expected(what)),
        }
        self.next += 1;
        Ok(piece(token))
    }

    /// The token that was taken last.
    fn before(&self) -> &'t str {
        let last = self
            .next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last));
        last.map_or("", |token| token.text)
    }

    /// The error of something else, or nothing, where this should be.
    fn expected(&self, what: &str) -> FilterError {
        let after = quoted(self.before());
        match self.peek() {
            Some(token) => FilterError::new(
                token.span,
                format!(
                    "expected {what} after {after}, found {}",
                    quoted(token.text)
                ),
            ),
            None => FilterError::new(self.end, format!("expected {what} after {after}")),
        }
    }
}

/// The likely cause of a comparison that is not there.
fn redirection(word: &str, example: &str) -> String {
    format!(
        "write `{word} gt {example}`, or quote the filter: an unquoted `>` makes the shell write to a file"
    )
}

/// The error of a token that begins no term.
fn no_term(token: Token<'_>, behind: bool) -> FilterError {
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
        "state" | "exclude" | "excl" => {
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
            let mut valid = TERMS.to_vec();
            valid.push("not");
            if behind {
                valid.extend(["and", "or"]);
            }
            match near_miss(word, &valid) {
                Some(near) => error.with_hint(meant(near.to_owned())),
                None => error.with_hint(format!("terms are {}", TERMS.join(" "))),
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

/// The refusal to guess, with what there is to choose from.
fn mixed(span: Span, filter: Option<impl Fn(Reading) -> Filter>) -> FilterError {
    let error = FilterError::new(span, "`and` and `or` are mixed without parentheses");
    let Some(filter) = filter else {
        return error.with_hint("put parentheses around what belongs together");
    };
    let tight_and = filter(Reading::Tighter(Junction::And));
    let left = filter(Reading::LeftToRight);
    let hint = if left == tight_and {
        let tight_or = filter(Reading::Tighter(Junction::Or));
        format!("with `and` first, as ss reads it: `{left}`; with `or` first: `{tight_or}`")
    } else {
        format!(
            "from left to right, as ss 6.1 reads it: `{left}`; with `and` first, as its manual says: `{tight_and}`"
        )
    };
    error.with_hint(printable(&hint))
}

fn too_deep(span: Span) -> FilterError {
    FilterError::new(
        span,
        format!("parentheses and `not` are nested deeper than {DEEPEST}"),
    )
}

fn piece(token: Token<'_>) -> Piece<'_> {
    match token.kind {
        Kind::Quoted(text) => Piece {
            text,
            column: token.span.column + 1,
        },
        _ => Piece {
            text: token.text,
            column: token.span.column,
        },
    }
}

impl Tree {
    /// How deep any reading of it is nested, at most: from left to right each change between `and` and
    /// `or` is a level.
    fn depth(&self) -> usize {
        match self {
            Self::Leaf(expr) => depth(expr),
            Self::Not(tree) => 1 + tree.depth(),
            Self::Level(first, rest) => {
                let turns = rest.windows(2).filter(|two| two[0].0 != two[1].0);
                let inner = rest.iter().map(|(_, tree)| tree.depth()).max();
                1 + turns.count() + first.depth().max(inner.unwrap_or(0))
            }
        }
    }

    fn read(&self, reading: Reading) -> Expr {
        match self {
            Self::Leaf(expr) => expr.clone(),
            Self::Not(tree) => negated(tree.read(reading)),
            Self::Level(first, rest) => {
                let first = first.read(reading);
                let rest = rest.iter().map(|(how, tree)| (*how, tree.read(reading)));
                match reading {
                    Reading::LeftToRight => {
                        rest.fold(first, |before, (how, next)| how.of(vec![before, next]))
                    }
                    Reading::Tighter(tight) => {
                        let mut groups = vec![vec![first]];
                        for (how, next) in rest {
                            match groups.last_mut() {
                                Some(group) if how == tight => group.push(next),
                                _ => groups.push(vec![next]),
                            }
                        }
                        let groups = groups.into_iter().map(|group| tight.of(group));
                        tight.other().of(groups.collect())
                    }
                }
            }
        }
    }
}

impl Junction {
    fn of(self, exprs: Vec<Expr>) -> Expr {
        match self {
            Self::And => all_of(exprs),
            Self::Or => any_of(exprs),
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::And => Self::Or,
            Self::Or => Self::And,
        }
    }
}

/// All of these, at least one, without an `and` within the `and`.
pub(super) fn all_of(exprs: Vec<Expr>) -> Expr {
    joined(exprs, Expr::And, |expr| match expr {
        Expr::And(inner) => Ok(inner),
        other => Err(other),
    })
}

/// One of these, likewise.
pub(super) fn any_of(exprs: Vec<Expr>) -> Expr {
    joined(exprs, Expr::Or, |expr| match expr {
        Expr::Or(inner) => Ok(inner),
        other => Err(other),
    })
}

fn joined(
    exprs: Vec<Expr>,
    join: fn(Vec<Expr>) -> Expr,
    same: fn(Expr) -> Result<Vec<Expr>, Expr>,
) -> Expr {
    let mut flat: Vec<Expr> = Vec::new();
    for expr in exprs {
        match same(expr) {
            // The first one grows, so that a long list is no pile of copies.
            Ok(inner) if flat.is_empty() => flat = inner,
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    match flat.len() {
        1 => flat.remove(0),
        _ => join(flat),
    }
}

/// The opposite; twice, it is the thing itself.
pub(super) fn negated(expr: Expr) -> Expr {
    match expr {
        Expr::Not(inner) => *inner,
        other => Expr::Not(Box::new(other)),
    }
}

/// How deep its canonical text is nested, at most.
fn depth(expr: &Expr) -> usize {
    match expr {
        Expr::And(exprs) | Expr::Or(exprs) => 1 + exprs.iter().map(depth).max().unwrap_or(0),
        Expr::Not(expr) => 1 + depth(expr),
        Expr::Term(_) => 0,
    }
}

/// The states that a word names, in any case.
fn states_of(word: &str) -> Option<States> {
    let word = word.to_ascii_lowercase();
    if let Some((_, states)) = GROUPS.iter().find(|(name, _)| *name == word) {
        return Some(*states);
    }
    let state = match ALIASES.iter().find(|(name, _)| *name == word) {
        Some((_, state)) => *state,
        None => word.parse().ok()?,
    };
    // No set has a state whose number is beyond its bits.
    Some(States::NONE.with(state)).filter(|states| states.contains(state))
}

fn state_words() -> impl Iterator<Item = String> {
    let states = State::NAMED.into_iter().map(|state| state.to_string());
    states.chain(GROUPS.iter().map(|(name, _)| (*name).to_owned()))
}

pub(super) const GROUPS: [(&str, States); 5] = [
    ("all", States::ALL_ACTIVE),
    ("connected", States::CONNECTED),
    ("synchronized", States::SYNCHRONIZED),
    ("bucket", States::BUCKET),
    ("big", States::BIG),
];

/// Other names of states: `ss` takes the first three and prints the last two.
const ALIASES: [(&str, State); 5] = [
    ("close", State::Closed),
    ("unconnected", State::Closed),
    ("syn-rcv", State::SynRecv),
    ("listen", State::Listening),
    ("estab", State::Established),
];

/// Whether the word is one of the language; as a name it needs quotes.
pub(super) fn is_word(word: &str) -> bool {
    let is_operator = || {
        lex(word).is_ok_and(|tokens| {
            matches!(tokens[..], [Token { kind, .. }] if !matches!(kind, Kind::Word(_) | Kind::Quoted(_)))
        })
    };
    TERMS.contains(&word)
        || matches!(word, "state" | "exclude" | "excl")
        || word.starts_with(char::is_alphabetic) && is_operator()
}

/// What a condition can be about, but the state.
pub(super) const TERMS: [&str; 21] = [
    "src",
    "dst",
    "host",
    "sport",
    "dport",
    "port",
    "dev",
    "fwmark",
    "cgroup",
    "autobound",
    "pid",
    "process",
    "user",
    "unit",
    "container",
    "netns",
    "idle",
    "rtt",
    "retrans",
    "sendq",
    "recvq",
];
