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
//! | `people`, `person`, `rooms` | PURE: who is here, under which nick, in which rooms |
//! | `presence`, `sides` | PURE: what servers over one log say to each other: of a session; of bans |
//! | [`company`](Company) | alone, or with others over the same log |
//! | `door`, `bans` | PURE: the share of each address; who is kept out |
//! | `operators` | PURE: what operators command |
//! | `pace` | PURE: how much one answer to a reader carries, and how soon it comes |
//! | `names`, `posts`, `bucket` | PURE: what names and messages are allowed, and how many |
//! | `owners` | PURE: which nicks are registered, and to whom |
//! | `ban_file`, `owner_file`, `side_file` | bans and registrations outlive the server |
//! | [`log`] | the promises of a log, as a trait |
//! | `bounds` | PURE: how much of each room is kept, and when it ends |
//! | `chain` | PURE: which messages stand of a log that several servers write |
//! | `memory`, `sqlite`, `nats` | logs in memory, in a file, and shared by several servers |
//! | `kept` | PURE: an entry in memory, in the bytes that readers get |
//! | `tail`, `view` | the entries in memory: what all stores share, and the first and the last |
//! | `search`, `worker`, `waiting` | what a search finds, its threads, and what may wait |
//! | `handler`, `shared`, `polls` | the service over tarpc: its calls, and what they share |
//! | `web` | the service over HTTP, and a page for browsers |
//! | `metrics` | what operators see, over HTTP |
//! | `server`, `config`, `listeners` | a server from its arguments to its end |

mod ban_file;
mod bans;
mod bounds;
#[cfg(any(test, feature = "nats"))]
mod chain;
mod door;
mod kept;
mod names;
mod operators;
mod owner_file;
mod owners;
mod pace;
mod people;
mod person;
mod posts;
mod presence;
mod record;
mod rooms;
mod search;
mod side_file;
#[cfg(any(test, feature = "nats"))]
mod sides;

pub mod log;
mod memory;
#[cfg(feature = "nats")]
mod nats;
mod sqlite;
mod tail;
mod view;
mod waiting;
mod worker;

#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handler;
#[cfg(any(test, fuzzing))]
#[path = "../../common/tests/support/input.rs"]
mod input;
mod metrics;
mod polls;
mod shared;

mod args;
mod company;
mod config;
mod listeners;
mod server;
mod web;

pub use args::Args;
pub use ban_file::BanFile;
pub use company::Company;
pub use config::Config;
pub use listeners::Listeners;
pub use memory::Memory;
#[cfg(feature = "nats")]
pub use nats::{Nats, Settings as NatsSettings, Together};
pub use owner_file::OwnerFile;
pub use server::run;
pub use sqlite::Sqlite;
