//! The rows of a song's diagram: what each of them shows, and whence its message came. PURE.
//!
//! Only one thing happens at a time in a ring, so a row is one step, and the eye follows a single
//! line down.

use crate::life::At;
use crate::song::Song;
use crate::verdict::Verdict;

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The roll call comes by.
    Called,
    /// A verse: the bottles left, the verdict if it came before, and whether it was sung out.
    Verse(u64, Option<Verdict>, bool),
    /// "Where were we?", called or passed on.
    Ask { is_first: bool },
    /// The song is passed on without a verse.
    Word,
    /// A word is not heeded.
    Deaf,
    /// Nothing was heard for too long.
    Quiet,
    /// Gives up on a buddy.
    Lost,
    /// A buddy answers again.
    Back,
    /// A stranger is at a buddy's address.
    Fresh,
    /// A new life has the roll.
    Born,
    /// A process was killed.
    Killed,
    /// A process ended before the song did.
    Left,
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The line that it stands for.
    pub(super) at: At,
    /// Its time.
    pub(super) time: i64,
    /// The column.
    pub(super) place: usize,
    /// What it shows.
    pub(super) kind: Kind,
    /// The row from which its message came.
    pub(super) from: Option<usize>,
    /// The columns to which something went from here that nobody has heard, and whether that column
    /// has a journal that could tell.
    pub(super) stumps: Vec<(usize, bool)>,
    /// What is said beside it.
    pub(super) says: Vec<String>,
    /// Whether it is out of the ordinary.
    pub(super) is_odd: bool,
}

/// A state of a column that lasts over rows: the column, the first row, and the last one if there
/// is one.
pub(super) type Stretch = (usize, usize, Option<usize>);

/// The rows of a song.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    /// The song.
    pub(super) song: &'a Song<'a>,
    /// A name for each column.
    pub(super) names: Vec<String>,
    /// All rows, in the order of the run.
    pub(super) all: Vec<Row>,
    /// The rows of the first verse and of the last one; 0 if there is none.
    pub(super) verses: (usize, usize),
    /// Each repair: its number, its first row and its last one.
    pub(super) takes: Vec<(String, usize, usize)>,
    /// From the last sign of life to the row at which the death was noticed.
    pub(super) fading: Vec<Stretch>,
    /// From a death to the next life.
    pub(super) dead: Vec<Stretch>,
    /// From the row at which a living buddy was given up on.
    pub(super) doubted: Vec<Stretch>,
}

impl Rows<'_> {
    /// Returns each column that is drawn, with the lives that sang there.
    pub(super) fn columns(&self) -> impl Iterator<Item = (usize, &Vec<usize>)> {
        let drawn = self.names.len();
        self.song.singers.iter().take(drawn).enumerate()
    }
}

/// Returns the number of the take to which a message belongs, as people write it.
pub(super) fn number(id: &str) -> String {
    let begin = id.split(':').next().unwrap_or_default();
    u64::from_str_radix(begin, 16).map_or_else(|_| "?".into(), |number| number.to_string())
}

/// Returns whether a message is the first of its take.
pub(super) fn is_first(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_hexdigit()) && id.ends_with(":1")
}
