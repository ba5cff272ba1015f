//! What a hostile peer cannot do to a server: stop it, fill its memory, keep others out.

#[path = "support/echo.rs"]
mod echo;

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::net::{self, Limits, Trouble, greeting, wire};
use common::secret::{SERVICE, SecretClient, SecretRequest, SecretResponse};
use echo::{Server, echoes};
use futures::{SinkExt, StreamExt};
use tarpc::client::RpcError;
use tarpc::{ClientMessage, Request, Response, context};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

type Raw = wire::Wire<TcpStream, Response<SecretResponse>, ClientMessage<SecretRequest>>;

/// A greeted connection from `ip`, whose owner does as it likes.
async fn raw(server: &Server, ip: &str) -> Result<Raw, Trouble> {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = SocketAddr::new(ip.parse().expect("an address"), 0);
    socket.bind(from).expect("all of 127/8 is ours");
    let mut io = socket.connect(server.addr).await.expect("accepted");
    greeting::exchange(&mut io, SERVICE, false).await?;
    Ok(wire::wire(io))
}

fn request(id: u64, message: SecretRequest) -> ClientMessage<SecretRequest> {
    let context = context::current();
    ClientMessage::Request(Request {
        context,
        id,
        message,
    })
}

/// A call whose answer has `length` bytes.
fn long_answer(id: u64, length: usize) -> ClientMessage<SecretRequest> {
    let (text, key) = (length.to_string(), None);
    request(id, SecretRequest::FastReverse { text, key })
}

fn held(id: u64, text: String) -> ClientMessage<SecretRequest> {
    request(id, SecretRequest::FastReverse { text, key: None })
}

#[tokio::test]
async fn a_call_that_never_waits_stops_nobody() {
    let server = Server::start(Limits::default()).await;
    let mut peer = raw(&server, "127.0.0.1").await.expect("greeted");
    let text = "spin".to_owned();
    for id in 0..3 {
        let spin = SecretRequest::Reverse { text: text.clone() };
        peer.send(request(id, spin)).await.expect("sent");
    }
    assert!(echoes(&server).await);
    drop(peer); // and the call ends with its connection, otherwise this would not
    server.shut_down().await;
}

#[tokio::test]
async fn no_answer_is_computed_for_a_peer_that_does_not_read() {
    const CALLS: usize = 200;
    const LENGTH: usize = 200 * 1024;
    let server = Server::start(Limits::default()).await;
    let mut peer = raw(&server, "127.0.0.1").await.expect("greeted");
    for id in 0..CALLS {
        peer.send(long_answer(id as u64, LENGTH))
            .await
            .expect("sent");
    }
    assert!(echoes(&server).await);
    // What fits the buffers of the two sockets was computed, and little more.
    let computed = server.echo.answers.load(Relaxed);
    assert!(computed < CALLS / 2, "{computed} answers of {LENGTH} bytes");
    for _ in 0..CALLS {
        let answer = peer.next().await.expect("still there").expect("decoded");
        assert!(answer.message.is_ok());
    }
    drop(peer);
    server.shut_down().await;
}

#[tokio::test]
async fn requests_above_the_budget_are_refused_and_other_addresses_have_theirs() {
    let limits = Limits {
        bytes: 8 * 1024 * 1024,
        frees_loopback: false,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut greedy = raw(&server, "127.0.0.2").await.expect("greeted");
    let mut refused = 0;
    for id in 0..16 {
        greedy
            .send(held(id, "x".repeat(50_000)))
            .await
            .expect("sent");
    }
    greedy.send(long_answer(99, 1)).await.expect("sent");
    loop {
        let answer = greedy.next().await.expect("open").expect("decoded");
        match answer.message {
            Err(_) => refused += 1,
            Ok(_) => break,
        }
    }
    // A quarter of the budget is 2 MiB, and each request counts eightfold.
    assert_eq!(refused, 16 - 5);
    let mut other = raw(&server, "127.0.0.3").await.expect("greeted");
    other.send(held(0, "x".repeat(50_000))).await.expect("sent");
    other.send(long_answer(1, 1)).await.expect("sent");
    let answer = other.next().await.expect("open").expect("decoded");
    assert!(answer.message.is_ok() && answer.request_id == 1);
    drop((greedy, other));
    server.shut_down().await;
}

#[tokio::test]
async fn an_address_has_its_share_of_connections_and_one_more_hears_so() {
    let limits = Limits {
        per_address: 2,
        frees_loopback: false,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let first = raw(&server, "127.0.0.2").await;
    let second = raw(&server, "127.0.0.2").await;
    let third = raw(&server, "127.0.0.2").await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(third.map(drop), Err(Trouble::Full));
    assert!(
        raw(&server, "127.0.0.3").await.is_ok(),
        "others have theirs"
    );
    drop(second);
    while raw(&server, "127.0.0.2").await.is_err() {} // until the place is free again
    drop(first);
    server.shut_down().await;
}

#[tokio::test]
async fn of_those_without_a_place_only_some_are_told_so() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let _served = raw(&server, "127.0.0.1").await.expect("greeted");
    // Each says nothing, so that telling it takes the server a while.
    let mut told = Vec::new();
    while told.len() < 1000 {
        let mut io = TcpStream::connect(server.addr).await.expect("accepted");
        if io.read_exact(&mut [0; greeting::LEN]).await.is_err() {
            break; // hung up on without a word
        }
        told.push(io);
    }
    assert!((64..1000).contains(&told.len()), "{}", told.len());
    server.shut_down().await;
}

#[tokio::test]
async fn a_caller_that_vanishes_frees_its_places() {
    let limits = Limits {
        silence: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut peer = raw(&server, "127.0.0.1").await.expect("greeted");
    peer.send(held(0, "held".into())).await.expect("sent");
    // It says nothing more. The idle limit is two minutes, but its call ends now.
    assert!(peer.next().await.is_none(), "the connection is closed");
    server.shut_down().await;
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_cut_off_though_it_goes_on_calling() {
    let hour = Duration::from_secs(3600);
    let limits = Limits {
        flush: Duration::from_millis(100),
        idle: hour, // so that only the limit for reading is left
        silence: hour,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut peer = raw(&server, "127.0.0.1").await.expect("greeted");
    let calls = async {
        let mut id = 0;
        while peer.send(long_answer(id, 200 * 1024)).await.is_ok() {
            id += 1;
        }
    };
    let cut_off = timeout(Duration::from_secs(60), calls).await;
    cut_off.expect("it may call for ever");
    server.shut_down().await;
}

#[tokio::test]
async fn an_answer_above_a_frame_is_the_error_of_its_call_only() {
    let server = Server::start(Limits::default()).await;
    let channel = net::Channel::open(&server.addr.to_string(), SERVICE).await;
    let client = SecretClient::from(channel.expect("up"));
    let too_long = (net::MAX_FRAME + 1).to_string();
    let answer = client.fast_reverse(context::current(), too_long, None);
    assert!(matches!(answer.await, Err(RpcError::Server(_))));
    let answer = client.reverse(context::current(), "on".into()).await;
    assert_eq!(answer.expect("the same connection"), Ok("on".into()));
    server.shut_down().await;
}

#[tokio::test]
async fn a_time_limit_that_overflows_the_clock_ends_the_connection_without_a_panic() {
    let server = Server::start(Limits::default()).await;
    let mut io = TcpStream::connect(server.addr).await.expect("accepted");
    greeting::exchange(&mut io, SERVICE, false)
        .await
        .expect("greeted");
    let mut frame = vec![0; 1]; // a request
    frame.extend([0xff; 9]);
    frame.push(1); // 2^64 - 1 seconds
    frame.extend([0; 20]); // and no more
    let refused = wire::decode::<ClientMessage<SecretRequest>>(&frame).expect_err("too long");
    assert!(refused.to_string().contains("time limit"), "{refused}");
    let length = u32::try_from(frame.len()).expect("short");
    io.write_all(&length.to_be_bytes()).await.expect("sent");
    io.write_all(&frame).await.expect("sent");
    assert_eq!(io.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
    assert!(echoes(&server).await);
    server.shut_down().await;
}
