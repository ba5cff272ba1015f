//! A server from its listeners to its end.

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::chat::{Chat as _, SERVICE};
use common::cli;
use common::key::Key;
use common::net::{self, Limits};
use futures::future::pending;
use tarpc::server::Serve as _;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::handler::Handler;
use crate::log::Log;
use crate::metrics::{self, Counts};
use crate::people::People;
use crate::shared::Shared;

/// What the owner of a server decides.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Messages a second for each session; 0 is no limit.
    pub rate: u32,
    /// Who knows it may kick and ban.
    pub admin: Option<Key>,
    /// What the network allows.
    pub limits: Limits,
}

/// What a server listens on.
#[derive(Debug)]
pub struct Listeners {
    /// For guests.
    pub chat: TcpListener,
    /// For operators, over HTTP.
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// Says where, the guests' first: see [`cli::ready`].
    ///
    /// # Errors
    /// If a listener has no address, which no bound one does.
    pub fn ready(&self) -> anyhow::Result<()> {
        cli::ready(&self.chat)?;
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

/// Serves `listeners` from `log` until `shutdown`, then ends the polls that wait, answers what is
/// in hand, and returns.
pub async fn run(
    listeners: impl Into<Listeners>,
    log: Log,
    config: Config,
    shutdown: impl Future<Output = ()>,
) {
    let Listeners { chat, metrics } = listeners.into();
    let shared = Arc::new(Shared {
        log,
        counts: Counts::default(),
        people: Mutex::new(People::new(config.rate)),
        polls: Mutex::default(),
        began: Instant::now(),
        stop: CancellationToken::new(),
        admin: config.admin,
    });
    let stop = shared.stop.clone();
    let shutdown = async {
        shutdown.await;
        stop.cancel();
    };
    let sweeper = shared.clone();
    let (hosts, operators) = (shared.clone(), shared.clone());
    let watched = async {
        match metrics {
            Some(listener) => {
                metrics::serve(listener, move |path| operators.operators_page(path)).await;
            }
            None => pending().await,
        }
    };
    let serving = net::serve(chat, SERVICE, config.limits, shutdown, move |connection| {
        let handler = Handler {
            shared: hosts.clone(),
            peer: connection.peer,
        };
        let handler = handler.serve();
        connection.answer(move |context, request| handler.clone().serve(context, request))
    });
    tokio::select! {
        () = serving => {}
        () = sweeper.sweep() => {}
        () = watched => {}
    }
}
