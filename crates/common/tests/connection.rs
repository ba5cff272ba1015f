//! The connection stack, end to end over loopback: wrong peers, hostile peers, lost peers, drain.

#[path = "support/echo.rs"]
mod echo;
#[path = "support/program.rs"]
mod program;

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::net::{self, Gate, Limits, Redial, Trouble, greeting, wire};
use common::secret::{Offer, Refusal, SERVICE, SecretClient, SecretRequest, SecretResponse};
use echo::{Server, echoes, says};
use futures::{FutureExt, SinkExt, StreamExt};
use program::closed;
use tarpc::client::{RpcError, stub::Stub};
use tarpc::context;
use tarpc::{ClientMessage, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Returns what comes of a call that the server holds.
async fn held<S>(client: SecretClient<S>) -> Result<Result<String, Refusal>, RpcError>
where
    S: Stub<Req = SecretRequest, Resp = SecretResponse>,
{
    let call = client.fast_reverse(context::current(), "held".into(), None);
    call.await
}

#[tokio::test]
async fn each_wrong_peer_has_its_own_error() {
    let server = Server::start(Limits::default()).await;
    let target = server.addr.to_string();
    let error = net::dial(&target, "buddy").await;
    let error = error.expect_err("wrong service").to_string();
    assert_eq!(
        error,
        format!("{target} answers, but it is a secret-server")
    );

    let error = net::dial(&closed(), SERVICE).await.expect_err("closed");
    assert_eq!(error.trouble, Trouble::Refused);
    assert_eq!(error.own, Some(server.addr.ip()));

    let http = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let addr = http.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        let (mut io, _) = http.accept().await.expect("a caller");
        let _ = io.read(&mut [0; 64]).await;
        let _ = io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let error = net::dial(&addr, SERVICE).await.expect_err("not ours");
    assert!(matches!(error.trouble, Trouble::Stranger(_)), "{error}");

    let error = net::dial("no port", SERVICE).await.expect_err("no address");
    assert_eq!(error.trouble, Trouble::Address);
    server.shut_down().await;
}

#[tokio::test]
async fn garbage_leaves_the_server_serving() {
    let server = Server::start(Limits::default()).await;
    let hello = greeting::line(SERVICE);
    let oversized = [0xff; 64];
    let undecodable = [0, 0, 0, 3, 9, 9, 9];
    for (greeted, bytes) in [
        (false, &oversized[..]),
        (true, &oversized),
        (true, &undecodable),
    ] {
        let mut io = TcpStream::connect(server.addr).await.expect("accepted");
        if greeted {
            io.write_all(&hello).await.expect("sent");
        }
        let _ = io.write_all(bytes).await;
        // The server hangs up on garbage: end of stream, or a reset when bytes were left unread.
        let _ = io.read_to_end(&mut Vec::new()).await;
        assert!(echoes(&server).await);
    }
    // Port scans and health checks only connect and close, so this must not be an error.
    drop(TcpStream::connect(server.addr).await.expect("accepted"));
    assert!(echoes(&server).await);
    server.shut_down().await;
}

#[tokio::test]
async fn a_panicking_handler_is_an_error_and_the_connection_lives() {
    let server = Server::start(Limits::default()).await;
    let channel = net::Channel::open(&server.addr.to_string(), SERVICE).await;
    let client = SecretClient::from(channel.expect("up"));
    let answer = says(&client, "panic").await;
    assert!(matches!(answer, Err(RpcError::Server(_))), "{answer:?}");
    assert!(says(&client, "on").await.expect("same connection"));
    server.shut_down().await;
}

#[tokio::test]
async fn an_answer_to_another_question_is_the_end_of_its_connection_and_of_no_caller() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    let gate = Gate::new(Limits::default());
    let serve = net::serve(listener, SERVICE, gate, pending::<()>(), |connection| {
        let offer = || SecretResponse::Offer(Offer { workers: 1 });
        connection.answer(move |_, _: SecretRequest| ready(Ok(offer())))
    });
    tokio::spawn(serve);
    let channel = net::Channel::open(&addr, SERVICE).await.expect("up");
    let client = SecretClient::from(channel.clone());
    let offer = client.offer(context::current()).await;
    assert_eq!(offer.expect("this was asked"), Offer { workers: 1 });
    let answer = says(&client, "hello").await;
    assert!(matches!(answer, Err(RpcError::Channel(_))), "{answer:?}");
    assert_eq!(channel.broken().await, net::End::Nonsense);

    let redial = SecretClient::from(Redial::new(addr, SERVICE));
    let answer = says(&redial, "hello").await;
    assert!(matches!(answer, Err(RpcError::Channel(_))), "{answer:?}");
    let offer = redial.offer(context::current()).await;
    assert!(offer.is_ok(), "over a new connection: {offer:?}");
}

#[tokio::test]
async fn a_connection_that_is_given_up_ends_its_calls_at_once_and_the_next_call_dials_anew() {
    let server = Server::start(Limits::default()).await;
    let redial = Redial::new(server.addr.to_string(), SERVICE);
    let client = SecretClient::from(redial.clone());
    let (answer, ()) = tokio::join!(held(client.clone()), async {
        server.echo.held.notified().await; // the call is at the server, which does not answer
        redial.hang_up();
    });
    assert!(matches!(answer, Err(RpcError::Shutdown)), "{answer:?}");
    assert!(says(&client, "on").await.expect("a new connection"));
    assert_eq!(server.echo.connections.load(Relaxed), 2);
    redial.hang_up();
    redial.hang_up(); // without a connection it does nothing
    server.shut_down().await;
}

#[tokio::test]
async fn a_client_finds_its_server_again() {
    let addr = closed();
    let server = Server::start_at(&addr, Limits::default()).await;
    let client = server.client();
    assert!(says(&client, "first").await.expect("up"));
    server.shut_down().await;

    // The broken connection may cost one call, and only the dial after it is refused.
    let refused = loop {
        let error = says(&client, "down").await.expect_err("down");
        if let Some(error) = net::explain(&error) {
            break error.trouble.clone();
        }
    };
    assert_eq!(refused, Trouble::Refused);

    let server = Server::start_at(&addr, Limits::default()).await;
    assert!(says(&client, "again").await.expect("redialled"));
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timed_out_call_costs_its_connection_and_no_more() {
    let server = Server::start(Limits::default()).await;
    let redial = Redial::new(server.addr.to_string(), SERVICE);
    let hasty = SecretClient::from(redial.within(Duration::from_millis(50)));
    // Again, because a call may be late before it has reached the server.
    while server.echo.held.notified().now_or_never().is_none() {
        let error = held(hasty.clone()).await.expect_err("late");
        assert!(matches!(error, RpcError::DeadlineExceeded), "{error:?}");
    }
    let before = server.echo.connections.load(Relaxed);
    let patient = SecretClient::from(redial);
    assert!(says(&patient, "next").await.expect("fresh"));
    assert_eq!(server.echo.connections.load(Relaxed), before + 1);
    server.shut_down().await;
}

/// Waits for a connection at `listener` and greets it, as a server far away does.
async fn greets(listener: &TcpListener) -> TcpStream {
    let (mut io, _) = listener.accept().await.expect("a caller");
    let hello = greeting::line(SERVICE);
    io.write_all(&hello).await.expect("written");
    let mut heard = vec![0; hello.len()];
    io.read_exact(&mut heard).await.expect("a greeting");
    io
}

#[tokio::test]
async fn a_dial_goes_on_when_the_call_that_began_it_has_no_time_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let addr = listener.local_addr().expect("bound").to_string();
    let redial = Redial::new(addr, SERVICE);
    let hasty = SecretClient::from(redial.within(Duration::from_millis(20)));
    for _ in 0..3 {
        let error = says(&hasty, "early").await.expect_err("not greeted yet");
        assert!(matches!(error, RpcError::DeadlineExceeded), "{error:?}");
    }
    let server = tokio::spawn(async move {
        let io = greets(&listener).await;
        let mut calls = wire::wire::<_, ClientMessage<SecretRequest>, Response<SecretResponse>>(io);
        let Some(Ok(ClientMessage::Request(request))) = calls.next().await else {
            panic!("the first connection is used")
        };
        let SecretRequest::Reverse { text } = request.message else {
            panic!("as called below")
        };
        assert_eq!(text, "on the same connection");
        let answer = Response {
            request_id: request.id,
            message: Ok(SecretResponse::Reverse(Ok(text))),
        };
        calls.send(answer).await.expect("sent");
        assert!(listener.accept().now_or_never().is_none(), "a second dial");
    });
    assert!(redial.round_trip().await.expect("up") > Duration::ZERO);
    let patient = SecretClient::from(redial);
    assert!(says(&patient, "on the same connection").await.expect("up"));
    server.await.expect("no panic");
}

#[tokio::test]
async fn an_old_failure_is_not_the_answer_to_a_new_call() {
    let addr = closed();
    let (begin, failed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let redial: Redial<SecretRequest, SecretResponse> = Redial::by({
        let (addr, begin, failed) = (addr.clone(), begin.clone(), failed.clone());
        move || {
            let (addr, begin, failed) = (addr.clone(), begin.clone(), failed.clone());
            let open = async move {
                begin.notified().await;
                let opened = net::Channel::open(&addr, SERVICE).await;
                failed.notify_one(); // in the same step in which the dial ends
                opened
            };
            open.boxed()
        }
    });
    let hasty = SecretClient::from(redial.within(Duration::ZERO));
    let error = says(&hasty, "early").await.expect_err("no time");
    assert!(matches!(error, RpcError::DeadlineExceeded), "{error:?}");
    begin.notify_one();
    failed.notified().await;
    let server = Server::start_at(&addr, Limits::default()).await;
    begin.notify_one();
    assert!(says(&redial.into(), "now").await.expect("dialled again"));
    server.shut_down().await;
}

#[tokio::test]
async fn shutdown_answers_what_is_in_hand() {
    let server = Server::start(Limits::default()).await;
    let call = tokio::spawn(held(server.client()));
    server.echo.held.notified().await;
    let _ = server.stop.send(());
    server.echo.release.notify_one();
    assert_eq!(
        call.await.expect("no panic").expect("answered"),
        Ok("held".into())
    );
    server.done.await.expect("drained");
    assert!(
        TcpStream::connect(server.addr).await.is_err(),
        "nothing listens any more"
    );
}

#[tokio::test]
async fn silent_connections_are_closed_and_their_slots_used_again() {
    let limits = Limits {
        connections: 1,
        idle: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut silent = TcpStream::connect(server.addr).await.expect("accepted");
    let (hello, mut heard) = (greeting::line(SERVICE), Vec::new());
    silent.write_all(&hello).await.expect("greeted");
    let end = silent.read_to_end(&mut heard).await;
    end.expect("closed in order");
    assert_eq!(heard, hello);
    while !echoes(&server).await {} // until the only place is free again
    server.shut_down().await;
}

#[tokio::test]
async fn a_dropped_call_frees_its_place_and_an_excess_call_is_refused() {
    let limits = Limits {
        calls: 1,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let client = server.client();
    let held = tokio::spawn(held(client.clone()));
    server.echo.held.notified().await;
    let excess = says(&client, "excess").await;
    assert!(matches!(excess, Err(RpcError::Server(_))), "{excess:?}");
    held.abort();
    assert!(held.await.expect_err("dropped").is_cancelled());
    assert!(says(&client, "next").await.expect("a free place"));
    server.shut_down().await;
}

#[tokio::test]
async fn a_deadline_is_heeded_and_a_far_one_does_no_harm() {
    let limits = Limits {
        deadline: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let channel = net::Channel::open(&server.addr.to_string(), SERVICE).await;
    let client = SecretClient::from(channel.expect("up"));
    let mut far = context::current();
    far.deadline += Duration::from_secs(100 * 365 * 24 * 3600);
    let late = client.fast_reverse(far, "held".into(), None).await;
    assert!(matches!(late, Err(RpcError::Server(_))), "{late:?}");
    server.shut_down().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_not_read_from_and_then_cut_off() {
    let limits = Limits {
        idle: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut io = TcpStream::connect(server.addr).await.expect("accepted");
    let hello = greeting::line(SERVICE);
    io.write_all(&hello).await.expect("greeted");
    io.read_exact(&mut vec![0; hello.len()])
        .await
        .expect("greeted back");
    let mut flood = wire::wire::<_, Response<SecretResponse>, ClientMessage<SecretRequest>>(io);
    // Answers as large as the requests fill both directions, so the server stops reading. Sending
    // ends only when the idle limit cuts the connection.
    for id in 0.. {
        let message = SecretRequest::Reverse {
            text: "x".repeat(100 * 1024),
        };
        let context = context::current();
        let request = ClientMessage::Request(Request {
            context,
            id,
            message,
        });
        if flood.send(request).await.is_err() {
            break;
        }
    }
    assert!(echoes(&server).await);
    server.shut_down().await;
}
