//! The words of a command that boots machines.

use anyhow::{Context as _, Result, bail};

/// The words of a command that boots machines.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Options {
    /// Debian's suites, each of which has a kernel and a systemd.
    pub(crate) suites: Vec<String>,
    /// A part of the names of the tests to run.
    pub(crate) only: Option<String>,
    /// The mirror of Debian's packages, if not that of this machine.
    pub(crate) mirror: Option<String>,
}

impl Options {
    /// Parses suites, all of these if there is none, and `--mirror`; `--only` where the command takes that.
    pub(crate) fn parse(words: &[&str], all: &[&str], takes_only: bool) -> Result<Self> {
        let mut options = Self {
            suites: Vec::new(),
            only: None,
            mirror: None,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || {
                let value = words.next().map(|&value| value.to_owned());
                value.with_context(|| format!("{word} needs a value"))
            };
            match word {
                "--only" if takes_only => options.only = Some(value()?),
                "--mirror" => options.mirror = Some(value()?),
                _ if word.starts_with('-') => bail!("no such option: {word}"),
                suite => options.suites.push(suite.to_owned()),
            }
        }
        if options.suites.is_empty() {
            options.suites = all.iter().map(|&suite| suite.to_owned()).collect();
        }
        Ok(options)
    }
}
