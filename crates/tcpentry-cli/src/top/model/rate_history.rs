//! The last rates of a row, in a byte each: a host may have a million rows, and two frames are kept.

use std::f32::consts::SQRT_2;

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
/// The steps in which a rate doubles, as multiples. A table and the exponent of the number are all that it takes: `log2` and `exp2` would
/// have every run of the program map libm.
const STEPS: [f32; 6] = [1.0, 1.122_462, 1.259_921, SQRT_2, 1.587_401, 1.781_797];
const HALF_STEP: f32 = 1.059_463;
/// The bits of the mantissa of an `f32`.
const MANTISSA: u32 = f32::MANTISSA_DIGITS - 1;

fn encode(rate: f32) -> u8 {
    if rate < 1.0 {
        return ZERO;
    }
    let bits = rate.to_bits();
    let octaves = (bits >> MANTISSA).saturating_sub(1.0_f32.to_bits() >> MANTISSA) as usize;
    let within = f32::from_bits((bits % (1 << MANTISSA)) | 1.0_f32.to_bits());
    let passed = |step: &&f32| **step * HALF_STEP <= within;
    let step = octaves * STEPS.len() + STEPS.iter().take_while(passed).count();
    u8::try_from(step + usize::from(ZERO) + 1).unwrap_or(u8::MAX)
}

fn decode(step: u8) -> Option<f32> {
    match step {
        UNKNOWN => None,
        ZERO => Some(0.0),
        step => {
            let step = usize::from(step - ZERO - 1);
            let octaves = u32::try_from(step / STEPS.len()).ok()?;
            let exponent = 1.0_f32.to_bits() + (octaves << MANTISSA);
            Some(f32::from_bits(exponent) * STEPS[step % STEPS.len()])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_to_a_tenth() {
        let kept = |rate| {
            let history = RateHistory::default().followed_by(Some(rate));
            history.values()[LENGTH - 1]
        };
        let mut rate = 1.0;
        while rate < 4e12 {
            let kept = kept(rate).unwrap();
            assert!((kept / rate - 1.0).abs() < 0.06, "{rate}: {kept}");
            rate *= 1.01;
        }
        assert_eq!(kept(0.2), Some(0.0));
        assert_eq!([1.0, 2.0, 1024.0].map(kept), [1.0, 2.0, 1024.0].map(Some));
        assert_eq!(kept(f32::INFINITY), kept(1e20));
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
