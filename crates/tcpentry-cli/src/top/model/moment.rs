//! A time in eight bytes: an `Instant` has sixteen, a row has three times, and a host may have a million rows.

use std::ops::Add;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A time, as the nanoseconds from one that all have in common.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Moment(i64);

/// Any time would do: those before it are negative, and 292 years are on either side.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl From<Instant> for Moment {
    fn from(time: Instant) -> Self {
        let origin = *ORIGIN;
        Self(match time.checked_duration_since(origin) {
            Some(after) => nanos(after),
            None => -nanos(origin.duration_since(time)),
        })
    }
}

impl From<Moment> for Instant {
    fn from(moment: Moment) -> Self {
        let distance = Duration::from_nanos(moment.0.unsigned_abs());
        let origin = *ORIGIN;
        let time = if moment.0 < 0 {
            origin.checked_sub(distance)
        } else {
            origin.checked_add(distance)
        };
        time.expect("it was a time")
    }
}

impl Moment {
    /// Returns the time from an earlier moment to this one, if it is earlier or the same.
    pub(crate) fn checked_duration_since(self, earlier: Self) -> Option<Duration> {
        let nanos = self.0.checked_sub(earlier.0)?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// Returns the time from an earlier moment to this one, or none.
    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.checked_duration_since(earlier).unwrap_or_default()
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_same_again_and_so_is_its_distance_to_others() {
        let now = Instant::now();
        let day = Duration::from_secs(86_400);
        let times = [now.checked_sub(day), Some(now), now.checked_add(day)];
        let times: Vec<Instant> = times.into_iter().flatten().collect();
        assert_eq!(times.len(), 3);
        for time in &times {
            let moment = Moment::from(*time);
            assert_eq!(Instant::from(moment), *time);
            assert_eq!(moment + day, Moment::from(*time + day));
            for other in &times {
                let earlier = Moment::from(*other);
                assert_eq!(moment.cmp(&earlier), time.cmp(other));
                assert_eq!(
                    moment.checked_duration_since(earlier),
                    time.checked_duration_since(*other)
                );
            }
        }
        let [first, .., last] = times[..] else {
            unreachable!("there are three");
        };
        let [first, last] = [first, last].map(Moment::from);
        assert_eq!(first.saturating_duration_since(last), Duration::ZERO);
        assert_eq!(last.saturating_duration_since(first), 2 * day);
    }
}
