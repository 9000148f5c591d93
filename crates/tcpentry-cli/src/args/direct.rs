//! The short ways from words to commands and options: where the first word is a command that scripts and hooks run, and each option one
//! of its own.
//!
//! To define all commands takes longer than to delete a connection, and touches twice as much memory; to define `delete` alone takes a
//! fourth of its time. What is not understood here is read again with [all of them](super::read), which answers it.

use std::ffi::OsString;

use clap::{Args as ClapArgs, Command as Definition};
use tcpentry::filter::FilterWords;

use super::line::Line;
use super::ours::{has_option, in_our_words};
use super::{Args, Command, DeleteArgs, ListArgs, order, with_repeatable_flags};

/// Reads the arguments of the process; `None` where that takes more than the definition of one command.
pub(super) fn read(typed: &[OsString]) -> Option<(Args, Line)> {
    match typed.get(1)?.to_str()? {
        "list" => read_as("list", typed, Command::List),
        "delete" => read_plain(typed).or_else(|| read_as("delete", typed, Command::Delete)),
        "ban" => read_as("ban", typed, Command::Ban),
        _ => None,
    }
}

/// Reads a deletion by its words and by flags that go with every other option: no definition is needed for these.
fn read_plain(typed: &[OsString]) -> Option<(Args, Line)> {
    // Wherever it stands, what follows is no filter.
    if typed.iter().any(|word| word == "--id") {
        return None;
    }
    let mut delete = DeleteArgs::default();
    let mut line = Line {
        command: Some("delete".to_owned()),
        ..Line::default()
    };
    let mut followed = FilterWords::new();
    for word in &typed[2..] {
        let text = word.to_str()?;
        if order::is_word(&followed, text) {
            followed.push(text);
            delete.words.push(text.to_owned());
            line.words.push(word.clone());
            continue;
        }
        *match text {
            "-n" | "--dry-run" => &mut delete.dry_run,
            "-y" | "--yes" => &mut delete.yes,
            "--own-session" => &mut delete.own_session,
            "--ok-if-none" => &mut delete.ok_if_none,
            "--json" => &mut delete.output.json,
            _ => return None,
        } = true;
        line.options.push(word.clone());
    }
    let args = Args {
        command: Some(Command::Delete(delete)),
        list: ListArgs::default(),
    };
    Some((args, line))
}

fn read_as<A: ClapArgs>(
    name: &'static str,
    typed: &[OsString],
    command: fn(A) -> Command,
) -> Option<(Args, Line)> {
    let own = with_repeatable_flags(A::augment_args(Definition::new(name)));
    if !typed[2..].iter().all(|word| is_own(&own, word)) {
        return None;
    }
    let mut definition = Definition::new("tcpentry").subcommand(own);
    definition.build();
    let line = order::arrange(&definition, typed.to_vec());
    let line = in_our_words(&definition, line).ok()?;
    let matches = definition.try_get_matches_from(line.clone().into_arguments());
    let (_, mut matches) = matches.ok()?.remove_subcommand()?;
    let args = Args {
        command: Some(command(A::from_arg_matches_mut(&mut matches).ok()?)),
        list: ListArgs::default(),
    };
    Some((args, line))
}

/// Returns false for a word that may be an option of another command, or of another tool.
fn is_own(command: &Definition, word: &OsString) -> bool {
    let Some(word) = word.to_str() else {
        return false;
    };
    if word.starts_with("--") {
        let name = word.split('=').next().unwrap_or(word);
        return word == "--" || has_option(command, name);
    }
    match word.strip_prefix('-') {
        // What stands behind a letter may be its value, or another letter.
        Some(letters) if letters.chars().count() > 1 => false,
        Some(_) => word == "-" || has_option(command, word),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::read_by_all;
    use super::*;

    fn typed(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_is_read_without_a_definition_means_what_the_definition_says() {
        let pieces = [
            "",
            "-n",
            "--dry-run",
            "-y",
            "--yes",
            "--own-session",
            "--ok-if-none",
            "--json",
            "127.0.0.1:1",
            "[::1]:2",
            "process",
            "=",
            "-",
            "->",
            "port",
            "not",
            "( dport = :80 )",
            "-x",
            "--",
            "--max",
            "3",
            "--id",
            "-ny",
            "--json=x",
            "kill",
            "help",
        ];
        let mut random = fastrand::Rng::with_seed(24);
        let mut read = 0;
        for _ in 0..1000 {
            let mut words = typed("tcpentry delete");
            let count = random.usize(..6);
            words.extend((0..count).map(|_| random.choice(pieces).expect("some").into()));
            let Some(plain) = read_plain(&words) else {
                continue;
            };
            read += 1;
            let Ok(defined) = read_by_all(words.clone()) else {
                panic!("{words:?}");
            };
            assert_eq!(format!("{plain:?}"), format!("{defined:?}"), "{words:?}");
        }
        assert!(read > 150, "{read}");
    }

    #[test]
    fn whatever_is_not_plain_is_read_by_all() {
        for words in [
            "tcpentry",
            "tcpentry -a",
            "tcpentry kill 1 2",
            "tcpentry --json list",
            "tcpentry list --help",
            "tcpentry list -ap",
            "tcpentry list -K dst 10.0.0.1",
            "tcpentry list --interval 1s",
            "tcpentry delete -F 4 1 2",
            "tcpentry delete --max x port 80",
            "tcpentry delete --interval 1s port 80",
            "tcpentry list process -x",
            "tcpentry ban --interval 1s 10.0.0.1",
        ] {
            assert!(read(&typed(words)).is_none(), "{words}");
        }
    }
}
