//! The polls that wait: how each of them is ended early, and how another one goes on where it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::chat::{Cursor, Session};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::log::{Head, Ready};

/// At most one poll of each session, and one that follows it: **a new poll of a session ends its
/// last ones**. A client may poll again without a thought of calls that it has given up, because
/// they do not pile up here.
#[derive(Default)]
pub(crate) struct Polls(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: HashMap<Session, Arc<Poll>>,
    /// whether the server is shutting down
    is_over: bool,
}

/// A poll, and those that follow it one after the other.
struct Poll {
    end: CancellationToken,
    /// the connection on which it was asked for
    connection: u64,
    /// when its session has begun to read last, in the time of the server
    read_at: Mutex<Duration>,
    next: Mutex<Next>,
}

/// What comes after the call that waits.
enum Next {
    Nothing,
    /// the call that follows it
    Follow(oneshot::Sender<Reading>),
    /// nothing any more, because it is answered
    Over,
}

/// The right of a call to wait as the poll of its session. When it is dropped, the poll is over,
/// because the call is answered, or given up.
pub(crate) struct Turn(Arc<Poll>);

/// How far a poll has read, and what is watched for it.
pub(crate) struct Reading {
    pub(crate) turn: Turn,
    /// one for each room: the reader's own one, or where reading began when it joined
    pub(crate) cursors: Vec<Cursor>,
    /// those of the same rooms, watched since before the last look at them
    pub(crate) heads: Vec<Head>,
    /// how many bytes the answer may have
    pub(crate) most: usize,
    /// how long the session rests between two readings
    pub(crate) rest: Duration,
}

impl Polls {
    /// Begins a poll of `session` on this connection, and ends its last ones.
    pub(crate) fn begin(&self, session: Session, connection: u64) -> Turn {
        let poll = Arc::new(Poll {
            end: CancellationToken::new(),
            connection,
            read_at: Mutex::default(),
            next: Mutex::new(Next::Nothing),
        });
        let mut state = self.lock();
        if state.is_over {
            poll.end.cancel();
        }
        if let Some(last) = state.waiting.insert(session, poll.clone()) {
            *poll.read_at() = *last.read_at();
            last.end();
        }
        Turn(poll)
    }

    /// Returns where a call hears of the answer to the poll of `session` that waits on this
    /// connection, to follow it. `None` if there is none, or another call follows it.
    ///
    /// Only on the same connection, because an answer that was lost with another one would be
    /// missing.
    pub(crate) fn follow(
        &self,
        session: Session,
        connection: u64,
    ) -> Option<oneshot::Receiver<Reading>> {
        let poll = self.lock().waiting.get(&session)?.clone();
        let mut next = poll.next();
        let is_free = matches!(*next, Next::Nothing) && poll.connection == connection;
        is_free.then(|| {
            let (follow, answered) = oneshot::channel();
            *next = Next::Follow(follow);
            answered
        })
    }

    /// Ends the polls of `session`, because its rooms have changed: the next one knows them.
    pub(crate) fn end(&self, session: Session) {
        let poll = self.lock().waiting.remove(&session);
        poll.inspect(|poll| poll.end());
    }

    /// Ends all polls, those that begin later too, because the server is shutting down.
    pub(crate) fn end_all(&self) {
        let mut state = self.lock();
        state.is_over = true;
        state.waiting.drain().for_each(|(_, poll)| poll.end());
    }

    /// Forgets the polls of sessions that are over.
    pub(crate) fn retain(&self, is_here: impl Fn(Session) -> bool) {
        self.lock().waiting.retain(|&session, _| is_here(session));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Poll {
    fn end(&self) {
        self.end.cancel();
        *self.next() = Next::Over; // so a call that follows it has nothing to wait for
    }

    fn read_at(&self) -> MutexGuard<'_, Duration> {
        self.read_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Returns when the poll has to end.
    pub(crate) async fn ended(&self) {
        self.0.end.cancelled().await;
    }

    /// Returns how much of a rest is left to the session at `now`. It began when one of its polls
    /// has read, not when one has begun, because a client may give them up and begin again.
    pub(crate) fn left_of(&self, rest: Duration, now: Duration) -> Duration {
        (*self.0.read_at() + rest).saturating_sub(now)
    }

    /// Notes that the poll reads now.
    pub(crate) fn reads(&self, now: Duration) {
        *self.0.read_at() = now;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.next() = Next::Over;
    }
}

impl Reading {
    /// Watches the rooms that did not exist, if they do now.
    pub(crate) fn watch(&mut self, head: impl Fn(&str) -> Head) {
        for (watched, cursor) in self.heads.iter_mut().zip(&self.cursors) {
            if !watched.exists() {
                *watched = head(&cursor.room);
            }
        }
    }

    /// Goes past these pages. Returns whether a reader that has them stands there as well: not if
    /// something is missing in one, because then the reader decides where to go on.
    pub(crate) fn advance(&mut self, pages: &[Ready]) -> bool {
        pages.iter().all(|Ready { page, last, .. }| {
            let cursor = self
                .cursors
                .iter_mut()
                .find(|cursor| cursor.room == page.room);
            let is_whole = |cursor: &&mut Cursor| cursor.epoch == page.epoch && page.damaged == 0;
            let moved = cursor.filter(is_whole).zip(*last);
            moved.map(|(cursor, last)| cursor.after = last).is_some()
        })
    }

    /// Lets the call that follows wait in place of this one, if there is one.
    pub(crate) fn pass_on(self) {
        let follow = std::mem::replace(&mut *self.turn.0.next(), Next::Nothing);
        if let Next::Follow(follow) = follow {
            // A follower that was given up drops the reading, and so ends the poll.
            let _ = follow.send(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use common::chat::{Block, ReadyPage};
    use futures::FutureExt;

    use super::*;

    const ANN: Session = Session(1);
    const HERE: u64 = 7;

    fn reading(turn: Turn) -> Reading {
        let (room, after, epoch) = ("a".to_owned(), 1, 5);
        Reading {
            turn,
            cursors: vec![Cursor { room, after, epoch }],
            heads: Vec::new(),
            most: 100,
            rest: Duration::ZERO,
        }
    }

    fn page(last: Option<u64>, epoch: u64, damaged: u64) -> Ready {
        Ready {
            page: ReadyPage {
                room: "a".into(),
                entries: Block::of([].into_iter()),
                first: 1,
                head: 9,
                epoch,
                damaged,
            },
            count: 1,
            bytes: 10,
            last,
        }
    }

    fn is_ended(turn: &Turn) -> bool {
        turn.ended().now_or_never().is_some()
    }

    #[test]
    fn a_call_goes_on_where_the_one_before_it_has_ended() {
        let polls = Polls::default();
        assert!(polls.follow(ANN, HERE).is_none(), "there is no poll");
        let mut poll = reading(polls.begin(ANN, HERE));
        let mut second = polls.follow(ANN, HERE).expect("to be followed");
        assert!(polls.follow(ANN, HERE).is_none(), "one follows already");
        assert!(
            polls.follow(Session(2), HERE).is_none(),
            "not of this session"
        );
        assert!(second.try_recv().is_err(), "the poll waits");
        assert!(poll.advance(&[page(Some(4), 5, 0)]));
        poll.pass_on();
        let poll = second.try_recv().expect("its turn");
        assert_eq!(poll.cursors[0].after, 4);
        let mut third = polls.follow(ANN, HERE).expect("to be followed");
        poll.pass_on();
        third.try_recv().expect("its turn").pass_on();
        assert!(polls.follow(ANN, HERE).is_none(), "all are answered");
    }

    #[test]
    fn a_session_rests_from_when_it_has_read_whatever_becomes_of_its_polls() {
        let polls = Polls::default();
        let at = Duration::from_millis;
        let left = |turn: &Turn, now| turn.left_of(at(40), at(now)).as_millis();
        let first = polls.begin(ANN, HERE);
        assert_eq!(left(&first, 1000), 0, "it was away");
        first.reads(at(1000));
        let given_up = polls.begin(ANN, HERE);
        assert_eq!(left(&given_up, 1010), 30);
        drop(given_up);
        let next = polls.begin(ANN, HERE + 1);
        assert_eq!(left(&next, 1030), 10, "it has not begun anew");
        assert_eq!(left(&next, 1041), 0);
        next.reads(at(1041));
        assert_eq!(left(&polls.begin(ANN, HERE), 1042), 39);
        assert_eq!(left(&polls.begin(Session(2), HERE), 1042), 0, "another one");
    }

    #[test]
    fn a_call_on_another_connection_follows_nothing() {
        let polls = Polls::default();
        let _poll = polls.begin(ANN, HERE);
        assert!(polls.follow(ANN, HERE + 1).is_none());
        assert!(polls.follow(ANN, HERE).is_some());
    }

    #[test]
    fn a_call_that_waits_for_its_turn_ends_with_the_poll() {
        let polls = Polls::default();
        let begun = || {
            let poll = polls.begin(ANN, HERE);
            let follow = polls.follow(ANN, HERE).expect("to be followed");
            (poll, follow)
        };
        let (given_up, follow) = begun();
        drop(given_up);
        assert!(follow.now_or_never().expect("over").is_err());
        let (replaced, mut follow) = begun();
        let (ended, other) = begun();
        assert!(is_ended(&replaced) && follow.try_recv().is_err() && !is_ended(&ended));
        polls.end(ANN);
        assert!(is_ended(&ended) && other.now_or_never().expect("over").is_err());
        reading(ended).pass_on();
        assert!(polls.follow(ANN, HERE).is_none(), "nothing waits");
        let (last, follow) = begun();
        drop(follow);
        reading(last).pass_on();
        assert!(polls.follow(ANN, HERE).is_none(), "nobody took its turn");
        polls.end_all();
        assert!(is_ended(&polls.begin(ANN, HERE)));
    }

    #[test]
    fn a_reader_says_itself_where_it_stands_after_a_page_that_is_not_whole() {
        let polls = Polls::default();
        let mut poll = reading(polls.begin(ANN, HERE));
        assert!(!poll.advance(&[page(Some(4), 6, 0)]), "another log");
        assert!(!poll.advance(&[page(Some(4), 5, 1)]), "damaged");
        assert!(!poll.advance(&[page(None, 5, 0)]), "empty");
        assert!(poll.advance(&[page(Some(4), 5, 0)]));
    }
}
