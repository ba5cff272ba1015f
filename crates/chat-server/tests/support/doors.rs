//! A server in this process with all its doors.

use std::net::SocketAddr;

use chat_server::log::Bounds;
use chat_server::{Config, Listeners, Memory, run};
use common::cli::Interrupted;
use common::credential::Credential;
use common::net::Limits;
use common::net::http::{Door, Site};
use futures::FutureExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::http::get;

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Server::polls, refused);
    let _ = |server: Server| (server.chat, server.stop, server.done);
};

pub(crate) const TOKEN: &str = "sixteen bytes or";

/// A server in this process, and the addresses of its doors.
pub(crate) struct Server {
    pub(crate) chat: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) done: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(http: &str, names: &[&str], limits: Limits) -> Self {
        let bind = async |addr: &str| TcpListener::bind(addr).await.expect("a free port");
        let (chat, metrics) = (bind("127.0.0.1:0").await, bind("127.0.0.1:0").await);
        let listener = bind(http).await;
        let here = |listener: &TcpListener| {
            let port = listener.local_addr().expect("bound").port();
            SocketAddr::from(([127, 0, 0, 1], port))
        };
        let addrs = [&chat, &listener, &metrics].map(here);
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let site = Site {
            names: Some(names),
            token: None,
        };
        let listeners = Listeners {
            chat,
            metrics: Some(metrics),
            http: Some(Door { listener, site }),
        };
        let config = Config {
            rate: 5,
            admin: Some(Credential::new(TOKEN.into())),
            limits,
            ..Config::new(Memory::new(Bounds::keeping(100)))
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(run(listeners, config, stopped.map(|_| Interrupted::Term)));
        let [chat, http, metrics] = addrs;
        Self {
            chat,
            http,
            metrics,
            stop,
            done,
        }
    }

    pub(crate) async fn usual() -> Self {
        Self::start("127.0.0.1:0", &[], Limits::default()).await
    }

    /// Waits until this number of polls wait.
    pub(crate) async fn polls(&self, count: usize) {
        let line = format!("\nchat_polls_waiting {count}\n");
        while !get(self.metrics, "/metrics", "").await.contains(&line) {}
    }
}

pub(crate) fn hex(session: u128) -> String {
    format!("{session:032x}")
}

/// The refusal in an answer.
pub(crate) fn refused(answer: &Value) -> &str {
    answer["error"]["data"]["refusal"]
        .as_str()
        .unwrap_or("none")
}
