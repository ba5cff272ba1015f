//! What a server is told at its start.

use std::time::Duration;

use common::credential::Credential;
use common::net::Seal;
use common::pen::Pen;

/// The settings of one server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Calls worked on at once.
    pub workers: usize,
    /// Longest time for a word.
    pub delay: Duration,
    /// The same on the premium tier.
    pub fast_delay: Duration,
    /// The key that the premium tier wants, if it wants one.
    pub premium_key: Option<Credential>,
    /// Most connections of one address, loopback exempt. An address may hold as large a part of the
    /// places for calls as this is of 64, at most all.
    pub per_address: usize,
    /// Who can connect at all.
    pub seal: Seal,
    /// The seed of the random delays. The same seed draws the same delays in the same order.
    pub seed: u64,
    /// What happens is written into this journal.
    pub journal: Pen,
}
