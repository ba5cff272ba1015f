//! The gate of a server: what is taken of its limits, by whom, and how often more was refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::Limits;
use super::lobby::{Lobby, Ticket};
use super::quota::{Exceeded, Quota};

/// The bytes that every connection may make the server hold without asking: a few small calls.
/// 2048 connections have 32 MiB of them.
pub(super) const FREE: usize = 16 * 1024;

/// The part of the places that callers may hold who have not greeted yet, or not yet proven that
/// they have the key: an eighth, 256 of 2048. For each of them a handshake may take 64 KiB, which
/// is 16 MiB in total.
const LOBBY_PART: usize = 8;

/// The limits of one server and what is taken of them. Clones share it, so that the operators' page
/// can show what the connections take.
#[derive(Clone)]
pub struct Gate {
    pub(super) limits: Limits,
    pub(super) places: SharedQuota,
    pub(super) bytes: SharedQuota,
    lobby: Arc<Mutex<Waiting>>,
}

/// The lobby, and how to tell those in it that they have to go.
struct Waiting {
    lobby: Lobby,
    stays: HashMap<Ticket, CancellationToken>,
}

impl Gate {
    /// A gate with these limits, of which nothing is taken.
    pub fn new(limits: Limits) -> Self {
        let quota =
            |total, share| SharedQuota::new(Quota::new(total, share, limits.frees_loopback));
        Self {
            limits,
            places: quota(limits.connections, limits.per_address),
            bytes: quota(limits.bytes, limits.bytes / 4),
            lobby: Arc::new(Mutex::new(Waiting {
                lobby: Lobby::new(limits.connections / LOBBY_PART),
                stays: HashMap::new(),
            })),
        }
    }

    /// Lets a caller from `ip` into the lobby. If it is full, another one has to go.
    pub(super) fn lobby(&self, ip: IpAddr) -> Stay {
        let must_go = CancellationToken::new();
        let mut waiting = self.lobby.lock().unwrap_or_else(PoisonError::into_inner);
        let (ticket, gone) = waiting.lobby.enter(ip);
        if let Some(gone) = gone.and_then(|gone| waiting.stays.remove(&gone)) {
            gone.cancel();
        }
        waiting.stays.insert(ticket, must_go.clone());
        Stay {
            lobby: self.lobby.clone(),
            ip,
            ticket,
            must_go,
        }
    }

    /// The places for connections.
    pub fn places(&self) -> &SharedQuota {
        &self.places
    }

    /// The bytes of requests and buffers.
    pub fn bytes(&self) -> &SharedQuota {
        &self.bytes
    }
}

/// A caller's stay in the lobby. Dropping it ends the stay.
pub(super) struct Stay {
    lobby: Arc<Mutex<Waiting>>,
    ip: IpAddr,
    ticket: Ticket,
    must_go: CancellationToken,
}

impl Stay {
    /// Is cancelled when the caller has to go, which is only while it stays.
    #[cfg(feature = "http")]
    pub(super) fn must_go(&self) -> &CancellationToken {
        &self.must_go
    }

    /// Returns what `greeting` returns, or `None` if the caller has to go before.
    pub(super) async fn during<T>(self, greeting: impl Future<Output = T>) -> Option<T> {
        self.must_go.run_until_cancelled(greeting).await
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut waiting = self.lobby.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.stays.remove(&self.ticket);
        waiting.lobby.leave(self.ip, self.ticket);
    }
}

/// A [`Quota`] that the tasks of a server share.
#[derive(Clone)]
pub struct SharedQuota(Arc<(Mutex<Quota>, AtomicU64)>);

impl SharedQuota {
    /// `quota`, to be shared.
    pub fn new(quota: Quota) -> Self {
        Self(Arc::new((Mutex::new(quota), AtomicU64::new(0))))
    }

    /// Takes one unit for `ip` until the answer is dropped.
    ///
    /// # Errors
    /// [`Exceeded`] says which limit is reached.
    pub fn take(&self, ip: IpAddr) -> Result<Share, Exceeded> {
        let mut share = Share::new(self.clone(), ip);
        share.set(1)?;
        Ok(share)
    }

    /// Returns how much is taken at the moment.
    pub fn taken(&self) -> usize {
        self.lock().taken()
    }

    /// Returns how often something was refused so far.
    pub fn refused(&self) -> u64 {
        self.0.1.load(Relaxed)
    }

    /// The lock is held for a few instructions and never over a panic, so it cannot be poisoned.
    fn lock(&self) -> MutexGuard<'_, Quota> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one holder has taken of a quota. Dropping it gives all back.
pub struct Share {
    quota: SharedQuota,
    ip: IpAddr,
    amount: usize,
}

impl Share {
    pub(super) fn new(quota: SharedQuota, ip: IpAddr) -> Self {
        Self {
            quota,
            ip,
            amount: 0,
        }
    }

    /// Changes the amount that is taken to `amount`.
    ///
    /// # Errors
    /// [`Exceeded`] if that is more than the quota has; then nothing changes.
    pub(super) fn set(&mut self, amount: usize) -> Result<(), Exceeded> {
        if amount > self.amount {
            let taken = self.quota.lock().take(self.ip, amount - self.amount);
            if taken.is_err() {
                self.quota.0.1.fetch_add(1, Relaxed);
            }
            taken?;
        } else if amount < self.amount {
            self.quota.lock().give_back(self.ip, self.amount - amount);
        }
        self.amount = amount;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = self.set(0);
    }
}
