//! What one buddy is told at its start. PURE, because the [state](crate::state) keeps it: so the
//! seal and the journal, which the configurations of the other programs hold, come beside it.

use std::net::SocketAddr;
use std::time::Duration;

use common::buddy::{Addresses, Incarnation};

use crate::failure_detector::{ROUND_TRIPS, SILENCES};

/// The settings of one buddy.
#[derive(Clone, Debug)]
pub struct Config {
    /// `HOST:PORT` of the buddy after this one.
    pub next: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where else it can be reached, `HOST:PORT` each.
    pub advertise: Vec<String>,
    /// Bottles, if this buddy starts the song.
    pub bottles: Option<u64>,
    /// A name to sing under, instead of `Buddy 1`.
    pub name: Option<String>,
    /// Pause before each verse is passed on.
    pub tempo: Duration,
    /// Silence after which a buddy is taken for gone, if the ring is not too wide for it.
    pub patience: Duration,
    /// How long to wait for the song to begin; for ever if none.
    pub wait: Option<Duration>,
    /// Whether there is a journal, so that what happens is noted.
    pub is_noted: bool,
    /// Random and never 0. It also seeds the jitter of this buddy's waits.
    pub incarnation: Incarnation,
}

impl Config {
    /// Returns where this buddy can be reached, as far as it knows.
    pub(crate) fn own(&self) -> Addresses {
        let listen = self.listen.to_string();
        let mut all = self
            .advertise
            .iter()
            .chain([&listen])
            .map(|it| (&**it).into());
        let mut own: Addresses = all.next().unwrap_or_else(|| (&*listen).into());
        all.for_each(|other| own.add(&other));
        own
    }

    /// Returns the silence after which a buddy is taken for gone in a ring whose longest round trip
    /// takes `round_trip_ms`.
    pub fn patience(&self, round_trip_ms: u64) -> Duration {
        let least = Duration::from_millis(round_trip_ms.saturating_mul(ROUND_TRIPS));
        self.patience.max(least)
    }

    /// Returns the time between heartbeats in such a ring, which also limits one try.
    pub fn beat(&self, round_trip_ms: u64) -> Duration {
        self.patience(round_trip_ms) / SILENCES
    }
}

/// Returns whole milliseconds, as they travel on the wire.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
