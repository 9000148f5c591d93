//! The meaning of the end of a host's work: a line that says what to do, and its part in the exit code of all.

use std::os::unix::process::ExitStatusExt as _;

use tcpentry::Outcome;

use super::fleet::HostEnd;
use super::ssh::Ssh;
use crate::exit::{Exit, Tally};
use crate::message::print_error;

/// The verdict over one host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HostVerdict {
    /// The remote program has ended with this code.
    Ended(Exit),
    /// It could not be run, did not end by itself, or did not say what was understood.
    Failed,
}

/// Judges the end of a host's work, and prints what went wrong there.
pub(super) fn judge(host: &str, end: &HostEnd, ssh: &Ssh) -> HostVerdict {
    let (verdict, problem) = of_end(end, ssh.program(), host);
    if let Some(problem) = problem {
        print_error(&format!("{host}: {problem}"));
    }
    verdict
}

/// Returns the verdict over a host, and what went wrong there.
pub(super) fn of_end(end: &HostEnd, ssh: &str, host: &str) -> (HostVerdict, Option<String>) {
    let failed = |problem: String| (HostVerdict::Failed, Some(problem));
    if let Some(unreadable) = &end.unreadable {
        let lines = match unreadable.count {
            1 => "a line of its output is".to_owned(),
            many => format!("{many} lines of its output are"),
        };
        let rest = if unreadable.is_cut_off {
            "; the rest was not read"
        } else {
            ""
        };
        return failed(format!(
            "{lines} not JSON of tcpentry (`{}`){rest}; a startup file of its shell may print it, \
             or it is another program",
            unreadable.first
        ));
    }
    let status = match &end.status {
        Ok(status) => status,
        Err(error) => {
            return failed(format!("cannot run {ssh}: {error}"));
        }
    };
    match status.code().map(|code| (code, u8::try_from(code).ok().and_then(Exit::from_code))) {
        Some((_, Some(exit))) => (HostVerdict::Ended(exit), None),
        Some((255, _)) => failed(format!(
            "the connection of ssh has failed or ended; `{ssh} {host} true` shows why"
        )),
        Some((126 | 127, _)) => failed(
            "tcpentry is not there; it has to be in the PATH that ssh gives to commands, as /usr/bin is".to_owned(),
        ),
        Some((code @ 129..=192, _)) => failed(format!("tcpentry was ended there by signal {}", code - 128)),
        Some((code, _)) => failed(format!("tcpentry has ended there with {code}, which it never does")),
        None => failed(format!(
            "{ssh} was ended by signal {}",
            status.signal().unwrap_or_default()
        )),
    }
}

/// Returns the exit code of a command that only reports, over all hosts: the worst.
pub(super) fn worst_of_reports(verdicts: &[HostVerdict]) -> Exit {
    let order = [Exit::Failed, Exit::Denied, Exit::Unsupported, Exit::Usage];
    let of_verdict = |verdict: &HostVerdict| match verdict {
        HostVerdict::Ended(Exit::Done) => Exit::Done,
        HostVerdict::Ended(exit) if order.contains(exit) => *exit,
        _ => Exit::Failed,
    };
    let has = |exit: &Exit| verdicts.iter().any(|it| of_verdict(it) == *exit);
    order.into_iter().find(has).unwrap_or(Exit::Done)
}

/// The outcomes of a deletion on all hosts.
#[derive(Debug, Default)]
pub(super) struct FleetTally {
    /// The outcomes that were reported.
    reported: Tally,
    /// The outcomes that count for the exit code: the same, and the hosts that say less than their code does.
    counted: Tally,
    /// Set where a remote program did not understand its words.
    has_usage_error: bool,
}

impl FleetTally {
    /// Counts what was reported of a connection.
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.reported.count(outcome);
        self.counted.count(outcome);
    }

    /// Returns what was reported.
    pub(super) const fn reported(&self) -> &Tally {
        &self.reported
    }

    /// Counts the end of a host of which so much was reported.
    pub(super) fn count_host(&mut self, verdict: HostVerdict, of_host: &Tally) {
        let exit = match verdict {
            HostVerdict::Ended(exit) if exit == of_host.exit() => return,
            HostVerdict::Ended(exit) => exit,
            HostVerdict::Failed => Exit::Failed,
        };
        match exit {
            // It has deleted what it has reported, and nothing else.
            Exit::Done | Exit::Nothing => {}
            Exit::Usage => self.has_usage_error = true,
            Exit::Guarded => self.counted.count(Outcome::Guarded),
            Exit::Denied => self.counted.count(Outcome::Denied),
            Exit::Unsupported => self.counted.count(Outcome::Unsupported),
            Exit::Mixed | Exit::Failed | Exit::Interrupted(_) => {
                self.counted.count(Outcome::Failed);
            }
        }
    }

    /// Returns the exit code for all of them. A host on which nothing was tried for its words is worse than one where nothing
    /// matched, and better than any other that failed.
    pub(super) fn exit(&self) -> Exit {
        match self.counted.exit() {
            Exit::Done if self.has_usage_error => Exit::Mixed,
            Exit::Nothing if self.has_usage_error => Exit::Usage,
            exit => exit,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::process::ExitStatus;

    use super::super::fleet::Unreadable;
    use super::*;
    use Outcome::{Deleted, Denied, Gone, Guarded};

    fn ended(status: i32) -> (HostVerdict, String) {
        let end = HostEnd {
            status: Ok(ExitStatus::from_raw(status)),
            unreadable: None,
            said: Vec::new(),
        };
        let (verdict, problem) = of_end(&end, "ssh", "h");
        (verdict, problem.unwrap_or_default())
    }

    #[test]
    fn each_end_says_what_to_do() {
        for code in 0..=7_u8 {
            let exit = Exit::from_code(code).unwrap();
            assert_eq!(
                ended(i32::from(code) << 8),
                (HostVerdict::Ended(exit), String::new())
            );
        }
        for (status, part) in [
            (255 << 8, "`ssh h true` shows why"),
            (127 << 8, "PATH"),
            (126 << 8, "PATH"),
            (143 << 8, "signal 15"),
            (42 << 8, "with 42"),
            (9, "ssh was ended by signal 9"),
        ] {
            let (verdict, problem) = ended(status);
            assert!(
                verdict == HostVerdict::Failed && problem.contains(part),
                "{problem}"
            );
        }
        let end = HostEnd {
            status: Err(io::ErrorKind::NotFound.into()),
            unreadable: None,
            said: Vec::new(),
        };
        assert!(
            of_end(&end, "my-ssh", "h")
                .1
                .unwrap()
                .starts_with("cannot run my-ssh")
        );
        let end = HostEnd {
            status: Ok(ExitStatus::from_raw(0)),
            unreadable: Some(Unreadable {
                count: 2,
                first: "Welcome".to_owned(),
                is_cut_off: false,
            }),
            said: Vec::new(),
        };
        let (verdict, problem) = of_end(&end, "ssh", "h");
        assert!(verdict == HostVerdict::Failed && problem.unwrap().contains("2 lines"));
    }

    #[test]
    fn the_worst_report_counts() {
        use HostVerdict::{Ended, Failed};
        for (verdicts, expected) in [
            (&[][..], Exit::Done),
            (&[Ended(Exit::Done)], Exit::Done),
            (&[Ended(Exit::Done), Ended(Exit::Usage)], Exit::Usage),
            (&[Ended(Exit::Denied), Ended(Exit::Usage)], Exit::Denied),
            (
                &[Ended(Exit::Denied), Failed, Ended(Exit::Done)],
                Exit::Failed,
            ),
            (
                &[Ended(Exit::Unsupported), Ended(Exit::Denied)],
                Exit::Denied,
            ),
            // What a listing never ends with.
            (&[Ended(Exit::Mixed)], Exit::Failed),
        ] {
            assert_eq!(worst_of_reports(verdicts), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn the_codes_of_a_deletion_on_all_hosts() {
        use HostVerdict::{Ended, Failed};
        let host = |verdict: HostVerdict, outcomes: &'static [Outcome]| (verdict, outcomes);
        for (hosts, expected) in [
            (&[][..], Exit::Nothing),
            (&[host(Ended(Exit::Nothing), &[])], Exit::Nothing),
            (
                &[
                    host(Ended(Exit::Done), &[Deleted]),
                    host(Ended(Exit::Nothing), &[]),
                ],
                Exit::Done,
            ),
            (
                &[
                    host(Ended(Exit::Done), &[Deleted, Gone]),
                    host(Ended(Exit::Guarded), &[]),
                ],
                Exit::Mixed,
            ),
            (
                &[host(Ended(Exit::Done), &[Deleted]), host(Failed, &[])],
                Exit::Mixed,
            ),
            (&[host(Failed, &[Deleted])], Exit::Mixed),
            (
                &[host(Ended(Exit::Mixed), &[Deleted, Guarded])],
                Exit::Mixed,
            ),
            (
                &[host(Ended(Exit::Nothing), &[]), host(Failed, &[])],
                Exit::Failed,
            ),
            (
                &[
                    host(Ended(Exit::Guarded), &[Guarded]),
                    host(Ended(Exit::Denied), &[Denied]),
                ],
                Exit::Denied,
            ),
            (
                &[
                    host(Ended(Exit::Denied), &[]),
                    host(Ended(Exit::Unsupported), &[]),
                ],
                Exit::Denied,
            ),
            (
                &[
                    host(Ended(Exit::Unsupported), &[]),
                    host(Ended(Exit::Guarded), &[]),
                ],
                Exit::Unsupported,
            ),
            (
                &[host(Failed, &[]), host(Ended(Exit::Denied), &[])],
                Exit::Failed,
            ),
            (
                &[host(Ended(Exit::Usage), &[]), host(Ended(Exit::Usage), &[])],
                Exit::Usage,
            ),
            (
                &[
                    host(Ended(Exit::Usage), &[]),
                    host(Ended(Exit::Nothing), &[]),
                ],
                Exit::Usage,
            ),
            (
                &[
                    host(Ended(Exit::Usage), &[]),
                    host(Ended(Exit::Guarded), &[Guarded]),
                ],
                Exit::Guarded,
            ),
            (
                &[
                    host(Ended(Exit::Usage), &[]),
                    host(Ended(Exit::Done), &[Deleted]),
                ],
                Exit::Mixed,
            ),
            // A host that claims more than it has reported.
            (&[host(Ended(Exit::Done), &[])], Exit::Nothing),
        ] {
            let mut tally = FleetTally::default();
            for (verdict, outcomes) in hosts {
                let mut of_host = Tally::default();
                for outcome in *outcomes {
                    of_host.count(*outcome);
                    tally.count(*outcome);
                }
                tally.count_host(*verdict, &of_host);
            }
            assert_eq!(tally.exit(), expected, "{hosts:?}");
        }
    }
}
