//! Who a person is to a chat server, for years: a key pair, as one line of text. PURE, because the
//! random bytes are handed in.
//!
//! Its owner keeps it in a file, and shows with it that a registered nick is theirs. It is not the
//! [key of the lab](crate::net::LabKey), which all members have: nobody else has this one.
//!
//! ```text
//! labself1  base32( seed[32], check[2] )   63 letters
//! ```

use std::fmt;

use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::chat::{Owner, PublicKey, Session, statement};
use crate::net::lab_key::{Fingerprint, Flaw, decode, encode};

const PREFIX: &str = "labself1";

/// The key pair of one person.
pub struct Identity {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Identity {
    /// The identity of a `seed`, which must be random; `None` if no key pair can be made of it,
    /// which is true of no seed that is known.
    pub fn new(seed: [u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        Some(Self { seed, pair })
    }

    /// Returns the identity that is written in `text`. Capitals, and spaces around it, are
    /// forgiven.
    ///
    /// # Errors
    /// [`Flaw`] if `text` is anything else.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let text = text.trim().to_ascii_lowercase();
        let body = text.strip_prefix(PREFIX).ok_or(Flaw::NoKey)?;
        let seed = decode(PREFIX, body).ok_or(Flaw::Damaged)?;
        Self::new(seed).ok_or(Flaw::Damaged)
    }

    /// Returns its text, for the file in which it is kept, and for nothing else.
    pub fn reveal(&self) -> String {
        encode(PREFIX, &self.seed)
    }

    /// Returns the proof that this person is `nick` in this `session` with this `host`.
    pub fn sign(&self, host: Fingerprint, session: Session, nick: &str) -> Owner {
        let signed = self.pair.sign(&statement(host, session, nick));
        let mut signature = [0; 64];
        // An Ed25519 signature has 64 bytes (RFC 8032, 5.1.6).
        signature.copy_from_slice(signed.as_ref());
        Owner::new(self.public(), &signature)
    }

    fn public(&self) -> PublicKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }
}

/// Does not show the secret, because a configuration may end up in a log.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Session = Session(1 << 100);

    fn identity(byte: u8) -> Identity {
        Identity::new([byte; 32]).expect("a key pair")
    }

    #[test]
    fn an_identity_is_one_line_that_finds_slips_of_the_pen() {
        let text = identity(7).reveal();
        assert_eq!(text.len(), 63);
        let read = Identity::parse(&format!(" {}\n", text.to_ascii_uppercase()));
        assert_eq!(read.expect("the same").public(), identity(7).public());
        assert_eq!(format!("{:?}", identity(7)), "Identity(..)");
        for at in PREFIX.len()..text.len() {
            let mut slip = text.clone().into_bytes();
            slip[at] = if slip[at] == b'a' { b'b' } else { b'a' };
            let slip = String::from_utf8(slip).expect("letters");
            assert_eq!(Identity::parse(&slip).err(), Some(Flaw::Damaged), "{slip}");
            assert_eq!(
                Identity::parse(&text[..at]).err(),
                Some(Flaw::Damaged),
                "{at}"
            );
        }
        let lab = "labkey1aaaqeayeaudaocajbifqydiob5322";
        for other in ["", "hello", lab] {
            assert_eq!(Identity::parse(other).err(), Some(Flaw::NoKey), "{other}");
        }
    }

    #[test]
    fn a_proof_fits_one_person_one_host_one_session_and_one_nick() {
        let (host, other) = (Fingerprint::of(b"host"), Fingerprint::of(b"other"));
        let proof = identity(7).sign(host, ANN, "ann");
        assert!(proof.proves(host, ANN, "ann"));
        assert_eq!(proof.public, identity(7).public());
        assert!(!proof.proves(other, ANN, "ann"), "at another server");
        assert!(
            !proof.proves(host, Session(ANN.0 + 1), "ann"),
            "sent again by another"
        );
        assert!(!proof.proves(host, ANN, "anna"));
        let public = identity(8).public();
        assert!(!Owner { public, ..proof }.proves(host, ANN, "ann"));
        for (half, byte) in (0..64).map(|at| (at / 32, at % 32)) {
            let mut bent = proof;
            [&mut bent.r, &mut bent.s][half][byte] ^= 1;
            assert!(!bent.proves(host, ANN, "ann"), "{half} {byte}");
        }
    }
}
