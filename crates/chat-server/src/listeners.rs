//! What a server listens on: one port for clients and perhaps one for operators.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use common::chat::SERVICE;
use common::net::Seal;
use common::{cli, net};
use tokio::net::TcpListener;

/// The bound ports of a server. They are not in its [`Config`](crate::Config), because a setting
/// is decided and a port is held.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub chat: TcpListener,
    /// For operators, over HTTP.
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// Binds `chat`, and `metrics` if there is to be one.
    ///
    /// # Errors
    /// If a port is taken, for example; with advice.
    pub async fn bind(chat: SocketAddr, metrics: Option<SocketAddr>) -> anyhow::Result<Self> {
        let chat = net::bind(chat, SERVICE).await?;
        let metrics = match metrics {
            Some(addr) => Some(net::bind(addr, SERVICE).await.context("--metrics")?),
            None => None,
        };
        Ok(Self { chat, metrics })
    }

    /// Prints where the server listens: the [ready line](cli::ready), then a line for operators.
    ///
    /// # Errors
    /// If a listener has no address. A bound listener has one.
    pub fn ready(&self, seal: &Seal) -> anyhow::Result<()> {
        cli::ready(&self.chat, seal)?;
        if let Some(metrics) = &self.metrics {
            let line = format!("metrics on http://{}/metrics\n", metrics.local_addr()?);
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        Ok(())
    }
}

impl From<TcpListener> for Listeners {
    fn from(chat: TcpListener) -> Self {
        let metrics = None;
        Self { chat, metrics }
    }
}
