//! A candidate: a word, and its meaning.

/// A word that may stand where the cursor is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) word: String,
    /// Its meaning in one line; it may be empty.
    pub(crate) meaning: String,
}

impl Candidate {
    pub(crate) fn new(word: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            meaning: meaning.into(),
        }
    }
}
