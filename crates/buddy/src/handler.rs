//! Calls in: what the other buddies ask of this one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use common::buddy::{
    Buddy, Caller, Incarnation, Place, Progress, Pulse, Reply, Roll, RollCallReply, Song, Tally,
    Token,
};
use common::net::{self, Gate, Limits};
use tarpc::context::Context;
use tarpc::server::Serve as _;
use tokio::net::TcpListener;

use crate::node::Node;
use crate::ring::Request;
use crate::roll_call::Call;

/// How long answers wait for each other. The song does not wait for them, so at full tempo hundreds
/// are written at once and a verse costs one message instead of two. Well below the shortest
/// patience.
const FLUSH_DELAY: Duration = Duration::from_millis(20);

/// Answers the other buddies until the node has ended.
pub(crate) async fn serve(node: Arc<Node>, listener: TcpListener) {
    let ended = node.ended.clone().cancelled_owned();
    let protocol = node.protocol.clone();
    let limits = Limits {
        flush_delay: FLUSH_DELAY,
        ..Limits::default()
    };
    let answer = move |connection: net::Connection| {
        let from = connection.peer.ip().to_canonical();
        let handler = Handler(node.clone(), from).serve();
        connection.answer(move |context, request| handler.clone().serve(context, request))
    };
    net::serve(listener, protocol, Gate::new(limits), ended, answer).await;
}

/// Hands each call of the machine at this address to the node in one synchronous step. A call that
/// is cancelled may lose its answer, but never half of an action.
#[derive(Clone)]
struct Handler(Arc<Node>, IpAddr);

impl Buddy for Handler {
    async fn roll_call(
        self,
        _: Context,
        song: Song,
        attempt: u32,
        Roll(roll): Roll,
    ) -> RollCallReply {
        let call = Call {
            song,
            attempt,
            roll,
        };
        self.0.event(|state| state.roll_call(call, self.1))
    }

    async fn enlist(
        self,
        _: Context,
        song: Song,
        Roll(roll): Roll,
        to: Place,
        progress: Progress,
    ) -> Reply {
        self.0
            .event(|state| state.enlist(song, roll, to, progress, self.1))
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
        let pass = Request::Pass(token, progress);
        self.0.event(|state| state.hear(song, to, pass, tally))
    }

    async fn farewell(
        self,
        _: Context,
        song: Incarnation,
        to: Place,
        by: Place,
        tally: Tally,
    ) -> Reply {
        self.0.event(|state| state.farewell((song, to), by, tally))
    }

    async fn ping(self, _: Context, song: Incarnation, to: Place, by: Caller) -> Pulse {
        self.0.event(|state| state.ping(song, to, by, self.1))
    }
}
