//! The sets of prefixes that a filter may name: each is read once, before anything is done.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use tcpentry::filter::PrefixSet;

use crate::args::{SetInput, SetSource};
use crate::exit::Exit;
use crate::message::{print_error, print_hint};

/// The sets, by their names.
pub(crate) type Sets = BTreeMap<String, Arc<PrefixSet>>;

/// Reads the sets that the options name. Where one can't be read, says so and returns the exit code: nothing is done with
/// half of a list.
pub(crate) fn read(sources: &[SetSource]) -> Result<Sets, Exit> {
    let mut sets = Sets::new();
    for (index, SetSource { name, input }) in sources.iter().enumerate() {
        let before = &sources[..index];
        if before.iter().any(|other| other.name == *name) {
            print_error(&format!("--in: the set `{name}` is given twice"));
            return Err(Exit::Usage);
        }
        if *input == SetInput::Standard && before.iter().any(|other| other.input == *input) {
            print_error("--in: standard input can be read only once");
            return Err(Exit::Usage);
        }
        let set = match input {
            SetInput::Standard => read_from(input, io::stdin().lock()),
            SetInput::File(path) => match File::open(path) {
                Ok(file) => read_from(input, BufReader::new(file)),
                Err(error) => Err((format!("{input}: {error}"), None)),
            },
        };
        let set = set.map_err(|(error, hint)| {
            print_error(&format!("--in: {error}"));
            if let Some(hint) = hint {
                print_hint(&hint);
            }
            Exit::Usage
        })?;
        sets.insert(name.clone(), Arc::new(set));
    }
    Ok(sets)
}

/// Reads a set, or returns the error and its hint.
fn read_from(input: &SetInput, text: impl BufRead) -> Result<PrefixSet, (String, Option<String>)> {
    PrefixSet::read(text).map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        let separator = if error.line().is_some() { "," } else { ":" };
        (format!("{input}{separator} {error}"), hint)
    })
}
