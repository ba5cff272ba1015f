//! The roll: who is in the ring, and where each can be reached. Checked while it is decoded. PURE.
//!
//! Machines of different networks know one buddy by different addresses, and a loopback address is
//! another buddy's on another machine. So each has a few on the roll. The first is always the one
//! that the buddy before it was given as its `--next`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{MAX_ADDRESS, MAX_ADDRESSES, MAX_BUDDIES};

/// Whether `text` is `HOST:PORT`, without anything that a host name or an IP address has not.
/// Others put addresses on the roll, and a person reads them, so they must not be able to say more.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:%".contains(&byte);
    text.len() <= MAX_ADDRESS
        && text.rsplit_once(':').is_some_and(|(host, port)| {
            let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
            is_port && !host.is_empty() && host.bytes().all(is_of_host)
        })
}

/// The addresses of one buddy, the first one first: 1 to [`MAX_ADDRESSES`], each of which
/// [is one](is_address), and no longer than [`MAX_ADDRESS`] together. Kept as one text with commas,
/// because a thousand of them are held and few are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Addresses(String);

impl From<&str> for Addresses {
    /// Takes one address, or several with commas, as they are. Only the decoder checks them,
    /// because one's own were checked on the command line.
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Addresses {
    /// Returns the address that the buddy before this one was given as its `--next`.
    #[must_use]
    pub fn first(&self) -> &str {
        self.iter().next().unwrap_or_default()
    }

    /// Returns all addresses, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(',')
    }

    /// Returns the addresses that can be dialled. One that names no machine (`0.0.0.0`) would lead
    /// to the machine that dials.
    pub fn dialable(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|address| !is_unspecified(address))
    }

    /// Adds those of `others` that are new and that fit.
    pub fn add(&mut self, others: &Self) {
        for address in others.iter() {
            let fits = self.0.len() + 1 + address.len() <= MAX_ADDRESS;
            if fits && self.iter().count() < MAX_ADDRESSES && !self.iter().any(|it| it == address) {
                self.0 = [&self.0, ",", address].concat();
            }
        }
    }

    /// Puts the address of the machine that was `seen` in the place of one that names no machine,
    /// with its port. A buddy that listens on all addresses of its machine does not know which of
    /// them another machine can reach.
    pub fn complete(&mut self, seen: IpAddr) {
        if !self.iter().any(is_unspecified) {
            return;
        }
        let is_local = matches!(seen, IpAddr::V6(seen) if seen.is_unicast_link_local());
        let mut all = Vec::new();
        for address in self.iter() {
            let address = match address.parse::<SocketAddr>() {
                // Useless elsewhere, because it holds on one cable only.
                Ok(it) if it.ip().is_unspecified() && is_local => address.to_owned(),
                Ok(it) if it.ip().is_unspecified() => SocketAddr::new(seen, it.port()).to_string(),
                _ => address.to_owned(),
            };
            if !all.contains(&address) {
                all.push(address);
            }
        }
        let all = all.join(",");
        if all.len() <= MAX_ADDRESS {
            self.0 = all;
        }
    }
}

fn is_unspecified(address: &str) -> bool {
    let address = address.parse::<SocketAddr>();
    address.is_ok_and(|address| address.ip().is_unspecified())
}

/// The buddies of a ring, in its order. Checked while it is decoded, so that a long or a false one
/// is never held: at most one more than [`MAX_BUDDIES`], because the call that comes back to its
/// starter has the starter on it twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Roll(pub Vec<Addresses>);

impl<'de> Deserialize<'de> for Roll {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("Roll", Reader)
    }
}

/// Reads a [`Roll`].
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Roll;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at most {MAX_BUDDIES} buddies, each HOST:PORT,HOST:PORT,.."
        )
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Roll, D::Error> {
        inner.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Roll, A::Error> {
        let mut roll = Vec::new();
        while let Some(text) = seq.next_element::<&str>()? {
            if roll.len() > MAX_BUDDIES || !are_addresses(text) {
                return Err(A::Error::custom("not a roll"));
            }
            roll.push(Addresses(text.to_owned()));
        }
        Ok(Roll(roll))
    }
}

fn are_addresses(text: &str) -> bool {
    let is_short = text.len() <= MAX_ADDRESS;
    is_short && text.split(',').count() <= MAX_ADDRESSES && text.split(',').all(is_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_has_addresses_and_nothing_else() {
        for good in [
            "127.0.0.1:1",
            "[::1]:8030",
            "[fe80::1%eth0]:1",
            "a-b.example_1:65535",
        ] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}:1", "a".repeat(MAX_ADDRESS - 1));
        let bad = [
            "",
            "a",
            ":1",
            "a:0",
            "a:65536",
            "a b:1",
            "a\n:1",
            "a\u{1b}[2J:1",
            "\u{202e}a:1",
        ];
        for bad in bad.into_iter().chain([long.as_str()]) {
            assert!(!is_address(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_buddy_has_a_few_addresses_and_the_first_stays() {
        let mut bob = Addresses::from("bob:1");
        bob.add(&"0.0.0.0:2,bob:1,x:3".into());
        assert_eq!(Vec::from_iter(bob.dialable()), ["bob:1", "x:3"]);
        bob.complete([192, 0, 2, 7].into());
        assert_eq!(bob, "bob:1,192.0.2.7:2,x:3".into());
        bob.add(&"y:4,z:5".into());
        assert_eq!(bob.iter().count(), MAX_ADDRESSES);
        assert_eq!(bob.first(), "bob:1");
        let mut long = Addresses::from(&*format!("{}:1", "a".repeat(MAX_ADDRESS - 4)));
        long.add(&"b:2,c:3".into());
        assert_eq!(long.iter().count(), 1, "it would not fit the frame");
        let mut near = Addresses::from("[::]:8030");
        near.complete("fe80::1".parse().expect("an address"));
        assert_eq!(near.dialable().count(), 0, "it holds on one cable only");
    }

    #[test]
    fn a_roll_is_bounded_in_buddies_and_in_addresses_of_each() {
        let reads = |roll: &[&str]| {
            let roll = postcard::to_stdvec(roll).expect("encoded");
            postcard::from_bytes::<Roll>(&roll).is_ok()
        };
        assert!(reads(&["a:1,b:2,c:3,d:4"]));
        assert!(!reads(&["a:1,b:2,c:3,d:4,e:5"]));
        assert!(!reads(&["a:1,"]) && !reads(&[",a:1"]) && !reads(&[""]));
        let most = ["a".repeat(MAX_ADDRESS - 6), "b:1".into()].join(":1,");
        assert_eq!(most.len(), MAX_ADDRESS);
        let roll = vec![&*most; MAX_BUDDIES + 1];
        assert!(reads(&roll));
        let bytes = postcard::to_stdvec(&roll).expect("encoded").len();
        assert!(bytes + 1024 < crate::net::MAX_FRAME, "{bytes} fit a frame");
        assert!(!reads(&vec!["a:1"; MAX_BUDDIES + 2]));
        assert!(!reads(&["a".repeat(MAX_ADDRESS).as_str()]));
    }
}
