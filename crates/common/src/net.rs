//! The network: everything that touches a socket, in one place.
//!
//! A connection is TCP carrying length-delimited [postcard](wire) frames of tarpc messages, opened
//! by a [greeting] that says who speaks. A server hands its bound listener to [`serve`]; a client
//! puts a [`Redial`] under the tarpc client it likes. When something cannot be reached, the
//! [doctor] says why, and what a person can try.
//!
//! ```text
//!   client                                                    server
//!   Redial ─ Channel ─ greeting ── frames ══ TCP ══ frames ── greeting ── answer ── serve
//!    limit    calls    3 s        ≤ 256 KiB                   3 s         idle     accept,
//!    per call                                                             limit    drain
//! ```
//!
//! Every limit has its name and its reason here or on [`Limits`].

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
pub use connect::{BoxIo, Dial, dial, greeted, resolve, tcp};
pub use doctor::{Error, Trouble};
pub use listen::{Connection, Limits, Listener, bind, serve};
pub use redial::{Redial, explain};

/// The protocol all five programs speak. Raise it with every change to a service trait or to a
/// wire type: postcard has no field names, so peers of different versions would misread each
/// other, and the greeting refuses them instead.
pub const VERSION: u16 = 2;

/// Largest frame in bytes, read or written. A chat reply or a chunk of words fits with room to
/// spare, and 2048 hostile connections sending full frames cost at most half a gigabyte.
pub const MAX_FRAME: usize = 256 * 1024;

/// How long one TCP connect may take. Above the 3.1 s after which Linux reports "no such host on
/// this network", so that this is not mistaken for a firewall; far below its two minutes.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long the other side may take over its greeting: it needs no thought, only a round trip.
pub const GREETING_LIMIT: Duration = Duration::from_secs(3);
