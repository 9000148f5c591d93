//! The order of the words before they are parsed, and the usage error after.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Arg, Command, CommandFactory as _};
use tcpentry::filter::FilterWords;

use super::Args;
use crate::exit::Exit;
use crate::message::{exit_after, without_controls};

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
            if find_command(definition, word).is_some() {
                words[1..=index].rotate_right(1);
            } else {
                words.insert(1, "list".into());
            }
            break;
        }
        index += if option_before_value(definition, word).is_some() {
            2
        } else {
            1
        };
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
            let has_value = option_before_value(definition, &text).is_some();
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

/// Finds the command that has this name, or one of its other names.
pub(crate) fn find_command<'d>(definition: &'d Command, word: &str) -> Option<&'d Command> {
    definition.get_subcommands().find(|command| {
        command.get_name() == word || command.get_all_aliases().any(|it| it == word)
    })
}

/// Finds the option whose value is the next word: behind `--max` and `-lN`, but neither behind `--max=3` nor `-n`.
pub(crate) fn option_before_value<'d>(definition: &'d Command, word: &str) -> Option<&'d Arg> {
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
        return with_value.find(|argument| argument.get_long() == Some(long));
    }
    let flags = word.strip_prefix('-')?;
    let with_value: Vec<_> = with_value.collect();
    let option = |flag| with_value.iter().find(|it| it.get_short() == Some(flag));
    let (at, option) = flags
        .char_indices()
        .find_map(|(at, flag)| Some((at, option(flag)?)))?;
    // What stands behind a flag with a value is that value.
    (flags[at..].chars().count() == 1).then_some(option)
}

/// Prints a usage error, or the help or version that the words ask for.
pub(crate) fn print_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version: nothing in them comes from outside.
        let printed = error.print().and_then(|()| io::stdout().flush());
        return exit_after(printed, Exit::Done).into();
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
            assert!(
                option_before_value(&definition, option).is_some(),
                "{option}"
            );
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
            assert!(
                option_before_value(&definition, option).is_none(),
                "{option}"
            );
        }
    }
}
