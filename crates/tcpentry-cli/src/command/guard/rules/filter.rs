//! The filters of a rule: parsed, and refused where they choose nothing.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tcpentry::filter::{Names, PrefixSet};
use tcpentry::process::Process;
use tcpentry::{Filter, Interface, SystemNames};

use super::Trigger;
use super::section::{KeyReader, LocatedText, cited};
use super::variables::{VARIABLES, to_sets};
use crate::args::habits::commands::nearest;

/// The demand on a filter.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Demand {
    /// It may be true of everything.
    None,
    /// It has to have a variable or a term that chooses.
    Choice,
}

/// Reads a filter, and returns it in its canonical form with sets for variables. Its errors go to the reader.
///
/// `trigger` is `None` where that has an error of its own.
pub(super) fn read(
    reader: &mut KeyReader<'_>,
    text: &LocatedText<'_>,
    trigger: Option<&Trigger>,
    demand: Demand,
) -> Option<String> {
    if text.text.trim().is_empty() {
        let hint =
            "it says which connections, as for `tcpentry list`: `state close-wait process java`";
        reader.fail_in(text, 0, "the filter is empty", Some(hint.to_owned()));
        return None;
    }
    let (sets, variables) = to_sets(text.text);
    let mut are_variables_right = true;
    for variable in variables {
        let Some((cause, hint)) = judge(variable.name, trigger) else {
            continue;
        };
        reader.fail_in(text, variable.column, cause, Some(hint));
        are_variables_right = false;
    }
    if !are_variables_right {
        return None;
    }
    let names = RuleNames {
        trigger,
        refused: RefCell::default(),
    };
    match Filter::parse(&sets, &names) {
        Ok(filter) if demand == Demand::Choice && !filter.is_narrow() => {
            let cause = "it is true of nearly every connection";
            let variable = trigger.and_then(Trigger::variable);
            let variable = variable.map_or(String::new(), |it| format!("`dst ${it}`, "));
            let hint = format!(
                "add a term that chooses ({variable}`process NAME`, `dport = :PORT`), or, if it is meant, `everything = true`"
            );
            reader.fail_in(text, 0, cause, Some(hint));
            None
        }
        Ok(filter) => Some(filter.to_string()),
        Err(error) => {
            let (cause, hint) = names.refused.take().unwrap_or_else(|| {
                let hint = error.hint().map(with_variables);
                (with_variables(&error.to_string()), hint)
            });
            reader.fail_in(text, error.column(), cause, hint);
            None
        }
    }
}

/// Parses the filter of a rule, which has been read; nobody is to be selected by it.
pub(in crate::command::guard) fn parse_filter(text: &str, trigger: &Trigger) -> Option<Filter> {
    let names = RuleNames {
        trigger: Some(trigger),
        refused: RefCell::default(),
    };
    Filter::parse(text, &names).ok()
}

/// Returns the cause and the hint where a rule with this trigger has no such variable.
fn judge(name: &str, trigger: Option<&Trigger>) -> Option<(String, String)> {
    if !VARIABLES.contains(&name) {
        let hint = match nearest(name, VARIABLES.into_iter()) {
            Some(near) => format!("did you mean `${near}`?"),
            None => "there are $address, $elements and $former; in quotes it is a name".to_owned(),
        };
        return Some((format!("there is no variable `${name}`"), hint));
    }
    let trigger = trigger?;
    match trigger.variable() {
        Some(brought) if brought == name => None,
        Some(brought) => Some((
            format!("the event of this rule does not bring `${name}`"),
            format!("it brings `${brought}`"),
        )),
        None => Some((
            format!("a rule with `every` has no event that would bring `${name}`"),
            format!("{} brings it", bringing(name)),
        )),
    }
}

/// Returns the events that bring a variable.
fn bringing(name: &str) -> &'static str {
    match name {
        "address" => "`when = \"address-removed\"`",
        "former" => "`when = \"name-changed NAME\"`",
        _ => "`when = \"set FAMILY TABLE SET\"` or `when = \"ban\"`",
    }
}

/// Writes the sets in a message as the variables that the rule has.
fn with_variables(message: &str) -> String {
    VARIABLES.iter().fold(message.to_owned(), |message, name| {
        message.replace(&format!("@{name}"), &format!("${name}"))
    })
}

/// The names in a filter that is not evaluated yet. What comes and goes (devices, cgroups, namespaces, processes) need not be
/// there; a user and a service have to. No name of a host is looked up: that takes time, and it may mean others later.
struct RuleNames<'r> {
    trigger: Option<&'r Trigger>,
    /// The cause and the hint in place of the parser's.
    refused: RefCell<Option<(String, Option<String>)>>,
}

impl Names for RuleNames<'_> {
    fn service(&self, name: &str) -> Option<u16> {
        SystemNames::service_port(name)
    }

    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        *self.refused.borrow_mut() = Some((
            format!("a filter of a rule looks up no host, and {} is one", cited(host)),
            Some("write its address; for one that changes, `when = \"name-changed NAME\"` brings `$former`".to_owned()),
        ));
        Err(io::Error::other("not looked up"))
    }

    fn device(&self, name: &str) -> Option<Interface> {
        let is_name = !name.is_empty() && name.len() <= LONGEST_DEVICE && !name.contains('/');
        Interface::new(1).filter(|_| is_name)
    }

    fn user(&self, name: &str) -> Option<u32> {
        uzers::get_user_by_name(name).map(|user| user.uid())
    }

    fn netns(&self, _: &str) -> io::Result<u64> {
        Ok(0)
    }

    fn process(&self, _: i32) -> Option<Process> {
        None
    }

    fn cgroup(&self, _: &str) -> io::Result<u64> {
        Ok(0)
    }

    fn set(&self, name: &str) -> Option<Arc<PrefixSet>> {
        let is_known = match self.trigger {
            Some(trigger) => trigger.variable() == Some(name),
            None => VARIABLES.contains(&name),
        };
        if is_known {
            return Some(Arc::default());
        }
        *self.refused.borrow_mut() = Some((
            format!("a rule has no set {}", cited(&format!("@{name}"))),
            Some(
                "what a set of nftables has is `$elements`: `when = \"set FAMILY TABLE SET\"`"
                    .to_owned(),
            ),
        ));
        None
    }
}

/// `IFNAMSIZ` without its NUL.
pub(super) const LONGEST_DEVICE: usize = 15;
