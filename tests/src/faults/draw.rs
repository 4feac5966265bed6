//! Numbers that follow from a seed: SplitMix64, the same on every machine.

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub struct Draw(u64);

/// So many of this many calls meet a fault.
const MYRIAD: u64 = 10_000;

impl Draw {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0, below `end`; 0 where that is nothing.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any().checked_rem(end).unwrap_or_default()
    }

    /// A place in something of this length.
    pub fn place(&mut self, length: usize) -> usize {
        let end = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.below(end)).unwrap_or_default()
    }

    /// Whether something happens that happens so many times in ten thousand.
    pub fn happens(&mut self, in_a_myriad: u64) -> bool {
        self.below(MYRIAD) < in_a_myriad
    }
}
