//! draft
pub mod muster;
pub mod patience;
pub mod ring;
pub mod song;
