//! What the other buddies call.

use std::sync::Arc;

use common::buddy::{
    Buddy, Incarnation, Place, Progress, Reply, RollCallReply, Song, Tally, Token,
};
use tarpc::context::Context;

use crate::node::Node;
use crate::ring::Request;
use crate::roll_call::{Call, MAX_BUDDIES};
use crate::state::State;

/// Each call is one synchronous step under the lock: cancelling it
/// can lose the answer, never half of an action.
#[derive(Clone)]
pub(crate) struct Handler(pub(crate) Arc<Node>);

impl Buddy for Handler {
    async fn roll_call(
        self,
        _: Context,
        song: Song,
        attempt: u32,
        roll: Vec<String>,
    ) -> RollCallReply {
        let call = Call {
            song,
            attempt,
            roll,
        };
        self.0.event(|state| state.hear_roll_call(&self.0, call))
    }

    async fn enlist(
        self,
        _: Context,
        song: Song,
        roll: Vec<String>,
        to: Place,
        progress: Progress,
    ) -> Reply {
        let fits = (1..=MAX_BUDDIES).contains(&roll.len()) && (to as usize) < roll.len();
        match fits {
            true => {
                let enlist =
                    |state: &mut State| state.hear_enlist(&self.0, song, roll, to, progress);
                self.0.event(enlist)
            }
            false => Reply::Wrong,
        }
    }

    async fn pass(
        self,
        _: Context,
        song: Incarnation,
        to: Place,
        token: Token,
        progress: Progress,
        tally: Tally,
    ) -> Reply {
        let pass = (token, progress);
        self.0
            .event(|state| state.hear_pass(&self.0, song, to, pass, tally))
    }

    async fn ping(self, _: Context, song: Incarnation, to: Place) -> Reply {
        self.0
            .event(|state| state.hear(&self.0, song, to, Request::Ping))
    }
}
