//! Dialling: from the text that a person typed to a greeted connection.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::TryFutureExt;
use rand::seq::SliceRandom;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::CONNECT_LIMIT;
use super::doctor::{Error, Trouble};
use super::pipe::Pipe;
use super::race::race;
use super::resolve::resolve;
use super::seal::Protocol;

/// Most addresses of one name that are dialled. Who answers for a name must not be able to make
/// this machine knock at any number of doors.
const MAX_DIALLED: usize = 8;

/// A greeted connection, and how far away the other end is.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub io: Pipe,
    /// The time of one message there and one back: the shorter one of the connect and of the
    /// greeting, because one of them may have been sent twice.
    pub round_trip: Duration,
    /// Where it leads.
    pub peer: Peer,
}

/// Where a connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address that answered.
    pub addr: SocketAddr,
    /// How many addresses its name has, at least one. If there are more, another one may answer
    /// when this one does not.
    pub addresses: usize,
}

/// Returns a greeted connection to an address of `target`, whichever answers first, sealed if
/// `protocol` is. The addresses are tried [side by side](race), so that a silent one does not take
/// the time of the others. Which address of a family is the first is random, because the servers
/// behind one name share their callers.
///
/// # Errors
/// [`Error`] about the first address that this machine has a route to, because an IPv6 address says
/// nothing about a server where there is only IPv4. Without a route, about the first address.
pub async fn dial(target: &str, protocol: impl Into<Protocol>) -> Result<Dialled, Error> {
    let protocol = protocol.into();
    let service = protocol.service();
    let found = resolve(target, service).await?;
    let addresses = found.len();
    let addrs = alternate(found, |family| family.shuffle(&mut rand::rng()));
    let limit = Instant::now() + CONNECT_LIMIT;
    let connect = |addr| {
        let peer = Peer { addr, addresses };
        let connected = connect(peer, &protocol, limit);
        connected.map_err(move |trouble| (trouble, addr))
    };
    let failed = match race(addrs.into_iter().take(MAX_DIALLED).map(connect)).await {
        Ok(dialled) => return Ok(dialled),
        Err(failed) => failed,
    };
    let says_little = |trouble: &Trouble| matches!(trouble, Trouble::NoRoute | Trouble::Other(_));
    let (trouble, addr) = match failed.into_iter().min_by_key(|(t, _)| says_little(t)) {
        Some((trouble, addr)) => (trouble, Some(addr)),
        None => (Trouble::NoAnswer, None),
    };
    let own = match addr {
        Some(addr) => own_address(addr).await,
        None => None,
    };
    let target = target.to_owned();
    Err(Error {
        trouble,
        service,
        target,
        addr,
        own,
    })
}

/// Returns the same addresses so that IPv6 and IPv4 take turns, because one of the two families
/// may be silent as a whole. The system's choice of the first family stays; `shuffle` mixes each.
fn alternate(
    addrs: Vec<SocketAddr>,
    mut shuffle: impl FnMut(&mut [SocketAddr]),
) -> Vec<SocketAddr> {
    let begins_with_v4 = addrs.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut second): (Vec<_>, Vec<_>) = addrs
        .into_iter()
        .partition(|addr| addr.is_ipv4() == begins_with_v4);
    shuffle(&mut first);
    shuffle(&mut second);
    let mut second = second.into_iter();
    let mut mixed = Vec::new();
    for addr in first {
        mixed.push(addr);
        mixed.extend(second.next());
    }
    mixed.extend(second);
    mixed
}

async fn connect(peer: Peer, protocol: &Protocol, limit: Instant) -> Result<Dialled, Trouble> {
    let began = Instant::now();
    let io = match timeout_at(limit, TcpStream::connect(peer.addr)).await {
        Ok(connected) => connected.map_err(|error| Trouble::connecting(&error))?,
        Err(_) => return Err(Trouble::NoAnswer),
    };
    let connected = Instant::now();
    prepare(&io);
    let io = protocol.call(io).await?;
    // Both are looked at, because the first packet to a machine waits for its hardware address.
    let round_trip = (connected.elapsed() / protocol.round_trips()).min(connected - began);
    Ok(Dialled {
        io,
        round_trip,
        peer,
    })
}

/// How long a connection may be silent before the system asks the other machine whether it is
/// there, how long it waits for each answer, and how often it asks: a machine that is switched off
/// is noticed within half a minute.
const PROBE_AFTER: Duration = Duration::from_secs(15);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// Sets what each of our connections has. A failure is not reported, because it only happens on a
/// connection that is gone already, and the greeting will say so.
pub(super) fn prepare(io: &TcpStream) {
    // A small message must not wait for the acknowledgement of an earlier one.
    let _ = io.set_nodelay(true);
    let probes = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_EVERY)
        .with_retries(PROBES);
    let _ = SockRef::from(io).set_tcp_keepalive(&probes);
}

/// Returns the address of this machine that packets to `target` would carry. Nothing is sent,
/// because connecting a UDP socket only asks the routing table.
pub(super) async fn own_address(target: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(target).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn no_connection_delays_small_messages_or_outlives_its_machine_unnoticed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let io = TcpStream::connect(addr).await.expect("it listens");
        prepare(&io);
        assert!(io.nodelay().expect("known"));
        assert!(SockRef::from(&io).keepalive().expect("known"));
    }

    #[test]
    fn the_families_take_turns() {
        let addr = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let six = ["[::1]:1", "[::2]:1", "[::3]:1"].map(addr);
        let four = ["1.1.1.1:1", "2.2.2.2:1"].map(addr);
        let mixed = alternate([&six[..], &four].concat(), |_| {});
        assert_eq!(mixed, [six[0], four[0], six[1], four[1], six[2]]);
        let mixed = alternate([&four[..], &six].concat(), |_| {});
        assert_eq!(mixed, [four[0], six[0], four[1], six[1], six[2]]);
        let mixed = alternate([&four[..], &six].concat(), <[_]>::reverse);
        assert_eq!(mixed, [four[1], six[2], four[0], six[1], six[0]]);
    }
}
