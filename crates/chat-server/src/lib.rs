//! The chat server: rooms that are numbered logs, read by clients that keep their own cursors.
//!
//! ```text
//!   send ──▶ may it? ──▶ log: number, store, commit ──▶ answer
//!            [people]    [log]                 │
//!                                              ▼ the room's head moves
//!   poll ──▶ anything after my cursors? ──no──▶ wait for a head, at most 15 s
//!              └─yes─▶ a page of entries
//! ```
//!
//! Nothing is queued for a reader, because the log is the queue. A slow reader is only late.
//!
//! | File | What it holds |
//! |---|---|
//! | `people`, `bans` | PURE: who is here, under which nick, in which rooms; who is kept out |
//! | `names`, `bucket` | PURE: what people and rooms may be called; how fast a session may send |
//! | [`log`] | the promises of a log, as a trait |
//! | `memory`, `sqlite`, `tail` | logs in memory and in a file, and what both share |
//! | `handler`, `shared` | the service over tarpc: its calls, and what all calls share |
//! | `metrics` | what operators see, over HTTP |
//! | `server` | a server from its listeners to its end |

mod bans;
mod bucket;
mod names;
mod people;

pub mod log;
mod memory;
mod sqlite;
mod tail;

mod args;
mod config;
mod handler;
mod listeners;
mod metrics;
mod polls;
mod server;
mod shared;

pub use args::Args;
pub use config::Config;
pub use listeners::Listeners;
pub use memory::Memory;
pub use server::run;
pub use sqlite::Sqlite;
