//! What the other buddies call.

use std::sync::Arc;

use common::buddy::{Boot, Buddy, Mustered, News, Place, Reply, Song, Tally, Word};
use tarpc::context::Context;

use crate::muster::{Call, MAX_BUDDIES};
use crate::peer::Peer;
use crate::ring::Request;
use crate::state::State;

/// Each call is one synchronous step under the lock: cancelling it
/// can lose the answer, never half of an action.
#[derive(Clone)]
pub(crate) struct Handler(pub(crate) Arc<Peer>);

impl Buddy for Handler {
    async fn muster(self, _: Context, song: Song, attempt: u32, roll: Vec<String>) -> Mustered {
        let call = Call {
            song,
            attempt,
            roll,
        };
        self.0.event(|state| state.hear_muster(&self.0, call))
    }

    async fn enlist(
        self,
        _: Context,
        song: Song,
        roll: Vec<String>,
        to: Place,
        news: News,
    ) -> Reply {
        let fits = (1..=MAX_BUDDIES).contains(&roll.len()) && (to as usize) < roll.len();
        match fits {
            true => {
                let enlist = |state: &mut State| state.hear_enlist(&self.0, song, roll, to, news);
                self.0.event(enlist)
            }
            false => Reply::Wrong,
        }
    }

    async fn pass(
        self,
        _: Context,
        song: Boot,
        to: Place,
        word: Word,
        news: News,
        tally: Tally,
    ) -> Reply {
        let pass = (word, news);
        self.0
            .event(|state| state.hear_pass(&self.0, song, to, pass, tally))
    }

    async fn ping(self, _: Context, song: Boot, to: Place) -> Reply {
        self.0
            .event(|state| state.hear(&self.0, song, to, Request::Ping))
    }
}
