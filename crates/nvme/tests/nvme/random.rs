//! Numbers by chance that are the same in every run.

#![expect(
    clippy::cast_possible_truncation,
    reason = "an index is whole, cut off"
)]

/// A small generator of numbers (SplitMix64), so that every run sees the same histories.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of a few, each as likely.
    pub(crate) fn one_of<const N: usize>(&mut self, choices: [i64; N]) -> i64 {
        let index = (self.next() * N as f64) as usize;
        choices[index.min(N - 1)]
    }
}
