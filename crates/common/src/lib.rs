//! What the five programs share: the contracts they speak, the network under them, and their
//! manners on the command line.
//!
//! | Read first | What it is |
//! |---|---|
//! | [`buddy`], [`secret`], [`chat`] | the three services: trait, wire types, promises; nothing else |
//! | [`net`] | the one place where sockets are opened, listened on, retried and framed |
//! | [`cli`], [`key`] | flags, durations, logging, exit codes, signals; a key that callers must know |
//!
//! The rule of dependencies: this crate knows none of the programs, no program knows another, and
//! what a program *decides* lives in that program's pure files, never here. `tests/tidy.rs` holds
//! the workspace to it.

pub mod buddy;
pub mod chat;
pub mod secret;

pub mod cli;
pub mod key;
pub mod net;
