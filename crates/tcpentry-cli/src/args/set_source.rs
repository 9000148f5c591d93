//! `--in NAME=FILE`: a set of prefixes, and where it is read.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tcpentry::filter::is_set_name;

/// A set of prefixes that a filter may name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SetSource {
    pub(crate) name: String,
    pub(crate) input: SetInput,
}

/// The text of a set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum SetInput {
    Standard,
    File(PathBuf),
}

impl FromStr for SetSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = text.escape_debug();
        let Some((name, file)) = text.split_once('=').filter(|(_, file)| !file.is_empty()) else {
            return Err(format!("expected NAME=FILE, found `{found}`"));
        };
        // As the filter has it.
        let name = name.strip_prefix('@').unwrap_or(name);
        if !is_set_name(name) {
            return Err(format!(
                "the name of a set consists of letters, digits, `_` and `-`, found `{}`",
                name.escape_debug()
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            input: match file {
                "-" => SetInput::Standard,
                file => SetInput::File(file.into()),
            },
        })
    }
}

impl fmt::Display for SetInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("standard input"),
            Self::File(path) => {
                let path = path.to_string_lossy();
                f.write_str(&tcpentry::escape::escape_for_terminal(path.as_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_a_name_and_a_file() {
        let file = |path: &str| SetInput::File(path.into());
        for (text, name, input) in [
            ("bad=list", "bad", file("list")),
            ("@bad=list", "bad", file("list")),
            ("a-b_1=/x=y", "a-b_1", file("/x=y")),
            ("bad=-", "bad", SetInput::Standard),
            ("bad=./-", "bad", file("./-")),
        ] {
            let name = name.to_owned();
            assert_eq!(text.parse(), Ok(SetSource { name, input }), "{text}");
        }
        for (text, error) in [
            ("bad", "expected NAME=FILE, found `bad`"),
            ("bad=", "expected NAME=FILE, found `bad=`"),
            (
                "=list",
                "the name of a set consists of letters, digits, `_` and `-`, found ``",
            ),
            (
                "a b=list",
                "the name of a set consists of letters, digits, `_` and `-`, found `a b`",
            ),
        ] {
            assert_eq!(text.parse::<SetSource>(), Err(error.to_owned()), "{text}");
        }
    }
}
