//! What a server listens on: a port for clients, perhaps one for browsers and one for operators.

use std::io::Write;

use anyhow::Context;
use common::chat::SERVICE;
use common::net::Seal;
use common::net::http::Door;
use common::{cli, net};
use tokio::net::TcpListener;

use crate::args::Ports;

/// The bound ports of a server. They are not in its [`Config`](crate::Config), because a setting
/// is decided and a port is held.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub chat: TcpListener,
    /// For operators, over HTTP.
    pub metrics: Option<TcpListener>,
    /// For browsers and other languages, over HTTP.
    pub http: Option<Door>,
}

impl Listeners {
    /// Binds the ports that `args` ask for. Under `seal` the one for HTTP is on this machine only.
    ///
    /// # Errors
    /// If a port is taken, for example; with advice.
    pub async fn bind(ports: Ports, seal: &Seal) -> anyhow::Result<Self> {
        let chat = net::bind(ports.listen, SERVICE).await?;
        let metrics = match ports.metrics {
            Some(addr) => Some(net::bind(addr, SERVICE).await.context("--metrics")?),
            None => None,
        };
        let http = match ports.http {
            Some(addr) => Some(cli::open_http(addr, ports.http_name, seal, SERVICE).await?),
            None => None,
        };
        Ok(Self {
            chat,
            metrics,
            http,
        })
    }

    /// Prints where the server listens: the [ready line](cli::ready), then a line for browsers and
    /// one for operators.
    ///
    /// # Errors
    /// If a listener has no address. A bound listener has one.
    pub async fn ready(&self, seal: &Seal) -> anyhow::Result<()> {
        cli::ready(&self.chat, seal)?;
        if let Some(door) = &self.http {
            cli::say_http(door, "chat in a browser", "").await?;
        }
        if let Some(metrics) = &self.metrics {
            let line = format!("metrics on http://{}/metrics\n", metrics.local_addr()?);
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        Ok(())
    }
}

impl From<TcpListener> for Listeners {
    fn from(chat: TcpListener) -> Self {
        Self {
            chat,
            metrics: None,
            http: None,
        }
    }
}
