//! The order of the words before they are parsed, and the usage error after.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};

use super::Args;
use crate::exit::Exit;
use crate::message::without_controls;

/// Puts the command before the options that stand before it, so that `tcpentry --json list` is
/// `tcpentry list --json`; where words begin that are no command, they are a filter for `list`.
pub(crate) fn command_first(mut words: Vec<OsString>) -> Vec<OsString> {
    let definition = Args::command();
    let mut index = 1;
    while let Some(word) = words.get(index).and_then(|word| word.to_str()) {
        let is_option = word.starts_with('-') && word != "--";
        if !is_option {
            if is_command(&definition, word) {
                words[1..=index].rotate_right(1);
            } else {
                words.insert(1, "list".into());
            }
            break;
        }
        index += if takes_value(&definition, word) { 2 } else { 1 };
    }
    words
}

fn is_command(definition: &Command, word: &str) -> bool {
    definition
        .get_subcommands()
        .any(|command| command.get_name() == word || command.get_all_aliases().any(|it| it == word))
}

/// Returns true for an option whose value is the next word: `--max`, but neither `--max=3` nor `-n`.
fn takes_value(definition: &Command, word: &str) -> bool {
    let of_commands = definition
        .get_subcommands()
        .flat_map(Command::get_arguments);
    definition
        .get_arguments()
        .chain(of_commands)
        // --id takes any number of words: the first of them is not a command.
        .filter(|argument| {
            argument
                .get_num_args()
                .is_none_or(|count| count.max_values() == 1)
        })
        .filter(|argument| argument.get_action().takes_values())
        .any(|argument| {
            let long = word.strip_prefix("--");
            let short = word
                .strip_prefix('-')
                .filter(|rest| rest.chars().count() == 1);
            long.is_some_and(|long| argument.get_long() == Some(long))
                || short.is_some_and(|short| argument.get_short() == short.chars().next())
        })
}

/// Prints a usage error, or the help or version that the words ask for.
pub(crate) fn print_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version: nothing in them comes from outside.
        let _ = error.print();
        return Exit::Done.into();
    }
    let text = without_controls(&error.render().to_string());
    // Where standard error is closed, the exit code still says it.
    let _ = io::stderr().write_all(text.as_bytes());
    Exit::Usage.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_comes_first() {
        for (typed, understood) in [
            ("tcpentry --json list", "tcpentry list --json"),
            ("tcpentry -n delete 1 2", "tcpentry delete -n 1 2"),
            (
                "tcpentry --color never -a list",
                "tcpentry list --color never -a",
            ),
            ("tcpentry --color=never kill", "tcpentry kill --color=never"),
            ("tcpentry list --json", "tcpentry list --json"),
            ("tcpentry -l", "tcpentry -l"),
            ("tcpentry", "tcpentry"),
            ("tcpentry --help", "tcpentry --help"),
            ("tcpentry -- list", "tcpentry list -- list"),
            ("tcpentry state listening", "tcpentry list state listening"),
            ("tcpentry -a ! dev lo", "tcpentry list -a ! dev lo"),
            (
                "tcpentry --max 3 -n delete port 80",
                "tcpentry delete --max 3 -n port 80",
            ),
        ] {
            let words = typed.split(' ').map(OsString::from).collect();
            let understood: Vec<_> = understood.split(' ').map(OsString::from).collect();
            assert_eq!(command_first(words), understood, "{typed}");
        }
    }

    #[test]
    fn an_option_with_a_value_takes_the_next_word() {
        let mut definition = Args::command();
        definition.build();
        for option in ["-N", "--netns", "--color", "--max", "--for", "--method"] {
            assert!(takes_value(&definition, option), "{option}");
        }
        for option in ["-n", "--json", "--id", "--color=never", "-lN", "--", "-"] {
            assert!(!takes_value(&definition, option), "{option}");
        }
    }
}
