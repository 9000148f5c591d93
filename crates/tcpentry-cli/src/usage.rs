//! The answer instead of running a command line: the error, and commands that work.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::sync::Arc;

use tcpentry::filter::{FilterError, FilterWords};
use tcpentry::{Error, Filter, ScopedEndpoint, SystemNames, TcpTable};

use crate::args::answer::{Answer, Meant};
use crate::args::habits::{options, rows};
use crate::args::line::Line;
use crate::args::operands::{self, Purpose, Words};
use crate::args::{Command, Usage, arranged, read};
use crate::exit::Exit;
use crate::message::{exit_after, print_error, print_hint, without_controls};
use crate::tables::selection::SelectionError;
use crate::tables::sets::Sets;

/// Prints help, version or a usage error, and returns the exit code.
pub(crate) fn print_usage(usage: Usage) -> Exit {
    match usage {
        Usage::Help(help) => {
            // Nothing in it comes from outside.
            let printed = help.print().and_then(|()| io::stdout().flush());
            exit_after(printed, Exit::Done)
        }
        Usage::Answer(answer) => print_answer(answer),
    }
}

/// Prints an answer, and returns the exit code.
pub(crate) fn print_answer(answer: Answer) -> Exit {
    for error in &answer.errors {
        print_error(without_controls(error).trim_end());
    }
    for hint in &answer.hints {
        print_hint(without_controls(hint).trim_end());
    }
    print_meant(answer.meant);
    Exit::Usage
}

/// Prints why a filter selects nothing and what was probably meant by it; returns the exit code.
pub(crate) fn print_refusal(
    refusal: &SelectionError,
    of_error: impl FnOnce(&Error) -> Exit,
) -> Exit {
    let (SelectionError::Filter { error, text }, Some(line)) = (refusal, typed()) else {
        return refusal.report(of_error);
    };
    let words = line.texts();
    let exit = if rows::ends(&words).or_else(|| pair(&words)).is_some() {
        print_error("these words name both ends of a connection, but a filter is expected");
        Exit::Usage
    } else if rows::is_foreign(&words) {
        print_error("this row is not a TCP connection, and a filter is expected");
        Exit::Usage
    } else {
        refusal.report(of_error)
    };
    print_meant(of_filter(&line, error, text));
    exit
}

/// Returns the line that was typed.
fn typed() -> Option<Line> {
    arranged(std::env::args_os().collect()).ok()
}

/// Prints the commands that were probably meant, as far as they work.
fn print_meant(meant: Vec<Meant>) {
    let mut printed: Vec<String> = Vec::new();
    for Meant { label, line } in working(meant, MAX_FIXES) {
        let Some(typed) = line.for_shell().filter(|it| !printed.contains(it)) else {
            continue;
        };
        match label {
            "" => print_hint(&typed),
            label => print_hint(&format!("{label}:  {typed}")),
        }
        printed.push(typed);
        if printed.len() == MAX_MEANT {
            break;
        }
    }
}

/// Returns the lines that work: each as it is, or as what is said of it would have it.
fn working(meant: Vec<Meant>, fixes: usize) -> Vec<Meant> {
    let results = meant
        .into_iter()
        .flat_map(|meant| match check(&meant.line) {
            Ok(()) => vec![meant],
            Err(better) if fixes > 0 => working(better, fixes - 1),
            Err(_) => Vec::new(),
        });
    results.collect()
}

/// Returns what is probably meant by a line that does not work.
fn check(line: &Line) -> Result<(), Vec<Meant>> {
    let command = match read(line.clone().into_arguments()) {
        Ok((args, _)) => args.command,
        Err(Usage::Help(_)) => return Ok(()),
        Err(Usage::Answer(answer)) => return Err(answer.meant),
    };
    let words = match command {
        Some(Command::Delete(args)) if args.id.is_empty() => {
            let pids_first = line.is_about_processes();
            of_operands(line, &args.words, Purpose::Delete { pids_first })?
        }
        Some(Command::Why(args)) if args.id.is_empty() => {
            of_operands(line, &args.words, Purpose::Explain)?
        }
        Some(Command::List(args)) => args.filter,
        #[cfg(feature = "tui")]
        Some(Command::Top(args)) => args.filter,
        _ => return Ok(()),
    };
    if words.is_empty() {
        return Ok(());
    }
    match parse(&words, &named_sets(line)) {
        Ok(()) => Ok(()),
        Err(error) => Err(of_filter(
            &line.with_words(&words),
            &error,
            &words.join(" "),
        )),
    }
}

/// Returns the filter in the words of a command that takes both ends, too; no words for both ends.
fn of_operands(line: &Line, words: &[String], purpose: Purpose) -> Result<Vec<String>, Vec<Meant>> {
    match operands::words(words, purpose) {
        Ok(Words::Filter(words)) => Ok(words),
        Ok(Words::Ends(..)) => Ok(Vec::new()),
        Err(answer) => Err(answer.on_line(line).meant),
    }
}

/// Parses a filter. Where the table can't be opened, the names in a filter can't be checked either.
fn parse(words: &[String], sets: &Sets) -> Result<(), FilterError> {
    let Ok(table) = TcpTable::open() else {
        return Ok(());
    };
    Filter::parse_words(words, &SystemNames::new(&table).with_sets(sets)).map(drop)
}

/// Returns the sets that a line names, empty: a filter is not evaluated here.
fn named_sets(line: &Line) -> Sets {
    let command = read(line.clone().into_arguments())
        .ok()
        .and_then(|(args, _)| args.command);
    let select = match command {
        Some(Command::List(args)) => args.select,
        Some(Command::Delete(args)) => args.select,
        Some(Command::Why(args)) => args.select,
        #[cfg(feature = "tui")]
        Some(Command::Top(args)) => args.select,
        _ => return Sets::new(),
    };
    let names = select.sets.into_iter().map(|source| source.name);
    names.map(|name| (name, Arc::default())).collect()
}

/// Returns what is probably meant by a line with a wrong filter, whose text this is.
fn of_filter(line: &Line, error: &FilterError, text: &str) -> Vec<Meant> {
    let words = line.texts();
    let meant = |words: &[&str]| Meant {
        label: "",
        line: line.with_words(words),
    };
    if let Some([local, peer]) = rows::ends(&words).or_else(|| pair(&words)) {
        return vec![meant(&["src", &local, "dst", &peer])];
    }
    if let Some([one, other]) = rows::either_way(&words) {
        return vec![meant(&["host", &one, "host", &other])];
    }
    if let Some([local, peer]) = rows::named_ends(&words) {
        return vec![meant(&["src", &local, "dst", &peer])];
    }
    if let Some((term, end)) = rows::listener(&words) {
        let mut meant = meant(&[term, &end]);
        meant.line.options.push("-l".into());
        return vec![meant];
    }
    if rows::is_foreign(&words) {
        return Vec::new();
    }
    let piece: String = text
        .chars()
        .skip(error.column())
        .take(error.length())
        .collect();
    let replaced = |replacement: &str| {
        let before = text.chars().take(error.column());
        let behind = text.chars().skip(error.column() + error.length());
        before
            .chain(replacement.chars())
            .chain(behind)
            .collect::<String>()
    };
    let mut texts = Vec::new();
    if let Some(corrected) = error.corrected(text) {
        texts.push(("", corrected.clone()));
        let is_number = !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && corrected == replaced(&format!("port {piece}")) {
            texts[0].0 = "the port";
            let pid = ("the process", replaced(&format!("pid {piece}")));
            texts.insert(usize::from(!line.is_about_processes()), pid);
        }
    } else if let Some(port) = port_of_fuser(&piece) {
        texts.push(("", replaced(&format!("port {port}"))));
    } else if let Some((term, value)) = of_lsof(&piece) {
        texts.push(("", replaced(&format!("{term} {value}"))));
    } else if is_name(&piece) && begins_term(text, error) {
        let sets = named_sets(line);
        let may_be_host = piece == "localhost" || piece.contains('.');
        let kinds = NAMES
            .iter()
            .filter(|(_, term)| *term != "host" || may_be_host)
            .map(|(label, term)| (*label, replaced(&format!("{term} {piece}"))))
            .filter(|(_, text)| parse(std::slice::from_ref(text), &sets).is_ok());
        texts.extend(kinds);
    }
    let texts = texts.into_iter().filter_map(|(label, text)| {
        Some(Meant {
            label,
            line: line.with_words(split_again(&words, &text)?),
        })
    });
    texts.collect()
}

/// Returns both ends where the words are nothing else.
fn pair(words: &[String]) -> Option<rows::Ends> {
    let ends = match words {
        [local, peer] => [local.clone(), peer.clone()],
        [laddr, lport, paddr, pport] => {
            [rows::endpoint(laddr, lport), rows::endpoint(paddr, pport)]
        }
        _ => return None,
    };
    let are_ends = ends.iter().all(|end| end.parse::<ScopedEndpoint>().is_ok());
    are_ends.then_some(ends)
}

/// Splits a corrected text into words as the typed ones were; `None` where that can't be told.
fn split_again(typed: &[String], text: &str) -> Option<Vec<OsString>> {
    let is_plain = |word: &String| !word.contains([' ', '\t', '"', '\'', '\\']);
    let is_simple = |c: char| c.is_alphanumeric() || " _@%+=:,./-".contains(c);
    match typed {
        [_] if !text.chars().all(is_simple) => Some(vec![text.trim().into()]),
        _ if text.chars().all(is_simple) || typed.iter().all(is_plain) => {
            Some(text.split_whitespace().map(OsString::from).collect())
        }
        _ => None,
    }
}

/// Returns the port of `8080/tcp`, as fuser and nmap have it, and of `tcp:8080`.
fn port_of_fuser(text: &str) -> Option<&str> {
    let port = text
        .strip_suffix("/tcp")
        .or_else(|| text.strip_prefix("tcp:"));
    let port = port.or_else(|| text.strip_prefix("tcp/"))?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(port)
}

/// Returns the term of `TCP:8080` and `tcp@192.0.2.1:80`, as lsof has them behind `-i`.
fn of_lsof(text: &str) -> Option<(&'static str, String)> {
    let protocol = text.get(..3)?;
    let is_tcp = protocol.eq_ignore_ascii_case("tcp");
    is_tcp
        .then(|| options::of_lsof(&format!("-i{text}")))
        .flatten()
}

/// Returns true where the offending piece stands where a term begins, and not its value.
fn begins_term(text: &str, error: &FilterError) -> bool {
    let before: String = text.chars().take(error.column()).collect();
    let mut followed = FilterWords::new();
    before
        .split_whitespace()
        .for_each(|word| followed.push(word));
    !followed.expects_value()
}

fn is_name(text: &str) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || "-_.*/@".contains(c);
    text.starts_with(|c: char| c.is_alphanumeric() || c == '/')
        && text.chars().all(in_name)
        && !Filter::starts_with_keyword(text)
}

/// The meanings that a bare name may have: those that need to exist stand before the one that does not.
const NAMES: [(&str, &str); 5] = [
    ("the device", "dev"),
    ("the user", "user"),
    ("the service", "port"),
    ("the host", "host"),
    ("the process", "process"),
];

/// The number of times that a line is corrected until it works.
const MAX_FIXES: usize = 4;
/// The number of commands that are printed.
const MAX_MEANT: usize = 3;
