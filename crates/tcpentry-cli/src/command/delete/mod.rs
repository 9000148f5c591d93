//! `tcpentry delete`: exactly what is named or selected, and what became of each.

mod exact;
mod preview;
mod report;
mod selected;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tcpentry::{Attribution, ErrorKind, Options};

use crate::args::DeleteArgs;
use crate::confirm::confirm;
use crate::exit::Exit;
use crate::output::{complain, complain_of};
use crate::sites;
use crate::target::{self, Request};

pub(crate) fn run(args: &DeleteArgs) -> Exit {
    let sites = match sites::open(&args.netns) {
        Ok(sites) => sites,
        Err(error) => {
            complain_of(&error);
            return match error.kind() {
                // There is no such network namespace.
                ErrorKind::InvalidParameter => Exit::Usage,
                _ => Exit::of_deletion(&error),
            };
        }
    };
    let mut input = target::standard_input();
    match target::read(&args.words, &args.id, &sites.sites, &mut input) {
        Ok(Request::Exactly(named)) => match only_for_filters(args) {
            None => exact::run(args, sites, &named),
            Some(option) => {
                complain(&format!(
                    "{option} needs a filter; this names connections exactly"
                ));
                Exit::Usage
            }
        },
        Ok(Request::Selected(text)) => selected::run(args, sites, &text),
        Err(usage) => {
            complain(&usage);
            Exit::Usage
        }
    }
}

/// An option that was given and means nothing without a filter.
fn only_for_filters(args: &DeleteArgs) -> Option<&'static str> {
    let given = [
        (args.period.is_some(), "--for"),
        (args.until_quiet.is_some(), "--until-quiet"),
        (args.explain, "--explain"),
        (args.select.all, "--all"),
        (args.select.listening, "--listening"),
        (args.select.ipv4, "--ipv4"),
        (args.select.ipv6, "--ipv6"),
    ];
    given
        .into_iter()
        .find_map(|(given, option)| given.then_some(option))
}

/// The options of the library that the words ask for.
fn options(args: &DeleteArgs) -> Options {
    let options = Options::default().with_method(args.method.into());
    if args.listeners {
        options.with_listeners()
    } else {
        options
    }
}

/// Looks who holds what is about to be deleted, where that is to be shown: afterwards they may have let go of it.
fn look_for_owners(args: &DeleteArgs, knowledge: &mut Attribution) {
    if args.show.process {
        // An owner that can't be told is no reason not to delete.
        let _ = knowledge.owners();
    }
}

/// Ctrl-C, and the other signals that ask for an end: the deletion that is running is still done and
/// reported.
struct Interruption(Arc<AtomicBool>);

impl Interruption {
    fn expected() -> Self {
        let interrupted = Arc::new(AtomicBool::new(false));
        let ignored = std::fs::read_to_string("/proc/self/status");
        let ignored = ignored.map_or(0, |status| ignored_signals(&status));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // nohup, or a script that put this into the background: it is not to be ended by that.
            if ignored & (1 << (signal - 1)) != 0 {
                continue;
            }
            // Where no handler can be set, it ends the program as it ends others.
            let _ = signal_hook::flag::register(signal, Arc::clone(&interrupted));
        }
        Self(interrupted)
    }

    fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.came() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn confirm(&self, question: &str) -> bool {
        confirm(question, &self.0)
    }
}

/// The signals that were ignored from the beginning, one bit each: `SigIgn` in proc(5).
fn ignored_signals(status: &str) -> u64 {
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}
