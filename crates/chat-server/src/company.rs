//! Whether this server is alone over its log, or one of several.

#[cfg(feature = "nats")]
use crate::nats::Together;

/// Who serves the same rooms.
#[derive(Default)]
pub enum Company {
    /// This server only.
    #[default]
    Alone,
    /// Others too, over NATS.
    #[cfg(feature = "nats")]
    Together(Box<Together>),
}
