//! The choices of a fuzzed run, read from its bytes, so that a fuzzer that changes a byte changes a
//! choice. A file of its own, because the seeded tests and the fuzz targets of all crates use it.

/// Bytes that are read as choices. After the last one every choice is the first.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns whether nothing is left to choose.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// Returns a number from 0 to `end - 1`. `end` is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// Returns a number that is likely to be at an edge, or to come again.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() % 16 {
            0 => u64::MAX,
            1 => u64::MAX - 1,
            2 => 1 << 63,
            3 => u64::from_le_bytes([0; 8].map(|_: u8| self.byte())),
            4..8 => u64::from(self.byte()) << (self.byte() % 40),
            small => u64::from(small - 8),
        }
    }
}
