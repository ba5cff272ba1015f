//! Which nicks are registered, and to whom. PURE: the caller hands in the time since 1970, because
//! registrations outlive the server.
//!
//! A registered nick, and every nick that looks like it, can only be had by a caller that shows its
//! public key. There is no list of persons: whoever has the key pair is the owner.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use common::chat::{PublicKey, Refusal, Result};

use crate::bans::Subnet;
use crate::names::Nick;

/// Most registered nicks: ten times the people of a large server. A file of one megabyte.
const MOST: usize = 10_000;

/// Most bytes of all of them, because the letters of some nicks take far more than those of others.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Most nicks of one public key: a name, a nickname and a bot.
const PER_KEY: usize = 3;

/// Most nicks that were registered from one address, and their bytes: two for each of a class
/// behind one router. So a stranger who makes new key pairs needs over a hundred addresses to take
/// all there is.
const PER_ADDRESS: usize = 64;
const PER_ADDRESS_BYTES: usize = MOST_BYTES / 128;

/// Most of a site, in those of an address, because a home in IPv6 has 65,536 networks (RIPE-690):
/// a stranger needs over thirty of them.
const PER_SITE: usize = 4;

/// How long a nick is kept for an owner who does not come, in milliseconds: a year.
const UNSEEN_MS: u64 = 365 * DAY_MS;

/// How old the time in the file may be at which an owner was seen last, because a file that is
/// written whenever somebody comes would be written all day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The bytes of a registration beside its texts.
const ENVELOPE: usize = 192;

/// One registered nick.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    nick: Nick,
    public: PublicKey,
    /// where it was registered
    from: Subnet,
    since_ms: u64,
    seen_ms: u64,
}

impl Owned {
    /// Returns its bytes in memory, about.
    fn bytes(&self) -> usize {
        let keys: usize = self.nick.keys.iter().map(String::len).sum();
        // The nick is kept twice, and each key as well.
        2 * (self.nick.text.len() + keys) + ENVELOPE
    }
}

/// The registered nicks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    by_nick: BTreeMap<String, Owned>,
    /// the registered nick that has a key. Of several, which have one owner then, any
    by_key: HashMap<String, String>,
    /// rises with every change that the file should learn of
    pub(crate) version: u64,
}

impl Owners {
    /// Returns whether a nick, or one that looks like it, is registered.
    pub(crate) fn holds(&self, nick: &Nick, now: Duration) -> bool {
        self.like(nick).any(|owned| !is_over(owned, millis(now)))
    }

    /// Returns whether exactly this nick is registered.
    pub(crate) fn is_registered(&self, text: &str, now: Duration) -> bool {
        let owned = self.by_nick.get(text);
        owned.is_some_and(|owned| !is_over(owned, millis(now)))
    }

    /// Refuses a nick that is registered to another public key than `shown`.
    pub(crate) fn check(&self, nick: &Nick, shown: Option<PublicKey>, now: Duration) -> Result<()> {
        let is_other = |owned: &&Owned| !is_over(owned, millis(now)) && shown != Some(owned.public);
        match self.like(nick).find(is_other) {
            Some(owned) => Err(Refusal::Registered(owned.nick.text.clone())),
            None => Ok(()),
        }
    }

    /// Notes that the owner of a nick is here.
    pub(crate) fn sees(&mut self, nick: &Nick, owner: PublicKey, now: Duration) {
        let now = millis(now);
        for key in &nick.keys {
            let text = self.by_key.get(key);
            let owned = text.and_then(|text| self.by_nick.get_mut(text));
            if let Some(owned) = owned.filter(|owned| owned.public == owner)
                && now.saturating_sub(owned.seen_ms) >= DAY_MS
            {
                owned.seen_ms = now;
                self.version += 1;
            }
        }
    }

    /// Registers a nick, which a caller at `ip` has. `is_free` says whether that address has no
    /// share of its own.
    ///
    /// # Errors
    /// If it is another one's, or there are too many: of all, of this key or of this address.
    pub(crate) fn add(
        &mut self,
        nick: &Nick,
        public: PublicKey,
        ip: IpAddr,
        is_free: bool,
        now: Duration,
    ) -> Result<()> {
        self.check(nick, Some(public), now)?;
        let now_ms = millis(now);
        self.end(|owned| is_over(owned, now_ms));
        if self.by_nick.contains_key(&nick.text) {
            return Ok(());
        }
        let new = Owned {
            nick: nick.clone(),
            public,
            from: Subnet::around(ip),
            since_ms: now_ms,
            seen_ms: now_ms,
        };
        self.has_place(&new, is_free)?;
        self.insert(new);
        self.version += 1;
        Ok(())
    }

    fn has_place(&self, new: &Owned, is_free: bool) -> Result<()> {
        let count = |fits: &dyn Fn(&Owned) -> bool| {
            let all = self.by_nick.values().filter(|owned| fits(owned));
            all.fold((1, new.bytes()), |(count, bytes), owned| {
                (count + 1, bytes + owned.bytes())
            })
        };
        let (of_key, _) = count(&|owned| owned.public == new.public);
        if of_key > PER_KEY {
            return Err(Refusal::Share(format!(
                "you have registered {PER_KEY} names already: an operator can free one"
            )));
        }
        let (here, bytes_here) = count(&|owned| owned.from == new.from);
        if !is_free && (here > PER_ADDRESS || bytes_here > PER_ADDRESS_BYTES) {
            return Err(Refusal::Share(
                "too many names were registered from your address: an operator can free some"
                    .into(),
            ));
        }
        let (near, bytes_near) = count(&|owned| owned.from.has_site_of(new.from));
        if !is_free && (near > PER_SITE * PER_ADDRESS || bytes_near > PER_SITE * PER_ADDRESS_BYTES)
        {
            return Err(Refusal::Share(
                "too many names were registered from your site: an operator can free some".into(),
            ));
        }
        let (all, bytes) = count(&|_| true);
        if all > MOST || bytes > MOST_BYTES {
            return Err(Refusal::Share(
                "the server has as many registered names as it keeps: an operator can free some"
                    .into(),
            ));
        }
        Ok(())
    }

    fn insert(&mut self, owned: Owned) {
        let text = &owned.nick.text;
        for key in &owned.nick.keys {
            self.by_key
                .entry(key.clone())
                .or_insert_with(|| text.clone());
        }
        self.by_nick.insert(text.clone(), owned);
    }

    /// Frees a nick, and those that look like it. Returns whether there were any.
    pub(crate) fn release(&mut self, nick: &Nick) -> bool {
        self.end(|owned| owned.nick.keys.iter().any(|key| nick.keys.contains(key)))
    }

    /// Ends registrations. Returns whether there were any.
    fn end(&mut self, ends: impl Fn(&Owned) -> bool) -> bool {
        let before = self.by_nick.len();
        self.by_nick.retain(|_, owned| !ends(owned));
        if self.by_nick.len() == before {
            return false;
        }
        self.version += 1;
        // Anew, because a key that is left may have been that of a nick that is gone.
        self.by_key.clear();
        for owned in std::mem::take(&mut self.by_nick).into_values() {
            self.insert(owned);
        }
        true
    }

    /// Returns the registered nicks that look like this one.
    fn like(&self, nick: &Nick) -> impl Iterator<Item = &Owned> {
        let texts = nick.keys.iter().filter_map(|key| self.by_key.get(key));
        texts.filter_map(|text| self.by_nick.get(text))
    }

    /// Returns all registrations as lines of text: nick, public key, address, and the milliseconds
    /// since 1970 of the registration and of the owner's last visit, with tabs between them.
    pub(crate) fn text(&self) -> String {
        let line = |owned: &Owned| {
            let public: String = owned.public.iter().map(|b| format!("{b:02x}")).collect();
            let (nick, from) = (&owned.nick.text, owned.from);
            format!(
                "{nick}\t{public}\t{from}\t{}\t{}\n",
                owned.since_ms, owned.seen_ms
            )
        };
        self.by_nick.values().map(line).collect()
    }

    /// Takes in a line of such a text, which another server has written at this time.
    ///
    /// # Errors
    /// If the nick is another one's already, or the line is none.
    #[cfg(any(test, feature = "nats"))]
    pub(crate) fn take(&mut self, line: &str, now: Duration) -> Result<()> {
        let owned = parse(line.trim_end()).ok_or(Refusal::Nobody)?;
        self.check(&owned.nick, Some(owned.public), now)?;
        self.insert(owned);
        self.version += 1;
        Ok(())
    }

    /// Frees exactly this nick.
    #[cfg(any(test, feature = "nats"))]
    pub(crate) fn free(&mut self, text: &str) {
        self.end(|owned| owned.nick.text == text);
    }

    /// Returns the registrations in `text`.
    ///
    /// # Errors
    /// The first line that is none.
    pub(crate) fn read(text: &str) -> std::result::Result<Self, String> {
        let mut owners = Self::default();
        for line in text.lines() {
            owners.insert(parse(line).ok_or_else(|| line.to_owned())?);
        }
        Ok(owners)
    }
}

fn parse(line: &str) -> Option<Owned> {
    let mut columns = line.split('\t');
    let mut next = || columns.next();
    let (nick, public, from) = (next()?, next()?, next()?);
    let (since, seen) = (next()?, next()?);
    let nick = Nick::new(nick).ok().filter(|read| read.text == nick)?;
    let half = |text: Option<&str>| u128::from_str_radix(text?, 16).ok();
    let (high, low) = (half(public.get(..32))?, half(public.get(32..64))?);
    let mut key = [0; 32];
    key[..16].copy_from_slice(&high.to_be_bytes());
    key[16..].copy_from_slice(&low.to_be_bytes());
    Some(Owned {
        nick,
        public: key,
        from: Subnet::parse(from)?,
        since_ms: since.parse().ok()?,
        seen_ms: seen.parse().ok()?,
    })
}

fn is_over(owned: &Owned, now_ms: u64) -> bool {
    now_ms.saturating_sub(owned.seen_ms) > UNSEEN_MS
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: PublicKey = [1; 32];
    const EVE: PublicKey = [2; 32];
    const DAY: Duration = Duration::from_millis(DAY_MS);
    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn nick(text: &str) -> Nick {
        Nick::new(text).expect("a nick")
    }

    fn add(owners: &mut Owners, name: &str, public: PublicKey, from: u8) -> Result<()> {
        let ip = [10, 0, 0, from].into();
        owners.add(&nick(name), public, ip, false, NOW)
    }

    fn key(n: usize) -> PublicKey {
        let mut key = [9; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        key
    }

    #[test]
    fn a_registered_nick_and_its_look_alikes_are_its_owners() {
        let mut owners = Owners::default();
        add(&mut owners, "ann", ANN, 1).expect("free");
        for name in ["ann", "Ann", "аnn", "ann_"] {
            let taken = Err(Refusal::Registered("ann".into()));
            assert_eq!(owners.check(&nick(name), None, NOW), taken, "{name}");
            assert_eq!(owners.check(&nick(name), Some(EVE), NOW), taken, "{name}");
            assert_eq!(owners.check(&nick(name), Some(ANN), NOW), Ok(()), "{name}");
            assert!(owners.holds(&nick(name), NOW));
        }
        assert_eq!(owners.check(&nick("anna"), None, NOW), Ok(()));
        let stolen = add(&mut owners, "Ann", EVE, 1);
        assert_eq!(stolen, Err(Refusal::Registered("ann".into())));
        add(&mut owners, "ann", ANN, 1).expect("again");
        assert_eq!(owners.version, 1, "nothing to write");
        assert!(owners.is_registered("ann", NOW) && !owners.is_registered("Ann", NOW));
        assert!(owners.release(&nick("аnn")));
        assert!(!owners.release(&nick("ann")));
        add(&mut owners, "ann", EVE, 1).expect("free again");
    }

    #[test]
    fn a_nick_whose_owner_does_not_come_for_a_year_is_free() {
        let mut owners = Owners::default();
        add(&mut owners, "ann", ANN, 1).expect("free");
        for (name, key, days, version) in
            [("ann", ANN, 0, 1), ("Ann", ANN, 2, 2), ("ann", EVE, 9, 2)]
        {
            owners.sees(&nick(name), key, NOW + days * DAY + DAY / 2);
            assert_eq!(owners.version, version, "{name} after {days} days");
        }
        let (last, over) = (NOW + 367 * DAY, NOW + 368 * DAY);
        assert!(owners.check(&nick("ann"), None, last).is_err());
        assert!(owners.check(&nick("ann"), None, over).is_ok());
        assert!(!owners.holds(&nick("ann"), over) && !owners.is_registered("ann", over));
        let ip = [10, 0, 0, 1].into();
        let again = owners.add(&nick("ann"), EVE, ip, false, over);
        again.expect("nobody's any more");
        assert!(owners.check(&nick("ann"), Some(ANN), over).is_err());
    }

    #[test]
    fn a_key_an_address_and_all_of_them_have_their_bounds() {
        let mut owners = Owners::default();
        for name in ["ann", "bo", "cy"] {
            add(&mut owners, name, ANN, 1).expect("one of three");
        }
        let fourth = add(&mut owners, "dan", ANN, 2)
            .expect_err("the fourth")
            .to_string();
        assert!(fourth.contains("you have registered 3 names"), "{fourth}");
        for n in 3..PER_ADDRESS {
            add(&mut owners, &format!("x{n}y"), key(n), 1).expect("a share");
        }
        let more = add(&mut owners, "dan", EVE, 1)
            .expect_err("above the share")
            .to_string();
        assert!(more.contains("from your address"), "{more}");
        let here = [127, 0, 0, 1].into();
        owners
            .add(&nick("dan"), EVE, here, true, NOW)
            .expect("no share");
        for n in PER_ADDRESS + 1..MOST {
            // Not with `add`, which looks at all of them each time.
            owners.insert(Owned {
                nick: nick(&format!("z{n}y")),
                public: key(n),
                from: Subnet::around([10, 1, 1, 1].into()),
                since_ms: 0,
                seen_ms: millis(NOW),
            });
        }
        let full = add(&mut owners, "eve", EVE, 3)
            .expect_err("full")
            .to_string();
        assert!(full.contains("as many registered names"), "{full}");
        let later = NOW + 366 * DAY;
        let after_a_year = owners.add(&nick("eve"), EVE, here, true, later);
        after_a_year.expect("the others are gone");
        assert_eq!(owners.text().lines().count(), 1);
    }

    #[test]
    fn the_many_networks_of_a_site_have_a_share_together() {
        let mut owners = Owners::default();
        let mut register = |site: u16, n: usize| {
            let network = u16::try_from(n).expect("few");
            let ip = [0x2001, 0xdb8, site, network, 0, 0, 0, 1].into();
            let name = nick(&format!("s{site}n{n}e"));
            owners.add(&name, key(n), ip, false, NOW)
        };
        for n in 0..PER_SITE * PER_ADDRESS {
            register(1, n).expect("a share");
        }
        let more = register(1, 9999).expect_err("above the share").to_string();
        assert!(more.contains("from your site"), "{more}");
        register(2, 0).expect("a neighbour");
        add(&mut owners, "ann", ANN, 1).expect("of another kind");
    }

    #[test]
    fn long_letters_take_more_of_the_share() {
        let mut owners = Owners::default();
        // Longer than any nick that is known, because no proof says how long its look can get.
        let wide = |n: usize| Nick {
            text: format!("x{n}"),
            keys: [0, 1].map(|half| format!("{n} {half} {}", "x".repeat(5000))),
        };
        let ip = [10, 0, 0, 1].into();
        let mut add = |n: usize| owners.add(&wide(n), key(n), ip, false, NOW);
        let share = (0..PER_ADDRESS).take_while(|&n| add(n).is_ok()).count();
        let bytes: usize = owners.by_nick.values().map(Owned::bytes).sum();
        assert!(bytes <= PER_ADDRESS_BYTES, "{bytes}");
        assert_eq!(share, 3, "{bytes}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut owners = Owners::default();
        add(&mut owners, "ann", ANN, 1).expect("free");
        let ip = "2001:db8::7".parse().expect("an address");
        owners
            .add(&nick("太郎"), EVE, ip, false, NOW)
            .expect("free");
        let text = owners.text();
        assert_eq!(
            text.lines().next(),
            Some(&*format!(
                "ann\t{}\t10.0.0.1/32\t1800000000000\t1800000000000",
                "01".repeat(32)
            ))
        );
        let read = Owners::read(&text).expect("as written");
        assert_eq!(read.text(), text);
        assert!(read.check(&nick("Ann"), Some(EVE), NOW).is_err());
        let ann = text.lines().next().expect("a line");
        for (good, bad) in [
            ("\t10", "\tx"),
            ("01", "0g"),
            ("ann", "a n"),
            ("\t18", "\t-8"),
        ] {
            let line = ann.replacen(good, bad, 1);
            assert_eq!(Owners::read(&line).err(), Some(line.clone()), "{line}");
        }
    }
}
