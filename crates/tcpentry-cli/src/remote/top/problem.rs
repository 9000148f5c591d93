//! The reasons why a host sends no rows, and what to do about each.

use super::super::fleet::HostEnd;
use super::super::ssh::Ssh;
use super::super::verdict::{HostVerdict, of_end};
use super::host::HostProblem;
use crate::exit::Exit;
use crate::top::RecordingError;

/// Explains the end of an ssh that was to send rows: how it ended, and why no more could be read, if that was so.
pub(super) fn explain(
    host: &str,
    ssh: &Ssh,
    end: &HostEnd,
    read: Option<&RecordingError>,
) -> HostProblem {
    let first = end.said.first().map(String::as_str);
    let last = end.said.last().map(String::as_str);
    match of_end(end, ssh.program(), host) {
        (HostVerdict::Ended(Exit::Usage), _) if end.said.iter().any(|it| is_older(it)) => {
            HostProblem {
                is_lasting: true,
                exit: Exit::Usage,
                ..HostProblem::of(
                    "its tcpentry is too old for this",
                    "its tcpentry has no `top --record`, which several hosts need: install this version there; \
                     `list` and `delete` with --on understand it",
                )
            }
        }
        (HostVerdict::Ended(exit @ (Exit::Done | Exit::Interrupted(_))), _) => match read {
            Some(error) => HostProblem::of(
                &error.to_string(),
                &format!(
                    "{error}; a startup file of its shell may print it, or it is another program"
                ),
            ),
            None => HostProblem {
                exit,
                ..HostProblem::of("tcpentry has ended there", "tcpentry has ended there")
            },
        },
        (HostVerdict::Ended(exit), _) => {
            let said = first.unwrap_or("tcpentry has ended there, and says nothing");
            HostProblem {
                exit,
                is_quoted: first.is_some(),
                is_lasting: true,
                ..HostProblem::of(said, said)
            }
        }
        (HostVerdict::Failed, full) => {
            let full = full.unwrap_or_default();
            HostProblem {
                is_lasting: full.contains(ABSENT),
                ..HostProblem::of(last.unwrap_or(&full), &full)
            }
        }
    }
}

impl HostProblem {
    pub(super) fn of(short: &str, full: &str) -> Self {
        Self {
            short: short.to_owned(),
            full: full.to_owned(),
            exit: Exit::Failed,
            is_quoted: false,
            is_lasting: false,
        }
    }

    /// Returns the problem of a host of which nothing is heard.
    pub(super) fn of_silence() -> Self {
        Self::of(
            "no answer",
            "no answer; ConnectTimeout and ServerAliveInterval of ssh_config(5) limit the wait",
        )
    }
}

/// Returns true for the error of a program that does not know the option.
fn is_older(said: &str) -> bool {
    said.contains("--record")
}

/// The beginning of what is said of a host without the program.
const ABSENT: &str = "tcpentry is not there";

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn explained(status: i32, said: &[&str]) -> HostProblem {
        let end = HostEnd {
            status: Ok(ExitStatus::from_raw(status)),
            unreadable: None,
            said: said.iter().map(|it| (*it).to_owned()).collect(),
        };
        explain("h", &Ssh::of_environment(), &end, None)
    }

    #[test]
    fn each_reason_says_what_to_do() {
        let older = explained(2 << 8, &["top: there is no option --record", "hint: x"]);
        assert!(
            older.full.contains("install this version there"),
            "{older:?}"
        );
        assert!(older.is_lasting && older.exit == Exit::Usage);

        let unknown = explained(2 << 8, &["no user is called `x`", "user x"]);
        assert_eq!(unknown.short, "no user is called `x`");
        assert!(unknown.is_lasting && unknown.exit == Exit::Usage);

        let refused = explained(255 << 8, &["Warning", "ssh: connect to host h: refused"]);
        assert_eq!(refused.short, "ssh: connect to host h: refused");
        assert!(refused.full.contains(" h true` shows why"), "{refused:?}");
        assert!(!refused.is_lasting && refused.exit == Exit::Failed);

        let absent = explained(127 << 8, &["sh: tcpentry: not found"]);
        assert!(
            absent.is_lasting && absent.full.contains("PATH"),
            "{absent:?}"
        );
        assert_eq!(explained(0, &[]).short, "tcpentry has ended there");
        assert_eq!(explained(7 << 8, &["cannot read"]).exit, Exit::Failed);
    }
}
