//! Calls in: what the other buddies ask of this one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use common::buddy::{BuddyRequest, BuddyResponse, Roll};
use common::net::{self, Gate, Limits};
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
    let each = move |connection: net::Connection| {
        let from = connection.peer.ip().to_canonical();
        let node = node.clone();
        connection.answer_at_once(move |request| answer(&node, from, request))
    };
    net::serve(listener, protocol, Gate::new(limits), ended, each).await;
}

/// Hands a call from the machine at `from` to the node, in one synchronous step. So a call that is
/// cancelled may lose its answer, but never half of an action.
fn answer(node: &Arc<Node>, from: IpAddr, request: BuddyRequest) -> BuddyResponse {
    match request {
        BuddyRequest::RollCall {
            song,
            attempt,
            roll: Roll(roll),
        } => {
            let call = Call {
                song,
                attempt,
                roll,
            };
            BuddyResponse::RollCall(node.rare_event(|state| state.roll_call(call, from)))
        }
        BuddyRequest::Enlist {
            song,
            roll: Roll(roll),
            to,
            progress,
        } => BuddyResponse::Enlist(
            node.rare_event(|state| state.enlist(song, roll, to, progress, from)),
        ),
        BuddyRequest::Pass {
            song,
            to,
            token,
            progress,
            tally,
        } => {
            let pass = Request::Pass(token, progress);
            BuddyResponse::Pass(node.event(|state| state.hear(song, to, pass, tally)))
        }
        BuddyRequest::Farewell {
            song,
            to,
            by,
            tally,
        } => {
            BuddyResponse::Farewell(node.rare_event(|state| state.farewell((song, to), by, tally)))
        }
        BuddyRequest::Ping { song, to, by } => {
            BuddyResponse::Ping(node.rare_event(|state| state.ping(song, to, by, from)))
        }
    }
}
