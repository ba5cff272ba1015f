//! The proof that a caller owns a nick, and how it is checked. PURE.
//!
//! A caller signs the host, its own session and the nick with the key pair of its
//! [identity](crate::identity). No challenge is needed, because a session is fresh and secret: a
//! proof that is sent again opens only the session that its sender has already. The host is in it,
//! so that a dishonest server can do nothing with it at another one.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::Session;
use crate::net::lab_key::Fingerprint;

/// What comes first in a signed statement, so that no signature for another purpose fits.
const PURPOSE: &[u8] = b"distributed-lab chat owner 1";

/// An Ed25519 public key (RFC 8032): what an owner is known by.
pub type PublicKey = [u8; 32];

/// Who owns a nick, signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The owner's public key.
    pub public: PublicKey,
    /// The first half of the signature.
    pub r: [u8; 32],
    /// The second half of the signature.
    pub s: [u8; 32],
}

impl Owner {
    /// Returns the proof of these 64 bytes of a signature.
    pub fn new(public: PublicKey, signature: &[u8; 64]) -> Self {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&signature[..32]);
        s.copy_from_slice(&signature[32..]);
        Self { public, r, s }
    }

    /// Returns whether the holder of the public key has signed that it is `nick` in this `session`
    /// with this `host`.
    pub fn proves(&self, host: Fingerprint, session: Session, nick: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        let signature = [self.r, self.s].concat();
        key.verify(&statement(host, session, nick), &signature)
            .is_ok()
    }
}

/// Returns what an owner signs. The nick comes last, because only its length varies.
pub fn statement(host: Fingerprint, session: Session, nick: &str) -> Vec<u8> {
    let session = session.0.to_be_bytes();
    [PURPOSE, host.bytes(), &session, nick.as_bytes()].concat()
}
