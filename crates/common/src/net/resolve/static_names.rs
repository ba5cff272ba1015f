//! A resolver for static programs: it reads the machine's files and asks its name servers, and
//! loads nothing.
//!
//! It knows what nearly all machines need: numbers, `/etc/hosts`, `localhost`, and DNS with the
//! name servers, search domains and options of `/etc/resolv.conf`. It does not know the services of
//! `/etc/nsswitch.conf`, such as mDNS (`.local`). Files are read at each look-up, because a laptop
//! changes its network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};

/// Returns the addresses of `target`, which is `HOST:PORT`.
///
/// # Errors
/// If the name is unknown; [`io::ErrorKind::TimedOut`] if no name server answers.
pub(super) async fn lookup_host(target: &str) -> io::Result<impl Iterator<Item = SocketAddr>> {
    if let Ok(address) = SocketAddr::from_str(target) {
        return Ok(vec![address].into_iter());
    }
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what);
    let (host, port) = target.rsplit_once(':').ok_or_else(|| invalid("no port"))?;
    let port = u16::from_str(port).map_err(|_| invalid("no port"))?;
    let name = Name::from_utf8(host).map_err(|_| invalid("that is not a name"))?;
    let addresses = match in_hosts(&name) {
        Some(addresses) => addresses,
        None if name.is_localhost() => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        None => in_dns(host).await?,
    };
    let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port));
    Ok(addresses.collect::<Vec<_>>().into_iter())
}

/// Returns the addresses of a name in `/etc/hosts`, if it is there. DNS is then not asked, because
/// the owner of the machine has decided.
fn in_hosts(name: &Name) -> Option<Vec<IpAddr>> {
    let hosts = Hosts::from_system().ok()?;
    let all = [RecordType::AAAA, RecordType::A];
    let lines = all.map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)));
    let lines = lines.iter().flatten();
    let found: Vec<IpAddr> = lines
        .flat_map(|found| found.answers())
        .filter_map(|record| record.data.ip_addr())
        .collect();
    (!found.is_empty()).then_some(found)
}

async fn in_dns(host: &str) -> io::Result<Vec<IpAddr>> {
    let (config, mut options) = system_conf::read_system_conf().unwrap_or_else(|_| {
        // As libc does where there is no file, or no name server in it.
        let own = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![own]);
        (config, ResolverOpts::default())
    });
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    let provider = TokioRuntimeProvider::default();
    let resolver = TokioResolver::builder_with_config(config, provider).with_options(options);
    let found = resolver.build().map_err(why)?.lookup_ip(host).await;
    Ok(found.map_err(why)?.into_iter().collect())
}

/// Returns a failure in the words that libc has for it.
fn why(error: NetError) -> io::Error {
    if error.is_nx_domain() || error.is_no_records_found() {
        return io::Error::new(io::ErrorKind::NotFound, "name or service not known");
    }
    match error {
        NetError::Timeout | NetError::NoConnections | NetError::Io(_) => {
            io::Error::new(io::ErrorKind::TimedOut, "no name server answers")
        }
        error => io::Error::other(error.to_string()),
    }
}
