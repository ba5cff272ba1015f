//! The secret server: reverses strings for whoever asks, but slowly.
//!
//! It takes a random time a word, less on the premium tier, and works on a limited number of words
//! at once, so that one server is soon not enough and splitting a list over several is worth
//! while. With both delays at 0 it works flat out.
//!
//! ```text
//!   call ──> key? ──> room in the queue? ──> wait for a worker ──> delay ──> reverse ──> answer
//!           refused        busy               in arrival order
//! ```
//!
//! The secret itself is in [`reverse`], the tiers and the queue in [`server`].

pub mod reverse;

pub mod args;
pub mod delay;
pub mod server;

pub use server::{Config, serve};
