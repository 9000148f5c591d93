//! From the words that were typed to commands and options, or to the answer to them.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, FromArgMatches as _};

use super::answer::Answer;
use super::habits::{commands, tools};
use super::line::Line;
use super::ours::{has_option, in_our_words};
use super::{Args, definition, direct, order};

/// The reason why there is nothing to run.
pub(crate) enum Usage {
    /// Help or version was asked for.
    Help(clap::Error),
    /// The words make no sense.
    Answer(Answer),
}

/// Reads the arguments of the process, the program's name first. Returns them with the line that they are of.
pub(crate) fn read(typed: Vec<OsString>) -> Result<(Args, Line), Usage> {
    match direct::read(&typed) {
        Some(read) => Ok(read),
        None => read_by_all(typed),
    }
}

/// Reads the arguments of the process by the definition of all commands.
pub(super) fn read_by_all(typed: Vec<OsString>) -> Result<(Args, Line), Usage> {
    // Made once: to make it takes longer than to delete a connection.
    let definition = definition();
    let line = arranged_by(&definition, typed).map_err(Usage::Answer)?;
    let matches = definition.try_get_matches_from(line.clone().into_arguments());
    let args = matches.and_then(|mut matches| Args::from_arg_matches_mut(&mut matches));
    match args {
        Ok(args) => Ok((args, line)),
        Err(error) if error.use_stderr() => Err(Usage::Answer(of_parser(&error, &line))),
        Err(help) => Err(Usage::Help(help)),
    }
}

/// Takes the arguments of the process apart, and puts what is ours in the place of what is others'.
pub(crate) fn arranged(typed: Vec<OsString>) -> Result<Line, Answer> {
    arranged_by(&definition(), typed)
}

fn arranged_by(definition: &Command, typed: Vec<OsString>) -> Result<Line, Answer> {
    if let Some(answer) = tools::answer(&typed) {
        return Err(answer);
    }
    let line = order::arrange(definition, typed);
    if line.is_implied {
        if line.words == ["version"] {
            return Ok(Line {
                options: vec!["--version".into()],
                ..Line::default()
            });
        }
        if line.words.first().is_some_and(|word| word == "help") {
            return help(definition, &line);
        }
        let names: Vec<_> = definition
            .get_subcommands()
            .flat_map(|it| std::iter::once(it.get_name()).chain(it.get_all_aliases()))
            .filter(|name| name.len() > 2)
            .map(str::to_owned)
            .collect();
        if let Some(answer) = commands::answer(&line, &names) {
            return Err(answer);
        }
    }
    in_our_words(definition, line)
}

/// Returns the line that prints the help of a command, or of all.
fn help(definition: &Command, line: &Line) -> Result<Line, Answer> {
    let of_command = |command: Option<&str>| Line {
        command: command.map(str::to_owned),
        options: vec!["--help".into()],
        ..Line::default()
    };
    let Some(topic) = line.words.get(1).map(|word| word.to_string_lossy()) else {
        return Ok(of_command(None));
    };
    if definition.find_subcommand(&*topic).is_some() {
        return Ok(of_command(Some(&topic)));
    }
    let names = definition.get_subcommands().map(Command::get_name);
    Err(Answer::new(format!("there is no command `{topic}`"))
        .with_hint("`man tcpentry` documents filters, guards and output")
        .with_meant("", of_command(commands::nearest(&topic, names))))
}

/// Answers what the parser of options can't read, in the words of this program.
fn of_parser(error: &clap::Error, line: &Line) -> Answer {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let argument = text(ContextKind::InvalidArg);
    // `--max <N>` is called by its name.
    let option = argument.split([' ', '=']).next().unwrap_or_default();
    let value = text(ContextKind::InvalidValue);
    let command = line.command.as_deref();
    let help = match command {
        Some(command) => format!("`tcpentry {command} --help` lists the options"),
        None => "`tcpentry --help` lists the options".to_owned(),
    };
    match error.kind() {
        ErrorKind::UnknownArgument if option.starts_with('-') => unknown_option(option, line, help),
        ErrorKind::UnknownArgument => {
            let command = command.unwrap_or("list");
            Answer::new(format!(
                "`{command}` takes no arguments, but got `{option}`"
            ))
            .with_meant("", line.with_words(Vec::<OsString>::new()))
        }
        ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg);
            let other = other.split([' ', '=']).next().unwrap_or_default();
            if other == option || other.is_empty() {
                Answer::new(format!("{option} is given twice"))
            } else {
                Answer::new(format!("{option} can't be combined with {other}"))
            }
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            Answer::new(format!("{option} needs a value")).with_hint(help)
        }
        ErrorKind::InvalidValue => {
            let valid = text(ContextKind::ValidValue);
            Answer::new(format!("`{value}` is not a valid {option}"))
                .with_hint(format!("it takes one of: {valid}"))
        }
        ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            match (option, cause) {
                ("--max", _) | (_, None) => {
                    Answer::new(format!("{option} takes a number, not `{value}`"))
                }
                (_, Some(cause)) => Answer::new(format!("{option}: {cause}")),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let needs = if option.starts_with('-') {
                format!("an option here works only together with {option}")
            } else {
                let name = command.unwrap_or("list");
                let argument = argument.split(',').next().unwrap_or_default();
                let argument = argument.replace(['<', '>'], "");
                format!("`{name}` needs {}", argument.trim_end_matches("..."))
            };
            Answer::new(needs).with_hint(help)
        }
        ErrorKind::MissingSubcommand
        | ErrorKind::InvalidSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let name = command.unwrap_or("tcpentry");
            let definition = definition();
            let nested = definition.find_subcommand(name).unwrap_or(&definition);
            let names: Vec<_> = nested.get_subcommands().map(Command::get_name).collect();
            let typed = text(ContextKind::InvalidSubcommand);
            let all = names.join(", ");
            Answer::new(if typed.is_empty() {
                format!("`{name}` needs one of {all}")
            } else {
                format!("`{name}` has no command `{typed}`, but {all}")
            })
            .with_hint(help)
        }
        ErrorKind::InvalidUtf8 => Answer::new("an argument is not UTF-8"),
        _ => Answer::new(format!("{option} can't be used like this")).with_hint(help),
    }
}

fn unknown_option(option: &str, line: &Line, help: String) -> Answer {
    let definition = definition();
    let own = line.command.as_deref();
    let own = own.and_then(|name| definition.find_subcommand(name));
    let longs = own.unwrap_or(&definition).get_arguments();
    let longs: Vec<_> = longs.filter_map(clap::Arg::get_long).collect();
    let of_another = definition
        .get_subcommands()
        .find(|command| has_option(command, option))
        .map(Command::get_name);
    let command = line.command.as_deref().unwrap_or("list");
    let answer = Answer::new(match of_another {
        Some(other) => format!("{option} is an option of `{other}`, not of `{command}`"),
        None => format!("there is no option {option}"),
    });
    if let Some(other) = of_another {
        let mut meant = line.clone();
        meant.command = Some(other.to_owned());
        return answer.with_meant("", meant);
    }
    let near = option.strip_prefix("--");
    let Some(near) = near.and_then(|long| commands::nearest(long, longs.into_iter())) else {
        return answer.with_hint(help);
    };
    let mut meant = line.clone();
    for word in &mut meant.options {
        let text = word.to_string_lossy().into_owned();
        if let Some(behind) = text
            .strip_prefix(option)
            .filter(|it| it.is_empty() || it.starts_with('='))
        {
            *word = format!("--{near}{behind}").into();
        }
    }
    answer
        .with_hint(format!("did you mean `--{near}`?"))
        .with_meant("", meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_read_alike() {
        for words in [
            "tcpentry list",
            "tcpentry list --json",
            "tcpentry list -a --json --color never dst 10.0.0.1",
            "tcpentry list -p -u -i --id state established",
            "tcpentry list -N web -- sport = :80",
            "tcpentry delete 127.0.0.1:1 127.0.0.1:2",
            "tcpentry delete 127.0.0.1:1 -n 127.0.0.1:2",
            "tcpentry delete --own-session --yes --max 3 dport 80",
            "tcpentry delete --id 1/a 1/b -n",
            "tcpentry delete -n -n 127.0.0.1 1 127.0.0.1 2",
            "tcpentry delete --for 10m --rate 5/s dst 10.0.0.0/8",
            "tcpentry ban 203.0.113.7",
            "tcpentry ban 203.0.113.0/24 --port ssh,80 --linger 1m",
        ] {
            let typed: Vec<_> = words.split(' ').map(OsString::from).collect();
            let all = read_by_all(typed.clone()).ok();
            let direct = direct::read(&typed);
            assert_eq!(format!("{direct:?}"), format!("{all:?}"), "{words}");
        }
    }
}
