//! What a server listens on: a port for clients, and perhaps one for other languages.

use std::net::SocketAddr;

use common::net::Seal;
use common::net::http::Door;
use common::secret::SERVICE;
use common::{cli, net};
use tokio::net::TcpListener;

/// The bound ports of a server. They are not in its [`Config`](crate::Config), because a setting
/// is decided and a port is held.
#[derive(Debug)]
pub struct Listeners {
    /// For our clients.
    pub calls: TcpListener,
    /// For callers in other languages, over HTTP.
    pub http: Option<Door>,
}

impl Listeners {
    /// Binds `listen`, and `http` with its names if there is to be one. Under `seal`, HTTP is on
    /// this machine only.
    ///
    /// # Errors
    /// If a port is taken, for example; with advice.
    pub async fn bind(
        listen: SocketAddr,
        http: Option<SocketAddr>,
        names: Vec<String>,
        seal: &Seal,
    ) -> anyhow::Result<Self> {
        let calls = net::bind(listen, SERVICE).await?;
        let http = match http {
            Some(addr) => Some(cli::open_http(addr, names, seal, SERVICE).await?),
            None => None,
        };
        Ok(Self { calls, http })
    }

    /// Prints where the server listens: the [ready line](cli::ready), then a line for HTTP.
    ///
    /// # Errors
    /// If a listener has no address. A bound listener has one.
    pub async fn ready(&self, seal: &Seal) -> anyhow::Result<()> {
        cli::ready(&self.calls, seal)?;
        match &self.http {
            Some(door) => cli::say_http(door, "calls over HTTP", "rpc").await,
            None => Ok(()),
        }
    }
}

impl From<TcpListener> for Listeners {
    fn from(calls: TcpListener) -> Self {
        Self { calls, http: None }
    }
}
