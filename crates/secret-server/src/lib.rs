//! The secret server: reverses strings for its callers, but slowly.
//!
//! Each word takes a random time, less on the premium tier. The number of words at work is limited,
//! so that one server is soon not enough and splitting a list over several is worth while. With
//! both delays at 0 it works flat out.
//!
//! ```text
//!   call ──> key? ──> room in the queue? ──> wait for a worker ──> delay ──> reverse ──> answer
//!         [admission]      busy               in arrival order    [delay]   [reverse]
//! ```
//!
//! | File | What it holds |
//! |---|---|
//! | `admission`, `delay`, [`reverse`] | PURE: who is admitted; how long a word takes; the secret |
//! | `server` | the queue, the workers, and the service that tarpc calls |
//! | `web` | the same service over HTTP |
//! | `config`, `listeners` | the settings; the bound ports |

pub mod reverse;

mod admission;
mod args;
mod config;
mod delay;
mod listeners;
mod server;
mod web;

pub use args::Args;
pub use config::Config;
pub use listeners::Listeners;
pub use server::{QUEUE_PER_WORKER, run};
