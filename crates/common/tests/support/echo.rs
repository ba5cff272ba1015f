//! A server of the secret service for tests of the connection: it echoes, panics, waits, spins or
//! answers too much, as the text of the call says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::net::{self, Gate, Limits, Protocol, Redial};
use common::secret::{
    Offer, Refusal, Reversed, SERVICE, Secret, SecretClient, SecretRequest, SecretResponse, Tier,
};
use tarpc::client::{RpcError, stub::Stub};
use tarpc::context::{self, Context};
use tarpc::server::Serve as _;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

/// Answers each call as its text says.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    pub(crate) held: Arc<Notify>,
    pub(crate) release: Arc<Notify>,
    /// connections so far
    pub(crate) connections: Arc<AtomicUsize>,
    /// answers so far
    pub(crate) answers: Arc<AtomicUsize>,
}

impl Secret for Echo {
    async fn reverse(self, _: Context, text: String) -> Result<String, Refusal> {
        assert_ne!(text, "panic", "as requested");
        if text == "spin" {
            // A watch without a sender is always ready, so this never waits.
            let (_, mut closed) = watch::channel(());
            while closed.changed().await.is_err() {}
        }
        self.answers.fetch_add(1, Relaxed);
        Ok(text)
    }

    async fn fast_reverse(
        self,
        _: Context,
        text: String,
        _: Option<String>,
    ) -> Result<String, Refusal> {
        if let Ok(length) = text.parse() {
            tokio::task::yield_now().await; // so that it is an answer to wait for
            self.answers.fetch_add(1, Relaxed);
            return Ok("x".repeat(length));
        }
        self.held.notify_one();
        self.release.notified().await;
        Ok(text)
    }

    async fn reverse_words(self, _: Context, _: Tier, _: String) -> Result<Reversed, Refusal> {
        Err(Refusal::Busy)
    }

    async fn offer(self, _: Context) -> Offer {
        Offer { workers: 1 }
    }
}

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Server::start, Server::start_at, Server::client, echoes);
    let _ = (Server::shut_down, |server: Server| {
        (server.echo, server.stop, server.done)
    });
};

/// An echo server of its own for one test.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) echo: Echo,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) done: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::start_at("127.0.0.1:0", limits).await
    }

    pub(crate) async fn start_at(addr: &str, limits: Limits) -> Self {
        Self::start_by(addr, limits, SERVICE).await
    }

    pub(crate) async fn start_by(
        addr: &str,
        limits: Limits,
        protocol: impl Into<Protocol> + Send + 'static,
    ) -> Self {
        let protocol = protocol.into();
        let listener = TcpListener::bind(addr).await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let echo = Echo::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let connections = echo.connections.clone();
        let server = echo.clone().serve();
        let done = tokio::spawn(net::serve(
            listener,
            protocol,
            Gate::new(limits),
            async { drop(stopped.await) },
            move |connection| {
                connections.fetch_add(1, Relaxed);
                let server = server.clone();
                connection.answer(move |context, request| server.clone().serve(context, request))
            },
        ));
        Self {
            addr,
            echo,
            stop,
            done,
        }
    }

    pub(crate) fn client(&self) -> SecretClient<Redial<SecretRequest, SecretResponse>> {
        Redial::new(self.addr.to_string(), SERVICE).into()
    }

    pub(crate) async fn shut_down(self) {
        let _ = self.stop.send(());
        self.done.await.expect("no panic");
    }
}

/// Calls with `text`, and returns whether it came back.
pub(crate) async fn says<S>(client: &SecretClient<S>, text: &str) -> Result<bool, RpcError>
where
    S: Stub<Req = SecretRequest, Resp = SecretResponse>,
{
    let answer = client.reverse(context::current(), text.into()).await?;
    Ok(answer.is_ok_and(|answer| answer == text))
}

/// Returns whether a new connection is served.
pub(crate) async fn echoes(server: &Server) -> bool {
    says(&server.client(), "hello").await.is_ok_and(|same| same)
}
