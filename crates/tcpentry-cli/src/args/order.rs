//! The order of the words before they are parsed, and the usage error after.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use tcpentry::filter::FilterWords;

use super::Args;
use crate::exit::Exit;
use crate::message::without_controls;

/// Puts the words into the order that the parser reads: the command, its options, and after `--` the words that are none.
///
/// A value of a filter is no option, even if it begins with `-`: `process "$NAME"` has to mean that process.
pub(crate) fn arrange(words: Vec<OsString>) -> Vec<OsString> {
    let definition = Args::command();
    options_first(&definition, command_first(&definition, words))
}

/// Puts the command before the options that stand before it, so that `tcpentry --json list` is
/// `tcpentry list --json`; where words begin that are no command, they are a filter for `list`.
fn command_first(definition: &Command, mut words: Vec<OsString>) -> Vec<OsString> {
    let mut index = 1;
    while let Some(word) = words.get(index).and_then(|word| word.to_str()) {
        if !is_option(word) {
            if is_command(definition, word) {
                words[1..=index].rotate_right(1);
            } else {
                words.insert(1, "list".into());
            }
            break;
        }
        index += if takes_value(definition, word) { 2 } else { 1 };
    }
    words
}

/// Puts the options of a command that takes a filter before the words of that filter.
fn options_first(definition: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let takes_words = words.get(1).and_then(|word| word.to_str());
    let takes_words = takes_words.is_some_and(|name| {
        let command = definition.find_subcommand(name);
        command.is_some_and(|command| command.get_positionals().next().is_some())
    });
    // The words after --id are identities, which never begin with a dash.
    if !takes_words || words.iter().any(|word| word == "--id") {
        return words;
    }
    let mut rest = words.into_iter();
    let mut options: Vec<OsString> = rest.by_ref().take(2).collect();
    let mut filter = Vec::new();
    let mut followed = FilterWords::new();
    while let Some(word) = rest.next() {
        let text = word.to_string_lossy();
        if followed.expects_value() || !text.starts_with('-') || text == "-" {
            followed.push(&text);
            filter.push(word);
        } else if text == "--" {
            filter.extend(rest.by_ref());
        } else {
            let has_value = takes_value(definition, &text);
            options.push(word);
            if has_value {
                options.extend(rest.next());
            }
        }
    }
    if !filter.is_empty() {
        options.push("--".into());
        options.append(&mut filter);
    }
    options
}

fn is_option(word: &str) -> bool {
    word.starts_with('-') && word != "--"
}

fn is_command(definition: &Command, word: &str) -> bool {
    definition
        .get_subcommands()
        .any(|command| command.get_name() == word || command.get_all_aliases().any(|it| it == word))
}

/// Returns true for an option whose value is the next word: `--max` and `-lN`, but neither `--max=3` nor `-n`.
fn takes_value(definition: &Command, word: &str) -> bool {
    let of_commands = definition
        .get_subcommands()
        .flat_map(Command::get_arguments);
    let mut with_value = definition
        .get_arguments()
        .chain(of_commands)
        // --id takes any number of words: the first of them is not a command.
        .filter(|argument| {
            argument
                .get_num_args()
                .is_none_or(|count| count.max_values() == 1)
        })
        .filter(|argument| argument.get_action().takes_values());
    if let Some(long) = word.strip_prefix("--") {
        return with_value.any(|argument| argument.get_long() == Some(long));
    }
    let Some(flags) = word.strip_prefix('-') else {
        return false;
    };
    let shorts: Vec<char> = with_value.filter_map(clap::Arg::get_short).collect();
    // What stands behind a flag with a value is that value.
    flags.find(|flag| shorts.contains(&flag)) == flags.char_indices().last().map(|(at, _)| at)
        && !flags.is_empty()
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
    use clap::Parser as _;

    use super::*;

    fn arranged(typed: &[&str]) -> Vec<String> {
        let words = typed.iter().map(OsString::from).collect();
        let arranged = arrange(words).into_iter();
        arranged.map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn the_command_comes_first_and_its_options_before_the_words() {
        for (typed, understood) in [
            ("tcpentry --json list", "tcpentry list --json"),
            ("tcpentry -n delete 1 2", "tcpentry delete -n -- 1 2"),
            ("tcpentry delete 1 -n 2", "tcpentry delete -n -- 1 2"),
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
            (
                "tcpentry state listening",
                "tcpentry list -- state listening",
            ),
            ("tcpentry -a ! dev lo", "tcpentry list -a -- ! dev lo"),
            (
                "tcpentry --max 3 -n delete port 80",
                "tcpentry delete --max 3 -n -- port 80",
            ),
            (
                "tcpentry delete port 80 --max 3 -lN x -y",
                "tcpentry delete --max 3 -lN x -y -- port 80",
            ),
            (
                "tcpentry delete --id 1/a 1/b -n",
                "tcpentry delete --id 1/a 1/b -n",
            ),
            ("tcpentry list --id port 80", "tcpentry list --id port 80"),
            ("tcpentry doctor --json", "tcpentry doctor --json"),
        ] {
            let typed: Vec<_> = typed.split(' ').collect();
            assert_eq!(arranged(&typed).join(" "), understood, "{typed:?}");
        }
    }

    #[test]
    fn a_value_is_no_option() {
        for option in ["-y", "--yes", "--own-session", "-n", "--", "--max=1", "-"] {
            for term in ["process", "user", "unit", "container", "dst", "dport"] {
                for operator in [&[][..], &["="]] {
                    let words = [&["tcpentry", "delete", term], operator, &[option]].concat();
                    let expected = [&["tcpentry", "delete", "--", term], operator, &[option]];
                    assert_eq!(arranged(&words), expected.concat(), "{words:?}");
                    let more = [&words[..], &["-n"]].concat();
                    let args = Args::try_parse_from(arranged(&more)).unwrap();
                    let Some(super::super::Command::Delete(delete)) = args.command else {
                        panic!("{more:?}");
                    };
                    assert!(delete.dry_run && !delete.yes && !delete.own_session);
                }
            }
        }
    }

    #[test]
    fn an_option_with_a_value_takes_the_next_word() {
        let mut definition = Args::command();
        definition.build();
        for option in [
            "-N", "-lN", "--netns", "--color", "--max", "--for", "--method",
        ] {
            assert!(takes_value(&definition, option), "{option}");
        }
        for option in [
            "-n",
            "--json",
            "--id",
            "--color=never",
            "-Nx",
            "-la",
            "--",
            "-",
        ] {
            assert!(!takes_value(&definition, option), "{option}");
        }
    }
}
