//! When a buddy is given up on, and when the song is. PURE: counts tries and heartbeats, never
//! seconds, so that a process that was stopped for a while does not wake up and give up on all.

/// Refusals in a row that mean "gone". The machine is there and the port closed: dead, or being
/// restarted this moment; with the link's backoff four tries take about 0.2 s.
const REFUSALS: u32 = 4;

/// Silences in a row that mean "gone": `--patience` is split into this many tries.
pub const SILENCES: u32 = 3;

/// One hop, at a slow place: what a lap without verses takes is this times the size of the ring.
const WIRE_MS: u64 = 5;

/// How soon refusals are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// The first one: this is a good-bye, or the buddy before this one was just found gone and
    /// this may be a crowd.
    AtOnce,
    /// After `REFUSALS`.
    Soon,
    /// As late as silences, and then some. A next that is asked "are you there?" after the song
    /// may well have gone home, and the word to follow it is on its way round: whoever asks round
    /// too soon stops that word, and in a large ring everybody would go home in small groups.
    Late {
        /// Buddies in the ring.
        size: u32,
        /// Milliseconds between tries.
        beat_ms: u64,
    },
}

/// How often a buddy has been tried in vain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Suspicion {
    refusals: u32,
    silences: u32,
}

impl Suspicion {
    /// It answered.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The port is closed or the connection broke. Returns whether it is gone.
    pub fn refused(&mut self, threshold: Threshold) -> bool {
        self.refusals += 1;
        match threshold {
            Threshold::AtOnce => true,
            Threshold::Soon => self.refusals >= REFUSALS,
            Threshold::Late { size, beat_ms } => {
                let lap = u64::from(size) * WIRE_MS / beat_ms.max(1);
                u64::from(self.refusals) >= u64::from(SILENCES) + lap
            }
        }
    }

    /// It did not answer in time, or something else answers there. Returns whether it is gone.
    /// Never hasty: on a lossy network one wrong verdict would breed the next.
    pub fn silent(&mut self) -> bool {
        self.silences += 1;
        self.silences >= SILENCES
    }
}

/// Counts heartbeats without a word of the song.
#[derive(Clone, Copy, Debug)]
pub struct Watchdog {
    patience: u32,
    heard: u32,
}

impl Watchdog {
    /// For a ring of `size` whose verses take `verse_ms` each, seen from place `me`, with
    /// `beat_ms` between heartbeats: eight beats, which is longer than any single repair takes,
    /// and twice the time in which the song comes round. Each place waits a beat longer than the one
    /// before it, in groups of eight, so that not everybody asks at once.
    pub fn new(size: u32, me: u32, verse_ms: u64, beat_ms: u64) -> Self {
        const REPAIR: u64 = 8;
        let lap = u64::from(size).saturating_mul(verse_ms.saturating_add(WIRE_MS));
        let laps = lap.saturating_mul(2) / beat_ms.max(1);
        let patience = REPAIR
            .saturating_add(laps)
            .saturating_add(u64::from(me % 8));
        Self {
            patience: u32::try_from(patience).unwrap_or(u32::MAX),
            heard: 0,
        }
    }

    /// A word of the song was heard.
    pub fn clear(&mut self) {
        self.heard = 0;
    }

    /// A heartbeat. Returns whether it has been quiet for too long, and then begins to count anew.
    pub fn beat(&mut self) -> bool {
        self.heard += 1;
        let quiet = self.heard >= self.patience;
        if quiet {
            self.heard = 0;
        }
        quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_refusals_or_three_silences_and_an_answer_forgives() {
        let mut suspicion = Suspicion::default();
        assert_eq!(
            [0; 4].map(|_| suspicion.refused(Threshold::Soon)),
            [false, false, false, true]
        );
        suspicion.clear();
        assert_eq!([0; 3].map(|_| suspicion.silent()), [false, false, true]);
        suspicion.clear();
        assert!(!suspicion.silent() && !suspicion.refused(Threshold::Soon));
        assert!(
            suspicion.refused(Threshold::AtOnce),
            "in a hurry one is enough"
        );
    }

    #[test]
    fn after_the_song_a_refusal_is_believed_when_home_has_had_time_to_come_round() {
        let tries = |size, beat_ms| {
            let mut suspicion = Suspicion::default();
            (1..).find(|_| suspicion.refused(Threshold::Late { size, beat_ms }))
        };
        assert_eq!(tries(3, 1000), Some(3), "as silences");
        assert_eq!(tries(1000, 1000), Some(8), "and the 5 s of a lap");
        assert_eq!(tries(1000, 100), Some(53), "however often it is tried");
    }

    #[test]
    fn the_watchdog_speaks_later_in_slow_and_large_rings() {
        let beats = |mut dog: Watchdog| (1..).find(|_| dog.beat());
        assert_eq!(beats(Watchdog::new(3, 0, 0, 1000)), Some(8));
        assert_eq!(beats(Watchdog::new(3, 2, 0, 1000)), Some(10));
        assert_eq!(beats(Watchdog::new(100, 0, 195, 1000)), Some(48));
        let mut dog = Watchdog::new(3, 0, 0, 1000);
        assert!((0..7).all(|_| !dog.beat()));
        dog.clear();
        assert!((0..7).all(|_| !dog.beat()) && dog.beat());
    }
}
