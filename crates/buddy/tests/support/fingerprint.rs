//! 64 bits for a state: among ten million, two share them once in 370,000 searches.

use std::hash::{Hash, Hasher};

/// Of a state. The standard hasher is made for keys that an enemy picks; nobody picks these, and a
/// search does little but hash.
pub(crate) fn fingerprint(state: &impl Hash) -> u64 {
    let mut mixer = Mixer(0);
    state.hash(&mut mixer);
    mixer.finish()
}

/// Multiplies and folds, a word at a time: the steps of MurmurHash's finalizer (Appleby, 2011).
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, token: u64) {
        let mixed = (self.0 ^ token).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.0 ^= self.0 >> 29;
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let token = chunk
                .iter()
                .fold(1, |token, byte| token << 8 | u64::from(*byte));
            self.mix(token);
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
