//! When a buddy counts as gone, and when the song does. PURE: counts tries and heartbeats, never
//! seconds, so that a process that was stopped for a while does not wake up and give up on all.

/// Refusals in a row that prove that a buddy is gone. Its port may be closed only because it is
/// being restarted; with the sender's backoff four tries take about 0.1 s.
const REFUSALS: u32 = 4;

/// Silences in a row that prove that a buddy is gone. `--patience` is split into this many tries.
pub(crate) const SILENCES: u32 = 3;

/// Round trips that fit the patience at least. A try that has to dial needs four of them (connect,
/// greeting, and two calls), and may lose a message on the way.
pub(crate) const ROUND_TRIPS: u64 = 9;

/// One hop, at a slow place. A lap without verses takes this times the size of the ring.
const WIRE_MS: u64 = 5;

/// How many refusals prove that a buddy is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threshold {
    /// One, because this is a good-bye, or because the buddy before was just found gone and more of
    /// them may be.
    AtOnce,
    /// `REFUSALS`.
    Soon,
    /// As many as silences, and one for each heartbeat of a lap. After the song my next may have
    /// left before `Home` has reached me. If I asked round now, the new take would cancel that
    /// `Home`, and a large ring would end in small groups.
    Late(u64),
}

/// How often one buddy has been tried in vain since it last answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Suspicion {
    refusals: u32,
    silences: u32,
}

impl Suspicion {
    /// Forgets everything, because the buddy answered.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Counts a closed port or a broken connection. Returns whether the buddy is gone.
    pub(crate) fn refused(&mut self, threshold: Threshold) -> bool {
        self.refusals += 1;
        match threshold {
            Threshold::AtOnce => true,
            Threshold::Soon => self.refusals >= REFUSALS,
            Threshold::Late(lap) => u64::from(self.refusals) >= u64::from(SILENCES) + lap,
        }
    }

    /// Counts a try without an answer, or with one from another buddy. Returns whether the buddy is
    /// gone. No threshold makes that sooner, because on a network that loses messages one wrong
    /// verdict would lead to the next.
    pub(crate) fn silent(&mut self) -> bool {
        self.silences += 1;
        self.silences >= SILENCES
    }
}

/// Returns how many heartbeats a token needs for `size` hops, with a verse before each.
pub(crate) fn beats_of_lap(size: u32, verse_ms: u64, beat_ms: u64) -> u64 {
    let hop = verse_ms.saturating_add(WIRE_MS);
    u64::from(size).saturating_mul(hop) / beat_ms.max(1)
}

/// Counts heartbeats without a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watchdog {
    limit: u32,
    quiet: u32,
}

impl Watchdog {
    /// A watchdog at place `me` of a ring of `size`, with `verse_ms` for a verse and `beat_ms`
    /// between heartbeats.
    ///
    /// Its limit is eight beats, which is longer than a repair takes, and the time of two laps.
    /// Each place of eight waits a beat longer than the one before it, so that not all ask at once.
    pub(crate) fn new(size: u32, me: u32, verse_ms: u64, beat_ms: u64) -> Self {
        const REPAIR: u64 = 8;
        let laps = beats_of_lap(size.saturating_mul(2), verse_ms, beat_ms);
        let stagger = u64::from(me % 8);
        let limit = REPAIR.saturating_add(laps).saturating_add(stagger);
        Self {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            quiet: 0,
        }
    }

    /// Begins to count anew, because a token was heard.
    pub(crate) fn clear(&mut self) {
        self.quiet = 0;
    }

    /// Counts a heartbeat. Returns whether it has been quiet for too long, and then counts anew.
    pub(crate) fn beat(&mut self) -> bool {
        self.quiet = (self.quiet + 1) % self.limit;
        self.quiet == 0
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
            let lap = beats_of_lap(size, 0, beat_ms);
            (1..).find(|_| suspicion.refused(Threshold::Late(lap)))
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
