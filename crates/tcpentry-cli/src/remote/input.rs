//! `--in` with other hosts: the file is read here, and its text is sent along.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use tcpentry::filter::PrefixSet;

use super::fleet::TaskInput;
use crate::args::SetSource;
use crate::exit::Exit;
use crate::message::print_error;
use crate::tables::sets;

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
        let text = sets::read_one(&source.input, |input| {
            // What is sent has been read by the same rules, so that it ends.
            let mut copied = Copied::of(input);
            PrefixSet::read(&mut copied)?;
            Ok(copied.text)
        })?;
        Ok(Self(Some((source.name.clone(), Arc::new(text)))))
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

/// A text that is kept while it is read.
struct Copied<'i> {
    input: &'i mut dyn BufRead,
    text: Vec<u8>,
}

impl<'i> Copied<'i> {
    fn of(input: &'i mut dyn BufRead) -> Self {
        Self {
            input,
            text: Vec::new(),
        }
    }
}

impl Read for Copied<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(room)?;
        self.text.extend_from_slice(&room[..length]);
        Ok(length)
    }
}

impl BufRead for Copied<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        // It is there already: nothing is read.
        if let Ok(buffer) = self.input.fill_buf() {
            self.text.extend_from_slice(&buffer[..length]);
        }
        self.input.consume(length);
    }
}
