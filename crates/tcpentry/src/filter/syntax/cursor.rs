//! The tokens of a text, taken one by one: operators, values, and what was expected instead.

use super::keywords::is_word;
use super::lex::{Kind, Operator, Token};
use crate::filter::error::{FilterError, Piece, Span, quoted};

/// A position among the tokens of a text.
pub(super) struct Cursor<'t> {
    tokens: Vec<Token<'t>>,
    next: usize,
    /// The place behind the last one.
    end: Span,
}

impl<'t> Cursor<'t> {
    /// Starts at the first of these tokens, of a text of so many characters.
    pub(super) const fn new(tokens: Vec<Token<'t>>, length: usize) -> Self {
        Self {
            tokens,
            next: 0,
            end: Span {
                column: length,
                length: 0,
            },
        }
    }

    pub(super) fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).copied()
    }

    /// Returns the next two tokens, where there are so many.
    pub(super) fn next_two(&self) -> Option<[Token<'t>; 2]> {
        let [first, second] = self.tokens.get(self.next..self.next + 2)? else {
            return None;
        };
        Some([*first, *second])
    }

    /// Returns the tokens that were taken, in their order.
    pub(super) fn taken(&self) -> &[Token<'t>] {
        &self.tokens[..self.next]
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    pub(super) fn take(&mut self) -> Option<Token<'t>> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    pub(super) fn operator(&mut self) -> Option<Operator> {
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

    /// Takes `=`, `!=`, or nothing, which is `=`.
    pub(super) fn equality(&mut self) -> Result<Operator, FilterError> {
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

    /// Takes a value that may be any name, if need be in quotes.
    pub(super) fn name(&mut self, what: &str) -> Result<ParsedName<'t>, FilterError> {
        let next = self.peek();
        let word = next.map_or("", |token| token.text);
        let piece = self.value(what).map_err(|error| {
            if is_word(word) {
                error.with_hint(format!(
                    "a name that is a word of the language needs quotes: \"{word}\""
                ))
            } else {
                error
            }
        })?;
        let text = match next {
            Some(token) if is_in_double_quotes(token) => unescaped(piece.text),
            _ => piece.text.to_owned(),
        };
        Ok(ParsedName { text, piece })
    }

    pub(super) fn value(&mut self, what: &str) -> Result<Piece<'t>, FilterError> {
        let Some(token) = self.peek() else {
            return Err(self.expected(what));
        };
        match token.kind {
            Kind::Quoted("") | Kind::Value("") => {
                return Err(FilterError::new(
                    token.span,
                    format!("{what} can't be empty"),
                ));
            }
            Kind::Quoted(_) | Kind::Value(_) => {}
            Kind::Word(word) if !is_word(word) => {}
            _ => return Err(self.expected(what)),
        }
        self.next += 1;
        Ok(piece(token))
    }

    /// Returns the piece from here to the end of the token that was taken last.
    pub(super) fn taken_since(&self, start: Span) -> Span {
        start.to(self.place())
    }

    /// Returns the place of the token that was taken last.
    pub(super) fn place(&self) -> Span {
        let last = self.next.checked_sub(1);
        let last = last.and_then(|last| self.tokens.get(last));
        last.map_or(self.end, |token| token.span)
    }

    /// Returns the token before the one that was taken last.
    pub(super) fn before_last(&self) -> Option<Token<'t>> {
        let index = self.next.checked_sub(2)?;
        self.tokens.get(index).copied()
    }

    /// Returns the text of the token that was taken last.
    pub(super) fn before(&self) -> &'t str {
        let last = self
            .next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last));
        last.map_or("", |token| token.text)
    }

    /// Makes the error of something else, or nothing, where this should be.
    pub(super) fn expected(&self, what: &str) -> FilterError {
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

/// A name as it was meant, and as it stands in the text.
pub(super) struct ParsedName<'t> {
    pub(super) text: String,
    pub(super) piece: Piece<'t>,
}

const fn is_in_double_quotes(token: Token<'_>) -> bool {
    matches!(token.kind, Kind::Quoted(_)) && token.text.as_bytes()[0] == b'"'
}

/// Resolves the escapes between double quotes: `\"` and `\\`. Any other backslash stands for itself.
fn unescaped(text: &str) -> String {
    let mut characters = text.chars().peekable();
    std::iter::from_fn(|| match characters.next()? {
        '\\' => characters
            .next_if(|next| matches!(next, '"' | '\\'))
            .or(Some('\\')),
        other => Some(other),
    })
    .collect()
}

pub(super) fn piece(token: Token<'_>) -> Piece<'_> {
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
