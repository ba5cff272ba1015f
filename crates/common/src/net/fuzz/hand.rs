//! A hostile holder of the key: its handshake is as it should be, and then it makes any records.

use std::sync::Arc;

use ring::aead::{AES_128_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustls::{ConnectionTrafficSecrets, Error};
use tokio::io::DuplexStream;

use crate::net::crypto;
use crate::net::handshake::shake;
use crate::net::lab_key::LabKey;
use crate::net::sealed::Sealed;
use crate::net::tls_end::End;

/// The types of records (RFC 8446, section 5.1).
pub(in crate::net) const CHANGE: u8 = 20;
pub(in crate::net) const ALERT: u8 = 21;
pub(in crate::net) const HANDSHAKE: u8 = 22;
pub(in crate::net) const DATA: u8 = 23;

/// The message that announces the next key, and asks for the other end's next one (section 4.6.3).
pub(in crate::net) const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 1];

/// What a holder of the key needs to make records without rustls: the keys of one direction.
pub(in crate::net) struct Hand {
    secrets: ConnectionTrafficSecrets,
    sequence: u64,
    next: Box<dyn FnMut() -> Result<(u64, ConnectionTrafficSecrets), Error>>,
}

impl Hand {
    /// Returns a hand at one end of a connection, that end, and our own other end. `calls` says
    /// whether the hand calls.
    pub(in crate::net) async fn shaken(
        calls: bool,
        (here, mut there): (DuplexStream, DuplexStream),
    ) -> (Self, DuplexStream, Sealed<DuplexStream>) {
        let key = LabKey::host([7; 16]).expect("a key pair");
        let mut caller = crypto::caller(&key).expect("usable");
        let mut host = crypto::host(&key).expect("usable").expect("a host's");
        (
            caller.enable_secret_extraction,
            host.enable_secret_extraction,
        ) = (true, true);
        let (caller, host) = (End::caller(&Arc::new(caller)), End::host(&Arc::new(host)));
        let (ours, theirs) = if calls {
            (host, caller)
        } else {
            (caller, host)
        };
        let ours = async {
            let mut io = here;
            let shaken = shake(ours.expect("begun"), &mut io).await.expect("shaken");
            Sealed::new(io, shaken)
        };
        let theirs = shake(theirs.expect("begun"), &mut there);
        let (ours, theirs) = tokio::join!(ours, theirs);
        (Self::of(theirs.expect("shaken").end), there, ours)
    }

    fn of(end: End) -> Self {
        let (secrets, next): (_, Box<dyn FnMut() -> _>) = match end {
            End::Caller(end) => {
                let (secrets, mut kernel) =
                    end.dangerous_into_kernel_connection().expect("allowed");
                (secrets, Box::new(move || kernel.update_tx_secret()))
            }
            End::Host(end) => {
                let (secrets, mut kernel) =
                    end.dangerous_into_kernel_connection().expect("allowed");
                (secrets, Box::new(move || kernel.update_tx_secret()))
            }
        };
        let (sequence, secrets) = secrets.tx;
        Self {
            secrets,
            sequence,
            next,
        }
    }

    /// Returns the next record, which holds `content` of this type.
    pub(in crate::net) fn record(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let (algorithm, key, iv) = match &self.secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => panic!("a cipher that we do not offer"),
        };
        let mut nonce: [u8; 12] = iv.as_ref().try_into().expect("twelve bytes");
        for (byte, number) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= number;
        }
        self.sequence += 1;
        let key = UnboundKey::new(algorithm, key.as_ref()).expect("its length");
        let mut sealed = [content, &[kind]].concat();
        let length = (sealed.len() + algorithm.tag_len()) as u16;
        let header = [&[DATA, 3, 3], &length.to_be_bytes()[..]].concat();
        LessSafeKey::new(key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&header),
                &mut sealed,
            )
            .expect("sealed");
        [header, sealed].concat()
    }

    /// Goes on with the next key, which [`KEY_UPDATE`] has announced.
    pub(in crate::net) fn renew(&mut self) {
        (self.sequence, self.secrets) = (self.next)().expect("a key");
    }
}
