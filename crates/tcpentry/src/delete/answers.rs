//! The kernel's answers to questions that many deletions of one run ask.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The kernel's answers about addresses and routes: each is asked for once in a run, and again after a while, since an address may
/// leave the host while a long run goes on.
pub(super) struct Answers<Question, Answer> {
    known: HashMap<Question, Answer>,
    since: Option<Instant>,
}

impl<Question: Eq + Hash, Answer: Copy> Answers<Question, Answer> {
    /// Returns the answer to a question, asked now where it is not known.
    pub(super) fn get(&mut self, question: Question, ask: impl FnOnce() -> Answer) -> Answer {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= MAX_AGE {
            (self.since, self.known) = (Some(Instant::now()), HashMap::new());
        }
        *self.known.entry(question).or_insert_with(ask)
    }
}

impl<Question, Answer> Default for Answers<Question, Answer> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            since: None,
        }
    }
}

/// The time for which an answer is believed: of an address that has left meanwhile the peer is not told, and the report says
/// it was. A question takes 1 us.
const MAX_AGE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_asked_once_in_a_while() {
        let mut answers = Answers::default();
        let mut asked = 0;
        for question in [1, 1, 2, 2] {
            let answer = answers.get(question, || {
                asked += 1;
                Some(question == 2)
            });
            assert_eq!(answer, Some(question != 1));
        }
        assert_eq!(asked, 2);
        answers.since = Instant::now().checked_sub(MAX_AGE);
        assert_eq!(answers.get(1, || None), None);
        assert_eq!(answers.get(2, || Some(false)), Some(false));
    }
}
