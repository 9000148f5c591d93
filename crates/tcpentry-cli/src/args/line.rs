//! A command line in the order in which it is read: the command, its options, its words.

use std::ffi::OsString;

use clap::CommandFactory as _;
use tcpentry::Filter;
use tcpentry::filter::FilterWords;

use super::Args;

/// A command line, taken apart.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Line {
    /// The name of the command; `None` for options alone.
    pub(crate) command: Option<String>,
    /// Set where no command was typed.
    pub(crate) is_implied: bool,
    /// The options with their values.
    pub(crate) options: Vec<OsString>,
    /// The words that are neither: a filter, both ends.
    pub(crate) words: Vec<OsString>,
}

impl Line {
    /// Returns true for a command that deletes.
    pub(crate) fn deletes(&self) -> bool {
        let definition = Args::command();
        let name = self.command.as_deref();
        let command = name.and_then(|name| definition.find_subcommand(name));
        command.is_some_and(|command| command.get_name() == "delete")
    }

    /// Returns true where a bare number is rather a pid than a port: behind `kill` and `-p`.
    pub(crate) fn is_about_processes(&self) -> bool {
        let shows = |word: &OsString| word == "-p" || word == "--process";
        self.command.as_deref() == Some("kill") || self.options.iter().any(shows)
    }

    /// Returns the words as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        let texts = self.words.iter().map(|word| word.to_string_lossy());
        texts.map(std::borrow::Cow::into_owned).collect()
    }

    /// Returns this line with other words.
    pub(crate) fn with_words(&self, words: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            words: words.into_iter().map(Into::into).collect(),
            ..self.clone()
        }
    }

    /// Returns what the parser of options reads, the program's name first.
    pub(crate) fn into_arguments(self) -> Vec<OsString> {
        let dashes = (!self.words.is_empty()).then(|| "--".into());
        let command = self.command.map(OsString::from);
        let first = std::iter::once("tcpentry".into()).chain(command);
        let all = first.chain(self.options).chain(dashes);
        all.chain(self.words).collect()
    }

    /// Returns the line as a person types it into a shell; a deletion is a dry run. `None` where it can't be typed.
    pub(crate) fn for_shell(&self) -> Option<String> {
        let mut parts = vec!["tcpentry".to_owned()];
        let deletes = self.deletes();
        let command = if deletes {
            Some("delete")
        } else {
            self.command.as_deref()
        };
        parts.extend(command.filter(|name| *name != "list").map(str::to_owned));
        if deletes {
            let is_dry =
                |word: &OsString| ["-n", "--dry-run", "--help"].iter().any(|it| word == it);
            if !self.options.iter().any(is_dry) {
                parts.push("-n".to_owned());
            }
        }
        let options = self.options.iter().map(|word| word.to_string_lossy());
        parts.extend(options.map(|word| for_shell(&word)));
        let words = self.texts();
        let is_filter = words
            .first()
            .is_some_and(|it| Filter::starts_with_keyword(it));
        if is_filter && words.iter().any(|word| for_shell(word) != *word) {
            parts.push(for_shell(&FilterWords::text(&words)));
        } else {
            if words.first().is_some_and(|word| word.starts_with('-')) {
                parts.push("--".to_owned());
            }
            parts.extend(words.iter().map(|word| for_shell(word)));
        }
        let line = parts.join(" ");
        let can_be_typed = !line.contains(char::is_control) && !line.contains('\u{fffd}');
        can_be_typed.then_some(line)
    }
}

/// Quotes a word for a shell, where it has to be.
pub(crate) fn for_shell(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    // zsh takes `=name` at the beginning of a word for the path of a command.
    let is_path = word.len() > 1 && word.starts_with('=');
    if !word.is_empty() && word.bytes().all(plain) && !is_path {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &str, words: &[&str]) -> Line {
        Line {
            command: Some(command.to_owned()),
            ..Line::default()
        }
        .with_words(words)
    }

    #[test]
    fn a_line_is_quoted_for_the_shell() {
        for (line, typed) in [
            (line("list", &["dport", "=", ":80"]), "tcpentry dport = :80"),
            (
                line("kill", &["[::1]:80", "[::1]:90"]),
                "tcpentry delete -n '[::1]:80' '[::1]:90'",
            ),
            (
                line("top", &["(", "port", "80", ")"]),
                "tcpentry top '( port 80 )'",
            ),
            (
                line("list", &["process", "a or b"]),
                "tcpentry 'process \"a or b\"'",
            ),
            (line("delete", &["it's"]), r"tcpentry delete -n 'it'\''s'"),
        ] {
            assert_eq!(line.for_shell().as_deref(), Some(typed));
        }
        assert_eq!(line("list", &["process", "\u{1b}[2J"]).for_shell(), None);
    }
}
