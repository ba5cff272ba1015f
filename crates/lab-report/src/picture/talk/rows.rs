//! The rows of a chat's diagram: a message, or what became of a process. PURE.

use crate::chat::Room;
use crate::life::At;

/// The column of the server.
pub(super) const SERVER: usize = 0;

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Messages are stored. Whether a server's journal says so.
    Stored(bool),
    /// Messages are sent again, and are stored already.
    Again,
    /// A message is sent, and no server has stored it.
    Unstored,
    /// A client is shown messages that are older than its coming.
    Reads,
    /// A client is shown messages late.
    CatchesUp,
    /// A client comes in for the first time, or a server is started.
    Comes,
    /// A client is connected again, or a server is started again.
    Returns,
    /// A client loses the server.
    Loses,
    /// A process was killed.
    Killed,
    /// A process ends.
    Leaves,
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The line that it stands for.
    pub(super) at: At,
    /// Its time.
    pub(super) time: i64,
    /// The column: of messages, that of their sender, if it is known.
    pub(super) column: Option<usize>,
    /// What it shows.
    pub(super) kind: Kind,
    /// The first and the last message.
    pub(super) numbers: (u64, u64),
    /// The columns that were shown it in time.
    pub(super) shown: Vec<usize>,
    /// The longest time from stored to shown, in microseconds.
    pub(super) took: i64,
    /// What is said beside it.
    pub(super) says: Vec<String>,
    /// Whether it is out of the ordinary.
    pub(super) is_odd: bool,
}

/// The time from stored to shown: when it was stored, the microseconds, and the column.
pub(super) type Delay = (i64, i64, usize);

/// A state of a column that lasts over rows: the column, the first row (none from the top on), and
/// the last one (none to the foot).
pub(super) type Stretch = (usize, Option<usize>, Option<usize>);

/// The rows of a room.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    /// The room.
    pub(super) room: &'a Room<'a>,
    /// The name of each column.
    pub(super) names: Vec<String>,
    /// All rows, in the order of the run.
    pub(super) all: Vec<Row>,
    /// When each process was there.
    pub(super) lives: Vec<Stretch>,
    /// When a client had no server.
    pub(super) away: Vec<Stretch>,
    /// Each delivery.
    pub(super) delays: Vec<Delay>,
}

/// Returns some numbers: `5`, or `5–9`.
pub(super) fn range((first, last): (u64, u64)) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}–{last}")
    }
}
