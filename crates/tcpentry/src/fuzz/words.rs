//! The words of a command line that are a filter, and what a value among them may do to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::{io, str};

use super::filters::AnyNames;
use crate::connection::endpoint::Interface;
use crate::filter::{Expr, Filter, FilterWords, Names, PrefixSet};
use crate::process::Process;

/// Reads words, which zeros separate. Whatever stands where a value is due, a plain value there makes a filter of the
/// same shape, and no option is found among the words of a filter.
pub fn words(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let words: Vec<&str> = text.split('\0').collect();
    let dues = DueValue::of_each(&words);
    let filter = match Filter::parse_words(&words, &OneAddress) {
        Ok(filter) => filter,
        Err(error) => {
            let joined = words.join(" ");
            assert!(error.column() + error.length() <= joined.chars().count());
            assert!(!error.to_string().contains(char::is_control));
            return;
        }
    };
    let canonical = filter.to_string();
    let again = Filter::parse(&canonical, &OneAddress);
    assert_eq!(again.as_ref().ok(), Some(&filter), "{canonical}");
    let joined = FilterWords::text(&words);
    // An operator that could be a name may have to be told from it by quotes.
    if let Ok(read) = Filter::parse(&joined, &OneAddress) {
        assert_eq!(read, filter, "{words:?} as {joined}");
    }
    let could_be_names = dues.iter().flatten().any(|due| due.is_operator);
    for (place, due) in dues.iter().enumerate() {
        let word = words[place];
        let Some(due) = due else {
            // Who picks options out would take it.
            assert!(
                !word.starts_with('-') || could_be_names,
                "{words:?}: {word}"
            );
            continue;
        };
        if !due.is_operator {
            let plain = due.plain_values(word).filter_map(|plain| {
                let mut words = words.clone();
                words[place] = &plain;
                Filter::parse_words(&words, &OneAddress).ok()
            });
            let plain: Vec<_> = plain.map(|filter| shape(&filter)).collect();
            let is_excused = could_be_names || due.is_state();
            assert!(
                plain.contains(&shape(&filter)) || is_excused && plain.is_empty(),
                "{words:?}: {word} makes {canonical}"
            );
        }
    }
}

/// A value, or the operator before it, as it is due at a word.
struct DueValue {
    keyword: &'static str,
    /// Set where the word is an operator before a name, which could be that name.
    is_operator: bool,
}

impl DueValue {
    /// Returns for each word what is due there; `None` where the language goes on.
    fn of_each(words: &[&str]) -> Vec<Option<Self>> {
        let mut followed = FilterWords::new();
        let due = words.iter().map(|word| {
            let due = followed.value_of().map(|keyword| {
                // Behind an operator any word is the value.
                let takes_operator = !followed.next_words().is_empty() && !is_clause(keyword);
                Self {
                    keyword,
                    is_operator: takes_operator && OPERATORS.contains(&word.trim()),
                }
            });
            assert_eq!(due.is_some(), followed.expects_value());
            followed.push(word);
            due
        });
        due.collect()
    }

    fn is_state(&self) -> bool {
        is_clause(self.keyword)
    }

    /// Returns words that can stand in the place of this one: with its operator and its closing parentheses, which are
    /// no part of a number or an address.
    fn plain_values(&self, word: &str) -> impl Iterator<Item = String> {
        let (values, is_name): (&[&str], _) = match self.keyword {
            "src" | "dst" | "host" => (&["10.0.0.9", ":80"], false),
            "sport" | "dport" | "port" => (&["80"], false),
            "fwmark" | "pid" | "retrans" | "sendq" | "recvq" => (&["1"], false),
            "idle" | "rtt" => (&["10m"], false),
            keyword if is_clause(keyword) => (&["established"], true),
            _ => (&["plain", "-y"], true),
        };
        let (mut before, mut behind) = ("", "");
        if !is_name {
            let trimmed = word.trim_start();
            let length = match trimmed.split_once(char::is_whitespace) {
                Some((operator, _)) if OPERATORS.contains(&operator) => operator.len(),
                _ => trimmed.find(|c| !"=<>".contains(c)).unwrap_or(0),
            };
            before = &trimmed[..length];
            behind = &word[word.trim_end_matches(')').len()..];
        }
        let values = values.iter();
        values.map(move |value| format!("{before} {value}{behind}").trim_start().to_owned())
    }
}

fn is_clause(keyword: &str) -> bool {
    ["state", "exclude", "excl"].contains(&keyword)
}

/// Returns a filter without its values.
fn shape(filter: &Filter) -> String {
    let expr = filter.expr.as_ref().map(of_expr).unwrap_or_default();
    format!("{} {expr}", filter.states.is_some())
}

fn of_expr(expr: &Expr) -> String {
    let all = |exprs: &[Expr]| exprs.iter().map(of_expr).collect::<Vec<_>>().join(" ");
    match expr {
        Expr::And(exprs) => format!("(and {})", all(exprs)),
        Expr::Or(exprs) => format!("(or {})", all(exprs)),
        Expr::Not(expr) => format!("(not {})", of_expr(expr)),
        Expr::Term(term) => {
            let debug = format!("{term:?}");
            let name = debug.split([' ', '(']).next().unwrap_or_default();
            // What `dst` is followed by decides which of these it is.
            let is_end = ["Host", "Set", "Port", "Anything"].contains(&name);
            let ends = ["Local", "Peer", "Either"];
            let end = ends
                .iter()
                .find(|end| debug.contains(&format!("end: {end}")));
            match end {
                Some(end) if is_end => (*end).to_owned(),
                _ => name.to_owned(),
            }
        }
    }
}

/// Every spelling of an operator.
const OPERATORS: [&str; 16] = [
    "=", "==", "!=", "<", "<=", ">", ">=", "eq", "ne", "neq", "lt", "le", "leq", "gt", "ge", "geq",
];

/// [`AnyNames`], with one address at most of each host: several would be several terms.
struct OneAddress;

impl Names for OneAddress {
    fn service(&self, name: &str) -> Option<u16> {
        AnyNames.service(name)
    }

    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut addresses = AnyNames.addresses(host)?;
        addresses.truncate(1);
        Ok(addresses)
    }

    fn device(&self, name: &str) -> Option<Interface> {
        AnyNames.device(name)
    }

    fn user(&self, name: &str) -> Option<u32> {
        AnyNames.user(name)
    }

    fn netns(&self, name: &str) -> io::Result<u64> {
        AnyNames.netns(name)
    }

    fn process(&self, pid: i32) -> Option<Process> {
        AnyNames.process(pid)
    }

    fn cgroup(&self, path: &str) -> io::Result<u64> {
        AnyNames.cgroup(path)
    }

    fn set(&self, name: &str) -> Option<Arc<PrefixSet>> {
        AnyNames.set(name)
    }
}
