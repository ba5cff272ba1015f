//! Posts, over a connection in memory.

use std::sync::Mutex;

use futures::{SinkExt, StreamExt};
use tarpc::{ClientMessage, Response};
use tokio::io::{DuplexStream, duplex};
use tokio::time::Instant as Clock;

use super::*;
use crate::net::Trouble;
use crate::net::wire::{Wire, wire};
use crate::secret::{Offer, SecretRequest, SecretResponse};

/// The bytes that are on their way at most.
const PIPE: usize = 1000;

const LIMIT: Duration = Duration::from_secs(1);

type Line = Redial<SecretRequest, SecretResponse>;
type Peer = Wire<DuplexStream, ClientMessage<SecretRequest>, Response<SecretResponse>>;

/// Returns a line that can connect this often, not yet dialled, and the other ends, the first one
/// first.
fn unconnected(often: usize) -> (Line, Vec<Peer>) {
    let pipes = (0..often).map(|_| duplex(PIPE));
    let (ours, theirs): (Vec<_>, Vec<_>) = pipes.unzip();
    let ours = Mutex::new(ours.into_iter());
    let line = Redial::by(move || {
        let io = ours.lock().expect("no panic").next();
        let io = io.ok_or_else(|| Error {
            trouble: Trouble::NoAnswer,
            service: "secret-server",
            target: "memory".into(),
            addr: None,
            own: None,
        });
        let open = |io| Channel::over(io, Duration::ZERO, "secret-server", "memory");
        async move { io.map(open) }.boxed()
    });
    (line.within(LIMIT), theirs.into_iter().map(wire).collect())
}

/// Returns a line with the only connection that it will ever have, and the other end of it.
async fn connected() -> (Line, Peer) {
    let (line, mut peers) = unconnected(1);
    line.round_trip().await.expect("there is one");
    (line, peers.remove(0))
}

/// Returns the number of the next call that the peer hears.
async fn hears(peer: &mut Peer) -> u64 {
    match peer.next().await {
        Some(Ok(ClientMessage::Request(request))) => request.id,
        other => panic!("no call: {other:?}"),
    }
}

async fn answers(peer: &mut Peer, request_id: u64) {
    let message = Ok(SecretResponse::Offer(Offer { workers: 7 }));
    let answer = Response {
        request_id,
        message,
    };
    peer.send(answer).await.expect("it listens");
}

const CALL: SecretRequest = SecretRequest::Offer {};

#[tokio::test(start_paused = true)]
async fn a_post_is_written_before_it_returns_and_its_answer_is_heard() {
    let (line, mut peer) = connected().await;
    let post = line.post(CALL).expect("a connection");
    let number = hears(&mut peer).now_or_never().expect("written already");
    answers(&mut peer, number).await;
    let answer = line.answer(&post).await.expect("it is the newest");
    assert!(matches!(
        answer,
        Ok(SecretResponse::Offer(Offer { workers: 7 }))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_newer_post_takes_the_place_of_an_older_one() {
    let (line, mut peer) = connected().await;
    let [first, second] = [CALL, CALL].map(|call| line.post(call).expect("a connection"));
    let numbers = [hears(&mut peer).await, hears(&mut peer).await];
    for number in numbers {
        answers(&mut peer, number).await;
    }
    assert!(line.answer(&first).await.is_none(), "it was given up");
    assert!(matches!(line.answer(&second).await, Some(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn a_post_is_silent_as_soon_as_a_call_would_be_and_its_connection_is_not_used_again() {
    let (line, _peer) = connected().await;
    let began = Clock::now();
    let post = line.post(CALL).expect("a connection");
    tokio::time::advance(LIMIT / 2).await; // nobody looks for the answer yet
    let answer = line.answer(&post).await.expect("it is the newest");
    assert!(matches!(answer, Err(RpcError::DeadlineExceeded)));
    let waited = began.elapsed();
    assert!(
        waited >= LIMIT && waited < LIMIT + Duration::from_millis(2),
        "{waited:?}"
    );
    assert!(line.post(CALL).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_heard_though_the_peer_hangs_up_and_nothing_can_be_posted_then() {
    for is_answered in [true, false] {
        let (line, mut peer) = connected().await;
        let post = line.post(CALL).expect("a connection");
        let number = hears(&mut peer).await;
        if is_answered {
            answers(&mut peer, number).await;
        }
        drop(peer);
        line.broken().await;
        assert!(line.post(CALL).is_none());
        match line.answer(&post).await {
            Some(Ok(_)) => assert!(is_answered),
            Some(Err(RpcError::Shutdown)) => assert!(!is_answered),
            other => panic!("{other:?}"),
        }
    }
}

/// The task of the connection writes what the socket did not take, as soon as it has room.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_takes_no_more_posts_and_then_hears_each() {
    let (line, mut peer) = connected().await;
    let mut posts = 0;
    let mut last = None;
    while let Some(post) = line.post(CALL) {
        (posts, last) = (posts + 1, Some(post));
        assert!(posts < 1000, "it takes all");
    }
    let mut number = 0;
    for _ in 0..posts {
        number = hears(&mut peer).await;
    }
    answers(&mut peer, number).await;
    let last = last.expect("it took some");
    assert!(matches!(line.answer(&last).await, Some(Ok(_))));
    assert!(line.post(CALL).is_some(), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_question_is_not_believed() {
    let (line, mut peer) = connected().await;
    let text = String::new();
    let post = line
        .post(SecretRequest::Reverse { text })
        .expect("a connection");
    let number = hears(&mut peer).await;
    answers(&mut peer, number).await;
    let answer = line.answer(&post).await.expect("it is the newest");
    assert!(matches!(answer, Err(RpcError::Channel(_))), "{answer:?}");
    assert!(line.post(CALL).is_none(), "the connection has ended");
}

#[tokio::test(start_paused = true)]
async fn a_lone_call_is_written_by_its_caller_and_others_wait_for_the_task() {
    let (line, mut peer) = connected().await;
    let mut calls = [(); 3].map(|()| Box::pin(line.call(context::current(), CALL)));
    for call in &mut calls {
        assert!(call.as_mut().now_or_never().is_none(), "no answer yet");
    }
    let first = hears(&mut peer).now_or_never().expect("written already");
    assert!(hears(&mut peer).now_or_never().is_none(), "the others wait");
    answers(&mut peer, first).await;
    for _ in 1..3 {
        let number = hears(&mut peer).await;
        answers(&mut peer, number).await;
    }
    for call in calls {
        assert!(matches!(call.await, Ok(SecretResponse::Offer(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_taken_over_whole_and_there_is_none_before_the_first_dial() {
    let (line, mut peer) = connected().await;
    let (other, _) = unconnected(0);
    assert!(other.broken().now_or_never().is_none(), "nothing can break");
    other.take_over(&line);
    assert!(line.post(CALL).is_none(), "it has given it away");
    let post = other.post(CALL).expect("it is here");
    let number = hears(&mut peer).await;
    answers(&mut peer, number).await;
    assert!(matches!(other.answer(&post).await, Some(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_says_nothing_about_the_next_connection() {
    let (line, peers) = unconnected(2);
    let [first, _second] = <[Peer; 2]>::try_from(peers).unwrap_or_else(|_| panic!("two"));
    line.round_trip().await.expect("the first");
    let post = line.post(CALL).expect("a connection");
    drop(first);
    line.broken().await;
    line.round_trip().await.expect("the second");
    let answer = line.answer(&post).await.expect("it is the newest");
    assert!(matches!(answer, Err(RpcError::Shutdown)));
    assert!(
        line.post(CALL).is_some(),
        "the second one is as good as new"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_dial_that_failed_there_is_no_connection_to_break() {
    let (line, peer) = connected().await;
    drop(peer);
    line.broken().await;
    let again = line.round_trip().await;
    assert!(again.is_err(), "there is no second one");
    assert!(line.broken().now_or_never().is_none());
}

#[tokio::test]
async fn a_server_gives_up_later_than_its_caller() {
    let (line, mut peer) = connected().await;
    let mut call = Box::pin(line.call(context::current(), CALL));
    assert!(call.as_mut().now_or_never().is_none(), "no answer yet");
    let _post = line.post(CALL).expect("a connection");
    for _ in 0..2 {
        let Some(Ok(ClientMessage::Request(request))) = peer.next().await else {
            panic!("no call");
        };
        let now = std::time::Instant::now();
        let left = request.context.deadline.duration_since(now);
        assert!(left > LIMIT, "{left:?}");
    }
}
