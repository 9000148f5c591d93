//! The last rates of a row, in a byte each: a host may have a million rows, and two frames are kept.

/// The rates at the last readings, the latest last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct RateHistory([u8; LENGTH]);

impl RateHistory {
    /// Returns the history with one reading more: a rate in bytes per second, where it is known.
    pub(super) fn followed_by(mut self, rate: Option<f32>) -> Self {
        self.0.rotate_left(1);
        self.0[LENGTH - 1] = rate.map_or(UNKNOWN, encode);
        self
    }

    /// Returns the bytes per second at each reading, where they are known.
    pub(crate) fn values(self) -> [Option<f32>; LENGTH] {
        self.0.map(decode)
    }

    /// Returns the mean of those that are known.
    pub(super) fn mean(self) -> Option<f32> {
        let known = || self.values().into_iter().flatten();
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        let count = known().count() as f32;
        (count > 0.0).then(|| known().sum::<f32>() / count)
    }
}

/// The number of readings.
pub(crate) const LENGTH: usize = 16;
const UNKNOWN: u8 = 0;
const ZERO: u8 = 1;
/// The steps in which a rate doubles.
const STEPS: f32 = 6.0;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped"
)]
fn encode(rate: f32) -> u8 {
    if rate < 1.0 {
        return ZERO;
    }
    let step = rate.log2().mul_add(STEPS, f32::from(ZERO + 1));
    step.round().clamp(f32::from(ZERO + 1), f32::from(u8::MAX)) as u8
}

fn decode(step: u8) -> Option<f32> {
    match step {
        UNKNOWN => None,
        ZERO => Some(0.0),
        step => Some((f32::from(step - ZERO - 1) / STEPS).exp2()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_to_a_tenth() {
        for rate in [1.0, 17.0, 1e3, 123_456.0, 1e9, 1e12] {
            let history = RateHistory::default().followed_by(Some(rate));
            let kept = history.values()[LENGTH - 1].unwrap();
            assert!((kept / rate - 1.0).abs() < 0.1, "{rate}: {kept}");
        }
        let none = RateHistory::default().followed_by(Some(0.2));
        assert_eq!(none.values()[LENGTH - 1], Some(0.0));
    }

    #[test]
    fn the_latest_is_the_last_and_what_is_unknown_counts_for_nothing() {
        let mut history = RateHistory::default();
        assert_eq!(history.mean(), None);
        for rate in [Some(0.0), None, Some(2.0)] {
            history = history.followed_by(rate);
        }
        assert_eq!(
            history.values()[LENGTH - 4..],
            [None, Some(0.0), None, Some(2.0)]
        );
        assert_eq!(history.mean(), Some(1.0));
    }
}
