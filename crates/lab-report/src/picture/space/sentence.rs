//! The sentences beside the rows of a song: whatever is out of the ordinary, in words. PURE.

use crate::picture::measure::{short, span};
use crate::verdict::Verdict;

/// Most letters of a cause.
const MAX_CAUSE: usize = 120;

/// A verse comes again.
pub(super) fn again(me: &str, left: u64, verdict: Verdict) -> String {
    let why = match verdict {
        Verdict::Yes => ", as is allowed",
        Verdict::Unknown => ": it is not known why",
        Verdict::No => ", without a cause",
    };
    format!("{me} sings {left} again{why}")
}

/// A verse comes, and the one before it did not.
pub(super) fn early(me: &str, left: u64) -> String {
    let before = left.saturating_add(1);
    format!("{me} sings {left}, and {before} was not sung yet")
}

/// A buddy is given up on, after some tries in vain.
pub(super) fn lost(me: &str, other: &str, why: &str, tries: usize) -> String {
    let tries = match tries {
        0 => String::new(),
        1 => ", tried once".into(),
        n => format!(", tried {n} times"),
    };
    format!("{me} gives up on {other}: {}{tries}", short(why, MAX_CAUSE))
}

/// A process ends before the song does.
pub(super) fn left(me: &str, why: &str) -> String {
    match why {
        "left" => format!("{me} is told to leave, and leaves"),
        why => format!("{me} ends: {}", short(why, MAX_CAUSE)),
    }
}

/// A process was killed, and noticed to be so after this many microseconds, if another one did.
pub(super) fn killed(me: &str, pid: u32, since: Option<i64>) -> String {
    let how = match since {
        None => "its journal ends here".into(),
        Some(since) => format!("its last sign of life was {} before", span(since)),
    };
    format!("{me} (process {pid}) was killed: {how}")
}
