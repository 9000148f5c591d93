//! The text of filters: read, and printed in its canonical form.

mod cursor;
mod grammar;
mod host;
mod junction;
pub(super) mod keywords;
mod lex;
pub(super) mod number;
mod print;
mod term;

pub(super) use grammar::parse;
