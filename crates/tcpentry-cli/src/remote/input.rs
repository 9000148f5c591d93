//! `--in` with other hosts: the file is read here, and its text is sent along.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tcpentry::filter::PrefixSet;

use super::fleet::TaskInput;
use crate::args::{SetInput, SetSource};
use crate::exit::Exit;
use crate::message::{print_error, print_hint};

/// The set that the options name, if any.
#[derive(Clone, Debug, Default)]
pub(super) struct SetInputs(Option<(String, Arc<Vec<u8>>)>);

impl SetInputs {
    /// Reads it. Where that fails, says so and returns the exit code: nothing is done on any host with half of a list.
    pub(super) fn read(sources: &[SetSource]) -> Result<Self, Exit> {
        let source = match sources {
            [] => return Ok(Self::default()),
            [source] => source,
            _ => {
                print_error(
                    "--on can send one set only: it is sent by standard input; put all prefixes into one file",
                );
                return Err(Exit::Usage);
            }
        };
        let SetSource { name, input } = source;
        let text = match input {
            SetInput::Standard => read_all(io::stdin().lock()),
            SetInput::File(path) => File::open(path).and_then(read_all),
        };
        let text = text.map_err(|error| {
            print_error(&format!("--in: {input}: {error}"));
            Exit::Usage
        })?;
        if let Err(error) = PrefixSet::read(&text[..]) {
            let separator = if error.line().is_some() { "," } else { ":" };
            print_error(&format!("--in: {input}{separator} {error}"));
            if let Some(hint) = error.hint() {
                print_hint(hint);
            }
            return Err(Exit::Usage);
        }
        Ok(Self(Some((name.clone(), Arc::new(text)))))
    }

    /// Returns the option that has the remote program read it.
    pub(super) fn option(&self) -> Option<String> {
        self.0.as_ref().map(|(name, _)| format!("--in={name}=-"))
    }

    /// Returns the text, for the standard input of the remote program.
    pub(super) fn text(&self) -> Option<&Arc<Vec<u8>>> {
        self.0.as_ref().map(|(_, text)| text)
    }

    /// Returns it as the whole of the standard input.
    pub(super) fn as_input(&self) -> TaskInput {
        self.text()
            .map_or(TaskInput::Nothing, |text| TaskInput::Text(Arc::clone(text)))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().contains(&name)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn read_all(mut input: impl io::Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    Ok(text)
}
