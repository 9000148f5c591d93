//! A line in our words: options of other tools are replaced.

use clap::Command;

use super::answer::Answer;
use super::habits::foreign;
use super::line::Line;
use super::order;

/// Replaces what is another tool's in a line by what is ours.
pub(super) fn in_our_words(definition: &Command, line: Line) -> Result<Line, Answer> {
    let name = line.command.clone();
    let command = name.and_then(|name| definition.find_subcommand(name));
    // `guard run` has options of its own: what one of its commands knows is none of another tool's.
    let nested = command.into_iter().flat_map(Command::get_subcommands);
    let commands: Vec<_> = nested.chain([command.unwrap_or(definition)]).collect();
    let is_known = |option: &str| commands.iter().any(|it| has_option(it, option));
    foreign::read(line, is_known, |option, next| {
        order::takes_value(definition, option, next)
    })
}

/// Returns true for an option of this command, `--name` or `-n`.
pub(super) fn has_option(command: &Command, option: &str) -> bool {
    let mut arguments = command.get_arguments();
    if let Some(long) = option.strip_prefix("--") {
        return arguments.any(|argument| argument.get_long() == Some(long));
    }
    let letter = option.chars().nth(1);
    letter.is_some() && arguments.any(|argument| argument.get_short() == letter)
}
