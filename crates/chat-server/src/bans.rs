//! Which addresses are kept out, for how long and why. PURE: the caller hands in the time since
//! 1970, because bans outlive the server.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use common::chat::{Ban, Listed, Refusal, Result};

use crate::names::Nick;

/// Most bans that are kept: with reasons, a file of a third of a megabyte.
const MOST: usize = 1000;

/// An IPv4 address is the last 32 bits of an IPv6 address (RFC 4291, 2.5.5.2).
const V4: u8 = 96;

/// The widest networks that can be banned: /8, and /16 in IPv6. A wider one would be a mistake.
const WIDEST: [u8; 2] = [V4 + 8, 16];

/// The addresses that begin with the same bits. IPv4 is written as IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subnet {
    prefix: u8,
    bits: u128,
}

impl Subnet {
    fn new(ip: IpAddr, prefix: u8) -> Self {
        let bits = match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix));
        Self {
            prefix,
            bits: bits.to_bits() & mask.unwrap_or(0),
        }
    }

    /// Returns the addresses that the person at `ip` can easily have: /32, or /64 in IPv6.
    pub(crate) fn around(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        let around = Self::new(ip, if ip.is_ipv4() { 128 } else { 64 });
        // One address alone, if all of IPv4 has the same beginning: ::1 has.
        let is_narrow = around.prefix >= around.widest();
        if is_narrow {
            around
        } else {
            Self::new(ip, 128)
        }
    }

    /// Returns whether both are in one site: in IPv6 the first 48 bits, which a provider gives to
    /// one customer at most. An IPv4 address is a site.
    pub(crate) fn has_site_of(self, other: Self) -> bool {
        let is_v6 = self.widest() == WIDEST[1];
        let site = |subnet: Self| subnet.bits >> 80;
        self == other || is_v6 && self.prefix >= 48 && site(self) == site(other)
    }

    /// Returns an address, or a network in CIDR notation.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((ip, length)) = text.split_once('/') else {
            return text.parse().ok().map(Self::around);
        };
        let (ip, length): (IpAddr, u8) = (ip.parse().ok()?, length.parse().ok()?);
        let begin = if ip.is_ipv4() { V4 } else { 0 };
        let prefix = begin.checked_add(length).filter(|&prefix| prefix <= 128)?;
        let subnet = Self::new(ip, prefix);
        (subnet.prefix >= subnet.widest()).then_some(subnet)
    }

    /// Returns the length of the widest network around this one that can be banned. What is written
    /// as IPv6 may be IPv4 as well: `::/16` would be all of it.
    fn widest(self) -> u8 {
        let with_ipv4 = Self::new(Ipv4Addr::UNSPECIFIED.into(), self.prefix.min(V4));
        let own = Self::new(Ipv6Addr::from_bits(self.bits).into(), with_ipv4.prefix);
        WIDEST[usize::from(own != with_ipv4)]
    }

    /// Returns whether `ip` is one of these addresses.
    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        Self::new(ip, self.prefix) == self
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = Ipv6Addr::from_bits(self.bits).to_canonical();
        let begin = if ip.is_ipv4() { V4 } else { 0 };
        write!(f, "{ip}/{}", self.prefix.saturating_sub(begin))
    }
}

/// Whom an operator names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    Addresses(Subnet),
    Nick(Nick),
}

impl Whom {
    /// Returns whom `text` names, or a sentence for the operator.
    pub(crate) fn new(text: &str) -> Result<Self> {
        match Subnet::parse(text) {
            Some(addresses) => Ok(Self::Addresses(addresses)),
            None if text.contains(['/', ':']) => Err(Refusal::Unfit(
                "a network is an address, / and its length: from /8 to /32, in IPv6 from /16"
                    .into(),
            )),
            None => Nick::new(text).map(Self::Nick).map_err(Refusal::Unfit),
        }
    }
}

/// The bans that hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bans(BTreeMap<Subnet, Ban>);

impl Bans {
    /// Returns whether `ip` is kept out. It looks once for each length of a network, because this
    /// is asked with every call.
    pub(crate) fn hold(&self, ip: IpAddr, now: Duration) -> bool {
        let mut next = self.0.keys().next().map(|subnet| subnet.prefix);
        while let Some(prefix) = next {
            let ban = self.0.get(&Subnet::new(ip, prefix));
            if ban.is_some_and(|ban| !is_over(ban, now)) {
                return true;
            }
            let longer = Subnet {
                prefix: prefix + 1,
                bits: 0,
            };
            next = self
                .0
                .range(longer..)
                .next()
                .map(|(subnet, _)| subnet.prefix);
        }
        false
    }

    /// Bans `subnet` for the holder of `nick`, until a time or for ever.
    pub(crate) fn add(
        &mut self,
        subnet: Subnet,
        nick: &str,
        why: &str,
        until: Option<Duration>,
        now: Duration,
    ) -> Result<()> {
        self.0.retain(|_, ban| !is_over(ban, now));
        if self.0.len() >= MOST && !self.0.contains_key(&subnet) {
            return Err(Refusal::Share(format!(
                "there are {MOST} bans already: lift one, or ban a network"
            )));
        }
        let until_ms = until.map_or(0, |until| {
            u64::try_from(until.as_millis()).unwrap_or(u64::MAX)
        });
        let ban = Ban {
            network: subnet.to_string(),
            nick: nick.to_owned(),
            why: why.to_owned(),
            until_ms,
        };
        self.0.insert(subnet, ban);
        Ok(())
    }

    /// Lifts the bans for a nick, or the one on these addresses.
    pub(crate) fn lift(&mut self, whom: &Whom) -> Result<()> {
        let before = self.0.len();
        self.0.retain(|subnet, ban| match whom {
            Whom::Addresses(addresses) => subnet != addresses,
            Whom::Nick(nick) => nick.text.to_lowercase() != ban.nick.to_lowercase(),
        });
        if self.0.len() == before {
            return Err(Refusal::Nobody);
        }
        Ok(())
    }

    /// Returns the bans that hold.
    pub(crate) fn all(&self, now: Duration) -> impl Iterator<Item = &Ban> {
        self.0.values().filter(move |ban| !is_over(ban, now))
    }

    /// Returns the bans that hold, after the one of this network or from the first one on.
    pub(crate) fn list(&self, after: &str, now: Duration) -> Listed<Ban> {
        let is_next = usize::from(!after.is_empty());
        let rest = self
            .all(now)
            .skip_while(|ban| is_next > 0 && ban.network != after);
        Listed::first(rest.skip(is_next).cloned())
    }

    /// Returns all bans as lines of text: network, end, nick and reason, with tabs between them.
    pub(crate) fn text(&self) -> String {
        let line = |ban: &Ban| {
            let why = ban.why.replace(|c: char| c.is_control(), " ");
            format!("{}\t{}\t{}\t{why}\n", ban.network, ban.until_ms, ban.nick)
        };
        self.0.values().map(line).collect()
    }

    /// Takes in the bans of another text.
    #[cfg(any(test, feature = "nats"))]
    pub(crate) fn take(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the bans of a [`text`](Self::text), or the first line that is not one.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut bans = Self::default();
        for line in text.lines() {
            let mut words = line.splitn(4, '\t');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (network, until, nick, why) = (word(), word(), word(), word());
            let subnet = Subnet::parse(&network).ok_or_else(|| line.to_owned())?;
            let until_ms = until.parse().map_err(|_| line.to_owned())?;
            let ban = Ban {
                network,
                nick,
                why,
                until_ms,
            };
            bans.0.insert(subnet, ban);
        }
        Ok(bans)
    }
}

fn is_over(ban: &Ban, now: Duration) -> bool {
    ban.until_ms != 0 && Duration::from_millis(ban.until_ms) <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn banned(whom: &str) -> Bans {
        let Ok(Whom::Addresses(subnet)) = Whom::new(whom) else {
            panic!("{whom} is a nick")
        };
        let mut bans = Bans::default();
        bans.add(subnet, "eve", "too\nloud", None, at(1))
            .expect("room");
        bans
    }

    #[test]
    fn a_ban_is_of_a_network() {
        let table = [
            // what is banned, what it is called, who is out, who is not
            ("10.0.0.7", "10.0.0.7/32", "::ffff:10.0.0.7", "10.0.0.8"),
            ("10.0.0.7/24", "10.0.0.0/24", "10.0.0.255", "10.0.1.0"),
            ("::ffff:10.0.0.7", "10.0.0.7/32", "10.0.0.7", "::1"),
            ("::1", "::1/128", "::1", "10.0.0.7"),
            (
                "2001:db8:1:2::7",
                "2001:db8:1:2::/64",
                "2001:db8:1:2:f::",
                "2001:db8:1:3::",
            ),
            (
                "2001:db8::/32",
                "2001:db8::/32",
                "2001:db8:f::1",
                "2001:db9::",
            ),
        ];
        for (whom, name, out, other) in table {
            let bans = banned(whom);
            let names: Vec<_> = bans.all(at(2)).map(|ban| &ban.network).collect();
            assert_eq!(names, [name]);
            assert!(
                bans.hold(ip(out), at(2)) && !bans.hold(ip(other), at(2)),
                "{whom}"
            );
        }
        const WRONG: &str = "10.0.0.0/7 10.0.0.0/33 8000::/15 10.0.0.0/x 1:2 ::/129 ::/16 \
            ::ffff:0:0/96 ::ffff:10.0.0.0/103";
        for wrong in WRONG.split(' ') {
            assert!(Whom::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_ban_ends_by_itself_or_is_lifted_by_either_name() {
        let mut bans = banned("10.0.0.7");
        let subnet = Subnet::around(ip("10.0.0.8"));
        bans.add(subnet, "bob", "", Some(at(9)), at(1))
            .expect("room");
        assert!(bans.hold(ip("10.0.0.8"), at(8)) && !bans.hold(ip("10.0.0.8"), at(9)));
        assert_eq!(bans.all(at(9)).count(), 1);
        for whom in ["Eve", "10.0.0.7"] {
            let mut bans = bans.clone();
            let whom = Whom::new(whom).expect("somebody");
            assert_eq!(bans.lift(&whom), Ok(()));
            assert!(!bans.hold(ip("10.0.0.7"), at(2)));
            assert_eq!(bans.lift(&whom), Err(Refusal::Nobody));
        }
    }

    #[test]
    fn bans_are_written_and_read() {
        let bans = banned("2001:db8::/32");
        assert_eq!(bans.text(), "2001:db8::/32\t0\teve\ttoo loud\n");
        let read = Bans::read(&bans.text()).expect("bans");
        assert_eq!(read.text(), bans.text());
        assert!(read.hold(ip("2001:db8::1"), at(2)));
        assert_eq!(Bans::read("what?\n").err().as_deref(), Some("what?"));
    }

    #[test]
    fn the_number_of_bans_is_bounded() {
        let mut bans = Bans::default();
        let mut add = |n: u32, until| {
            let subnet = Subnet::around(IpAddr::from(n.to_be_bytes()));
            bans.add(subnet, "", "", until, at(1))
        };
        for n in 0..MOST as u32 {
            assert_eq!(add(n, Some(at(2))), Ok(()));
        }
        assert!(matches!(add(1 << 20, None), Err(Refusal::Share(_))));
    }
}
