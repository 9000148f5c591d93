//! Words of a command line to tokens: a value that came as a word of its own is never language.

use super::grammar::{self, LONGEST, too_long};
use super::keywords::{CLAUSES, Keyword, Operand, TERMS, is_word, keyword_of, state_words};
use super::lex::{Kind, Operator, Token, WORDS, lex, lex_at};
use super::print::QuotedName;
use crate::filter::error::{FilterError, Span, quoted};
use crate::filter::expr::Filter;
use crate::filter::resolve::Names;

/// Parses a text.
pub(crate) fn parse(text: &str, names: &dyn Names) -> Result<Filter, FilterError> {
    parse_words(&[text], names)
}

/// Parses the words of a command line. Errors count columns in the words joined by single spaces.
pub(crate) fn parse_words(words: &[&str], names: &dyn Names) -> Result<Filter, FilterError> {
    let length = words.iter().map(|word| word.chars().count() + 1).sum();
    let length = usize::saturating_sub(length, 1);
    if words.iter().map(|word| word.len() + 1).sum::<usize>() > LONGEST + 1 {
        return Err(too_long(Span { column: 0, length }));
    }
    let parse = |value: Option<usize>| {
        let read = Reading::of(words, value)?;
        Ok((
            grammar::parse(read.tokens, length, names),
            read.could_be_values,
            read.could_have_options,
        ))
    };
    let (filter, could_be_values, could_have_options) = parse(None)?;
    for operator in could_be_values {
        let as_value = parse(Some(operator.word)).and_then(|(filter, ..)| filter);
        let next = words.get(operator.word + 1);
        let hides_option = operator.negates && next.is_some_and(|next| next.starts_with('-'));
        match (&filter, as_value) {
            (Ok(_), Ok(_)) => return Err(two_readings(words, operator)),
            (Ok(_), Err(_)) if hides_option => return Err(two_readings(words, operator)),
            // `process = process -y`: of a process called `process`, with an option, or of two names.
            (Err(_), Ok(_)) if could_have_options && operator.compares_names => {
                return Err(two_readings(words, operator));
            }
            (Err(_), Ok(filter)) => return Ok(filter),
            (_, Err(_)) => {}
        }
    }
    filter
}

/// Follows the words of a command line, to tell which are read as language and which are values.
///
/// A word that stands where a term begins is lexed. A word that stands where a value is due *is* that value, with
/// all its spaces and operators, even if it begins with `-`. [`Filter::parse_words`] reads words by this rule; who
/// picks options out of a command line needs it to leave values alone.
///
/// ```
/// use tcpentry::filter::FilterWords;
/// let mut words = FilterWords::new();
/// words.push("process");
/// assert!(words.expects_value(), "so that `-y` would be the name of a process here");
/// words.push("-y");
/// assert!(!words.expects_value(), "and an option here");
/// ```
///
/// An operator that stands where a value is due may be that value (`process "$NAME"` with the name `=`). Both readings
/// are followed until one of them can't go on, and a word is a value as long as it is one in either.
#[derive(Clone, Debug, Default)]
pub struct FilterWords {
    /// The reading in which an operator is an operator.
    first: Position,
    /// Those in which one of them is a value.
    others: Vec<Position>,
}

/// A position among the parts of a filter: what may stand next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Position {
    due: Due,
    place: Place,
    /// The keyword whose value is due.
    keyword: Option<&'static Keyword>,
}

/// A word of the language that may stand next, as [`FilterWords::next_words`] has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NextWord {
    /// The word.
    pub word: &'static str,
    /// Its meaning in a few words of English; empty for the name of a state.
    pub meaning: &'static str,
}

/// The place of the next word among the parts of a filter.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    /// The beginning, where nothing stands but clauses of states.
    #[default]
    Clauses,
    /// The beginning of a term that has to follow.
    Term,
    /// Behind a complete term.
    Behind,
}

/// The thing that is due next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Due {
    /// A term, a parenthesis, a junction.
    #[default]
    Term,
    /// An operator, or the value itself.
    OperatorOrValue(Operand),
    Value(Operand),
}

impl FilterWords {
    /// Starts before the first word.
    pub const fn new() -> Self {
        Self {
            first: Position::START,
            others: Vec::new(),
        }
    }

    /// Reads one word.
    pub fn push(&mut self, word: &str) {
        let mut others = Vec::new();
        let mut add = |position: Option<Position>| {
            if let Some(position) = position.filter(|it| !others.contains(it)) {
                others.push(position);
            }
        };
        for position in &self.others {
            add(position.behind(word));
            add(position.behind_value(word));
        }
        add(self.first.behind_value(word));
        self.others = others;
        self.first.push(word);
    }

    /// Returns `true` where the next word is a value (or the operator before one) and can't be an option.
    pub fn expects_value(&self) -> bool {
        self.first.expects_value() || self.others.iter().any(Position::expects_value)
    }

    /// Returns the keyword whose value the next word may be.
    pub fn value_of(&self) -> Option<&'static str> {
        let mut all = std::iter::once(&self.first).chain(&self.others);
        let expecting = all.find(|position| position.expects_value())?;
        expecting.keyword.map(|keyword| keyword.word)
    }

    /// Returns the words of the language that may stand next, as a shell offers them: none needs quotes, and of several
    /// spellings it is the usual one. A value is not among them, unless it is a state.
    ///
    /// ```
    /// use tcpentry::filter::FilterWords;
    /// let mut words = FilterWords::new();
    /// words.push("state");
    /// assert!(words.next_words().iter().any(|next| next.word == "established"));
    /// words.push("established");
    /// assert!(words.next_words().iter().any(|next| next.word == "dport"));
    /// words.push("dport");
    /// assert!(words.next_words().iter().any(|next| next.word == "gt" && next.meaning == ">"));
    /// ```
    pub fn next_words(&self) -> Vec<NextWord> {
        let spelt = |is_meant: fn(Kind<'_>) -> bool| {
            let mut words = WORDS.to_vec();
            words.dedup_by_key(|(_, kind, _)| *kind);
            let words = words
                .into_iter()
                .filter(move |(_, kind, _)| is_meant(*kind));
            words.map(|(word, _, meaning)| NextWord { word, meaning })
        };
        let terms = TERMS.iter().map(Keyword::next);
        let junctions = || spelt(|kind| matches!(kind, Kind::And | Kind::Or));
        let not = spelt(|kind| kind == Kind::Not);
        match (self.first.due, self.first.place) {
            (Due::Term, Place::Clauses) => {
                let clauses = CLAUSES[..2].iter().map(Keyword::next);
                clauses.chain(terms).chain(not).collect()
            }
            (Due::Term, Place::Term) => terms.chain(not).collect(),
            (Due::Term, Place::Behind) => junctions().chain(terms).chain(not).collect(),
            (Due::Value(Operand::State), _) => state_words()
                .map(|word| NextWord { word, meaning: "" })
                .collect(),
            (Due::Value(_), _) => Vec::new(),
            (Due::OperatorOrValue(operand), _) if operand.is_ordered() => {
                spelt(|kind| matches!(kind, Kind::Operator(_))).collect()
            }
            (Due::OperatorOrValue(_), _) => {
                spelt(|kind| matches!(kind, Kind::Operator(Operator::Equal | Operator::NotEqual)))
                    .collect()
            }
        }
    }

    /// Joins the words of a command line to one text that reads as they do: a value that could be read otherwise is
    /// quoted.
    ///
    /// ```
    /// use tcpentry::filter::FilterWords;
    /// assert_eq!(FilterWords::text(&["process", "a or b", "port", "80"]), "process \"a or b\" port 80");
    /// ```
    pub fn text(words: &[impl AsRef<str>]) -> String {
        let mut followed = Position::START;
        let joined = words.iter().map(AsRef::as_ref).map(|word| {
            let was_due = followed.expects_value();
            match followed.read(word, 0) {
                Ok(tokens) if was_due => {
                    let shown = tokens.iter().map(|token| match token.kind {
                        Kind::Value(value) => QuotedName(value).to_string(),
                        _ => token.text.to_owned(),
                    });
                    shown.collect::<Vec<_>>().join(" ")
                }
                Ok(_) => word.to_owned(),
                Err(_) => {
                    followed.due = Due::Term;
                    word.to_owned()
                }
            }
        });
        joined.collect::<Vec<_>>().join(" ")
    }
}

impl Position {
    const START: Self = Self {
        due: Due::Term,
        place: Place::Clauses,
        keyword: None,
    };

    const fn expects_value(&self) -> bool {
        !matches!(self.due, Due::Term)
    }

    /// Reads one word.
    fn push(&mut self, word: &str) {
        // What is not part of the language is an error for the parser; here the next word may begin a term again.
        if self.read(word, 0).is_err() {
            self.due = Due::Term;
        }
    }

    /// Returns the position behind a word; `None` where the word can't stand here.
    fn behind(mut self, word: &str) -> Option<Self> {
        // What begins like an option may be one where no value is due.
        let is_option = || !self.expects_value() && word.starts_with('-');
        if is_option() {
            return Some(self);
        }
        let stands = self.expects_value() || may_begin_anything(word);
        (stands && self.read(word, 0).is_ok()).then_some(self)
    }

    /// Returns the position behind an operator that is taken for the value which is due; `None` where it is none.
    fn behind_value(self, word: &str) -> Option<Self> {
        let Due::OperatorOrValue(operand) = self.due else {
            return None;
        };
        let may_be_either = operand.has_operator() && is_operator(word).is_some();
        may_be_either.then_some(Self {
            due: Due::Term,
            place: Place::Behind,
            ..self
        })
    }

    /// Turns one word, which begins at this column, into tokens.
    fn read<'w>(&mut self, word: &'w str, column: usize) -> Result<Vec<Token<'w>>, FilterError> {
        let tokens = match self.due {
            Due::Term => lex_at(word, column)?,
            Due::OperatorOrValue(operand)
                if is_operator(word).is_some() && operand.has_operator() =>
            {
                lex_at(word, column)?
            }
            Due::OperatorOrValue(Operand::Port | Operand::Plain | Operand::Counter) => {
                glued(word, column)?
            }
            Due::Value(Operand::Port | Operand::Plain | Operand::Counter) => closed(word, column),
            Due::OperatorOrValue(Operand::State | Operand::Name) | Due::Value(_) => {
                vec![value(word, column)]
            }
        };
        for token in &tokens {
            self.follow(token.kind);
        }
        Ok(tokens)
    }

    fn follow(&mut self, kind: Kind<'_>) {
        let was_clause = self.due == Due::Value(Operand::State);
        (self.due, self.place) = match (self.due, kind) {
            (Due::Term, Kind::Word(word)) => {
                self.keyword = keyword_of(word);
                match self.keyword.and_then(|keyword| keyword.operand) {
                    Some(Operand::State) => (Due::Value(Operand::State), self.place),
                    Some(operand) => (Due::OperatorOrValue(operand), Place::Behind),
                    None => (Due::Term, Place::Behind),
                }
            }
            (Due::OperatorOrValue(operand), Kind::Operator(_)) => (Due::Value(operand), self.place),
            (Due::Term, Kind::And | Kind::Or | Kind::Not | Kind::Open) => (Due::Term, Place::Term),
            _ if was_clause => (Due::Term, self.place),
            _ => (Due::Term, Place::Behind),
        };
    }
}

impl Keyword {
    const fn next(&self) -> NextWord {
        NextWord {
            word: self.word,
            meaning: self.meaning,
        }
    }
}

impl Operand {
    const fn has_operator(self) -> bool {
        !matches!(self, Self::State)
    }
}

/// One reading of the words.
struct Reading<'w> {
    tokens: Vec<Token<'w>>,
    /// Operators that stand where a name is due, so that each of them could be that name.
    could_be_values: Vec<Ambiguous>,
    /// Set when a word begins like an option where no value is due.
    could_have_options: bool,
}

#[derive(Clone, Copy)]
struct Ambiguous {
    /// The place of the word.
    word: usize,
    /// The column at which the word begins.
    column: usize,
    negates: bool,
    /// Set for one that can stand between a keyword and a name: `=` or `!=`.
    compares_names: bool,
}

impl<'w> Reading<'w> {
    /// Reads the words; the one at the place `as_value` is a value, though it looks like an operator.
    fn of(words: &[&'w str], as_value: Option<usize>) -> Result<Self, FilterError> {
        let mut reading = Self {
            tokens: Vec::new(),
            could_be_values: Vec::new(),
            could_have_options: false,
        };
        let mut followed = Position::START;
        let mut column = 0;
        for (place, word) in words.iter().copied().enumerate() {
            if is_blank(word) && !followed.expects_value() && !words.iter().all(|it| is_blank(it)) {
                return Err(empty_word(word, column));
            }
            let names = followed.due == Due::OperatorOrValue(Operand::Name);
            reading.could_have_options |= !followed.expects_value() && word.starts_with('-');
            if names && as_value == Some(place) {
                reading.tokens.push(value(word, column));
                followed.due = Due::Term;
            } else {
                if let (true, Some(operator)) = (names, is_operator(word)) {
                    let ambiguous = Ambiguous {
                        word: place,
                        column,
                        negates: operator == Operator::NotEqual,
                        compares_names: matches!(operator, Operator::Equal | Operator::NotEqual),
                    };
                    if words
                        .get(place + 1)
                        .is_none_or(|next| may_begin_anything(next))
                    {
                        reading.could_be_values.push(ambiguous);
                    }
                }
                reading.tokens.extend(followed.read(word, column)?);
            }
            if reading.could_be_values.len() > MOST_AMBIGUOUS {
                return Err(two_readings(words, reading.could_be_values[0]));
            }
            column += word.chars().count() + 1;
        }
        Ok(reading)
    }
}

fn is_blank(word: &str) -> bool {
    word.trim().is_empty()
}

/// Refuses a word of nothing beside others: without that term the filter would select more than was meant.
fn empty_word(word: &str, column: usize) -> FilterError {
    let span = Span {
        column,
        length: word.chars().count(),
    };
    FilterError::new(span, "expected a term, found an empty word".to_owned())
        .with_hint("is a variable empty? without that term the filter would select more")
}

/// Returns `true` for a word that can stand behind a complete term, or be an option: only then an operator before
/// it could have been a name.
fn may_begin_anything(word: &str) -> bool {
    let first = lex(word).ok().and_then(|tokens| tokens.first().copied());
    word.starts_with('-')
        || match first.map(|token| token.kind) {
            Some(Kind::Word(word)) => is_word(word),
            Some(Kind::Open | Kind::Close | Kind::Not | Kind::And | Kind::Or) => true,
            _ => false,
        }
}

/// Refuses to choose between an operator and a name that looks like one.
fn two_readings(words: &[&str], operator: Ambiguous) -> FilterError {
    let word = words[operator.word];
    let span = Span {
        column: operator.column,
        length: word.chars().count(),
    };
    FilterError::new(
        span,
        format!("{} could be an operator or a name here", quoted(word)),
    )
    .with_hint(
        "put the whole term into one word: 'process \"!=\"' is a name, 'process != nginx' an operator",
    )
}

/// Returns the operator that this word is, if it is nothing else.
fn is_operator(word: &str) -> Option<Operator> {
    match lex(word).ok()?[..] {
        [
            Token {
                kind: Kind::Operator(operator),
                ..
            },
        ] => Some(operator),
        _ => None,
    }
}

/// Reads a value that may have its operator in front: `=:80`, `>= 1024`.
fn glued(word: &str, column: usize) -> Result<Vec<Token<'_>>, FilterError> {
    let operator = lex_at(word, column).ok().and_then(|tokens| {
        let first = tokens.first().copied()?;
        match first.kind {
            Kind::Operator(operator) => Some((first, operator)),
            _ => None,
        }
    });
    let Some((token, operator)) = operator else {
        return Ok(closed(word, column));
    };
    if operator == Operator::NotEqual {
        return Err(FilterError::new(
            token.span,
            format!("{} has to be a word of its own", quoted(token.text)),
        )
        .with_hint("a value that comes from elsewhere must not turn a filter into its opposite"));
    }
    let skipped = token.span.column - column;
    let behind: usize = skipped + token.span.length;
    let at = word
        .char_indices()
        .nth(behind)
        .map_or(word.len(), |(at, _)| at);
    let rest = word[at..].trim_start();
    let rest_column = column + word.chars().count() - rest.chars().count();
    let value = closed(rest, rest_column);
    Ok(std::iter::once(token).chain(value).collect())
}

/// Reads a number or an address, of which no closing parenthesis is a part: ss takes `( dport = :80)`. Where a value
/// from elsewhere ends with one, the filter has one too many, and is an error.
fn closed(word: &str, column: usize) -> Vec<Token<'_>> {
    let text = word.trim_end_matches(')');
    let mut tokens = vec![value(text, column)];
    let behind = column + text.chars().count();
    tokens.extend(word[text.len()..].char_indices().map(|(at, _)| Token {
        kind: Kind::Close,
        text: ")",
        span: Span {
            column: behind + at,
            length: 1,
        },
    }));
    tokens
}

fn value(word: &str, column: usize) -> Token<'_> {
    Token {
        kind: Kind::Value(word),
        text: word,
        span: Span {
            column,
            length: word.chars().count(),
        },
    }
}

/// The largest number of operators that may be names: each costs a parse, and nobody means so many.
const MOST_AMBIGUOUS: usize = 8;
