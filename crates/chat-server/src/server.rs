//! A server from its listeners to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::chat::SERVICE;
use common::cli::Interrupted;
use common::net;
use futures::future::{join, pending};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::door::Caller;
use crate::handler::Handler;
use crate::listeners::Listeners;
use crate::metrics;
use crate::shared::Shared;
use crate::web;

/// Serves `listeners` until `shutdown`. Then ends the polls that wait, answers the other calls in
/// hand, puts the log away, and returns.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) {
    let Listeners {
        chat,
        metrics,
        http,
    } = listeners.into();
    let protocol = config.seal.of(SERVICE);
    let journal = config.journal.clone();
    journal.listens(&chat);
    let shared = Arc::new(Shared::new(config));
    let connections = Arc::new(AtomicU64::new(0));
    let stop = CancellationToken::new();
    let shutdown = async {
        shutdown.await;
        shared.polls().end_all();
        stop.cancel();
    };
    let (for_browsers, numbers) = (shared.clone(), connections.clone());
    let browsers = async {
        if let Some(door) = http {
            web::serve(door, for_browsers, numbers, stop.cancelled()).await;
        }
    };
    let (for_clients, for_operators) = (shared.clone(), shared.clone());
    let clients = net::serve(
        chat,
        protocol,
        shared.gate().clone(),
        shutdown,
        move |connection| {
            let handler = Handler {
                shared: for_clients.clone(),
                caller: Caller {
                    ip: connection.peer.ip(),
                    connection: connections.fetch_add(1, Relaxed),
                },
            };
            connection.answer(move |context, request| handler.answer(context, request))
        },
    );
    let clients = async {
        shared.is_ready().await;
        clients.await;
    };
    let operators = async {
        match metrics {
            Some(listener) => metrics::serve(listener, move || for_operators.report()).await,
            None => pending().await,
        }
    };
    tokio::select! {
        _ = join(clients, browsers) => {}
        () = operators => {}
        () = shared.sweep() => {}
        () = shared.listen() => {}
    }
    shared.close().await;
    journal.end("done", &Ok(()));
}
