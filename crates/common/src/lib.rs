//! What the five programs share: the contracts they speak, the network under them, and their
//! manners on the command line.
//!
//! | Read first | What it is |
//! |---|---|
//! | [`buddy`], [`secret`], [`chat`] | the three services: trait, wire types, promises, no more |
//! | [`net`] | the one place where sockets are opened, listened on, retried and framed |
//! | [`cli`] | flags, logging, signals, errors with advice, exit codes |
//! | [`credential`], [`private_file`] | a text that callers must show; files with a secret |
//! | [`identity`] | who a person is to a chat server, for years |
//! | [`bucket`] | how fast something may be done, for each address |
//! | [`journal`], [`pen`] | what a program writes down for `lab-report`, and how |
//! | `rpc`, `net::http` | the services for other languages and for browsers (feature `http`) |
//! | [`log_limit`] | one line an address and minute in the log |
//!
//! The rule of dependencies: this crate knows none of the programs, and no program knows another.
//! What a program *decides* is in that program's pure files and never here. `tests/tidy.rs` checks
//! this.

pub mod buddy;
pub mod chat;
pub mod secret;

pub mod bucket;
pub mod cli;
pub mod credential;
pub mod identity;
pub mod journal;
pub mod log_limit;
pub mod net;
pub mod pen;
pub mod private_file;
#[cfg(feature = "http")]
pub mod rpc;
