//! The lobby: callers that have not greeted yet, or not yet proven that they have the key. PURE.
//!
//! A stranger can open connections and say nothing. Each takes a place of the server until its time
//! is over. So only a part of the places is for those who are in the lobby. When that part is full,
//! a newcomer still comes in, and one that waits has to go: of the site that has the most the
//! address that has the most, and of that its oldest one. So an address that crowds the lobby
//! pushes out its own connections, and so does a home with its 65,536 networks (RIPE-690). A caller
//! who greets at once is in the lobby for a round trip only. (sshd's `MaxStartups` turns newcomers
//! away instead, at random, and so the honest ones as well.)

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use super::quota::Network;

/// A number for each stay in a lobby.
pub(super) type Ticket = u64;

/// Who is in the lobby, by address.
#[derive(Debug)]
pub(super) struct Lobby {
    most: usize,
    count: usize,
    next: Ticket,
    /// the stays of each address, the oldest first
    stays: HashMap<Network, VecDeque<Ticket>>,
}

impl Lobby {
    /// An empty lobby for `most` callers, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            count: 0,
            next: 0,
            stays: HashMap::new(),
        }
    }

    /// Lets a caller from `ip` in. Returns its ticket, and that of the caller who has to go for it,
    /// who is out then.
    pub(super) fn enter(&mut self, ip: IpAddr) -> (Ticket, Option<Ticket>) {
        let ticket = self.next;
        self.next += 1;
        self.count += 1;
        self.stays.entry(ip.into()).or_default().push_back(ticket);
        let gone = (self.count > self.most).then(|| self.oldest_of_the_largest());
        let gone = gone.flatten();
        if let Some((network, ticket)) = gone {
            self.remove(network, ticket);
        }
        (ticket, gone.map(|(_, ticket)| ticket))
    }

    /// Lets the caller from `ip` with this `ticket` out, because it has greeted or is gone.
    pub(super) fn leave(&mut self, ip: IpAddr, ticket: Ticket) {
        self.remove(ip.into(), ticket);
    }

    fn oldest_of_the_largest(&self) -> Option<(Network, Ticket)> {
        // Each IPv4 address is a site.
        let site = |network: Network| network.site().map_or(network, Network::V6);
        let mut at_site = HashMap::<_, usize>::new();
        for (network, stays) in &self.stays {
            *at_site.entry(site(*network)).or_default() += stays.len();
        }
        let largest = self.stays.iter().filter_map(|(network, stays)| {
            let oldest = *stays.front()?;
            let sizes = (at_site.get(&site(*network)), stays.len());
            Some((sizes, Reverse(oldest), *network))
        });
        let (_, oldest, network) = largest.max_by_key(|(sizes, oldest, _)| (*sizes, *oldest))?;
        Some((network, oldest.0))
    }

    fn remove(&mut self, network: Network, ticket: Ticket) {
        let Some(stays) = self.stays.get_mut(&network) else {
            return;
        };
        let before = stays.len();
        stays.retain(|stay| *stay != ticket);
        self.count -= before - stays.len();
        if stays.is_empty() {
            self.stays.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    #[test]
    fn who_crowds_the_lobby_pushes_out_its_own() {
        let mut lobby = Lobby::new(3);
        let crowd: Vec<_> = (0..5).map(|_| lobby.enter(ip(1))).collect();
        assert_eq!(
            crowd,
            [(0, None), (1, None), (2, None), (3, Some(0)), (4, Some(1))]
        );
        // One from elsewhere comes in, and stays when the crowd grows.
        assert_eq!(lobby.enter(ip(2)), (5, Some(2)));
        assert_eq!(lobby.enter(ip(1)), (6, Some(3)));
        lobby.leave(ip(2), 5);
        assert_eq!(lobby.enter(ip(3)), (7, None), "a free place");
    }

    #[test]
    fn a_caller_never_has_to_go_for_itself() {
        let mut lobby = Lobby::new(0);
        assert_eq!(lobby.enter(ip(1)), (0, None), "there is room for one");
        assert_eq!(lobby.enter(ip(2)), (1, Some(0)));
    }

    #[test]
    fn among_equals_the_oldest_goes_and_never_more_than_one() {
        let mut lobby = Lobby::new(2);
        assert_eq!(lobby.enter(ip(1)), (0, None));
        assert_eq!(lobby.enter(ip(2)), (1, None));
        assert_eq!(lobby.enter(ip(3)), (2, Some(0)));
        lobby.leave(ip(1), 0); // it learns late that it is out
        assert_eq!(lobby.enter(ip(4)), (3, Some(1)));
        for ticket in 2..4 {
            lobby.leave(ip(ticket as u8 + 1), ticket);
        }
        assert_eq!((lobby.count, lobby.stays.len()), (0, 0), "nothing is kept");
    }

    #[test]
    fn a_site_that_crowds_the_lobby_from_many_networks_pushes_out_its_own() {
        let mut lobby = Lobby::new(4);
        let home = |n: u16| IpAddr::from([0x2001, 0xdb8, 1, n, 0, 0, 0, 1]);
        assert_eq!(lobby.enter(ip(1)), (0, None), "and is slow");
        let far = [0x2001, 0xdb8, 2, 0, 0, 0, 0, 1].into();
        assert_eq!(lobby.enter(far), (1, None), "as well");
        assert_eq!(lobby.enter(home(0)), (2, None));
        assert_eq!(lobby.enter(home(1)), (3, None));
        for n in 2..1000 {
            let (ticket, gone) = lobby.enter(home(n));
            assert_eq!(gone, Some(ticket - 2), "its own oldest");
        }
        // Within a site it is the network with the most, though another waits for longer.
        assert_eq!(lobby.enter(home(999)), (1002, Some(1001)));
    }
}
