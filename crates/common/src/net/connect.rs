//! Dialling: from the text that a person typed to a greeted connection.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

use super::doctor::{Error, Trouble};
use super::{CONNECT_LIMIT, greeting};

/// Returns all addresses of `target`, which is `HOST:PORT`; at least one.
///
/// # Errors
/// [`Trouble::Address`] or [`Trouble::Name`].
pub async fn resolve(target: &str, service: &'static str) -> Result<Vec<SocketAddr>, Error> {
    let error = |trouble| Error {
        trouble,
        service,
        target: target.to_owned(),
        addr: None,
        own: None,
    };
    let port = target.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err(error(Trouble::Address));
    }
    let lookup = timeout(CONNECT_LIMIT, lookup_host(target)).await;
    let found = match lookup {
        Ok(found) => found.map_err(|e| error(Trouble::Name(e.to_string())))?,
        Err(_) => return Err(error(Trouble::Name("no name server answers".into()))),
    };
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(error(Trouble::Name("the name has no address".into())));
    }
    Ok(found)
}

/// Returns a greeted connection to the first address of `target` that answers. The addresses share
/// the [`CONNECT_LIMIT`], so that a name with many addresses takes no longer than one.
///
/// # Errors
/// [`Error`] about the first address that this machine has a route to, because an IPv6 address says
/// nothing about a server where there is only IPv4. Without a route, about the first address.
pub async fn dial(target: &str, service: &'static str) -> Result<TcpStream, Error> {
    let addrs = resolve(target, service).await?;
    let limit = CONNECT_LIMIT / u32::try_from(addrs.len()).unwrap_or(u32::MAX);
    let mut failed = Vec::new();
    for addr in addrs {
        match connect(addr, service, limit).await {
            Ok(io) => return Ok(io),
            Err(trouble) => failed.push((trouble, addr)),
        }
    }
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

async fn connect(
    addr: SocketAddr,
    service: &'static str,
    limit: Duration,
) -> Result<TcpStream, Trouble> {
    let mut io = match timeout(limit, TcpStream::connect(addr)).await {
        Ok(connected) => connected.map_err(|error| Trouble::connecting(&error))?,
        Err(_) => return Err(Trouble::NoAnswer),
    };
    prepare(&io);
    greeting::exchange(&mut io, service).await?;
    Ok(io)
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
