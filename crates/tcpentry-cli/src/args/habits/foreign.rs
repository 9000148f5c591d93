//! From a line with options of other tools to ours, or to the answer to them.

use std::ffi::OsString;

use super::super::answer::Answer;
use super::super::line::Line;
use super::options::{
    Habit::{Answered, Deletes, Is, Ours, Seconds, Taken, Target, Term, Value, Watches},
    NO_OTHERS, NO_SIGNAL, before, glued_term, habit, of_lsof,
};

/// Turns terms about one end into those about either: what comes in at one end of a rule goes out at the other.
fn name_either_end(terms: &mut [OsString]) {
    for term in terms {
        let either = match term.to_str() {
            Some("src" | "dst") => "host",
            Some("sport" | "dport") => "port",
            _ => continue,
        };
        *term = either.into();
    }
}

/// Puts options of ours in the place of those of other tools, or answers them.
///
/// `is_known` says which options the command has itself, `with_value` of which the next word is the value.
pub(in super::super) fn read(
    mut line: Line,
    is_known: impl Fn(&str) -> bool,
    with_value: impl Fn(&str, Option<&str>) -> bool,
) -> Result<Line, Answer> {
    let mut read = ForeignOptions::default();
    let mut options: Vec<OsString> = Vec::new();
    let mut replacements: Vec<&str> = Vec::new();
    let mut typed = split(std::mem::take(&mut line.options), &is_known, &with_value).into_iter();
    while let Some(option) = typed.next() {
        let text = option.to_string_lossy();
        let next = typed.as_slice().first().and_then(|it| it.to_str());
        let (name, glued) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (&*text, None),
        };
        if let Some((term, value)) = glued_term(&text) {
            read.errors
                .push(format!("{text}: this is a filter term here: `{term}`"));
            read.terms
                .extend([term.to_owned(), value].map(OsString::from));
            continue;
        }
        let foreign = || (!is_known(name)).then(|| habit(name)).flatten();
        let tests =
            || (name == "-0" && line.command.as_deref() == Some("kill")).then_some(NO_SIGNAL);
        let habit = before(name, glued.or(next)).or_else(tests);
        let Some(habit) = habit.or_else(foreign) else {
            let has_value = with_value(&text, next);
            options.push(option);
            if has_value {
                options.extend(typed.next());
            }
            continue;
        };
        let mut value = || glued.map(OsString::from).or_else(|| typed.next());
        match habit {
            Taken => {}
            Is(ours) => options.push(match glued {
                Some(value) => format!("{ours}={value}").into(),
                None => ours.into(),
            }),
            Answered(error, instead) => {
                read.errors.push(format!("{name}: {error}"));
                let new = instead.iter().copied();
                replacements.extend(new.filter(|it| is_known(it)));
            }
            Term(term) => {
                read.errors
                    .push(format!("{name}: this is a filter term here: `{term}`"));
                read.terms.push(term.into());
                read.terms.extend(value());
            }
            Value(error) => {
                read.errors.push(format!("{name}: {error}"));
                value();
            }
            Ours(ours) => {
                value();
                options.push(ours.into());
            }
            Seconds => {
                let seconds = value();
                if is_known("--interval") {
                    read.errors.push(format!(
                        "{name}: --interval sets the time between two frames"
                    ));
                    let seconds = seconds.unwrap_or_default();
                    options.push(format!("--interval={}s", seconds.to_string_lossy()).into());
                } else {
                    read.errors.push(format!("{name}: {NO_OTHERS}"));
                    line.words.extend(seconds);
                }
            }
            Target => {
                read.errors
                    .push(format!("{name}: no rule of a firewall is made here"));
                value();
                read.is_rule = true;
            }
            Watches => {
                read.errors
                    .push(format!("{name}: the command `top` watches the table"));
                read.watches = true;
            }
            Deletes => {
                read.errors
                    .push(format!("{name}: the command `delete` ends connections"));
                read.deletes = true;
            }
        }
    }
    for replacement in replacements {
        if !options.iter().any(|option| option == replacement) {
            options.push(replacement.into());
        }
    }
    line.options = options;
    if read.errors.is_empty() {
        return Ok(line);
    }
    Err(read.answer(line))
}

/// The options of other tools in a line, as far as they have to be answered.
#[derive(Default)]
struct ForeignOptions {
    errors: Vec<String>,
    /// The terms that some of them are here.
    terms: Vec<OsString>,
    deletes: bool,
    watches: bool,
    /// Set for a rule of a firewall.
    is_rule: bool,
}

impl ForeignOptions {
    /// Returns the answer, with the line that they mean.
    fn answer(self, mut line: Line) -> Answer {
        let Self {
            mut errors,
            mut terms,
            deletes,
            watches,
            is_rule,
        } = self;
        if deletes && !line.deletes() {
            line.command = Some("delete".to_owned());
        }
        if watches && !line.deletes() {
            line.command = Some("top".to_owned());
        }
        if is_rule {
            name_either_end(&mut terms);
        }
        let has_terms = !terms.is_empty();
        if has_terms {
            terms.append(&mut line.words);
            line.words = terms;
        }
        // A state stands first.
        if let Some(at) = line
            .words
            .iter()
            .position(|word| word == "state")
            .filter(|at| *at > 0)
        {
            let end = line.words.len().min(at + 2);
            let clause: Vec<_> = line.words.drain(at..end).collect();
            line.words.splice(..0, clause);
        }
        errors.dedup();
        let answer = Answer {
            errors,
            ..Answer::default()
        };
        let takes_filter =
            line.deletes() || matches!(line.command.as_deref(), None | Some("list" | "ls" | "top"));
        if takes_filter || !has_terms {
            answer.with_meant("", line)
        } else {
            answer
        }
    }
}

/// Splits `-tnp` into its flags, and turns what lsof has glued into words of a filter.
fn split(
    options: Vec<OsString>,
    is_known: &impl Fn(&str) -> bool,
    with_value: &impl Fn(&str, Option<&str>) -> bool,
) -> Vec<OsString> {
    let mut flags = Vec::new();
    let mut options = options.into_iter();
    while let Some(option) = options.next() {
        let text = option.to_string_lossy().into_owned();
        let letters = text.strip_prefix('-').unwrap_or_default();
        let is_cluster = letters.chars().count() > 1 && !letters.starts_with('-');
        let next = options.as_slice().first().and_then(|it| it.to_str());
        if with_value(&text, next) {
            flags.push(option);
            flags.extend(options.next());
            continue;
        }
        if !is_cluster || habit(&text).is_some() || glued_term(&text).is_some() {
            flags.push(option);
            continue;
        }
        let mut rest = letters;
        while let Some(letter) = rest.chars().next() {
            let flag = format!("-{letter}");
            // As in `-ti:8080`.
            if of_lsof(&format!("-{rest}")).is_some() {
                flags.push(format!("-{rest}").into());
                break;
            }
            if with_value(&flag, None) {
                // What stands behind it is its value.
                flags.push(format!("-{rest}").into());
                break;
            }
            if !is_known(&flag) && habit(&flag).is_none() {
                // The whole of it is not a cluster.
                flags.push(option.clone());
                break;
            }
            flags.push(flag.into());
            rest = &rest[letter.len_utf8()..];
        }
    }
    flags
}
