//! The text of filters: read, and printed in its canonical form.

mod cursor;
mod grammar;
mod host;
mod junction;
pub(super) mod keywords;
mod lex;
pub(super) mod number;
pub(super) mod prefix;
mod print;
mod set;
mod term;
mod words;

pub use set::is_set_name;
pub use words::{FilterWords, NextWord};
pub(super) use words::{parse, parse_words};
