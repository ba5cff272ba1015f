//! From a name to addresses.
//!
//! A program asks the system's libc, which knows the files and services that the machine is set up
//! to ask. A static program cannot, because its own libc would load parts of the machine's, and
//! those of another version end it with a crash. So it has a resolver of its own, `static_names`.

use std::io;
use std::net::SocketAddr;
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static")))]
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::LOOK_UP_LIMIT;
use super::doctor::{Error, Trouble};
#[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
use static_names::lookup_host;

#[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
mod static_names;

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
    let no_server = || error(Trouble::Name("no name server answers".into()));
    let found = match timeout(LOOK_UP_LIMIT, lookup_host(target)).await {
        Ok(Ok(found)) => found,
        Ok(Err(why)) if why.kind() == io::ErrorKind::TimedOut => return Err(no_server()),
        Ok(Err(why)) => return Err(error(Trouble::Name(why.to_string()))),
        Err(_) => return Err(no_server()),
    };
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(error(Trouble::Name("the name has no address".into())));
    }
    Ok(found)
}
