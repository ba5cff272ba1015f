//! Streams over pipes in memory, with our other end and with rustls's own.

use std::sync::Arc;

use futures::FutureExt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::net::crypto;
use crate::net::fuzz::hand::{DATA, HANDSHAKE, Hand, KEY_UPDATE};
use crate::net::handshake::shake;
use crate::net::lab_key::LabKey;

type Stream = Sealed<DuplexStream>;

fn configs() -> (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>) {
    let key = LabKey::host([7; 16]).expect("a key pair");
    let caller = crypto::caller(&key).expect("usable");
    let host = crypto::host(&key).expect("usable").expect("a host's");
    (caller.into(), host.into())
}

async fn stream(end: Result<End, rustls::Error>, mut io: DuplexStream) -> Stream {
    let shaken = shake(end.expect("begun"), &mut io).await;
    Sealed::new(io, shaken.expect("shaken"))
}

/// Both ends of a connection that holds this many bytes on their way.
async fn pair(room: usize) -> (Stream, Stream) {
    let ((caller, host), (here, there)) = (configs(), duplex(room));
    tokio::join!(
        stream(End::caller(&caller), here),
        stream(End::host(&host), there)
    )
}

/// Returns the record that holds `bytes` as the next one of `stream`, which does not send it.
fn seal(stream: &mut Stream, bytes: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    let left = stream.end.seal(&mut stream.received, bytes, &mut sealed);
    left.expect("sealed");
    sealed
}

/// Bytes of which no two pieces are alike.
fn text(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * n % 251) as u8).collect()
}

/// Sends `length` bytes one way, and returns when they were received.
async fn pass(
    from: &mut (impl AsyncWrite + Unpin),
    to: &mut (impl AsyncRead + Unpin),
    length: usize,
) {
    let sent = text(length);
    let mut received = vec![0; length];
    let send = async {
        from.write_all(&sent).await?;
        from.flush().await
    };
    let (send, receive) = tokio::join!(send, to.read_exact(&mut received));
    send.expect("sent");
    receive.expect("received");
    assert_eq!(received, sent);
}

#[tokio::test]
async fn bytes_come_in_order_through_any_pipe_and_nothing_is_kept() {
    for room in [700, 100_000] {
        let (mut caller, mut host) = pair(room).await;
        for length in [1, 100, CONTENT, 3 * CONTENT + 1] {
            pass(&mut caller, &mut host, length).await;
            pass(&mut host, &mut caller, length).await;
        }
        for end in [caller, host] {
            assert_eq!(end.held(), [0; 3], "room for {room}");
        }
    }
}

#[tokio::test]
async fn what_a_caller_says_right_behind_its_handshake_is_heard() {
    let ((caller, host), (here, there)) = (configs(), duplex(100_000));
    let early = async {
        let mut caller = stream(End::caller(&caller), here).await;
        caller.write_all(&text(20_000)).await.expect("room");
        caller.flush().await.expect("room");
        caller
    };
    // The host is not polled again before all is there.
    let (caller, mut host) = tokio::join!(early, stream(End::host(&host), there));
    let mut received = vec![0; 20_000];
    host.read_exact(&mut received).await.expect("received");
    assert_eq!(received, text(20_000));
    drop(caller);
}

#[tokio::test]
async fn a_writer_waits_for_a_peer_that_does_not_read() {
    let (mut caller, mut host) = pair(1000).await;
    let mut taken = 0;
    let noise = vec![7; 100_000];
    while let Some(Ok(count)) = caller.write(&noise).now_or_never() {
        taken += count;
    }
    assert_eq!(taken, AT_ONCE, "no more waits");
    assert!(caller.sealed.len() <= AT_ONCE / CONTENT * RECORD);
    // More behind it, from a place within the record.
    let mut received = vec![0; AT_ONCE + 300];
    let on = async {
        caller.write_all(&[8; 300]).await?;
        caller.flush().await
    };
    let (flushed, read) = tokio::join!(on, host.read_exact(&mut received));
    flushed.expect("sent");
    read.expect("received");
    assert_eq!(received, [vec![7; AT_ONCE], vec![8; 300]].concat());
}

#[tokio::test]
async fn a_record_may_come_in_pieces_and_end_anywhere() {
    let (mut caller, mut host) = pair(1000).await;
    let whole = seal(&mut caller, b"cut").len();
    for cut in 1..whole {
        let (mut caller, mut end) = pair(1000).await;
        let sealed = seal(&mut caller, b"cut");
        let mut received = Vec::new();
        caller.io.write_all(&sealed[..cut]).await.expect("room");
        // Before there is more of it.
        let mut none = [0; 10];
        assert!(end.read(&mut none).now_or_never().is_none(), "cut at {cut}");
        caller.io.write_all(&sealed[cut..]).await.expect("room");
        // With the next one behind it, and the beginning of one that never comes.
        let next = seal(&mut caller, b"next");
        caller.io.write_all(&next).await.expect("room");
        let last = seal(&mut caller, b"cut");
        caller.io.write_all(&last[..cut]).await.expect("room");
        drop(caller);
        end.read_to_end(&mut received).await.expect("an end");
        assert_eq!(received, b"cutnext", "cut at {cut}");
    }
    drop(caller);
    let read = host.read(&mut [0; 10]).await;
    assert_eq!(read.expect("an end between two records"), 0);
}

#[tokio::test]
async fn rustls_at_the_other_end_understands_all_and_is_understood() {
    let (caller, host) = configs();
    let name = ServerName::try_from("lab").expect("a name");
    let (here, there) = duplex(3000);
    let ours = stream(End::host(&host), there);
    let theirs = TlsConnector::from(caller.clone()).connect(name, here);
    let (mut ours, theirs) = tokio::join!(ours, theirs);
    let mut theirs = theirs.expect("shaken");
    for length in [0, 1, 1000, CONTENT, CONTENT + 1, 100_000] {
        pass(&mut ours, &mut theirs, length).await;
        // Their next key, with the question for ours.
        let renewed = theirs.get_mut().1.refresh_traffic_keys();
        renewed.expect("a handshake that is done");
        pass(&mut theirs, &mut ours, length).await;
    }
    theirs.shutdown().await.expect("room");
    let read = ours.read(&mut [0; 10]).await;
    assert_eq!(read.expect("an end"), 0);

    let (here, there) = duplex(3000);
    let ours = stream(End::caller(&caller), here);
    let theirs = TlsAcceptor::from(host).accept(there);
    let (mut ours, theirs) = tokio::join!(ours, theirs);
    let mut theirs = theirs.expect("shaken");
    for length in [0, 1, 1000, CONTENT, CONTENT + 1, 100_000] {
        pass(&mut ours, &mut theirs, length).await;
        pass(&mut theirs, &mut ours, length).await;
    }
}

#[tokio::test]
async fn a_record_counts_once_in_its_place_and_unchanged() {
    let (mut caller, _host) = pair(1000).await;
    let whole = seal(&mut caller, b"one").len();
    let repeated = |one: &[u8], _: &[u8]| [one, one].concat();
    let swapped = |one: &[u8], two: &[u8]| [two, one].concat();
    refused(repeated, b"one").await;
    refused(swapped, b"").await;
    refused(|_, _| vec![23, 3, 3, 0x50, 1], b"").await;
    // Behind the header, of which nothing counts but the length.
    for at in 5..whole {
        let changed = |one: &[u8], two: &[u8]| {
            let mut changed = [one, two].concat();
            changed[at] ^= 1;
            changed
        };
        refused(changed, b"").await;
    }
}

/// A host reads what somebody on the way `makes` of two records: it reads `heard`, then an error,
/// and after that it neither reads on nor writes.
async fn refused(makes: impl Fn(&[u8], &[u8]) -> Vec<u8>, heard: &[u8]) {
    let (mut caller, mut host) = pair(1000).await;
    let (one, two) = (seal(&mut caller, b"one"), seal(&mut caller, b"two"));
    let made = makes(&one, &two);
    caller.io.write_all(&made).await.expect("room");
    caller.io.shutdown().await.expect("an end");
    let mut received = Vec::new();
    let read = host.read_to_end(&mut received).await;
    assert_eq!(read.expect_err("refused").kind(), ErrorKind::InvalidData);
    assert!(heard.starts_with(&received), "{received:?}");
    let again = host.read(&mut [0; 10]).await;
    assert_eq!(again.expect_err("refused").kind(), ErrorKind::InvalidData);
    let written = host.write(b"a last word").await;
    assert_eq!(written.expect_err("refused").kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_peer_cannot_have_keys_made_without_end() {
    let (caller, host) = configs();
    let (here, there) = duplex(100_000);
    let name = ServerName::try_from("lab").expect("a name");
    let ours = stream(End::host(&host), there);
    let theirs = TlsConnector::from(caller).connect(name, here);
    let (mut ours, theirs) = tokio::join!(ours, theirs);
    let mut theirs = theirs.expect("shaken");
    for _ in 0..100 {
        let renewed = theirs.get_mut().1.refresh_traffic_keys();
        renewed.expect("a handshake that is done");
    }
    theirs.flush().await.expect("room");
    let read = ours.read(&mut [0; 10]).await;
    assert_eq!(read.expect_err("refused").kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_message_about_keys_may_come_in_parts_and_we_may_write_between_them() {
    for part in 1..KEY_UPDATE.len() {
        for calls in [true, false] {
            let (mut hand, mut io, mut ours) = Hand::shaken(calls, duplex(100_000)).await;
            let parts = [&KEY_UPDATE[..part], &KEY_UPDATE[part..]];
            for (part, heard) in parts.into_iter().zip(["", "new"]) {
                let mut records = hand.record(HANDSHAKE, part);
                if !heard.is_empty() {
                    hand.renew();
                    records.extend(hand.record(DATA, heard.as_bytes()));
                }
                io.write_all(&records).await.expect("room");
                let mut received = [0; 10];
                let read = ours.read(&mut received).now_or_never();
                let read = read.map_or(0, |read| read.expect("the next bytes"));
                assert_eq!(&received[..read], heard.as_bytes());
                ours.write_all(b"between").await.expect("room");
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_another_record_interrupts_is_refused_and_so_is_a_word_after_it() {
    let (mut hand, mut io, mut ours) = Hand::shaken(true, duplex(100_000)).await;
    let part = hand.record(HANDSHAKE, &KEY_UPDATE[..2]);
    let records = [part, hand.record(DATA, b"between")].concat();
    io.write_all(&records).await.expect("room");
    let read = ours.read(&mut [0; 10]).await;
    assert_eq!(read.expect_err("refused").kind(), ErrorKind::InvalidData);
    let written = ours.write(b"a last word").await;
    assert_eq!(written.expect_err("refused").kind(), ErrorKind::InvalidData);
}
