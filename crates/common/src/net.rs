//! The network: everything that touches a socket, in one place.
//!
//! A connection is TCP that carries length-delimited [postcard](wire) frames of tarpc messages. A
//! [greeting] opens it and says which program speaks. With the lab's key, a [seal](Seal) follows:
//! TLS between holders of that key. A server hands its bound listener to
//! [`serve`]; a client puts a [`Redial`] under its tarpc client. When a connection fails, the
//! [doctor] says why, and what a person can try.
//!
//! ```text
//!   client                                                    server
//!   Redial ─ Channel ─ greeting ── frames ══ TCP ══ frames ── greeting ── answer ── serve
//!    limit    calls    and seal   ≤ 256 KiB                  and seal     idle     accept,
//!    per call          2 x 3 s                               2 x 3 s      limit    drain
//! ```
//!
//! Every limit has its name and its reason here. The seal is in one place, `seal.rs`, and nothing
//! above it knows whether there is one.

use std::time::Duration;

mod backoff;
mod calling;
mod client;
mod coalesce;
mod connect;
mod crypto;
pub mod doctor;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
pub mod greeting;
mod handshake;
#[cfg(feature = "http")]
pub mod http;
mod knocks;
pub(crate) mod lab_key;
mod listen;
mod lobby;
mod pipe;
mod post;
mod quota;
mod race;
mod redial;
mod resolve;
mod seal;
mod sealed;
mod server;
mod tls_end;
pub mod wire;

pub use backoff::Backoff;
pub use client::{Channel, End, Post};
pub use connect::{Dialled, Peer, dial};
pub use doctor::{Error, Trouble};
pub use gate::{Gate, Share, SharedQuota};
pub use lab_key::{Fingerprint, Flaw, LabKey};
pub use listen::{Connection, accept, bind, serve};
pub use pipe::Pipe;
pub use quota::{Exceeded, Network, Quota};
pub use race::race;
pub use redial::{Redial, explain, words};
pub use resolve::resolve;
pub use seal::{Protocol, Seal, new_lab_key};
#[cfg(feature = "http")]
pub(crate) use server::panicked;

/// The version of the protocol of all five programs.
///
/// Raise it with every change to a service trait or to a wire type, because postcard has no field
/// names: peers of different versions would misread each other, and the greeting refuses them
/// instead.
pub const VERSION: u16 = 3;

/// Largest frame in bytes, read or written. A page of the chat, a chunk of words or a roll of a
/// thousand buddies fits. What the frames of all connections may take of a server's memory together
/// is bounded by [`Limits::bytes`].
pub const MAX_FRAME: usize = 256 * 1024;

/// How long a name may be looked up. The system waits 5 s for each name server, so that a silent
/// first one and a slow second one need 10 s; the rest is for their answer.
pub const LOOK_UP_LIMIT: Duration = Duration::from_secs(11);

/// How long one TCP connect may take. Longer than the 3.1 s after which Linux reports "no such host
/// on this network", because that must not look like a firewall; far shorter than its two minutes.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long the other side may take over its greeting, and as long again over the handshake of the
/// seal: each needs one round trip and less than a millisecond of work.
pub const GREETING_LIMIT: Duration = Duration::from_secs(3);

/// How long a dial may take altogether, with the handshake of a seal, before nothing more can come
/// of it.
pub const DIAL_LIMIT: Duration = LOOK_UP_LIMIT
    .saturating_add(CONNECT_LIMIT)
    .saturating_add(GREETING_LIMIT.saturating_mul(2));

/// The most bytes that decoding makes of one byte of a frame, because the types in memory are wider
/// than on the wire. `tests/decoders.rs` checks it for every request and every answer.
pub const MAX_GROWTH: usize = 8;

/// What a server allows its peers.
///
/// The sum of what strangers can make a server hold, with the defaults: 2048 connections of 16 KiB
/// of requests and two buffers of 16 KiB are 96 MiB, their tasks and sockets about 50 MiB, and
/// [`bytes`](Self::bytes) is 192 MiB. That is 338 MiB, of the 720 MiB that the unit files allow.
/// The chat server's log adds 128 MiB of newest entries (or the whole of its store in memory), 32
/// MiB of entries that wait for the disk, 51 MiB of the newest keys, 8 MiB of SQLite's caches, and
/// 8 MiB of old entries that share memory with the oldest one of each of 1000 rooms: 565 MiB.
/// Under a key, each connection may have three records of 16 KiB on their way out and one on its
/// way in, as far as it was not read yet: 135 MiB more, of holders of the key.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at once. One more is told so in the greeting, and closed. 2048 stay below
    /// the file limit that the unit files set. An eighth of them may be of callers that have not
    /// greeted yet.
    pub connections: usize,
    /// Most connections of one address (/32, or /64 in IPv6), loopback exempt: a person with a few
    /// programs. A class behind one router needs more. All of a /48 may have a quarter of them.
    pub per_address: usize,
    /// Most bytes of requests in hand and of buffers, in total, beyond a small free amount of each
    /// connection. One address may have a quarter of it. A call above it is answered with an error,
    /// a connection whose frame is above it is closed.
    pub bytes: usize,
    /// Whether loopback has no share of its own. Only tests say no, because they have no other
    /// addresses.
    pub frees_loopback: bool,
    /// Most calls at once on one connection; the excess is answered with an error.
    pub calls: usize,
    /// How long a connection without calls may be without a whole frame before it is closed.
    pub idle: Duration,
    /// How long a connection may be so while it waits for answers. Our clients say something every
    /// second then, or every 15 in the chat. Shorter than `idle`, because calls hold places that
    /// others wait for.
    pub silence: Duration,
    /// How long the peer may take to read what is written at once: at most a frame, so that a line
    /// of 70 kbit/s is fast enough.
    pub flush: Duration,
    /// The furthest deadline that a caller may set.
    pub deadline: Duration,
    /// How long an answer waits for others to be written with it. Zero, unless no caller waits for
    /// the answers. (Kafka calls this `linger.ms`; it is not `SO_LINGER`.)
    pub flush_delay: Duration,
    /// How long the calls in hand may still take after shutdown has begun.
    pub grace: Duration,
}

impl Limits {
    /// The shortest of the times after which a peer counts as lost.
    fn shortest(&self) -> Duration {
        self.idle.min(self.silence).min(self.flush)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            per_address: 16,
            bytes: 192 * 1024 * 1024,
            frees_loopback: true,
            calls: 1024,
            idle: Duration::from_secs(120),
            silence: Duration::from_secs(30),
            flush: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
            flush_delay: Duration::ZERO,
            grace: Duration::from_secs(5),
        }
    }
}
