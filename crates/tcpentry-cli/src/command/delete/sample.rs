//! A random sample of what is selected, over all rounds.

use crate::args::pace::Sample;

/// A random sample of what is selected, over all rounds.
///
/// Of each round's new ones as many are taken as keep the whole sample at its size: each is decided about once.
pub(super) struct Sampler {
    size: Sample,
    rng: fastrand::Rng,
    seen: u64,
    taken: u64,
}

impl Sampler {
    pub(super) const fn new(size: Sample, rng: fastrand::Rng) -> Self {
        Self {
            size,
            rng,
            seen: 0,
            taken: 0,
        }
    }

    /// Chooses some of these, which are new: returns true for each that is taken, in their order.
    ///
    /// The choice depends on the seed and on the keys, not on their order.
    pub(super) fn choose<K: Ord>(&mut self, keys: &[K]) -> Vec<bool> {
        self.seen += keys.len() as u64;
        let count = (self.size_of(self.seen).saturating_sub(self.taken)).min(keys.len() as u64);
        self.taken += count;
        let mut order: Vec<_> = (0..keys.len()).collect();
        order.sort_by_key(|&place| &keys[place]);
        let mut is_taken = vec![false; keys.len()];
        for place in self
            .rng
            .choose_multiple(order, usize::try_from(count).unwrap_or(usize::MAX))
        {
            is_taken[place] = true;
        }
        is_taken
    }

    /// Returns the size of the sample of so many: a part of them is rounded to the nearest.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no host has 2^52 sockets, and the part is from 0 to 1"
    )]
    fn size_of(&self, seen: u64) -> u64 {
        match self.size {
            Sample::Count(count) => count,
            Sample::Part(part) => (seen as f64 * part).round() as u64,
        }
    }
}

/// Describes a random sample.
pub(super) fn describe(count: u64, of: u64, seed: u64) -> String {
    format!("a random sample: {count} of {of}; --seed {seed} repeats it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(size: &str, seed: u64) -> Sampler {
        Sampler::new(size.parse().unwrap(), fastrand::Rng::with_seed(seed))
    }

    fn chosen(size: &str, seed: u64, keys: &[u32]) -> Vec<u32> {
        let is_taken = sampler(size, seed).choose(keys);
        let taken = keys.iter().zip(is_taken).filter(|(_, it)| *it);
        let mut taken: Vec<_> = taken.map(|(key, _)| *key).collect();
        taken.sort_unstable();
        taken
    }

    #[test]
    fn as_many_are_taken_as_were_asked_for() {
        let keys: Vec<_> = (0..1000).collect();
        for (size, count) in [
            ("10%", 100),
            ("7", 7),
            ("2000", 1000),
            ("100%", 1000),
            ("0.04%", 0),
            ("0.05%", 1),
        ] {
            assert_eq!(chosen(size, 1, &keys).len(), count, "{size}");
        }
    }

    #[test]
    fn a_seed_repeats_a_choice_in_any_order() {
        let keys: Vec<_> = (0..100).collect();
        let backwards: Vec<_> = (0..100).rev().collect();
        let first = chosen("10%", 1, &keys);
        assert_eq!(first, chosen("10%", 1, &backwards));
        assert_ne!(first, chosen("10%", 2, &keys));
    }

    #[test]
    fn every_one_is_taken_as_often_as_any_other() {
        let mut counts = [0; 20];
        for seed in 0..2000 {
            for key in chosen("25%", seed, &(0..20).collect::<Vec<_>>()) {
                counts[key as usize] += 1;
            }
        }
        assert!(
            counts.iter().all(|count| (430..570).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn rounds_of_one_are_no_reason_to_take_them_all() {
        let mut sampler = sampler("10%", 1);
        let taken = (0..100).filter(|key| sampler.choose(&[*key])[0]).count();
        assert_eq!(taken, 10);
        let mut sampler = self::sampler("3", 1);
        let taken: usize = (0..5)
            .map(|round| {
                sampler
                    .choose(&[round, 100 + round])
                    .into_iter()
                    .filter(|it| *it)
                    .count()
            })
            .sum();
        assert_eq!(taken, 3);
    }
}
