//! What the writing thread is asked to do.

use std::collections::HashSet;

use tokio::sync::oneshot;

use crate::log::{LogError, NewEntry};
use crate::waiting::Waiting;

/// Calls that wait for the disk.
pub(super) enum Call {
    Append(Append),
    EndRooms {
        used: HashSet<String>,
        now_ms: u64,
        reply: oneshot::Sender<Result<(), LogError>>,
    },
    /// Close the file, and say so.
    Close(oneshot::Sender<()>),
}

/// Entries for the log, with the channel for their numbers.
pub(super) struct Append {
    pub(super) room: String,
    pub(super) entries: Vec<NewEntry>,
    pub(super) reply: oneshot::Sender<Result<Vec<u64>, LogError>>,
    pub(super) waiting: Waiting,
}
