//! A server's port for HTTP, from its flags to the line that people read.
//!
//! HTTP is not encrypted here, so that a secret goes over it on loopback only: the admin token, the
//! premium key, and the token that stands for the lab's key. Who wants them from elsewhere puts a
//! proxy in front, which has a certificate, or comes through ssh.

use std::io::{self, Write};
use std::net::SocketAddr;

use anyhow::Context;

use super::args::Common;
use super::end::Failure;
use crate::credential::Credential;
use crate::net::http::{Door, Site};
use crate::net::{Seal, bind};

impl Common {
    /// Prints the token that callers over HTTP show, on stdout, because a script wants it.
    ///
    /// # Errors
    /// If there is no key, or stdout is closed.
    pub fn print_http_token(&self) -> anyhow::Result<()> {
        let key = self.lab_key()?.ok_or_else(|| {
            Failure::new("the token is made of a key, and there is none")
                .help("name it: --key FILE")
                .help("without a key, calls over HTTP need no token")
        })?;
        let written = writeln!(io::stdout(), "{}", key.http_token());
        written.context("cannot write the token")
    }
}

/// Checks that a secret, named `what` in errors, may come over HTTP to `addr`.
///
/// # Errors
/// If others could read it on the way, with advice.
pub fn check_http(what: &str, addr: SocketAddr) -> Result<(), Failure> {
    if addr.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let port = addr.port();
    Err(Failure::new(format!(
        "over HTTP the {what} would cross the network for all to read"
    ))
    .help(format!(
        "answer on this machine only: --http 127.0.0.1:{port}"
    ))
    .help(format!(
        "for others put caddy before it, or ssh: ssh -L {port}:127.0.0.1:{port} HOST"
    )))
}

/// Binds `addr` for HTTP, under these `names` and this machine's addresses. With a key, its token
/// is wanted of all callers.
///
/// # Errors
/// If the port is taken, for example; if there is a key and `addr` is not loopback.
pub async fn open_http(
    addr: SocketAddr,
    names: Vec<String>,
    seal: &Seal,
    service: &'static str,
) -> anyhow::Result<Door> {
    let token = seal.http_token();
    if token.is_some() {
        check_http("token of the key", addr)?;
    }
    let listener = bind(addr, service).await.context("--http")?;
    let site = Site {
        names: Some(names),
        token: token.map(|token| Credential::new(token.to_owned())),
    };
    Ok(Door { listener, site })
}

/// Prints where a server answers over HTTP: `what`, its address, and who can call.
///
/// # Errors
/// If the listener has no address. A bound listener has one.
pub async fn say_http(door: &Door, what: &str, path: &str) -> anyhow::Result<()> {
    let url = door.url().await?;
    let who = match door.site.token {
        Some(_) => "callers over HTTP need the token that --http-token prints\n",
        None if door.is_local() => "",
        None => "no key: whoever reaches this address can come in\n",
    };
    let _ = io::stderr().write_all(format!("{what}: {url}{path}\n{who}").as_bytes());
    Ok(())
}
