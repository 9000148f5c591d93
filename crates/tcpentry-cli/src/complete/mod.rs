//! Completion: the words that may stand where the cursor is, for the scripts in `completions/`.
//!
//! `tcpentry complete-words WORD...` takes the words behind the program's name, the last of which is being typed, and
//! prints a candidate a line, with its meaning behind a tab. It follows the words as `args/order.rs` arranges them.

mod candidate;
mod line;
mod values;

use std::ffi::OsString;
use std::io::{self, Write as _};

use tcpentry::escape::is_plain;

use candidate::Candidate;

use crate::args::definition;
use crate::exit::Exit;

/// The word by which the scripts ask; no command for people.
pub(crate) const COMPLETE: &str = "complete-words";

/// Prints the candidates for the last of these words. It never fails: a shell has nowhere to show an error.
pub(crate) fn run(words: impl Iterator<Item = OsString>) -> Exit {
    let words: Vec<_> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let (typed, before) = match &*words {
        [] => ("", &[][..]),
        [before @ .., typed] => (typed.as_str(), before),
    };
    let mut out = Vec::new();
    for Candidate { word, meaning } in line::candidates(&definition(), before, typed) {
        // Names come from outside. What a terminal would act upon can't be typed either.
        if word.chars().chain(meaning.chars()).all(is_plain) {
            let _ = writeln!(out, "{word}\t{meaning}");
        }
    }
    let _ = io::stdout().write_all(&out);
    Exit::Done
}
