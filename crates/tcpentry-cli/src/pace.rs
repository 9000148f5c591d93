//! The times at which deletions are due. It never waits itself: the time is passed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::args::pace::{PaceArgs, Rate};
use crate::output::{duration, exact_duration};

/// The times at which deletions are due.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    pace: Schedule,
    rng: fastrand::Rng,
    /// The time before which nothing more is due.
    next: Option<Instant>,
}

#[derive(Clone, Debug)]
enum Schedule {
    Rate {
        rate: Rate,
        /// The last deletions, as many as may be made in one period.
        recent: VecDeque<Instant>,
    },
    Spread {
        over: Duration,
        /// The time at which the round is to be over.
        end: Option<Instant>,
        /// The shortest mean gap: what was held up is not made up for in a burst.
        min_gap: Duration,
    },
}

impl Pacer {
    /// Creates the pace that the options ask for; `None` where nothing has to wait.
    pub(crate) fn new(args: &PaceArgs, rng: fastrand::Rng) -> Option<Self> {
        let pace = match (args.rate, args.spread) {
            (Some(rate), _) => Schedule::Rate {
                rate,
                recent: VecDeque::new(),
            },
            (None, Some(over)) => Schedule::Spread {
                over,
                end: None,
                min_gap: Duration::ZERO,
            },
            (None, None) => return None,
        };
        Some(Self {
            pace,
            rng,
            next: None,
        })
    }

    /// Begins a round of so many deletions, which a spread ends within `limit`.
    pub(crate) fn begin(&mut self, now: Instant, count: usize, limit: Option<Duration>) {
        let Schedule::Spread { over, end, min_gap } = &mut self.pace else {
            return;
        };
        let over = limit.map_or(*over, |limit| limit.min(*over));
        *end = Some(now + over);
        *min_gap = over / divisor(count) / 2;
        self.next = Some(now);
        // The first has a gap before it as any other, so that the runs of several hosts do not begin together.
        let gap = self.gap(now, count);
        self.next = Some(now + gap);
    }

    /// Puts those that are to be deleted into the order in which that is done: a random one for a spread.
    ///
    /// The order depends on the seed and on the keys.
    pub(crate) fn arrange<T, K: Ord>(&mut self, waiting: &mut [T], key: impl Fn(&T) -> K) {
        if matches!(self.pace, Schedule::Spread { .. }) {
            waiting.sort_by_key(key);
            self.rng.shuffle(waiting);
        }
    }

    /// Returns the time until the next deletion is due.
    pub(crate) fn delay(&self, now: Instant) -> Duration {
        let until = |time: Instant| time.saturating_duration_since(now);
        let gap = self.next.map_or(Duration::ZERO, until);
        match &self.pace {
            Schedule::Rate { rate, recent } if recent.len() >= rate.count as usize => {
                let oldest = recent
                    .front()
                    .map(|&oldest| until(oldest + rate_gap(*rate) * rate.count));
                gap.max(oldest.unwrap_or_default())
            }
            _ => gap,
        }
    }

    /// Takes note of a deletion, after which so many are left.
    ///
    /// The gaps are those between the times that were due, unless it is far behind: sleep returns late, and a deletion
    /// takes its time.
    pub(crate) fn took(&mut self, now: Instant, left: usize) {
        if let Schedule::Rate { rate, recent } = &mut self.pace {
            if recent.len() >= rate.count as usize {
                recent.pop_front();
            }
            recent.push_back(now);
        }
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let due = self.next.map_or(now, |due| due.max(earliest));
        self.next = Some(due + self.gap(due, left));
    }

    /// Returns the time at which so many more will have been deleted, if nothing holds them up.
    pub(crate) fn end(&self, now: Instant, left: usize) -> Instant {
        match &self.pace {
            Schedule::Rate { .. } => now + self.length(left),
            Schedule::Spread { end, .. } => {
                let by_gaps = now + MAX_GAP * divisor(left);
                end.map_or(by_gaps, |end| end.min(by_gaps)).max(now)
            }
        }
    }

    /// Returns the time that a round of so many takes, if nothing holds it up.
    pub(crate) fn length(&self, count: usize) -> Duration {
        match &self.pace {
            Schedule::Rate { rate, .. } => rate_gap(*rate) * divisor(count),
            Schedule::Spread { over, .. } => (*over).min(MAX_GAP * divisor(count)),
        }
    }

    /// Returns the gap after a deletion that was due at a time, after which so many are left.
    fn gap(&mut self, due: Instant, left: usize) -> Duration {
        match &self.pace {
            Schedule::Rate { rate, .. } => rate_gap(*rate),
            Schedule::Spread { end, min_gap, .. } => {
                let time = end.map_or(Duration::ZERO, |end| end.saturating_duration_since(due));
                let mean = (time / divisor(left)).max(*min_gap).min(MAX_GAP);
                mean.mul_f64(0.5 + self.rng.f64()).min(MAX_GAP)
            }
        }
    }
}

/// Describes the pace of so many deletions, behind the words that say what is deleted; empty without one.
pub(crate) fn describe(args: &PaceArgs, count: u64) -> String {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match (args.rate, args.spread) {
        (Some(rate), _) => {
            let time = rate_gap(rate) * divisor(count.saturating_sub(1));
            let time = Duration::from_secs(time.as_secs());
            if time.is_zero() || count < 2 {
                format!(" at {rate}")
            } else {
                format!(" at {rate}, in about {}", duration(time))
            }
        }
        (None, Some(over)) => {
            let few = MAX_GAP * divisor(count);
            if few < over {
                format!(
                    " within {}, at most {} apart",
                    exact_duration(over),
                    exact_duration(MAX_GAP)
                )
            } else {
                format!(" over {}", exact_duration(over))
            }
        }
        (None, None) => String::new(),
    }
}

/// Returns the gap between two deletions: a hundredth longer than needed, so that no window has one too many for those who
/// see them a little sooner or later.
fn rate_gap(rate: Rate) -> Duration {
    rate.period / rate.count * 101 / 100
}

/// Returns a number to divide a time by, or to multiply it with.
fn divisor(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).max(1)
}

/// The longest gap of a spread: few end early.
const MAX_GAP: Duration = Duration::from_secs(1);
/// The time by which it may be behind and catch up: as long as the look for the own session takes, once a second, where an
/// ancestor holds 20,000 sockets. Without it, the first half of a spread would have fewer than the second.
const SLACK: Duration = Duration::from_millis(250);

/// Returns the pause after a round of deletions that took so long: it uses a fiftieth of one processor at most.
pub(crate) fn pause_after(round: Duration) -> Duration {
    (round * 50).clamp(MIN_PAUSE, MAX_PAUSE)
}

const MIN_PAUSE: Duration = Duration::from_millis(100);
/// A table of millions is read at least this often.
const MAX_PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the times, from the start of the round, at which so many deletions are made by somebody who is late by so much each time.
    fn times(args: &PaceArgs, count: usize, late: Duration) -> Vec<Duration> {
        let start = Instant::now();
        let mut pacer = Pacer::new(args, fastrand::Rng::with_seed(7)).unwrap();
        pacer.begin(start, count, None);
        let mut now = start;
        let mut times = Vec::new();
        for done in 1..=count {
            let delay = pacer.delay(now);
            now += delay;
            if !delay.is_zero() {
                now += late;
            }
            pacer.took(now, count - done);
            times.push(now - start);
        }
        times
    }

    fn rate(text: &str) -> PaceArgs {
        PaceArgs {
            rate: Some(text.parse().unwrap()),
            ..PaceArgs::default()
        }
    }

    fn spread(over: Duration) -> PaceArgs {
        PaceArgs {
            spread: Some(over),
            ..PaceArgs::default()
        }
    }

    #[test]
    fn no_window_has_more_than_the_rate() {
        for (text, late) in [
            ("20/s", 0),
            ("20/s", 15),
            ("1000/s", 2),
            ("1000/s", 300),
            ("3/s", 700),
        ] {
            let args = rate(text);
            let Rate { count, period } = args.rate.unwrap();
            let times = times(&args, count as usize * 6, Duration::from_millis(late));
            for window in times.windows(count as usize + 1) {
                assert!(
                    window[count as usize] >= window[0] + period,
                    "{text} {late}"
                );
            }
        }
    }

    #[test]
    fn a_rate_is_kept_although_sleep_returns_late() {
        let times = times(&rate("1000/s"), 5000, Duration::from_micros(300));
        let whole = times[4999].as_secs_f64();
        assert!((5.0..5.2).contains(&whole), "{whole}");
    }

    #[test]
    fn a_rate_is_evenly_spaced() {
        let times = times(&rate("20/s"), 100, Duration::ZERO);
        assert_eq!(times[0], Duration::ZERO);
        for two in times.windows(2) {
            assert_eq!(two[1], two[0] + Duration::from_micros(50_500));
        }
    }

    #[test]
    fn a_spread_takes_its_time_with_even_gaps() {
        let over = Duration::from_secs(120);
        for late in [80, 3000] {
            let times = times(&spread(over), 10_000, Duration::from_micros(late));
            assert_even(&times, over);
            assert!(
                gaps(&times).max().unwrap()
                    <= Duration::from_millis(19) + Duration::from_micros(late)
            );
        }
    }

    #[test]
    fn a_spread_is_even_although_something_takes_long_once_a_second() {
        let over = Duration::from_secs(120);
        let start = Instant::now();
        let mut pacer = Pacer::new(&spread(over), fastrand::Rng::with_seed(7)).unwrap();
        pacer.begin(start, 10_000, None);
        let (mut now, mut looked) = (start, start);
        let mut times = Vec::new();
        for left in (0..10_000).rev() {
            now += pacer.delay(now);
            if now - looked >= Duration::from_secs(1) {
                now += Duration::from_millis(200);
                looked = now;
            }
            pacer.took(now, left);
            times.push(now - start);
        }
        assert_even(&times, over);
    }

    fn assert_even(times: &[Duration], over: Duration) {
        let end = times[9_999].as_secs_f64();
        assert!((117.0..=121.0).contains(&end), "{end}");
        // In each twelfth of the time a twelfth of them.
        for part in 0..12 {
            let bounds = over / 12 * part..over / 12 * (part + 1);
            let count = times.iter().filter(|it| bounds.contains(it)).count();
            assert!((760..=910).contains(&count), "{part}: {count}");
        }
        assert!(
            gaps(times).any(|gap| gap != times[1].abs_diff(times[0])),
            "no jitter"
        );
    }

    fn gaps(times: &[Duration]) -> impl Iterator<Item = Duration> {
        times.windows(2).map(|two| two[1].saturating_sub(two[0]))
    }

    #[test]
    fn few_end_early() {
        let times = times(&spread(Duration::from_secs(3600)), 5, Duration::ZERO);
        assert!(times[4] <= Duration::from_secs(5), "{times:?}");
        assert!(times.windows(2).all(|two| two[1] <= two[0] + MAX_GAP));
    }

    #[test]
    fn what_was_held_up_is_not_made_up_for_in_a_burst() {
        let (start, over) = (Instant::now(), Duration::from_secs(10));
        let mut pacer = Pacer::new(&spread(over), fastrand::Rng::with_seed(7)).unwrap();
        pacer.begin(start, 1000, None);
        // Asleep for the whole time.
        let mut now = start + over * 2;
        let begin = now;
        for left in (0..1000).rev() {
            now += pacer.delay(now);
            pacer.took(now, left);
        }
        assert!(now - begin > Duration::from_secs(4), "{:?}", now - begin);
    }

    #[test]
    fn the_words_say_how_long_it_takes() {
        for (args, count, text) in [
            (rate("20/s"), 200, " at 20/s, in about 10s"),
            (rate("20/s"), 1, " at 20/s"),
            (spread(Duration::from_secs(120)), 10_000, " over 2m"),
            (
                spread(Duration::from_secs(120)),
                5,
                " within 2m, at most 1s apart",
            ),
            (PaceArgs::default(), 5, ""),
        ] {
            assert_eq!(describe(&args, count), text);
        }
    }
}
