//! Text to tokens. Words need no spaces around operators and parentheses: `(dport>=80|!src=10/8)`.

use crate::filter::error::{FilterError, Span, quoted};
use crate::filter::expr::Comparison;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    /// The token as it stands in the text.
    pub(super) text: &'t str,
    pub(super) span: Span,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind<'t> {
    Open,
    Close,
    Not,
    And,
    Or,
    Operator(Operator),
    /// Anything else, without quotes.
    Word(&'t str),
    /// The text between quotes: a name, whatever its letters. Between double quotes `\"` and `\\` are escapes.
    Quoted(&'t str),
    /// A value that came as a word of its own: whatever is in it, it is not lexed.
    Value(&'t str),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Operator {
    /// Returns the comparison, and true where it is negated.
    pub(super) const fn comparison(self) -> (Comparison, bool) {
        match self {
            Self::Less => (Comparison::Less, false),
            Self::LessOrEqual => (Comparison::LessOrEqual, false),
            Self::Equal => (Comparison::Equal, false),
            Self::NotEqual => (Comparison::Equal, true),
            Self::GreaterOrEqual => (Comparison::GreaterOrEqual, false),
            Self::Greater => (Comparison::Greater, false),
        }
    }
}

pub(super) fn lex(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
    lex_at(text, 0)
}

/// Lexes a part of a longer text, which begins at this column.
pub(super) fn lex_at(text: &str, mut column: usize) -> Result<Vec<Token<'_>>, FilterError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            blank if blank.is_whitespace() => {
                column += 1;
                rest = &rest[first.len_utf8()..];
                continue;
            }
            '(' | ')' => 1,
            '"' | '\'' => quoted_length(rest, first).ok_or_else(|| unclosed(column))?,
            '!' if !rest.starts_with("!=") => 1,
            '!' | '=' | '<' | '>' => 1 + run(&rest[1..], |c| matches!(c, '=' | '<' | '>')),
            '&' | '|' => run(rest, |c| c == first),
            _ => run(rest, |c| !c.is_whitespace() && !"()!=<>&|".contains(c)),
        };
        let (text, behind) = rest.split_at(length);
        let span = Span {
            column,
            length: text.chars().count(),
        };
        let kind = match first {
            '"' | '\'' => Kind::Quoted(&text[1..length - 1]),
            '(' => Kind::Open,
            ')' => Kind::Close,
            '!' | '=' | '<' | '>' | '&' | '|' => symbol(text).ok_or_else(|| strange(text, span))?,
            _ => word(text),
        };
        tokens.push(Token { kind, text, span });
        column += span.length;
        rest = behind;
    }
    Ok(tokens)
}

/// Returns the length of the quoted text that begins here, quotes included; `None` where it does not end.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let inside = text[1..].find(|c: char| {
        let ends = c == quote && !escaped;
        escaped = quote == '"' && c == '\\' && !escaped;
        ends
    });
    Some(inside? + 2)
}

/// Returns the length of the longest prefix of characters like these, in bytes.
fn run(text: &str, like: impl Fn(char) -> bool) -> usize {
    text.find(|c| !like(c)).unwrap_or(text.len())
}

fn symbol(text: &str) -> Option<Kind<'_>> {
    Some(match text {
        "!" => Kind::Not,
        "&" | "&&" => Kind::And,
        "|" | "||" => Kind::Or,
        "=" | "==" => Kind::Operator(Operator::Equal),
        "!=" => Kind::Operator(Operator::NotEqual),
        "<" => Kind::Operator(Operator::Less),
        "<=" => Kind::Operator(Operator::LessOrEqual),
        ">" => Kind::Operator(Operator::Greater),
        ">=" => Kind::Operator(Operator::GreaterOrEqual),
        _ => return None,
    })
}

/// The junctions, the negation and the operators that are words; of several spellings the first is the usual one.
pub(super) const WORDS: [(&str, Kind<'static>, &str); 12] = [
    ("and", Kind::And, "both terms hold"),
    ("or", Kind::Or, "either term holds"),
    ("not", Kind::Not, "the next term does not hold"),
    ("eq", Kind::Operator(Operator::Equal), "="),
    ("ne", Kind::Operator(Operator::NotEqual), "!="),
    ("neq", Kind::Operator(Operator::NotEqual), "!="),
    ("lt", Kind::Operator(Operator::Less), "<"),
    ("le", Kind::Operator(Operator::LessOrEqual), "<="),
    ("leq", Kind::Operator(Operator::LessOrEqual), "<="),
    ("gt", Kind::Operator(Operator::Greater), ">"),
    ("ge", Kind::Operator(Operator::GreaterOrEqual), ">="),
    ("geq", Kind::Operator(Operator::GreaterOrEqual), ">="),
];

fn word(text: &str) -> Kind<'_> {
    let known = WORDS.iter().find(|(word, ..)| *word == text);
    known.map_or(Kind::Word(text), |(_, kind, _)| *kind)
}

fn unclosed(column: usize) -> FilterError {
    FilterError::new(Span { column, length: 1 }, "the quote is never closed")
}

fn strange(text: &str, span: Span) -> FilterError {
    let meant = match text {
        "=>" => ">=",
        "=<" => "<=",
        "<>" | "!==" => "!=",
        "===" => "=",
        _ => {
            return FilterError::new(span, format!("{} is not an operator", quoted(text)))
                .with_hint("operators are = != < <= > >= & | !");
        }
    };
    FilterError::new(span, format!("{} is not an operator", quoted(text))).meant(meant)
}
