//! Calls whose answers nobody waits for at first: of those on a connection only the newest counts.
//!
//! A caller that makes the next call before the last one was answered (a ring that sings at full
//! tempo) needs no task for each. It writes a call itself, and looks for the answer only if no
//! newer call follows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tarpc::client::RpcError;
use tokio::sync::Notify;

/// The newest post of a connection, and the answer to it.
pub(super) struct Posts<Resp> {
    newest: Mutex<Option<Newest<Resp>>>,
    /// wakes the one that waits for the answer
    answered: Notify,
}

struct Newest<Resp> {
    number: u64,
    /// the variant of the request, which is that of a true answer as well
    asked: u8,
    answer: Option<Result<Resp, RpcError>>,
}

impl<Resp> Posts<Resp> {
    /// Returns the posts of a connection on which there was none yet.
    pub(super) fn new() -> Self {
        Self {
            newest: Mutex::new(None),
            answered: Notify::new(),
        }
    }

    /// Puts a post in the place of an older one, whose answer is not looked for any more.
    pub(super) fn begin(&self, number: u64, asked: u8) {
        *self.newest() = Some(Newest {
            number,
            asked,
            answer: None,
        });
    }

    /// Returns the variant of the request of post `number`, if it is the newest.
    pub(super) fn asked(&self, number: u64) -> Option<u8> {
        let newest = self.newest();
        let newest = newest.as_ref().filter(|post| post.number == number);
        newest.map(|post| post.asked)
    }

    /// Keeps the answer to post `number`, if it is the newest.
    pub(super) fn answer(&self, number: u64, answer: Result<Resp, RpcError>) {
        if let Some(post) = &mut *self.newest()
            && post.number == number
        {
            post.answer = Some(answer);
            self.answered.notify_one();
        }
    }

    /// Returns the answer to post `number` once it is there, or `None` if a newer post has taken
    /// its place. One task may wait.
    pub(super) async fn heard(&self, number: u64) -> Option<Result<Resp, RpcError>> {
        loop {
            match &mut *self.newest() {
                Some(post) if post.number == number => {
                    if post.answer.is_some() {
                        return post.answer.take();
                    }
                }
                _ => return None,
            }
            self.answered.notified().await;
        }
    }

    /// Never poisoned, because it is held for a few instructions that cannot panic.
    fn newest(&self) -> MutexGuard<'_, Option<Newest<Resp>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn only_the_newest_post_is_answered() {
        let posts = Posts::new();
        posts.begin(1, 7);
        assert_eq!((posts.asked(1), posts.asked(2)), (Some(7), None));
        let mut first = Box::pin(posts.heard(1));
        assert!(first.as_mut().now_or_never().is_none(), "no answer yet");
        posts.begin(2, 7);
        posts.answer(1, Ok("late"));
        posts.answer(2, Ok("in time"));
        assert!(first.await.is_none(), "a newer one took its place");
        let heard = posts.heard(2).await.expect("it is the newest");
        assert_eq!(heard.expect("no error"), "in time");
    }
}
