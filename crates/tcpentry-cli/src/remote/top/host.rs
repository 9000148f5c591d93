//! The state of a host: the frames that it has sent, or why there are none. The time is passed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::output::duration;
use crate::top::IdentifiedRow;

/// A frame of one host.
#[derive(Debug, Default)]
pub(super) struct HostFrame {
    pub(super) rows: Vec<IdentifiedRow>,
    /// The number of rows of which the account there may not see what the filter asks for.
    pub(super) hidden: u64,
    /// Messages about tables that could not be read there.
    pub(super) notes: Vec<String>,
    /// It is of something else than the frame before.
    pub(super) is_reset: bool,
}

/// The reason why a host sends nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct HostProblem {
    /// The reason in short, for a line of the screen.
    pub(super) short: String,
    /// The reason and the way out.
    pub(super) full: String,
    /// The code with which a command ends for it.
    pub(super) exit: Exit,
    /// The reason is what the host has written to standard error.
    pub(super) is_quoted: bool,
    /// Another try soon would be in vain.
    pub(super) is_lasting: bool,
}

/// The state of a host.
#[derive(Debug)]
pub(super) struct HostState {
    name: String,
    /// The frames that were not yet taken: the latest, or the first ones.
    frames: VecDeque<HostFrame>,
    /// All frames are kept, not only the latest.
    keeps_all: bool,
    /// The time of the latest one.
    last: Option<Instant>,
    /// The time between the last two.
    gap: Duration,
    /// The time at which it was last heard of, or an attempt was begun.
    heard: Instant,
    problem: Option<HostProblem>,
    /// The time since which it has sent nothing.
    lost_since: Option<Instant>,
    /// The number of attempts in a row that have failed.
    failures: u32,
    /// It has sent everything.
    is_complete: bool,
    /// The attempt that is being made.
    attempt: Option<HostAttempt>,
    /// Nothing more is wanted.
    pub(super) is_over: bool,
}

/// An attempt to read rows of a host.
#[derive(Clone, Copy, Debug, Default)]
struct HostAttempt {
    /// The ssh, once it runs.
    pid: Option<u32>,
    /// It is being ended, because nothing is heard of the host.
    is_cut: bool,
    /// It may ask something on the terminal, and has sent nothing so far.
    may_ask: bool,
}

/// The part of a host in the table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Presence {
    /// Its rows are those of now.
    Shown,
    /// It has none, for this reason.
    Missing(String),
}

impl HostState {
    pub(super) fn new(name: &str, keeps_all: bool, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            frames: VecDeque::new(),
            keeps_all,
            last: None,
            gap: Duration::ZERO,
            heard: now,
            problem: None,
            lost_since: None,
            failures: 0,
            is_complete: false,
            attempt: None,
            is_over: false,
        }
    }

    /// Notes that an attempt begins, which may ask something on the terminal.
    pub(super) fn begin(&mut self, may_ask: bool, now: Instant) {
        self.heard = now;
        self.attempt = Some(HostAttempt {
            may_ask,
            ..HostAttempt::default()
        });
    }

    /// Notes that its ssh runs.
    pub(super) fn run(&mut self, pid: u32) {
        if let Some(attempt) = &mut self.attempt {
            attempt.pid = Some(pid);
        }
    }

    /// Notes that something has come from it.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
        if let Some(attempt) = &mut self.attempt {
            attempt.may_ask = false;
        }
    }

    /// Begins to wait anew.
    pub(super) fn wait_anew(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Returns the pid of the ssh to be ended, because nothing is heard of the host.
    pub(super) fn cut(&mut self) -> Option<u32> {
        let attempt = self.attempt.as_mut()?;
        attempt.is_cut |= attempt.pid.is_some();
        attempt.pid
    }

    /// Returns true once its ssh has been ended from here.
    pub(super) fn is_cut(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.is_cut)
    }

    /// Notes that the attempt has ended. Returns true where it was ended because nothing was heard.
    pub(super) fn end_attempt(&mut self) -> bool {
        let attempt = self.attempt.take();
        attempt.is_some_and(|attempt| attempt.is_cut)
    }

    /// Returns true while it may ask something on the terminal.
    pub(super) fn may_ask(&self) -> bool {
        self.attempt.is_some_and(|attempt| attempt.may_ask)
    }

    /// Returns the pid of the running ssh.
    pub(super) fn pid(&self) -> Option<u32> {
        self.attempt?.pid
    }

    /// Returns the time since it was heard of.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }

    /// Takes a frame that it has sent.
    pub(super) fn add(&mut self, frame: HostFrame, now: Instant) {
        if !self.keeps_all {
            self.frames.clear();
        }
        self.frames.push_back(frame);
        self.gap = self.last.map_or(Duration::ZERO, |last| now - last);
        self.last = Some(now);
        (self.problem, self.lost_since, self.failures) = (None, None, 0);
    }

    /// Notes that it sends nothing any more, and returns the time until it is tried again.
    pub(super) fn lose(&mut self, problem: HostProblem, now: Instant) -> Duration {
        let doublings = if problem.is_lasting {
            u32::MAX
        } else {
            self.failures
        };
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(problem);
        self.lost_since.get_or_insert(now);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
    }

    /// Notes that it has sent everything.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }

    pub(super) fn problem(&self) -> Option<&HostProblem> {
        self.problem.as_ref()
    }

    /// Returns true once it has sent what is wanted of it at the start, or has failed.
    pub(super) fn is_settled(&self) -> bool {
        let has_answered = self.last.is_some() && !self.keeps_all;
        has_answered || self.is_complete || self.problem.is_some()
    }

    /// Returns true where nothing has been heard of it for so long that its ssh is ended, to be tried again.
    pub(super) fn is_to_be_cut(&self, interval: Duration, now: Instant) -> bool {
        let attempt = self.attempt;
        let is_running = attempt.is_some_and(|it| it.pid.is_some() && !it.is_cut);
        is_running && self.silence(now) > 2 * self.patience(interval)
    }

    /// Returns the frame that is next.
    pub(super) fn take(&mut self) -> Option<HostFrame> {
        self.frames.pop_front()
    }

    /// Returns true while a frame waits.
    pub(super) fn has_frame(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Returns its part in the table, whose rows are read at this interval.
    pub(super) fn presence(&self, interval: Duration, now: Instant) -> Presence {
        let name = &self.name;
        let age = |since: Instant| duration(whole_seconds(now.saturating_duration_since(since)));
        match (&self.problem, self.last) {
            (Some(problem), last) => {
                let since = last.or(self.lost_since).unwrap_or(now);
                let what = if last.is_some() {
                    "lost"
                } else {
                    "not reached"
                };
                let (since, why) = (age(since), &problem.short);
                Presence::Missing(format!("{name} {what} for {since}: {why}"))
            }
            (None, None) => Presence::Missing(format!("{name} not reached yet")),
            (None, Some(last)) => {
                let is_late = now.saturating_duration_since(last) > self.patience(interval);
                if is_late && !self.keeps_all {
                    Presence::Missing(format!("{name} silent for {}", age(last)))
                } else {
                    Presence::Shown
                }
            }
        }
    }

    /// Returns the age at which its rows are no longer those of now.
    fn patience(&self, interval: Duration) -> Duration {
        (3 * interval.max(self.gap)).clamp(PATIENCE, LONGEST_PAUSE)
    }
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// The age of rows up to which a host may take its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause before the first new attempt, doubled after each, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn problem(is_lasting: bool) -> HostProblem {
        HostProblem {
            short: "refused".to_owned(),
            full: "refused; try".to_owned(),
            exit: Exit::Failed,
            is_quoted: false,
            is_lasting,
        }
    }

    fn missing(state: &HostState, now: Instant) -> String {
        match state.presence(SECOND, now) {
            Presence::Missing(why) => why,
            Presence::Shown => "shown".to_owned(),
        }
    }

    #[test]
    fn rows_are_those_of_now_or_missing_with_their_age() {
        let now = Instant::now();
        let mut state = HostState::new("h", false, now);
        assert!(!state.is_settled());
        assert_eq!(missing(&state, now), "h not reached yet");
        state.add(HostFrame::default(), now);
        assert!(state.is_settled() && state.take().is_some());
        assert_eq!(missing(&state, now + 10 * SECOND), "shown");
        assert_eq!(missing(&state, now + 11 * SECOND), "h silent for 11s");
        state.lose(problem(false), now + 12 * SECOND);
        assert_eq!(
            missing(&state, now + 20 * SECOND),
            "h lost for 20s: refused"
        );
        state.begin(false, now + 20 * SECOND);
        assert_eq!(
            missing(&state, now + 21 * SECOND),
            "h lost for 21s: refused"
        );
        state.add(HostFrame::default(), now + 22 * SECOND);
        assert_eq!(missing(&state, now + 22 * SECOND), "shown");

        let mut never = HostState::new("h", false, now);
        never.lose(problem(false), now + SECOND);
        never.lose(problem(false), now + 5 * SECOND);
        assert!(never.is_settled());
        assert_eq!(
            missing(&never, now + 9 * SECOND),
            "h not reached for 8s: refused"
        );
    }

    #[test]
    fn a_table_that_takes_long_is_waited_for() {
        let now = Instant::now();
        let mut state = HostState::new("h", false, now);
        state.add(HostFrame::default(), now);
        state.add(HostFrame::default(), now + 8 * SECOND);
        assert_eq!(missing(&state, now + 31 * SECOND), "shown");
        assert_eq!(missing(&state, now + 33 * SECOND), "h silent for 25s");
        // Of the interval that is wanted, too.
        assert_eq!(
            state.presence(60 * SECOND, now + 33 * SECOND),
            Presence::Shown
        );
    }

    #[test]
    fn attempts_become_rarer_and_start_anew_once_one_succeeds() {
        let now = Instant::now();
        let mut state = HostState::new("h", false, now);
        let mut pauses = || state.lose(problem(false), now).as_secs();
        let all: Vec<_> = (0..7).map(|_| pauses()).collect();
        assert_eq!(all, [2, 4, 8, 16, 32, 60, 60]);
        state.add(HostFrame::default(), now);
        assert_eq!(state.lose(problem(false), now), 2 * SECOND);
        assert_eq!(state.lose(problem(true), now), 60 * SECOND);
    }

    #[test]
    fn an_ssh_of_which_nothing_is_heard_is_ended_once() {
        let now = Instant::now();
        let mut state = HostState::new("h", false, now);
        let later = now + 21 * SECOND;
        state.begin(true, now);
        assert!(!state.is_to_be_cut(SECOND, later), "none runs");
        assert!(state.may_ask() && state.cut().is_none());
        state.run(1);
        assert!(state.is_to_be_cut(SECOND, later));
        assert!(!state.is_to_be_cut(SECOND, now + 20 * SECOND));
        state.hear(now + 2 * SECOND);
        assert!(!state.is_to_be_cut(SECOND, later) && !state.may_ask());
        assert_eq!(state.cut(), Some(1));
        assert!(!state.is_to_be_cut(SECOND, now + 100 * SECOND));
        assert!(state.end_attempt() && !state.end_attempt());
        state.begin(false, now + 100 * SECOND);
        state.run(2);
        assert!(!state.is_to_be_cut(SECOND, now + 101 * SECOND) && !state.may_ask());
        assert!(!state.end_attempt());
    }

    #[test]
    fn of_all_frames_only_the_latest_is_kept_but_for_once() {
        let now = Instant::now();
        for (keeps_all, count) in [(false, 1), (true, 3)] {
            let mut state = HostState::new("h", keeps_all, now);
            for _ in 0..3 {
                state.add(HostFrame::default(), now);
            }
            assert_eq!(state.is_settled(), !keeps_all);
            state.complete();
            assert!(state.is_settled());
            assert_eq!(std::iter::from_fn(|| state.take()).count(), count);
        }
    }
}
