//! A message that is written on one that is not here, and what that means. PURE: the caller asks
//! NATS.
//!
//! NATS deletes the oldest messages of a busy room all the time, also while a server that starts
//! plays them. When it deletes faster than we fetch, the next message that comes is written on one
//! that is gone. So is it when a server has slept for longer than a room keeps its messages. In
//! both cases nothing is lost that anybody could still read. It is another thing if a message is
//! gone and an older one of its room is there: NATS never deletes in this order.

/// A message that is written on one that is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) room: String,
    /// the place of the one that is not here
    pub(super) missing: u64,
    /// the place of the one that is written on it
    pub(super) at: u64,
}

impl Hole {
    /// Returns whether the missing message was deleted because of its age, when `oldest` is the
    /// place of the oldest one of its room that NATS has, if it has any.
    pub(super) fn is_of_age(&self, oldest: Option<u64>) -> bool {
        oldest.is_none_or(|oldest| oldest > self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_oldest_was_deleted_and_what_is_younger_is_lost() {
        let hole = Hole {
            room: "lobby".into(),
            missing: 7,
            at: 9,
        };
        assert!(hole.is_of_age(Some(9)), "the next one is the oldest");
        assert!(hole.is_of_age(Some(20)), "the next one is deleted by now");
        assert!(hole.is_of_age(None), "the room has ended");
        assert!(!hole.is_of_age(Some(5)), "an older one is there");
        assert!(!hole.is_of_age(Some(7)), "it is there, and did not come");
    }
}
