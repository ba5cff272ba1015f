//! A run for viewers that others have made. PURE.
//!
//! | File | What it is |
//! |---|---|
//! | `spans` | what took time in a process, and by which message it began |
//! | `song`, `chat`, `list` | the spans of each of the three tasks |
//! | `tasks` | all of them |
//! | `times` | when, so fine that nothing happens at the same moment |
//! | `perfetto`, `otlp` | the spans in two formats |
//! | `shiviz` | all lines, with vector clocks |

pub use otlp::otlp;
pub use perfetto::perfetto;
pub use shiviz::shiviz;

mod chat;
mod list;
mod otlp;
mod perfetto;
mod shiviz;
mod song;
mod spans;
mod tasks;
mod times;

#[cfg(test)]
mod tests;
