//! Tokens to a filter, by recursive descent: the messages are the point.

use super::cursor::{Cursor, piece};
use super::host::instead_of_term;
use super::junction::{Junction, Precedence, Tree, mixed};
use super::keywords::{is_clause, state_name, state_words, states_of};
use super::lex::{Kind, Operator, Token};
use super::term::{TermParser, is_implied, may_be_value_of, no_term};
use crate::connection::state::States;
use crate::filter::error::{FilterError, Span, near_miss, printable, quoted};
use crate::filter::expr::Filter;
use crate::filter::resolve::Names;

/// The deepest nesting of parentheses and `not`.
const DEEPEST: usize = 64;

/// The largest length of a text, and of its canonical form, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

/// Parses the tokens of a text of so many characters.
pub(super) fn parse<'t>(
    tokens: Vec<Token<'t>>,
    length: usize,
    names: &'t dyn Names,
) -> Result<Filter, FilterError> {
    let whole = Span { column: 0, length };
    let mut parser = Parser {
        cursor: Cursor::new(tokens, length),
        names,
        mixed: None,
    };
    if parser.cursor.peek().is_none() {
        return Err(FilterError::new(whole, "the filter is empty")
            .with_hint("`state all` selects every connection"));
    }
    let states = parser.states()?;
    let tree = match parser.cursor.peek() {
        Some(_) => Some(parser.level(0)?),
        None => None,
    };
    // A level ends before what it does not know: only this.
    if let Some(token) = parser.cursor.peek() {
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
    let filter = filter(Precedence::LeftToRight);
    if filter
        .expr
        .as_ref()
        .is_some_and(|expr| expr.depth() > DEEPEST)
    {
        return Err(too_deep(whole));
    }
    // So that it can be read back.
    if filter.to_string().len() > LONGEST {
        return Err(too_long(whole));
    }
    Ok(filter)
}

/// Makes the error of a text, or of a canonical form, that is too long.
pub(super) fn too_long(whole: Span) -> FilterError {
    FilterError::new(whole, format!("the filter is longer than {LONGEST} bytes"))
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    names: &'t dyn Names,
    /// The place of the first operator of the other kind on a level.
    mixed: Option<Span>,
}

impl<'t> Parser<'t> {
    fn terms(&mut self) -> TermParser<'_, 't> {
        TermParser {
            cursor: &mut self.cursor,
            names: self.names,
        }
    }

    /// Parses the clauses that come first.
    fn states(&mut self) -> Result<Option<States>, FilterError> {
        let mut included = None;
        let mut excluded = States::NONE;
        let mut any = false;
        while let Some(clause) = self.cursor.peek() {
            let word = match clause.kind {
                Kind::Word(word) if is_clause(word) => word,
                _ => break,
            };
            self.cursor.advance();
            any = true;
            if let Some(error) = self.compared_state(clause) {
                return Err(error);
            }
            let states = self.state()?;
            if word == "state" {
                included = Some(included.unwrap_or(States::NONE).union(states));
            } else {
                excluded = excluded.union(states);
            }
        }
        match self.cursor.peek() {
            Some(token) if any && token.kind == Kind::And => Err(FilterError::new(
                token.span,
                "expected a term after the states",
            )
            .with_hint(format!(
                "leave out `{}`: states limit the whole filter",
                token.text
            ))
            .with_fix(token.span, "")),
            Some(token) if any && token.kind == Kind::Or => Err(FilterError::new(
                token.span,
                "a state can't be an alternative: states limit the whole filter",
            )
            .with_hint("repeat `state` for several: `state established state close-wait`")),
            _ => Ok(()),
        }?;
        let all = included.unwrap_or(States::ALL_ACTIVE);
        Ok(any.then(|| all.difference(excluded)))
    }

    /// Makes the error of `state = established`.
    fn compared_state(&self, clause: Token<'t>) -> Option<FilterError> {
        let [sign, state] = self.cursor.next_two()?;
        let negates = match sign.text {
            "=" | "==" | "eq" => false,
            "!=" | "ne" | "neq" => true,
            _ => return None,
        };
        let word = if negates == (clause.text == "state") {
            "exclude"
        } else {
            "state"
        };
        let is_glued = sign.span.column + sign.span.length == state.span.column;
        let blank = if is_glued { " " } else { "" };
        let error = FilterError::new(sign.span, "a state is named without an operator");
        Some(
            error
                .with_hint(format!("did you mean `{word} {}`?", printable(state.text)))
                .with_fix(clause.span.to(sign.span), format!("{word}{blank}")),
        )
    }

    fn state(&mut self) -> Result<States, FilterError> {
        let token = match self.cursor.peek() {
            Some(token)
                if matches!(token.kind, Kind::Word(_) | Kind::Quoted(_) | Kind::Value(_)) =>
            {
                token
            }
            _ => return Err(self.cursor.expected("a state")),
        };
        self.cursor.advance();
        let piece = piece(token);
        states_of(piece.text).ok_or_else(|| {
            let error = piece.error(format!("{} is not a state", quoted(piece.text)));
            if piece.text.contains(',') {
                let states: Vec<_> = piece.text.split(',').filter(|it| !it.is_empty()).collect();
                return error
                    .with_hint("one state per clause: state established state syn-sent")
                    .with_fix(piece.span(), states.join(" state "));
            }
            if let Some(state) = piece.text.strip_prefix('=').filter(|it| !it.is_empty()) {
                return error.meant(state);
            }
            let valid: Vec<_> = state_words().collect();
            match near_miss(piece.text, &valid) {
                Some(near) => error.meant(near),
                None => error.with_hint(format!("states are {}", valid.join(" "))),
            }
        })
    }

    /// Parses operands and what joins them, up to a `)` or the end.
    fn level(&mut self, depth: usize) -> Result<Tree, FilterError> {
        let first = self.operand(depth, false)?;
        let mut rest: Vec<(Junction, Tree)> = Vec::new();
        while let Some(token) = self.cursor.peek() {
            let (junction, spelt) = match token.kind {
                Kind::Close => break,
                Kind::And => (Junction::And, true),
                Kind::Or => (Junction::Or, true),
                _ => (Junction::And, false),
            };
            if spelt {
                self.cursor.advance();
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

    /// Parses a term, a negation or parentheses. `behind` is set where a term has just ended, so that this may be a misspelt `and`.
    fn operand(&mut self, depth: usize, behind: bool) -> Result<Tree, FilterError> {
        let Some(token) = self.cursor.take() else {
            return Err(self.cursor.expected("a term"));
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
                }) = self.cursor.peek()
                {
                    return Err(FilterError::new(
                        span,
                        "expected a term between the parentheses",
                    ));
                }
                let tree = self.level(depth + 1)?;
                match self.cursor.take() {
                    Some(_) => Ok(tree),
                    None => Err(FilterError::new(token.span, "`(` without `)`")),
                }
            }
            Kind::Word(word) => match self.terms().term(word)? {
                Some(expr) => Ok(Tree::Leaf(expr)),
                None => Err(self.no_term(token, depth, behind)),
            },
            _ => Err(no_term(token, behind)),
        }
    }

    /// Returns where a token stands with the junction behind it, or else with the one before it.
    fn with_junction(&mut self, token: Token<'t>, before: Option<Token<'t>>) -> Span {
        let behind = self
            .cursor
            .peek()
            .filter(|it| matches!(it.kind, Kind::And | Kind::Or));
        match (behind, before) {
            (Some(behind), _) => token.span.to(behind.span),
            (None, Some(before)) => before.span.to(token.span),
            (None, None) => token.span,
        }
    }

    /// Makes the error of a token that begins no term; a state behind terms is moved to the front by its fix.
    fn no_term(&mut self, token: Token<'t>, depth: usize, behind: bool) -> FilterError {
        if let Some(error) = self.another_value(token).filter(|_| behind) {
            return error;
        }
        let error = no_term(token, behind);
        let before = self.cursor.before_last();
        let can_move =
            before.is_some_and(|it| !matches!(it.kind, Kind::Or | Kind::Not | Kind::Open));
        let joined = before.filter(|it| it.kind == Kind::And);
        if is_implied(token.text) {
            return error
                .without_fix()
                .with_fix(self.with_junction(token, joined), "");
        }
        let start = joined.map_or(token.span, |it| it.span);
        let clause = match self.cursor.peek() {
            _ if depth > 0 || !can_move => return error,
            _ if state_name(token.text).is_some() => {
                format!("state {}", state_name(token.text).unwrap_or_default())
            }
            Some(state) if states_of(state.text).is_some() => {
                self.cursor.advance();
                format!("{} {}", token.text, state.text)
            }
            _ => return error,
        };
        if !matches!(token.text, "state" | "exclude" | "excl") && state_name(token.text).is_none() {
            return error;
        }
        let first = Span {
            column: 0,
            length: 0,
        };
        error
            .without_fix()
            .with_fix(first, format!("{clause} "))
            .with_fix(self.cursor.taken_since(start), "")
    }

    /// Makes the error of `port 80 443`: another value for the term that has just ended, and whatever follows of its kind.
    fn another_value(&mut self, token: Token<'t>) -> Option<FilterError> {
        let taken = self.cursor.taken();
        let (_, before) = taken.split_last()?;
        let (keyword, value) = match before {
            [
                ..,
                keyword,
                Token {
                    kind: Kind::Operator(Operator::Equal),
                    ..
                },
                value,
            ]
            | [.., keyword, value] => (*keyword, *value),
            _ => return None,
        };
        let Kind::Word(word) = keyword.kind else {
            return None;
        };
        let mut values = vec![value.text];
        let is_more = |token: &Token<'_>| {
            matches!(token.kind, Kind::Word(_)) && may_be_value_of(word, token.text)
        };
        if !is_more(&token) || value.text.contains(char::is_whitespace) {
            return None;
        }
        values.push(token.text);
        while let Some(more) = self.cursor.peek().filter(is_more) {
            values.push(more.text);
            self.cursor.advance();
        }
        let terms: Vec<_> = values.iter().map(|it| format!("{word} {it}")).collect();
        let error = FilterError::new(
            token.span,
            format!(
                "`{word}` takes one value, and {} is another",
                quoted(token.text)
            ),
        );
        let term = self.cursor.taken_since(keyword.span);
        Some(instead_of_term(
            error,
            term,
            &format!("( {} )", terms.join(" or ")),
        ))
    }
}

fn too_deep(span: Span) -> FilterError {
    FilterError::new(
        span,
        format!("parentheses and `not` are nested deeper than {DEEPEST}"),
    )
}
