//! Sealed connections, over loopback: who is let in, what is said to everybody else, and what
//! somebody on the way can do.

#[path = "support/echo.rs"]
mod echo;
#[path = "support/impostor.rs"]
mod impostor;
#[path = "support/relay.rs"]
mod relay;

use std::sync::atomic::Ordering::Relaxed;

use common::chat;
use common::net::{self, Channel, LabKey, Limits, Pipe, Protocol, Redial, Seal, Trouble, greeting};
use common::secret::{SERVICE, SecretClient, SecretRequest, SecretResponse};
use echo::{Server, says};
use impostor::{pose, public};
use relay::{Relay, Way};
use tarpc::client::RpcError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

type Client = SecretClient<Redial<SecretRequest, SecretResponse>>;

fn key(number: u8) -> LabKey {
    LabKey::host([number; 16]).expect("a key pair")
}

fn seal(key: &LabKey) -> Seal {
    Seal::new(key).expect("a usable key")
}

fn sealed(key: &LabKey) -> Protocol {
    seal(key).of(SERVICE)
}

async fn start(protocol: Protocol) -> Server {
    Server::start_by("127.0.0.1:0", Limits::default(), protocol).await
}

fn client(addr: &str, protocol: &Protocol) -> Client {
    Redial::new(addr, protocol.clone()).into()
}

/// The trouble of a dial that must fail.
async fn trouble(addr: &str, protocol: &Protocol) -> Trouble {
    let dialled = net::dial(addr, protocol.clone()).await;
    dialled.map(drop).expect_err("no connection").trouble
}

fn names(theirs: &LabKey, ours: &LabKey) -> Trouble {
    Trouble::OtherKey(theirs.fingerprint().name(), ours.fingerprint().name())
}

#[tokio::test]
async fn holders_and_guests_come_in_and_everybody_else_hears_why_not() {
    let server = start(sealed(&key(1))).await;
    let addr = server.addr.to_string();
    for key in [key(1), key(1).guest()] {
        let client = client(&addr, &sealed(&key));
        assert!(says(&client, "hello").await.expect("let in"));
    }
    let let_in = server.echo.connections.load(Relaxed);
    assert_eq!(trouble(&addr, &SERVICE.into()).await, Trouble::Locked);
    for other in [key(2), key(2).guest()] {
        let other_key = names(&key(1), &key(2));
        assert_eq!(trouble(&addr, &sealed(&other)).await, other_key);
    }
    let connections = server.echo.connections.load(Relaxed);
    assert_eq!(connections, let_in, "no frame of theirs was looked at");
    server.shut_down().await;

    let open = start(SERVICE.into()).await;
    let addr = open.addr.to_string();
    assert_eq!(trouble(&addr, &sealed(&key(1))).await, Trouble::Open);
    assert_eq!(open.echo.connections.load(Relaxed), 0);
    open.shut_down().await;
}

#[tokio::test]
async fn plain_and_sealed_live_in_one_process() {
    let (plain, one, two) = tokio::join!(
        start(SERVICE.into()),
        start(sealed(&key(1))),
        start(sealed(&key(2)))
    );
    for (server, protocol) in [
        (&plain, SERVICE.into()),
        (&one, sealed(&key(1))),
        (&two, sealed(&key(2))),
    ] {
        let client = client(&server.addr.to_string(), &protocol);
        assert!(says(&client, "hello").await.expect("its own key"));
    }
}

#[tokio::test]
async fn what_passes_cannot_be_read_and_can_be_in_plain() {
    for (protocol, is_readable) in [(sealed(&key(1)), false), (SERVICE.into(), true)] {
        let server = start(protocol.clone()).await;
        let relay = Relay::to(&server.addr.to_string());
        let client = client(&relay.addr, &protocol);
        assert!(says(&client, "a word to reverse").await.expect("passed on"));
        assert_eq!(relay.has_passed("a word to reverse"), is_readable);
        assert!(relay.has_passed(SERVICE), "the greeting is in the clear");
        server.shut_down().await;
    }
}

#[tokio::test]
async fn silent_strangers_take_no_place_from_a_holder_of_the_key() {
    let limits = Limits {
        connections: 64,
        ..Limits::default()
    };
    let server = Server::start_by("127.0.0.1:0", limits, sealed(&key(1))).await;
    let mut silent = Vec::new();
    // More than there are places, from another address than the holder's.
    for _ in 0..100 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 2], 0).into()).expect("loopback");
        silent.push(socket.connect(server.addr).await.expect("accepted"));
    }
    let holder = client(&server.addr.to_string(), &sealed(&key(1)));
    assert!(says(&holder, "hello").await.expect("there is a place"));
    // All but the last eight had to go, before their time was over.
    for mut io in silent.drain(..92) {
        let _ = io.read_to_end(&mut Vec::new()).await;
    }
    server.shut_down().await;
}

/// Somebody on the way who rewrites both greetings to `line`.
fn forger(target: &str, line: [u8; greeting::LEN]) -> Relay {
    Relay::with(target, move |_, before, bytes| {
        Some(if before == 0 { line.to_vec() } else { bytes })
    })
}

#[tokio::test]
async fn a_stripped_word_ends_the_connection_and_downgrades_nothing() {
    let server = start(sealed(&key(1))).await;
    let relay = forger(&server.addr.to_string(), greeting::line(SERVICE));
    assert_eq!(trouble(&relay.addr, &sealed(&key(1))).await, Trouble::Open);
    assert_eq!(server.echo.connections.load(Relaxed), 0);
    server.shut_down().await;

    // And added to a conversation in plain, it does not make two sides talk of which one is sealed.
    let server = start(SERVICE.into()).await;
    let relay = forger(&server.addr.to_string(), greeting::keyed_line(SERVICE));
    assert_eq!(trouble(&relay.addr, &SERVICE.into()).await, Trouble::Locked);
    server.shut_down().await;

    // A false word for the host only: the caller goes on in TLS, and the host in plain.
    let server = start(SERVICE.into()).await;
    let relay = Relay::with(&server.addr.to_string(), |way, before, bytes| {
        Some(match (way, before) {
            (Way::Up, 0) => greeting::line(SERVICE).to_vec(),
            (Way::Down, 0) => greeting::keyed_line(SERVICE).to_vec(),
            _ => bytes,
        })
    });
    let cut = trouble(&relay.addr, &sealed(&key(1))).await;
    assert!(
        matches!(cut, Trouble::CutOff | Trouble::Garbled(_)),
        "{cut}"
    );
    server.shut_down().await;
}

#[tokio::test]
async fn nobody_is_led_to_another_service_of_the_same_key() {
    let server = start(sealed(&key(1))).await;
    let relay = Relay::with(&server.addr.to_string(), |way, before, bytes| {
        Some(match (way, before) {
            (Way::Up, 0) => greeting::keyed_line(SERVICE).to_vec(),
            (Way::Down, 0) => greeting::keyed_line(chat::SERVICE).to_vec(),
            _ => bytes,
        })
    });
    let chat = seal(&key(1)).of(chat::SERVICE);
    assert_eq!(trouble(&relay.addr, &chat).await, Trouble::Disguised);
    assert_eq!(server.echo.connections.load(Relaxed), 0);
    server.shut_down().await;
}

/// Somebody on the way who flips the lowest bit of one byte.
fn flipper(target: &str, at: (Way, usize)) -> Relay {
    Relay::with(target, move |way, before, mut bytes| {
        let place = at.1.checked_sub(before).filter(|_| way == at.0);
        if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
            *byte ^= 1;
        }
        Some(bytes)
    })
}

#[tokio::test]
async fn one_bit_flipped_anywhere_in_the_handshake_ends_it() {
    let server = start(sealed(&key(1))).await;
    let addr = server.addr.to_string();
    let (relay, protocol) = (Relay::to(&addr), sealed(&key(1)));
    drop(net::dial(&relay.addr, protocol.clone()).await.expect("up"));
    let (up, down) = (relay.passed(Way::Up).len(), relay.passed(Way::Down).len());
    let ups = (greeting::LEN..up).map(|at| (Way::Up, at));
    let downs = (greeting::LEN..down).map(|at| (Way::Down, at));
    for at in ups.chain(downs).step_by(7) {
        let relay = flipper(&addr, at);
        let client = client(&relay.addr, &protocol);
        let answer = says(&client, "hello").await;
        // The last flight of the caller is refused only after the caller has begun.
        let error = answer.expect_err(&format!("{at:?}"));
        let trouble = net::explain(&error).map(|error| &error.trouble);
        let is_said = matches!(
            trouble,
            None | Some(
                Trouble::Garbled(_)
                    | Trouble::CutOff
                    | Trouble::Silent
                    | Trouble::Disguised
                    | Trouble::Unproven(_)
                    | Trouble::OtherKey(..)
                    | Trouble::NotLetIn
            )
        );
        assert!(is_said, "{at:?}: {error:?}");
    }
    assert_eq!(server.echo.answers.load(Relaxed), 0, "no call came through");
    assert!(says(&client(&addr, &protocol), "hello").await.expect("on"));
    server.shut_down().await;
}

#[tokio::test]
async fn one_bit_flipped_in_a_frame_is_noticed_by_the_seal() {
    let server = start(sealed(&key(1))).await;
    let addr = server.addr.to_string();
    let (relay, protocol) = (Relay::to(&addr), sealed(&key(1)));
    drop(net::dial(&relay.addr, protocol.clone()).await.expect("up"));
    // The first frame comes behind the handshake; 20 bytes on, it is surely within.
    let relay = flipper(&addr, (Way::Up, relay.passed(Way::Up).len() + 20));
    let client = client(&relay.addr, &protocol);
    let error = says(&client, "hello").await.expect_err("garbled");
    assert!(matches!(error, RpcError::Shutdown), "{error:?}");
    assert_eq!(server.echo.answers.load(Relaxed), 0);
    server.shut_down().await;
}

#[tokio::test]
async fn a_recorded_caller_is_not_answered_again() {
    let server = start(sealed(&key(1))).await;
    let relay = Relay::to(&server.addr.to_string());
    let client = client(&relay.addr, &sealed(&key(1)));
    assert!(says(&client, "hello").await.expect("the first time"));
    let before = server.echo.connections.load(Relaxed);
    let recorded = relay.passed(Way::Up);
    let mut replay = TcpStream::connect(server.addr).await.expect("accepted");
    replay.write_all(&recorded).await.expect("sent");
    let _ = replay.read_to_end(&mut Vec::new()).await;
    assert_eq!(server.echo.connections.load(Relaxed), before);
    assert_eq!(server.echo.answers.load(Relaxed), 1);
    server.shut_down().await;
}

#[tokio::test]
async fn a_cut_between_two_frames_is_a_lost_connection_and_no_more() {
    let server = start(sealed(&key(1))).await;
    let addr = server.addr.to_string();
    let (first, protocol) = (Relay::to(&addr), sealed(&key(1)));
    assert!(
        says(&client(&first.addr, &protocol), "hello")
            .await
            .expect("up")
    );
    let whole = first.passed(Way::Up).len();
    // After a whole call has passed, the next bytes of the caller cut both directions.
    let cutting = Relay::with(&addr, move |way, before, bytes| {
        (way == Way::Down || before < whole).then_some(bytes)
    });
    let client = client(&cutting.addr, &protocol);
    assert!(says(&client, "hello").await.expect("before the cut"));
    let error = says(&client, "hello").await.expect_err("cut off");
    assert!(matches!(error, RpcError::Shutdown), "{error:?}");
    assert!(says(&client, "hello").await.expect("dialled again"));
    assert_eq!(server.echo.answers.load(Relaxed), 3, "none twice");
    server.shut_down().await;
}

#[tokio::test]
async fn a_guest_cannot_pose_as_the_host() {
    let (host, guest) = (key(1), key(1).guest());
    let host_seed = host.host_seed().expect("a host key");
    // First the true pair, so that the two refusals have no other reason than the pair.
    let addr = pose(public(&host_seed), host_seed).await;
    let dialled = net::dial(&addr, sealed(&host)).await;
    let io = dialled.expect("the true host").io;
    assert!(matches!(io, Pipe::Sealed(_)));

    // A guest has the pair of all callers,
    let addr = pose(public(&guest.caller_seed()), guest.caller_seed()).await;
    let other = trouble(&addr, &sealed(&host)).await;
    assert!(matches!(other, Trouble::OtherKey(..)), "{other}");
    // and has seen the public key of the host.
    let addr = pose(public(&host_seed), guest.caller_seed()).await;
    let unproven = Trouble::Unproven(host.fingerprint().name());
    assert_eq!(trouble(&addr, &sealed(&host)).await, unproven);

    // Listening with a guest key lets nobody in.
    let server = start(sealed(&guest)).await;
    let addr = server.addr.to_string();
    assert_eq!(trouble(&addr, &sealed(&host)).await, Trouble::CutOff);
}

#[tokio::test]
async fn a_forged_guest_key_hears_that_it_is_not_let_in() {
    let server = start(sealed(&key(1))).await;
    // The fingerprint of one lab and the guest secret of another.
    let forged = forge(&key(1).guest(), &key(2).guest());
    let channel = Channel::open(&server.addr.to_string(), sealed(&forged)).await;
    let client = SecretClient::from(channel.expect("TLS says it only now"));
    let error = says(&client, "hello").await.expect_err("not let in");
    let error = net::explain(&error).expect("a reason");
    assert_eq!(error.trouble, Trouble::NotLetIn);
    assert_eq!(server.echo.connections.load(Relaxed), 0);
    server.shut_down().await;
}

/// A guest key with the fingerprint of `host` and the guest secret of `other`.
fn forge(host: &LabKey, other: &LabKey) -> LabKey {
    use data_encoding::BASE32_NOPAD;
    let bytes = |key: &LabKey| {
        let text = key.reveal().replace("labguest1", "").to_uppercase();
        BASE32_NOPAD.decode(text.as_bytes()).expect("base32")
    };
    let body = [&bytes(other)[..16], &bytes(host)[16..32]].concat();
    let hash = ring::digest::digest(&ring::digest::SHA256, &[b"labguest1", &body[..]].concat());
    let whole = [&body[..], &hash.as_ref()[..2]].concat();
    let text = BASE32_NOPAD.encode(&whole).to_lowercase();
    LabKey::parse(&format!("labguest1{text}")).expect("its check fits")
}

#[tokio::test]
async fn no_tls_after_a_good_greeting_costs_the_server_nothing() {
    let server = start(sealed(&key(1))).await;
    let noise = [0u8; 64];
    for bytes in [
        &noise[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x16, 3, 1, 0xff, 0xff],
    ] {
        let mut io = TcpStream::connect(server.addr).await.expect("accepted");
        io.write_all(&greeting::keyed_line(SERVICE))
            .await
            .expect("greeted");
        io.write_all(bytes).await.expect("sent");
        io.shutdown().await.expect("sent");
        let _ = io.read_to_end(&mut Vec::new()).await;
    }
    let client = client(&server.addr.to_string(), &sealed(&key(1)));
    assert!(says(&client, "hello").await.expect("it serves on"));
    server.shut_down().await;
}

#[tokio::test]
async fn long_answers_come_whole_and_a_drain_answers_what_is_in_hand() {
    let server = start(sealed(&key(1))).await;
    let client = client(&server.addr.to_string(), &sealed(&key(1)));
    let length = 250 * 1024;
    let now = tarpc::context::current();
    let answer = client.fast_reverse(now, length.to_string(), None).await;
    let text = answer.expect("answered").expect("not refused");
    assert_eq!(text.len(), length);

    let now = tarpc::context::current();
    let held = tokio::spawn(async move {
        let held = client.fast_reverse(now, "held".into(), None);
        held.await
    });
    server.echo.held.notified().await;
    let _ = server.stop.send(());
    server.echo.release.notify_one();
    let answer = held.await.expect("no panic").expect("answered");
    assert_eq!(answer, Ok("held".into()));
    server.done.await.expect("drained");
}

#[test]
fn nothing_shows_a_secret() {
    let key = key(1);
    let name = key.fingerprint().name();
    assert_eq!(format!("{key:?}"), format!("LabKey({name})"));
    assert_eq!(format!("{:?}", seal(&key)), format!("Seal({name})"));
    assert_eq!(format!("{:?}", Seal::none()), "Seal(none)");
}
