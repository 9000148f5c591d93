//! The short way from words to commands and options: where the first word is a command that scripts and hooks run, and each option one
//! of its own.
//!
//! To define all commands takes longer than to delete a connection, and touches twice as much memory. What is not understood
//! here is read again with [all of them](super::read), which answers it.

use std::ffi::OsString;

use clap::{Args as ClapArgs, Command as Definition};

use super::line::Line;
use super::ours::{has_option, in_our_words};
use super::{Args, Command, ListArgs, order, with_repeatable_flags};

/// Reads the arguments of the process; `None` where that takes more than the definition of one command.
pub(super) fn read(typed: &[OsString]) -> Option<(Args, Line)> {
    match typed.get(1)?.to_str()? {
        "list" => read_as("list", typed, Command::List),
        "delete" => read_as("delete", typed, Command::Delete),
        "ban" => read_as("ban", typed, Command::Ban),
        _ => None,
    }
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
    use super::*;

    fn typed(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
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
