//! The place of the cursor on the line, and the words of commands, options and filters that may stand there.

use clap::builder::PossibleValue;
use clap::{Arg, Command};
use tcpentry::Filter;
use tcpentry::filter::{FilterWords, is_set_name};

use super::candidate::Candidate;
use super::values;
use crate::args::order::option_before_value;

/// Returns what may stand for the word that is being typed, behind these words.
pub(super) fn candidates(definition: &Command, before: &[String], typed: &str) -> Vec<Candidate> {
    let line = CursorContext::read(definition, before);
    let mut candidates = line.next(typed);
    candidates.retain(|candidate| candidate.word.starts_with(typed));
    candidates
}

/// The meaning of the words before the cursor.
struct CursorContext<'d> {
    definition: &'d Command,
    /// The command, once it is named; `list` where words begin that are none.
    command: Option<&'d Command>,
    /// The option whose value comes next.
    option: Option<&'d Arg>,
    /// The names of the sets that `--in` gives.
    sets: Vec<&'d str>,
    /// The words that are neither options nor a command, and the filter that they make.
    words: Vec<&'d str>,
    filter: FilterWords,
    /// Set behind `--`.
    no_options: bool,
    /// Set behind `delete --id`: the words are identities.
    by_identity: bool,
}

impl<'d> CursorContext<'d> {
    fn read(definition: &'d Command, before: &'d [String]) -> Self {
        let mut line = Self {
            definition,
            command: None,
            option: None,
            sets: Vec::new(),
            words: Vec::new(),
            filter: FilterWords::new(),
            no_options: false,
            by_identity: false,
        };
        for word in before {
            line.push(word);
        }
        line
    }

    fn push(&mut self, word: &'d str) {
        if let Some(option) = self.option.take() {
            // The value of the option before it.
            if option.get_id() == SETS {
                self.add_set(word);
            }
        } else if !self.may_be_option(word) {
            let command = self.definition.find_subcommand(word);
            if let (None, Some(command), false) = (self.command, command, self.no_options) {
                self.command = Some(command);
                return;
            }
            let below = self.command.and_then(|it| it.find_subcommand(word));
            if let (Some(command), false) = (below, self.no_options) {
                self.command = Some(command);
                return;
            }
            self.command = self
                .command
                .or_else(|| self.definition.find_subcommand("list"));
            self.words.push(word);
            self.filter.push(word);
        } else if word == "--" {
            self.no_options = true;
        } else {
            self.option = option_before_value(self.definition, word);
            if let Some(source) = word.strip_prefix("--in=") {
                self.add_set(source);
            }
            let takes_ids = |command: &Command| ["delete", "why"].contains(&command.get_name());
            self.by_identity |= word == "--id" && self.command.is_some_and(takes_ids);
        }
    }

    fn add_set(&mut self, source: &'d str) {
        let name = source.split_once('=').map(|(name, _)| name);
        self.sets.extend(name.filter(|name| is_set_name(name)));
    }

    fn may_be_option(&self, word: &str) -> bool {
        !self.no_options && !self.filter.expects_value() && word.starts_with('-') && word != "-"
    }

    fn next(&self, typed: &str) -> Vec<Candidate> {
        if let Some(option) = self.option {
            return of_option(option, typed);
        }
        if typed.starts_with('-') && !self.no_options && !self.filter.expects_value() {
            return match typed.split_once('=') {
                Some((name, value)) => self.attached(name, value),
                None => self.options(typed),
            };
        }
        let mut found = Vec::new();
        let above = self.command.unwrap_or(self.definition);
        if !self.no_options {
            found.extend(commands(above, typed));
        }
        let takes_words = |command: &Command| {
            let first = command.get_positionals().next();
            // That of a rule is known to the service alone.
            first.is_some_and(|it| it.get_id() != "rule") && !self.by_identity
        };
        if self.command.is_none_or(takes_words) {
            found.extend(self.filter_words(typed));
        }
        found
    }

    /// Returns the words of a filter, or the ends of a connection where they name one.
    fn filter_words(&self, typed: &str) -> Vec<Candidate> {
        let deletes = self.command.is_some_and(|it| it.get_name() == "delete");
        let names_ends = match self.words.first() {
            Some(first) => !Filter::starts_with_keyword(first),
            None => typed.starts_with(|c: char| c == '[' || c.is_ascii_digit()),
        };
        if deletes && names_ends {
            return values::ends(&self.words);
        }
        let language = self.filter.next_words().into_iter();
        let language = language.map(|next| Candidate::new(next.word, next.meaning));
        let keyword = self.filter.value_of();
        let takes_set = keyword.is_some_and(|it| ["src", "dst", "host"].contains(&it));
        let sets = self.sets.iter().filter(|_| takes_set);
        let sets = sets.map(|name| Candidate::new(format!("@{name}"), "the set of --in"));
        let values = keyword.map(values::of_term).into_iter().flatten();
        sets.chain(values).chain(language).collect()
    }

    /// Returns the options of the command that has been named, or of the one that is meant where none is.
    fn options(&self, typed: &str) -> Vec<Candidate> {
        let command = self.command.unwrap_or(self.definition);
        let options = command
            .get_arguments()
            .filter(|it| !it.is_positional() && !it.is_hide_set());
        let mut found = Vec::new();
        for option in options {
            let help = option.get_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let long = option.get_long().map(|long| format!("--{long}"));
            let short = option.get_short().map(|short| format!("-{short}"));
            // Of both names the long one says more.
            let short = short.filter(|short| long.is_none() || short == typed);
            let names = long.into_iter().chain(short);
            found.extend(names.map(|name| Candidate::new(name, &*help)));
        }
        found
    }

    /// Returns the values of an option that is written as one word with it, `--color=auto`.
    fn attached(&self, name: &str, value: &str) -> Vec<Candidate> {
        let command = self.command.unwrap_or(self.definition);
        let mut options = command.get_arguments();
        let option = options.find(|it| it.get_long().is_some_and(|it| name == format!("--{it}")));
        let values = option.map(|option| of_option(option, value));
        let values = values.into_iter().flatten();
        values
            .map(|it| Candidate::new(format!("{name}={}", it.word), it.meaning))
            .collect()
    }
}

/// Returns the commands; one by another of its names where only that has been begun.
fn commands(definition: &Command, typed: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    for command in definition.get_subcommands().filter(|it| !it.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default();
        let name = command.get_name();
        let mut others = command.get_visible_aliases();
        let name = match others.find(|it| it.starts_with(typed)) {
            Some(other) if !name.starts_with(typed) => other,
            _ => name,
        };
        found.push(Candidate::new(name, about));
    }
    found
}

/// Returns the values of an option; of one that takes several, separated by commas, those that are not there yet.
fn of_option(option: &Arg, typed: &str) -> Vec<Candidate> {
    if option.get_id() == "netns" {
        return values::netns_option(typed);
    }
    if option.get_id() == SETS {
        return values::set_option(typed);
    }
    let chosen = match option.get_value_delimiter() {
        Some(delimiter) => typed.rfind(delimiter).map_or("", |at| &typed[..=at]),
        None => "",
    };
    let values = option.get_possible_values().into_iter();
    let values = values.filter(|value| !value.is_hide_set());
    let is_new = |value: &PossibleValue| !chosen.split(',').any(|it| it == value.get_name());
    values
        .filter(is_new)
        .map(|value| {
            let help = value.get_help().map(ToString::to_string);
            let word = format!("{chosen}{}", value.get_name());
            Candidate::new(word, help.unwrap_or_default())
        })
        .collect()
}

/// The identifier of `--in`.
const SETS: &str = "sets";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::definition;

    /// Returns the candidates for the last word, joined by spaces.
    fn complete(line: &str) -> String {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let (typed, before) = words.split_last().unwrap();
        let found = candidates(&definition(), before, typed);
        let words: Vec<_> = found.into_iter().map(|it| it.word).collect();
        words.join(" ")
    }

    #[test]
    fn commands_options_and_words_of_the_language() {
        for (typed, offered) in [
            ("de", "delete demo dev"),
            ("d", "delete doctor demo dst dport dev"),
            ("ki", "kill"),
            ("cl", "close"),
            ("-l del", "delete"),
            ("--color never li", "list"),
            ("--js", "--json"),
            ("list --n", "--netns --no-header"),
            ("delete --me", "--method"),
            ("kill -", &complete("delete --")),
            ("-", &complete("--")),
            ("doctor x", ""),
            ("wh", "why"),
            ("why --w", "--watch"),
            ("why state est", "established"),
            ("why --id x st", ""),
            ("gu", "guard"),
            ("guard ", "check run status pause resume"),
            ("guard r", "run resume"),
            ("guard run --", "--config --dry-run --help"),
            ("guard pause ", ""),
            ("doctor --", "--need --on --json --no-header --color --help"),
            ("demo --col", "--color"),
            ("delete -N", "-N"),
            ("delete st", "state"),
            ("delete state est", "established"),
            ("list exclude t", "time-wait"),
            ("state fin", "fin-wait-1 fin-wait-2"),
            ("kill state closed ex", "exclude"),
            ("delete -n dst 10.0.0.1 an", "and"),
            ("top not sp", "sport"),
            ("delete dst 10.0.0.1 --dr", "--dry-run"),
            ("delete process --dr", ""),
            ("delete -- --dr", ""),
            ("-- lis", ""),
            ("delete idle g", "gt ge"),
            ("delete --id stat", ""),
            ("list --id stat", "state"),
            ("delete 192.0.2.1:1 st", ""),
        ] {
            assert_eq!(complete(typed), offered, "{typed}");
        }
    }

    #[test]
    fn values_of_options() {
        for (typed, offered) in [
            ("--color ", "auto always never"),
            ("--color=a", "--color=auto --color=always"),
            ("delete --method ", "auto sock-diag borrow"),
            ("delete --method=b", "--method=borrow"),
            ("delete --max ", ""),
            ("delete --in bad=/dev/nul", "bad=/dev/null"),
            ("--in=bad=/dev/nul", "--in=bad=/dev/null"),
            ("--in ba", ""),
            ("--in bad=x dst @", "@bad"),
            ("delete --in=bad=x --in spared=y src = @", "@bad @spared"),
            ("--in bad=x process @", ""),
            ("delete port 80 --color n", "never"),
        ] {
            assert_eq!(complete(typed), offered, "{typed}");
        }
    }

    #[cfg(feature = "tui")]
    #[test]
    fn values_of_the_options_of_top() {
        for (typed, offered) in [
            ("top --sort r", "recvq rtt retrans"),
            (
                "top --group ",
                "none process user peer network port container netns host state",
            ),
            ("top --columns s", "state sendq"),
            ("top --columns state,pe", "state,peer"),
            ("top --columns state,sendq,s", ""),
            ("top --columns=state,pe", "--columns=state,peer"),
        ] {
            assert_eq!(complete(typed), offered, "{typed}");
        }
    }

    #[test]
    fn everything_has_its_meaning() {
        for line in [
            &["d"][..],
            &["delete", "--"],
            &["delete", "st"],
            &["x", "idle", "g"],
        ] {
            let words: Vec<_> = line.iter().map(|&word| word.to_owned()).collect();
            let (typed, before) = words.split_last().unwrap();
            for candidate in candidates(&definition(), before, typed) {
                assert!(!candidate.meaning.is_empty(), "{candidate:?}");
            }
        }
    }
}
