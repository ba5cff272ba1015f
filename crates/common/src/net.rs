//! The network: everything that touches a socket, in one place.
//!
//! A connection is TCP that carries length-delimited [postcard](wire) frames of tarpc messages. A
//! [greeting] opens it and says which program speaks. A server hands its bound listener to
//! [`serve`]; a client puts a [`Redial`] under its tarpc client. When a connection fails, the
//! [doctor] says why, and what a person can try.
//!
//! ```text
//!   client                                                    server
//!   Redial ─ Channel ─ greeting ── frames ══ TCP ══ frames ── greeting ── answer ── serve
//!    limit    calls    3 s        ≤ 256 KiB                   3 s         idle     accept,
//!    per call                                                             limit    drain
//! ```
//!
//! Every limit has its name and its reason here. Another transport, such as TLS, belongs in two
//! places: after the connect in `connect.rs`, and before the greeting in `listen.rs`.

use std::time::Duration;

mod backoff;
mod client;
mod coalesce;
mod connect;
pub mod doctor;
pub mod greeting;
mod listen;
mod redial;
mod server;
pub mod wire;

pub use backoff::Backoff;
pub use client::Channel;
pub use connect::{dial, resolve};
pub use doctor::{Error, Trouble};
pub use listen::{Connection, accept, bind, serve};
pub use redial::{Redial, explain};

/// The version of the protocol of all five programs.
///
/// Raise it with every change to a service trait or to a wire type, because postcard has no field
/// names: peers of different versions would misread each other, and the greeting refuses them
/// instead.
pub const VERSION: u16 = 2;

/// Largest frame in bytes, read or written. A chat reply or a chunk of words fits with room to
/// spare, and 2048 hostile connections that send full frames cost at most half a gigabyte.
pub const MAX_FRAME: usize = 256 * 1024;

/// How long one TCP connect may take. Longer than the 3.1 s after which Linux reports "no such host
/// on this network", because that must not look like a firewall; far shorter than its two minutes.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long the other side may take over its greeting: it needs one round trip and no work.
pub const GREETING_LIMIT: Duration = Duration::from_secs(3);

/// What a server allows its peers.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at once; further ones wait in the listen backlog. 2048 idle connections
    /// cost about 50 MB, and stay below the file limit that the unit files set.
    pub connections: usize,
    /// Most calls at once on one connection; the excess is answered with an error. This bounds what
    /// one peer can make a server hold: 1024 waiting calls of a few words are about 1.2 MB, and of
    /// whole frames 256 MiB.
    pub calls: usize,
    /// How long a connection may be without a whole frame before it is closed. Well above the wait
    /// of a long poll.
    pub idle: Duration,
    /// The furthest deadline that a caller may set.
    pub deadline: Duration,
    /// How long an answer waits for others to be written with it. Zero, unless no caller waits for
    /// the answers. (Kafka calls this `linger.ms`; it is not `SO_LINGER`.)
    pub flush_delay: Duration,
    /// How long the calls in hand may still take after shutdown has begun.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            calls: 1024,
            idle: Duration::from_secs(120),
            deadline: Duration::from_secs(120),
            flush_delay: Duration::ZERO,
            grace: Duration::from_secs(5),
        }
    }
}
