//! The key of a lab: one line of text that says who belongs to it. PURE, because the random bytes
//! are handed in.
//!
//! There are two kinds. A *host key* lets its holder listen and call: all buddies of a ring and all
//! servers have it. A *guest key* is made of a host key. It lets its holder call, and know the
//! host, but not pose as it. A key is always drawn at random and never chosen, because a key that a
//! person thinks of could be found by trying.
//!
//! ```text
//! labkey1    base32( secret[16],                          check[2] )   36 letters
//! labguest1  base32( guest secret[16],  fingerprint[16],  check[2] )   64 letters
//!
//! secret ──▶ seed of the host's key pair ──▶ its public key ──▶ fingerprint, name
//!    └─────▶ guest secret ──▶ seed of the key pair of all callers
//! ```
//!
//! Each arrow is HKDF (RFC 5869) or SHA-256, so that none leads back. The text has a prefix that
//! tools find which look for leaked secrets, and no dashes, so that a double click selects all of
//! it.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256};
use ring::signature::{Ed25519KeyPair, KeyPair};

const HOST: &str = "labkey1";
const GUEST: &str = "labguest1";

/// The length in bytes of a secret and of a fingerprint: 128 bits cannot be guessed.
const HALF: usize = 16;

/// The bytes that find a slip of the pen: one in 65536 is not found, and then does not fit.
const CHECK: usize = 2;

/// The first letters of a fingerprint that people compare: enough to tell the keys of a class
/// apart. They are for eyes and protect nothing.
const NAME: usize = 6;

/// The salt of every derivation, so that other programs derive other keys of the same secret.
const SALT: &[u8] = b"distributed-lab key 1";

/// What comes before the 32 bytes of an Ed25519 public key in a SubjectPublicKeyInfo (RFC 8410).
const PUBLIC_KEY_INFO: [u8; 12] = [48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0];

/// What a host is known by: the first half of the SHA-256 of its public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; HALF]);

impl Fingerprint {
    /// The fingerprint of a public key, given as its DER-encoded SubjectPublicKeyInfo.
    pub fn of(public_key_info: &[u8]) -> Self {
        let hash = digest(&SHA256, public_key_info);
        let mut half = [0; HALF];
        half.copy_from_slice(&hash.as_ref()[..HALF]);
        Self(half)
    }

    /// Returns its first six letters, by which people tell keys apart.
    pub fn name(&self) -> String {
        letters(&self.0)[..NAME].to_owned()
    }

    /// Returns its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// A key, whole and unharmed.
#[derive(Clone, PartialEq, Eq)]
pub struct LabKey {
    secret: Secret,
    fingerprint: Fingerprint,
}

#[derive(Clone, PartialEq, Eq)]
enum Secret {
    Host([u8; HALF]),
    Guest([u8; HALF]),
}

/// Why a text is not the key of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It does not begin like one.
    NoKey,
    /// It begins like one, and a letter is missing, too much or wrong.
    Damaged,
}

impl LabKey {
    /// The host key of a `secret`, which must be random; `None` if no key pair can be made of it,
    /// which is true of no secret that is known.
    pub fn host(secret: [u8; HALF]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&derive::<32>(&secret, "host")).ok()?;
        let public = pair.public_key().as_ref();
        let fingerprint = Fingerprint::of(&[&PUBLIC_KEY_INFO, public].concat());
        let secret = Secret::Host(secret);
        Some(Self {
            secret,
            fingerprint,
        })
    }

    /// Returns the key that is written in `text`. Capitals, and spaces around it, are forgiven.
    ///
    /// # Errors
    /// [`Flaw`] if `text` is anything else.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(body) = text.strip_prefix(HOST) {
            let secret = decode(HOST, body).ok_or(Flaw::Damaged)?;
            return Self::host(secret).ok_or(Flaw::Damaged);
        }
        let body = text.strip_prefix(GUEST).ok_or(Flaw::NoKey)?;
        let bytes: [u8; 2 * HALF] = decode(GUEST, body).ok_or(Flaw::Damaged)?;
        let (mut secret, mut fingerprint) = ([0; HALF], [0; HALF]);
        secret.copy_from_slice(&bytes[..HALF]);
        fingerprint.copy_from_slice(&bytes[HALF..]);
        let (secret, fingerprint) = (Secret::Guest(secret), Fingerprint(fingerprint));
        Ok(Self {
            secret,
            fingerprint,
        })
    }

    /// The guest key that belongs to this key: itself, if it is one.
    #[must_use]
    pub fn guest(&self) -> Self {
        Self {
            secret: Secret::Guest(self.guest_secret()),
            fingerprint: self.fingerprint,
        }
    }

    /// Returns its text, for the file in which it is kept, and for nothing else.
    pub fn reveal(&self) -> String {
        let (kind, body) = match &self.secret {
            Secret::Host(secret) => (HOST, secret.to_vec()),
            Secret::Guest(secret) => (GUEST, [*secret, self.fingerprint.0].concat()),
        };
        encode(kind, &body)
    }

    /// Whether one may listen with it.
    pub fn is_host(&self) -> bool {
        matches!(self.secret, Secret::Host(_))
    }

    /// What the host of this key is known by.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The seed of the Ed25519 key pair of the host, unless this is a guest key.
    pub fn host_seed(&self) -> Option<[u8; 32]> {
        match &self.secret {
            Secret::Host(secret) => Some(derive(secret, "host")),
            Secret::Guest(_) => None,
        }
    }

    /// The seed of the Ed25519 key pair of all callers.
    pub fn caller_seed(&self) -> [u8; 32] {
        derive(&self.guest_secret(), "caller")
    }

    /// Returns the token that callers over HTTP show, 26 letters, because browsers cannot use key
    /// pairs of ours. Every holder of the guest key can compute it, and it does not give the key.
    pub fn http_token(&self) -> String {
        letters(&derive::<HALF>(&self.guest_secret(), "http"))
    }

    fn guest_secret(&self) -> [u8; HALF] {
        match &self.secret {
            Secret::Host(secret) => derive(secret, "guest"),
            Secret::Guest(secret) => *secret,
        }
    }
}

/// Does not show the secret, because a configuration may end up in a log.
impl fmt::Debug for LabKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LabKey({:?})", self.fingerprint)
    }
}

/// Returns `N` bytes, at most 32, that follow from `secret` for one `purpose`: HKDF-SHA256 (RFC
/// 5869), of whose output the first block is enough.
fn derive<const N: usize>(secret: &[u8], purpose: &str) -> [u8; N] {
    let extracted = hmac::sign(&hmac::Key::new(HMAC_SHA256, SALT), secret);
    let expand = hmac::Key::new(HMAC_SHA256, extracted.as_ref());
    let block = hmac::sign(&expand, &[purpose.as_bytes(), &[1]].concat());
    let mut bytes = [0; N];
    bytes.copy_from_slice(&block.as_ref()[..N]);
    bytes
}

fn check(kind: &str, body: &[u8]) -> [u8; CHECK] {
    let hash = digest(&SHA256, &[kind.as_bytes(), body].concat());
    [hash.as_ref()[0], hash.as_ref()[1]]
}

/// Small letters, because RFC 4648's alphabet has no 0, 1, 8 or 9, and so no small o, l, b or g
/// can be misread.
fn letters(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// Returns the text of a secret of this `kind`, which is its prefix.
pub(crate) fn encode(kind: &str, body: &[u8]) -> String {
    let check = check(kind, body);
    kind.to_owned() + &letters(&[body, &check].concat())
}

/// Returns the `N` bytes of a key's `body` without the check, if that fits.
pub(crate) fn decode<const N: usize>(kind: &str, body: &str) -> Option<[u8; N]> {
    let bytes = BASE32_NOPAD
        .decode(body.to_ascii_uppercase().as_bytes())
        .ok()?;
    let body: [u8; N] = bytes.get(..N)?.try_into().ok()?;
    (bytes[N..] == check(kind, &body)).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Made with another implementation of HKDF, SHA-256 and Ed25519.
    #[test]
    fn a_key_means_the_same_for_ever() {
        let secret = std::array::from_fn(|i| i as u8);
        let host = LabKey::host(secret).expect("a key pair");
        assert_eq!(host.reveal(), "labkey1aaaqeayeaudaocajbifqydiob5322");
        assert_eq!(host.fingerprint().name(), "lquzqb");
        let seed = host.host_seed().expect("a host key");
        let expected = "1719f9fdc987ad2a5b362b45ac76eab5cabd986c20941258e57dfeca10a6f0e0";
        assert_eq!(hex(&seed), expected);
        assert_eq!(
            hex(&host.guest_secret()),
            "fa94bb265f8053d67b676c07bdcaf956"
        );
        let expected = "66023ec3b273f136f8bc472e1a573392a3633dc5c3197950183d15398c573c3b";
        let guest = host.guest();
        for key in [&host, &guest] {
            assert_eq!(hex(&key.caller_seed()), expected);
            assert_eq!(key.http_token(), "y3aqmgqm4s3dxsmnmlbrayxsi4");
        }
        let expected = "labguest17kklwjs7qbj5m63hnqd33sxzkzoctgah332idw3lbjou66brdqlgjgq";
        assert_eq!(guest.reveal(), expected);
        assert_eq!(guest.host_seed(), None);
        assert_eq!(guest.fingerprint(), host.fingerprint());
        assert_eq!(guest.guest(), guest);
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_shows_no_secret() {
        for key in [key(), key().guest()] {
            let text = key.reveal();
            assert_eq!(LabKey::parse(&text), Ok(key.clone()));
            let spaced = format!("  {}\r\n", text.to_uppercase());
            assert_eq!(LabKey::parse(&spaced), Ok(key.clone()));
            assert_eq!(
                format!("{key:?}"),
                format!("LabKey({})", key.fingerprint().name())
            );
        }
        assert!(key().is_host() && !key().guest().is_host());
    }

    #[test]
    fn every_slip_of_the_finger_is_found() {
        for key in [key(), key().guest()] {
            let text = key.reveal();
            let prefix = text.find('1').expect("a prefix") + 1;
            for at in prefix..text.len() {
                for letter in LETTERS {
                    let mut typed = text.clone().into_bytes();
                    typed[at] = *letter;
                    let typed = String::from_utf8(typed).expect("letters");
                    let is_same = typed == text;
                    assert_eq!(LabKey::parse(&typed).is_ok(), is_same, "{typed}");
                }
                assert_eq!(LabKey::parse(&text[..at]), Err(Flaw::Damaged));
            }
            assert_eq!(LabKey::parse(&format!("{text}a")), Err(Flaw::Damaged));
        }
        for other in ["", "secret", "labkey", "labkey2aaaa", "ssh-ed25519 AAAA"] {
            assert_eq!(LabKey::parse(other), Err(Flaw::NoKey), "{other}");
        }
        for other in ["labkey1", "labguest1", "labkey1é", "labkey1\u{2028}"] {
            assert_eq!(LabKey::parse(other), Err(Flaw::Damaged), "{other}");
        }
    }

    #[test]
    fn the_two_kinds_are_not_mistaken_for_each_other() {
        let (host, guest) = (key().reveal(), key().guest().reveal());
        let swapped = [host.replace(HOST, GUEST), guest.replace(GUEST, HOST)];
        for text in swapped {
            assert_eq!(LabKey::parse(&text), Err(Flaw::Damaged), "{text}");
        }
    }

    fn key() -> LabKey {
        LabKey::host(*b"0123456789abcdef").expect("a key pair")
    }
}
