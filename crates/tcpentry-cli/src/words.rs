//! The words before and after they are understood: their order, and what is said of wrong ones.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::args::Args;
use crate::exit::Exit;
use crate::output::without_controls;

/// Puts the command before the options that stand before it, so that `tcpentry --json list` is
/// `tcpentry list --json`; where words begin that are no command, they are a filter for `list`.
pub(crate) fn command_first(mut words: Vec<OsString>) -> Vec<OsString> {
    let mut index = 1;
    while let Some(word) = words.get(index).and_then(|word| word.to_str()) {
        let is_option = word.starts_with('-') && word != "--";
        if !is_option {
            if is_command(word) {
                words[1..=index].rotate_right(1);
            } else {
                words.insert(1, "list".into());
            }
            break;
        }
        index += if WITH_VALUE.contains(&word) { 2 } else { 1 };
    }
    words
}

fn is_command(word: &str) -> bool {
    Args::command()
        .get_subcommands()
        .any(|command| command.get_name() == word || command.get_all_aliases().any(|it| it == word))
}

/// Says what is wrong with the words, or the help or version that they ask for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version: nothing in them comes from outside.
        let _ = error.print();
        return Exit::Done.into();
    }
    let text = without_controls(&error.render().to_string());
    // Where nobody hears it, the code still says it.
    let _ = io::stderr().write_all(text.as_bytes());
    Exit::Usage.into()
}

/// The options whose value is a word of its own.
const WITH_VALUE: [&str; 11] = [
    "-N",
    "--color",
    "--columns",
    "--for",
    "--group",
    "--interval",
    "--max",
    "--method",
    "--netns",
    "--sort",
    "--until-quiet",
];

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
    fn each_option_with_a_value_is_known() {
        let command = Args::command();
        let of_commands = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments);
        for argument in command.get_arguments().chain(of_commands) {
            let takes_a_word =
                argument.get_action().takes_values() && argument.get_long().is_some();
            if let (true, Some(long)) = (takes_a_word, argument.get_long()) {
                // --id takes any number of them; its first one is no command.
                let known = long == "id" || WITH_VALUE.contains(&format!("--{long}").as_str());
                assert!(known, "--{long}");
            }
        }
    }
}
