//! Random numbers that are part of the product: the same seed must give the same
//! orders in every version and on every machine, so the generator is written
//! here and pinned by tests instead of taken from a crate that may change it.

/// `SplitMix64` (Steele, Lea, Flood 2014): tiny, fast and good enough to pick
/// products; never for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream of one slot: independent of all other slots, so that order `n`
    /// can be made without making those before it.
    pub fn for_slot(seed: u64, purpose: u64, n: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.0 = random.next_u64() ^ n.wrapping_mul(GAMMA);
        random.0 = random.next_u64();
        random
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; the bias of the multiplication is below 2⁻³².
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next_u64() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // First outputs of the reference implementation for seed 1234567.
        let mut random = Random(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn neighbouring_slots_have_unrelated_streams() {
        let mean = (0..10_000).map(|n| Random::for_slot(7, 1, n).unit()).sum::<f64>() / 10_000_f64;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        let below: Vec<u32> = (0..6).map(|n| Random::for_slot(7, 1, n).below(10)).collect();
        assert!(below.iter().all(|&n| n < 10));
        assert_ne!(Random::for_slot(7, 1, 0).next_u64(), Random::for_slot(7, 2, 0).next_u64());
    }
}
