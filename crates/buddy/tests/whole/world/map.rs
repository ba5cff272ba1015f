//! Which address leads to which buddy, from where.
//!
//! On the simple map each buddy has a machine of its own, and its number is a name that all know.
//! On a drawn map there are two private networks and a public one, machines with several buddies,
//! and a loopback address leads to another buddy on each machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rand::RngExt;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

/// Machines of a drawn map: two in each private network, and one outside.
const NETWORKS: [u8; 5] = [1, 1, 2, 2, PUBLIC];
const PUBLIC: u8 = 0;

/// The port of the first buddy on a machine.
const PORT: u16 = 8000;

/// Where the buddies are.
pub(crate) enum Map {
    Simple,
    /// a name is known only to the buddy before
    Names,
    /// the machine of each buddy, the first of which is number 1
    Drawn(Vec<usize>),
}

impl Map {
    pub(crate) fn draw(dice: &mut SmallRng, size: usize) -> Self {
        let machine = |_| dice.random_range(0..NETWORKS.len());
        Self::Drawn((0..size).map(machine).collect())
    }

    /// Returns where Buddy `n` listens.
    pub(crate) fn listen(&self, n: usize) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.port(n))
    }

    fn port(&self, n: usize) -> u16 {
        match self {
            Self::Drawn(machines) => {
                let before = machines[..n - 1].iter();
                let beside = before.filter(|it| **it == machines[n - 1]).count();
                PORT + beside as u16
            }
            _ => PORT,
        }
    }

    /// Draws an address that leads from Buddy `from` to Buddy `to`.
    pub(crate) fn typed(&self, dice: &mut SmallRng, from: usize, to: usize) -> String {
        let Self::Drawn(machines) = self else {
            return to.to_string();
        };
        let (here, there) = (machines[from - 1], machines[to - 1]);
        let mut ways = vec![public(there)];
        if here == there {
            ways.push(Ipv4Addr::LOCALHOST.into());
        }
        if NETWORKS[here] == NETWORKS[there] && NETWORKS[there] != PUBLIC {
            ways.push(private(there));
        }
        let way = *ways.choose(dice).expect("one");
        SocketAddr::new(way, self.port(to)).to_string()
    }

    /// Returns the buddy to which `address` leads from Buddy `from`, and from where that one sees
    /// the call come. `None` is an address that does not lead anywhere from there.
    pub(crate) fn leads(&self, from: usize, address: &str, next: usize) -> Option<(usize, IpAddr)> {
        let Ok(addr) = address.parse::<SocketAddr>() else {
            let n = address.parse().expect("a number");
            let is_known = !matches!(self, Self::Names) || n == next;
            return is_known.then_some((n, super::machine(from)));
        };
        let Self::Drawn(machines) = self else {
            let IpAddr::V4(ip) = addr.ip() else {
                return None;
            };
            let [_, _, high, low] = ip.octets();
            return Some((
                usize::from(high) << 8 | usize::from(low),
                super::machine(from),
            ));
        };
        let here = machines[from - 1];
        let (there, seen) = match addr.ip() {
            ip if ip.is_loopback() => (here, ip),
            ip => {
                let there = (0..NETWORKS.len()).find(|m| ip == public(*m) || ip == private(*m))?;
                let is_inside = NETWORKS[here] == NETWORKS[there];
                match ip == public(there) {
                    true => (there, public(here)),
                    false if is_inside => (there, private(here)),
                    false => return None,
                }
            }
        };
        let mut buddies = (1..=machines.len()).filter(|n| machines[n - 1] == there);
        let whom = buddies.find(|n| self.port(*n) == addr.port());
        Some((whom.unwrap_or(0), seen))
    }
}

fn public(machine: usize) -> IpAddr {
    IpAddr::from([198, 51, 100, machine as u8])
}

fn private(machine: usize) -> IpAddr {
    IpAddr::from([172, NETWORKS[machine], 0, machine as u8])
}
