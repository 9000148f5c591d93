//! Deletions on several hosts, and their previews: `delete --id -` on each, over an ssh of its own that asks nothing.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tcpentry::delete::Ending;
use tcpentry::escape::escape_for_terminal;
use tcpentry::{Identity, Method, Outcome};

use super::super::fleet::{self, HostEvent, HostTask, TaskInput};
use super::super::object::RemoteObject;
use super::super::ssh::Ssh;
use super::super::standard_error::ErrorSink;
use super::super::words::{Supervised, remote_words};
use super::problem::explain;
use crate::exit::Exit;
use crate::message::sentence;
use crate::output::duration;
use crate::top::{Deletability, NotDeleted, SocketTarget};

/// The way in which connections of several hosts are deleted.
#[derive(Clone, Debug)]
pub(super) struct RemoteDeletion {
    /// An ssh that asks nothing.
    pub(super) ssh: Ssh,
    pub(super) hosts: Vec<String>,
    /// The options of the remote program that are about the deletion.
    pub(super) options: Vec<String>,
}

/// The answer of a host about one connection.
#[derive(Clone, Debug, Eq, PartialEq)]
struct RemoteAnswer {
    result: Result<Method, NotDeleted>,
    /// Both ends of the other subflows that end with it.
    subflows: Vec<String>,
}

/// A message from the thread of a host.
enum DeletionEvent {
    Answer(Identity, RemoteAnswer),
    /// The end, and the reason why there is no answer about the others.
    Ended(usize, String),
}

/// The identities for each host, by its place.
type Routes = BTreeMap<usize, Vec<Identity>>;

impl RemoteDeletion {
    /// Returns what a deletion of each would do: as its host says in a dry run, or `found` where that can't be asked.
    pub(super) fn preview(
        &self,
        targets: &[(SocketTarget, Option<Identity>)],
        found: &[Result<(usize, Identity), String>],
        known: Vec<Option<Deletability>>,
    ) -> Vec<Deletability> {
        let mut routes = Routes::new();
        for (host, identity) in found.iter().flatten() {
            routes.entry(*host).or_default().push(*identity);
        }
        let mut answers: HashMap<(usize, Identity), RemoteAnswer> = HashMap::new();
        let silent = self.run(&routes, true, &mut |host, identity, answer| {
            answers.insert((host, identity), answer);
        });
        let ends = |(target, _): &(SocketTarget, _), host: usize| {
            let connection = &target.connection;
            (
                host,
                format!("{} {}", connection.local(), connection.peer()),
            )
        };
        let meant = targets.iter().zip(found);
        let meant = meant.filter_map(|(target, found)| Some(ends(target, found.as_ref().ok()?.0)));
        let meant: HashSet<_> = meant.collect();
        let each = found.iter().zip(known);
        each.map(|(found, known)| {
            let (host, identity) = match found {
                Ok(found) => *found,
                Err(why) => return failed(why).into(),
            };
            // The connection of the stream is guarded by the program that sends it.
            if let Some(Deletability::No(no)) = known
                && no.outcome == Outcome::Guarded
            {
                return Deletability::No(no);
            }
            match answers.get(&(host, identity)) {
                None => failed(silent.get(&host).map_or(UNREPORTED, |why| why)).into(),
                Some(RemoteAnswer { result, subflows }) => match result {
                    Ok(_)
                        if !subflows
                            .iter()
                            .all(|it| meant.contains(&(host, it.clone()))) =>
                    {
                        torn(subflows).into()
                    }
                    Ok(method) => Deletability::By(*method),
                    Err(no) => no.clone().into(),
                },
            }
        })
        .collect()
    }

    /// Deletes these on their hosts, and reports the outcome of each.
    pub(super) fn delete(
        &self,
        targets: Vec<(SocketTarget, Option<(usize, Identity)>)>,
        report: &mut dyn FnMut(SocketTarget, Result<Ending, NotDeleted>),
    ) {
        let mut routes = Routes::new();
        let mut open: HashMap<(usize, Identity), SocketTarget> = HashMap::new();
        for (target, found) in targets {
            match found {
                None => report(target, Err(failed("it has no identity"))),
                Some((host, identity)) => {
                    match open.insert((host, identity), target) {
                        None => routes.entry(host).or_default().push(identity),
                        // Its host has sent one socket in two rows.
                        Some(other) => report(other, Err(failed("another row is the same socket"))),
                    }
                }
            }
        }
        let silent = self.run(&routes, false, &mut |host, identity, answer| {
            if let Some(target) = open.remove(&(host, identity)) {
                report(target, answer.result.map(Ending::foreseen));
            }
        });
        for ((host, _), target) in open {
            let why = silent.get(&host).map_or(UNREPORTED, |why| why);
            let cause = format!("it was not reported, so that it may have been deleted: {why}");
            report(target, Err(failed(&cause)));
        }
    }

    /// Runs the program on all hosts at once, and calls `take` with each answer. Returns the reasons why there is no more.
    fn run(
        &self,
        routes: &Routes,
        dry_run: bool,
        take: &mut dyn FnMut(usize, Identity, RemoteAnswer),
    ) -> HashMap<usize, String> {
        let mut silent = HashMap::new();
        thread::scope(|scope| {
            let (send, events) = channel();
            for (host, identities) in routes {
                let send = send.clone();
                scope.spawn(move || self.run_on(*host, identities, dry_run, &send));
            }
            drop(send);
            for (host, event) in events {
                match event {
                    DeletionEvent::Answer(identity, answer) => take(host, identity, answer),
                    DeletionEvent::Ended(host, why) => _ = silent.insert(host, why),
                }
            }
        });
        silent
    }

    /// Runs the program on a host to its end, or until nothing has come for long.
    fn run_on(
        &self,
        place: usize,
        identities: &[Identity],
        dry_run: bool,
        send: &Sender<(usize, DeletionEvent)>,
    ) {
        let mut lines = String::new();
        for identity in identities {
            // Writing to memory can't fail.
            let _ = writeln!(lines, "{identity}");
        }
        let supervised = Supervised::new(&self.words(dry_run), lines.as_bytes());
        let host = &self.hosts[place];
        let task = HostTask {
            host: host.clone(),
            command: supervised.command,
            input: TaskInput::Held(supervised.input),
            errors: ErrorSink::default(),
        };
        let make: fleet::Make<(Identity, RemoteAnswer)> = Arc::new(|_, line| {
            let object = RemoteObject::parse(line)?;
            Some((object.identity()?, RemoteAnswer::of(object)?))
        });
        let start = Instant::now();
        let heard = Cell::new(start);
        let mut open: HashSet<_> = identities.iter().collect();
        let count = u32::try_from(identities.len()).unwrap_or(u32::MAX);
        let limit = LONGEST.saturating_add(A_DELETION.saturating_mul(count));
        let mut why = format!("no answer for {}", duration(PATIENCE));
        let is_silent = || heard.get().elapsed() > PATIENCE || start.elapsed() > limit;
        // It is interrupted where the host is silent, or says little for ever.
        let _ = fleet::run(&self.ssh, vec![task], &make, &is_silent, |_, event| {
            match event {
                HostEvent::Some(answers) => {
                    for (identity, answer) in answers {
                        if open.remove(&identity) {
                            heard.set(Instant::now());
                        }
                        let _ = send.send((place, DeletionEvent::Answer(identity, answer)));
                    }
                }
                HostEvent::Ended(end) => {
                    let problem = explain(host, &self.ssh, &end, None);
                    why = match problem.exit {
                        Exit::Done => UNREPORTED.to_owned(),
                        _ => problem.short,
                    };
                }
            }
            ControlFlow::Continue(())
        });
        let _ = send.send((place, DeletionEvent::Ended(place, why)));
    }

    /// Returns the words of the remote program.
    fn words(&self, dry_run: bool) -> Vec<String> {
        let mut options = ["--json", "--yes", "--id", "-"].map(str::to_owned).to_vec();
        if dry_run {
            options.push("--dry-run".to_owned());
        }
        options.extend(self.options.iter().cloned());
        remote_words("delete", options, &[])
    }
}

impl RemoteAnswer {
    /// Makes it of an object of the remote program; `None` for one without an outcome.
    fn of(object: RemoteObject) -> Option<Self> {
        let outcome = object.outcome()?;
        let reason = |text: &str| {
            let text: String = text.chars().take(LONGEST_REASON).collect();
            sentence(text.as_bytes())
        };
        let result = match outcome {
            Outcome::Deleted if object.method == Some(Method::Borrow.to_string()) => {
                Ok(Method::Borrow)
            }
            Outcome::Deleted => Ok(Method::SockDiag),
            outcome => Err(NotDeleted {
                outcome,
                cause: object.error.as_deref().map(reason).unwrap_or_default(),
                hint: object.hint.as_deref().map(reason),
            }),
        };
        Some(Self {
            result,
            subflows: object.subflows.unwrap_or_default(),
        })
    }
}

fn failed(cause: &str) -> NotDeleted {
    NotDeleted {
        outcome: Outcome::Failed,
        cause: cause.to_owned(),
        hint: None,
    }
}

/// Returns the reason why a subflow is not deleted with others that nobody has chosen.
fn torn(subflows: &[String]) -> NotDeleted {
    let others = subflows.iter().take(MAX_NAMED);
    let others: Vec<_> = others
        .map(|ends| escape_for_terminal(ends.as_bytes()))
        .collect();
    NotDeleted {
        outcome: Outcome::Guarded,
        cause: format!(
            "another subflow of its MPTCP connection would end with it: {}",
            others.join(", ")
        ),
        hint: Some("mark all of them".to_owned()),
    }
}

/// The reason where a host has said nothing of a connection.
const UNREPORTED: &str = "its host has not reported it";
/// The time for which an answer is waited for while nothing comes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time that a host has for all its answers, and for each: a holder that does not lend takes one 5 seconds, and eight of a user at most.
const LONGEST: Duration = Duration::from_secs(60);
const A_DELETION: Duration = Duration::from_millis(20);
/// The number of characters that are shown of a reason.
const LONGEST_REASON: usize = 500;
/// The number of subflows that are named.
const MAX_NAMED: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_outcome_the_method_or_why_not() {
        let of = |line: &str| RemoteAnswer::of(RemoteObject::parse(line).unwrap());
        let deleted = of(r#"{"local":"a","outcome":"deleted","method":"borrow"}"#).unwrap();
        assert_eq!(deleted.result, Ok(Method::Borrow));
        let refused = r#"{"local":"a","outcome":"guarded","error":"\u001b[mno","hint":"it's","subflows":["a b"]}"#;
        let refused = of(refused).unwrap();
        let no = refused.result.unwrap_err();
        assert_eq!((no.outcome, &*no.cause), (Outcome::Guarded, r"\u{1b}[mno"));
        assert_eq!(
            (no.hint.as_deref(), &*refused.subflows),
            (Some("it's"), &["a b".to_owned()][..])
        );
        // Of a later version.
        let other = of(r#"{"local":"a","outcome":"evaporated"}"#).unwrap();
        assert_eq!(other.result.unwrap_err().outcome, Outcome::Failed);
        assert_eq!(of(r#"{"local":"a"}"#), None);
    }
}
