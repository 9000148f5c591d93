//! The order of the words before they are parsed.

use std::ffi::OsString;

use clap::{Arg, Command};
use tcpentry::filter::FilterWords;

use super::habits::options;
use super::line::Line;

/// Takes a command line apart: the command, its options, and the words that are none.
///
/// A value of a filter is not an option, even if it begins with `-`: `process "$NAME"` has to mean that process.
pub(crate) fn arrange(definition: &Command, typed: Vec<OsString>) -> Line {
    let mut words = typed.into_iter().skip(1).collect();
    let (command, is_implied) = take_command(definition, &mut words);
    let takes_words = command.as_ref().is_some_and(|name| {
        let command = definition.find_subcommand(name);
        command.is_some_and(|command| command.get_positionals().next().is_some())
    });
    let mut line = Line {
        command,
        is_implied,
        ..Line::default()
    };
    // The words after --id are identities, which never begin with a dash.
    if !takes_words || words.iter().any(|word| word == "--id") {
        line.options = words;
        return line;
    }
    let mut rest = words.into_iter();
    let mut followed = FilterWords::new();
    while let Some(word) = rest.next() {
        let text = word.to_string_lossy();
        if is_word(&followed, &text) {
            followed.push(&text);
            line.words.push(word);
        } else if text == "--" {
            line.words.extend(rest.by_ref());
        } else {
            let next = rest.as_slice().first().and_then(|it| it.to_str());
            let has_value = takes_value(definition, &text, next);
            line.options.push(word);
            if has_value {
                line.options.extend(rest.next());
            }
        }
    }
    line
}

/// Returns true for what is no option behind these words of a filter.
pub(super) fn is_word(followed: &FilterWords, text: &str) -> bool {
    followed.expects_value() || !text.starts_with('-') || matches!(text, "-" | "->" | "-->")
}

/// Takes the command out of the words, behind the options that stand before it: `tcpentry --json list`. Where words begin
/// that are not a command, they are a filter for `list`, which is implied.
fn take_command(definition: &Command, words: &mut Vec<OsString>) -> (Option<String>, bool) {
    let mut index = 0;
    while let Some(word) = words.get(index).map(|word| word.to_string_lossy()) {
        if !is_option(&word) {
            if definition.find_subcommand(&*word).is_some() {
                return (
                    Some(words.remove(index).to_string_lossy().into_owned()),
                    false,
                );
            }
            return (Some("list".to_owned()), true);
        }
        let next = words.get(index + 1).and_then(|it| it.to_str());
        let has_value = takes_value(definition, &word, next);
        index += if has_value { 2 } else { 1 };
    }
    (None, false)
}

fn is_option(word: &str) -> bool {
    word.starts_with('-') && word != "--"
}

/// Returns true for an option that some command has.
fn has_option(definition: &Command, option: &str) -> bool {
    let own = std::iter::once(definition).flat_map(Command::get_arguments);
    let mut arguments = own.chain(arguments_of_commands(definition));
    arguments.any(|argument| match option.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => argument
            .get_short()
            .is_some_and(|it| option.chars().eq(['-', it])),
    })
}

/// Returns true for an option whose value is the next word, one of ours or of another tool.
pub(super) fn takes_value(definition: &Command, word: &str, next: Option<&str>) -> bool {
    if options::before(word, next).is_some() {
        return true;
    }
    match options::takes_value(word) {
        Some(takes_value) if !has_option(definition, word) => takes_value,
        _ => option_before_value(definition, word).is_some(),
    }
}

/// Finds the option whose value is the next word: behind `--max` and `-lN`, but neither behind `--max=3` nor `-n`.
pub(crate) fn option_before_value<'d>(definition: &'d Command, word: &str) -> Option<&'d Arg> {
    let mut with_value = definition
        .get_arguments()
        .chain(arguments_of_commands(definition))
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

/// Returns the arguments of all commands, and of the commands below them.
fn arguments_of_commands(definition: &Command) -> impl Iterator<Item = &Arg> {
    let commands = definition.get_subcommands();
    let all = commands.flat_map(|it| std::iter::once(it).chain(it.get_subcommands()));
    all.flat_map(Command::get_arguments)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::Args;
    use super::*;

    fn arranged(typed: &[&str]) -> Vec<String> {
        let words = typed.iter().map(OsString::from).collect();
        let arranged = arrange(&Args::command(), words).into_arguments();
        arranged
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect()
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
    fn a_value_behind_one_that_is_an_operator_is_no_option() {
        for value in ["=", "==", "!=", "eq", "gt", "(", "!", "not", "or", "-n"] {
            for second in ["process", "dst"] {
                let words = ["tcpentry", "delete", "process", value, second, "-y"];
                let expected = ["tcpentry", "delete", "--", "process", value, second, "-y"];
                assert_eq!(arranged(&words), expected);
            }
        }
        let words = ["tcpentry", "delete", "process", "=", "nginx", "-y"];
        let expected = ["tcpentry", "delete", "-y", "--", "process", "=", "nginx"];
        assert_eq!(arranged(&words), expected);
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
