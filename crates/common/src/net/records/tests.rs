//! Two ends that have shaken hands, and what one of them, or somebody on the way, can make of the
//! records between them.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::io::duplex;

use super::*;
use crate::net::crypto;
use crate::net::handshake::Handshake;
use crate::net::lab_key::LabKey;

/// The records of a caller and of its host.
async fn pair() -> (Records, Records) {
    let key = LabKey::host([7; 16]).expect("a key pair");
    let caller = Arc::new(crypto::caller(&key).expect("usable"));
    let host = Arc::new(crypto::host(&key).expect("usable").expect("a host's"));
    let (mut here, mut there) = duplex(4096);
    let caller = Handshake::caller(&caller).expect("begun");
    let host = Handshake::host(&host).expect("begun");
    let (caller, host) = tokio::join!(caller.shake(&mut here), host.shake(&mut there));
    (
        caller.expect("shaken").records,
        host.expect("shaken").records,
    )
}

/// Opens all of `sealed`, and returns what it held.
fn open(records: &mut Records, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let (mut sealed, mut held) = (sealed.to_vec(), Vec::new());
    let mut rest = &mut sealed[..];
    while let Some(length) = length(rest)? {
        let (record, after) = rest.split_at_mut(length);
        if let Opened::Bytes(bytes) = records.open(record)? {
            held.extend_from_slice(bytes);
        }
        rest = after;
    }
    assert!(rest.is_empty(), "whole records");
    Ok(held)
}

#[tokio::test]
async fn what_is_sealed_is_opened_in_any_length() {
    let (mut caller, mut host) = pair().await;
    for length in [0, 1, 15, 16, 17, 1000, CONTENT - 1, CONTENT] {
        let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let sealed = caller.seal(&bytes).expect("sealed");
        assert!(sealed.len() <= RECORD);
        assert_eq!(open(&mut host, &sealed).expect("opened"), bytes);
        let sealed = host.seal(&bytes).expect("sealed");
        assert_eq!(open(&mut caller, &sealed).expect("opened"), bytes);
    }
    assert!(caller.seal(&[0; CONTENT + 1]).is_err());
}

#[tokio::test]
async fn a_key_is_replaced_before_it_has_sealed_too_much() {
    let (mut caller, mut host) = pair().await;
    assert_eq!(caller.limit, 1 << 24, "rustls's own for AES-GCM");
    (caller.limit, host.limit) = (3, 5);
    let mut updates = 0;
    for n in 0..20_u8 {
        let sealed = caller.seal(&[n]).expect("sealed");
        updates += usize::from(length(&sealed) != Ok(Some(sealed.len())));
        assert_eq!(open(&mut host, &sealed).expect("opened"), [n]);
        let sealed = host.seal(&[n]).expect("sealed");
        assert_eq!(open(&mut caller, &sealed).expect("opened"), [n]);
        // And one, because the message about the next key comes under the present one.
        assert!(caller.sealed <= 3 + 1 && host.sealed <= 5 + 1);
    }
    assert_eq!(updates, 6);
}

#[tokio::test]
async fn a_peer_gets_the_next_key_that_it_asks_for() {
    let (mut caller, mut host) = pair().await;
    let asks = [24, 0, 0, 1, 1];
    let sealed = caller.encrypt(ContentType::Handshake, &asks);
    open(&mut host, &sealed.expect("sealed")).expect("opened");
    let sealed = host.seal(b"here").expect("sealed");
    let first = length(&sealed).expect("a record").expect("whole");
    assert!(first < sealed.len(), "a message about the key comes first");
    assert_eq!(open(&mut caller, &sealed).expect("opened"), b"here");
    let sealed = host.seal(b"and once").expect("sealed");
    assert_eq!(length(&sealed), Ok(Some(sealed.len())));
}

#[tokio::test]
async fn a_record_counts_once_in_its_place_and_unchanged() {
    let (mut caller, mut host) = pair().await;
    let sealed: Vec<_> = [&b"one"[..], b"two", b"three"]
        .map(|bytes| caller.seal(bytes).expect("sealed"))
        .into();
    let refused = |host: &mut Records, sealed: &[u8]| {
        assert_eq!(open(host, sealed), Err(Error::DecryptError));
    };
    refused(&mut host, &sealed[1]); // the first one is missing
    assert_eq!(open(&mut host, &sealed[0]).expect("opened"), b"one");
    refused(&mut host, &sealed[0]); // replayed
    refused(&mut host, &sealed[2]); // in another order
    refused(&mut caller, &sealed[1]); // sent back
    for at in 0..sealed[1].len() {
        let mut changed = sealed[1].clone();
        changed[at] ^= 1;
        // A changed length may leave less than a record, of which nothing is opened.
        if length(&changed) != Ok(None) && at >= HEADER {
            refused(&mut host, &changed);
        } else if at < BEGINNING.len() {
            assert!(length(&changed).is_err(), "byte {at}");
        }
    }
    assert_eq!(open(&mut host, &sealed[1]).expect("opened"), b"two");
}

#[tokio::test]
async fn records_without_content_come_to_an_end() {
    let (mut caller, mut host) = pair().await;
    for _ in 0..3 {
        for _ in 0..EMPTY {
            let sealed = caller.seal(b"").expect("sealed");
            assert_eq!(open(&mut host, &sealed).expect("few"), b"");
        }
        let sealed = caller.seal(b"x").expect("sealed");
        assert_eq!(open(&mut host, &sealed).expect("content"), b"x");
    }
    // Each of them would have the host make a key.
    caller.limit = 0;
    let mut answers = (0..EMPTY).map(|_| open(&mut host, &caller.seal(b"").expect("sealed")));
    let many = PeerMisbehaved::TooManyEmptyFragments;
    assert_eq!(answers.find_map(Result::err), Some(many.into()));
}

#[tokio::test]
async fn what_has_no_place_after_a_handshake_is_refused() {
    for (typ, bytes, expected) in [
        (ContentType::Alert, &[1, 0][..], Ok(Opened::End)),
        (
            ContentType::Alert,
            &[2, 46],
            Err(Error::AlertReceived(AlertDescription::CertificateUnknown)),
        ),
        (ContentType::Alert, &[2], Err(unexpected())),
        // A ticket, half a message about a key, one that says nothing, and two.
        (ContentType::Handshake, &[4, 0, 0, 0], Err(unexpected())),
        (ContentType::Handshake, &[24, 0, 0, 1], Err(unexpected())),
        (ContentType::Handshake, &[24, 0, 0, 1, 2], Err(unexpected())),
        (
            ContentType::Handshake,
            &[24, 0, 0, 1, 0, 24, 0, 0, 1, 0],
            Err(unexpected()),
        ),
        (
            ContentType::ChangeCipherSpec,
            &[1],
            Err(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec.into()),
        ),
    ] {
        let (mut caller, mut host) = pair().await;
        let mut sealed = caller.encrypt(typ, bytes).expect("sealed");
        assert_eq!(host.open(&mut sealed), expected, "{typ:?} {bytes:?}");
    }
    // What is not encrypted, is longer than any record, or is none.
    for begins in [[21, 3, 3, 0, 2], [23, 3, 3, 0x41, 1], [23, 3, 1, 0, 99]] {
        assert!(length(&begins).is_err(), "{begins:?}");
    }
    assert_eq!(length(&[23, 3, 3, 0x41, 0]), Ok(None));
    let (_, mut host) = pair().await;
    for short in [&mut [][..], &mut [23, 3, 3, 0, 0], &mut [0; HEADER + 16]] {
        assert_eq!(host.open(short), Err(Error::DecryptError));
    }
}

fn unexpected() -> Error {
    InvalidMessage::UnexpectedMessage("after the handshake").into()
}

#[tokio::test]
async fn any_bytes_are_refused() {
    let (_, mut host) = pair().await;
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..2000 {
        let mut bytes = vec![0; random.random_range(0..200)];
        random.fill_bytes(&mut bytes);
        let begins = random.random_range(0..=bytes.len().min(BEGINNING.len()));
        bytes[..begins].copy_from_slice(&BEGINNING[..begins]);
        if let Ok(Some(length)) = length(&bytes) {
            assert!(host.open(&mut bytes[..length]).is_err());
        }
        assert!(host.open(&mut bytes).is_err());
    }
}
