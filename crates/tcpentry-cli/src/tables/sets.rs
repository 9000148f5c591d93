//! The sets of prefixes that a filter may name: each is read once, before anything is done.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use tcpentry::filter::{PrefixListError, PrefixSet};

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
        let set = read_one(input, |text| PrefixSet::read(text))?;
        sets.insert(name.clone(), Arc::new(set));
    }
    Ok(sets)
}

/// Reads one of them by this function. Where that fails, says so and returns the exit code.
pub(crate) fn read_one<T>(
    input: &SetInput,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T, PrefixListError>,
) -> Result<T, Exit> {
    let refuse = |text: String| {
        print_error(&format!("--in: {text}"));
        Exit::Usage
    };
    let set = match input {
        SetInput::Standard => read(&mut io::stdin().lock()),
        SetInput::File(path) => {
            let file = File::open(path).map_err(|error| refuse(format!("{input}: {error}")))?;
            read(&mut BufReader::new(file))
        }
    };
    set.map_err(|error| {
        let separator = if error.line().is_some() { "," } else { ":" };
        let exit = refuse(format!("{input}{separator} {error}"));
        if let Some(hint) = error.hint() {
            print_hint(hint);
        }
        exit
    })
}
