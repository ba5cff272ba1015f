//! What was typed and is not acknowledged yet. PURE.
//!
//! A message stays here until the server has answered its number, however often the connection is
//! lost. It is sent again under the same id, so the server stores it once. One call is out at a
//! time, because two might swap. What is typed meanwhile goes together in the next one.

use std::collections::VecDeque;

use common::chat::{Kind, MAX_PAGE, MAX_POSTS, Post};

/// Most messages that wait. Above it the input is not read: a file piped in waits by itself.
const WAITING: usize = 256;

/// Most messages in one call: a burst that the server's default limit lets pass at once.
const BATCH: usize = 20;
const _: () = assert!(BATCH <= MAX_POSTS, "a longer call is cut on its way");

/// How often a call that is lost halves the next ones: down to 8 KiB, which 1 kB/s bring in time.
const HALVINGS: u32 = 4;

/// Messages on their way.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<(String, Post)>,
    last_id: u64,
    /// how many of the first messages are in the call that is out
    out: usize,
    /// how many of the first messages go one by one
    careful: usize,
    /// how many messages the server refused for good
    refused: usize,
    /// how often a call was lost, [`HALVINGS`] at most
    lost: u32,
}

impl Outbox {
    /// Takes a message for `room`.
    pub(crate) fn push(&mut self, room: &str, kind: Kind, body: String) {
        self.last_id += 1;
        let id = self.last_id;
        let body = body.into();
        let post = Post { id, kind, body };
        self.waiting.push_back((room.into(), post));
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Returns how many messages are neither acknowledged nor refused for good.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns how many messages the server does not have, or is not known to have.
    pub(crate) fn undelivered(&self) -> usize {
        self.waiting.len() + self.refused
    }

    /// Returns the id of the oldest message.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.waiting.front().map(|(_, post)| post.id)
    }

    /// Returns how many messages were refused for good.
    pub(crate) fn refusals(&self) -> usize {
        self.refused
    }

    /// Counts a message that is not even sent.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Returns the next call: the oldest messages for one room. `None` while a call is out.
    pub(crate) fn next_call(&mut self) -> Option<(String, Vec<Post>)> {
        if self.out > 0 {
            return None;
        }
        let (room, _) = self.waiting.front()?;
        let (mut bytes, most_bytes) = (0, MAX_PAGE >> self.lost);
        let fits = |(to, post): &&(String, Post)| {
            bytes += post.body.len();
            to == room && (bytes <= most_bytes || bytes == post.body.len())
        };
        let most = if self.careful > 0 { 1 } else { BATCH };
        let batch = self.waiting.iter().take(most).take_while(fits);
        let posts: Vec<Post> = batch.map(|(_, post)| post.clone()).collect();
        self.out = posts.len();
        Some((room.clone(), posts))
    }

    /// Forgets the messages of the call that was out, because they are stored.
    pub(crate) fn stored(&mut self) {
        self.waiting.drain(..self.out);
        self.careful = self.careful.saturating_sub(self.out);
        self.out = 0;
    }

    /// Keeps the messages of the call that was out, because it may not have arrived.
    pub(crate) fn again(&mut self) {
        self.out = 0;
    }

    /// The same after the connection was lost. Calls are smaller from now on, because on a thin
    /// line a large one takes longer than a call may, and would be lost again and again.
    pub(crate) fn lost(&mut self) {
        self.lost = (self.lost + 1).min(HALVINGS);
        self.again();
    }

    /// Drops the message of the call that was out, and returns it, because it is refused for good.
    /// If the call had several, returns `None`: they then go one by one, to find the refused one.
    pub(crate) fn refused(&mut self) -> Option<Post> {
        let out = std::mem::take(&mut self.out);
        if out > 1 {
            self.careful = out;
            return None;
        }
        self.careful = self.careful.saturating_sub(1);
        let (_, post) = self.waiting.pop_front()?;
        self.refused += 1;
        Some(post)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(call: Option<(String, Vec<Post>)>) -> Vec<u64> {
        call.map(|(_, posts)| posts.iter().map(|post| post.id).collect())
            .unwrap_or_default()
    }

    fn typed(rooms: &[&str]) -> Outbox {
        let mut outbox = Outbox::default();
        for room in rooms {
            outbox.push(room, Kind::Said, "x".into());
        }
        outbox
    }

    #[test]
    fn messages_go_in_order_one_call_at_a_time_and_again_under_the_same_ids() {
        let mut outbox = typed(&["a", "a"]);
        assert_eq!(ids(outbox.next_call()), [1, 2]);
        outbox.push("a", Kind::Said, "y".into());
        assert_eq!(outbox.next_call(), None, "one is out");
        outbox.again();
        assert_eq!(
            ids(outbox.next_call()),
            [1, 2, 3],
            "the same, and what came since"
        );
        outbox.stored();
        assert_eq!(outbox.len(), 0);
        assert_eq!(outbox.next_call(), None);
    }

    #[test]
    fn a_call_is_for_one_room_and_of_a_bounded_size() {
        let mut outbox = typed(&["a", "b", "b"]);
        assert_eq!(ids(outbox.next_call()), [1]);
        outbox.stored();
        assert_eq!(ids(outbox.next_call()), [2, 3]);
        assert_eq!(ids(typed(&["a"; 50]).next_call()).len(), BATCH);
    }

    #[test]
    fn a_call_that_is_lost_is_tried_again_with_less_in_it() {
        let mut outbox = Outbox::default();
        for _ in 0..BATCH {
            outbox.push("a", Kind::Said, "x".repeat(4096));
        }
        let mut sizes = Vec::new();
        for _ in 0..6 {
            sizes.push(ids(outbox.next_call()).len());
            outbox.lost();
        }
        assert_eq!(sizes, [20, 16, 8, 4, 2, 2]);
        assert_eq!(ids(outbox.next_call()), [1, 2], "the same ids");
        outbox.stored();
        assert_eq!(ids(outbox.next_call()), [3, 4]);
    }

    #[test]
    fn the_message_that_offends_is_found_and_the_others_go() {
        let mut outbox = typed(&["a", "a"]);
        outbox.next_call();
        assert_eq!(outbox.refused(), None, "which of the two?");
        assert_eq!(ids(outbox.next_call()), [1]);
        outbox.stored();
        assert_eq!(ids(outbox.next_call()), [2]);
        assert_eq!(outbox.refused().map(|post| post.id), Some(2));
        assert_eq!(outbox.len(), 0);
    }
}
