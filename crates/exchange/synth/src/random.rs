//! The generator's own source of chance: the same seed gives the same numbers on every machine.

/// Mixes one number into another, evenly spread (the finaliser of SplitMix64).
pub fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A SplitMix64 stream.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A stream of its own for each place in the work, so that no part depends on how another used its numbers.
    pub fn new(seed: u64, place: u64, part: u64) -> Self {
        Chance(mix(mix(seed, place), part))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 where the bound is 0).
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).max(0) as usize + 1) as i64
    }

    /// True `percent` times of a hundred.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent as usize
    }

    /// True `n` times of ten thousand.
    pub fn in_ten_thousand(&mut self, n: u32) -> bool {
        self.below(10_000) < n as usize
    }

    /// One of the items.
    ///
    /// # Panics
    /// On an empty slice.
    pub fn one<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A position, each as likely as its weight; 0 where all weights are 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|&w| u64::from(w)).sum();
        let mut left = self.below(total as usize) as u64;
        for (place, &weight) in weights.iter().enumerate() {
            if left < u64::from(weight) {
                return place;
            }
            left -= u64::from(weight);
        }
        0
    }
}

/// Spreads 0..10^digits over itself without two numbers meeting, so that serial numbers look like issued ones.
pub fn scatter(serial: u64, digits: u32, salt: u64) -> u64 {
    let size = 10u64.pow(digits);
    // 7 and 3 beside the powers of 2 and 5 keep the multiplier prime to every power of ten.
    (u128::from(serial % size) * 2_637_137_u128 + u128::from(salt % size)).rem_euclid(u128::from(size)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn scattered_numbers_never_meet() {
        let all: HashSet<u64> = (0..10_000).map(|n| scatter(n, 4, 77)).collect();
        assert_eq!(all.len(), 10_000);
    }

    #[test]
    fn chance_is_even_and_repeatable() {
        let draw = |seed| {
            let mut chance = Chance::new(seed, 1, 2);
            (0..6_000).map(|_| chance.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        for face in 0..6 {
            let hits = draw(5).iter().filter(|&&f| f == face).count();
            assert!((850..1150).contains(&hits), "{face}: {hits}");
        }
    }

    #[test]
    fn weights_are_kept() {
        let mut chance = Chance::new(1, 1, 1);
        let hits = (0..1000).filter(|_| chance.weighted(&[1, 0, 3]) == 2).count();
        assert!((690..810).contains(&hits), "{hits}");
        assert_eq!(chance.weighted(&[0, 0]), 0);
    }
}
