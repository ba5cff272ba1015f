//! The chat over HTTP: a page for browsers, and the service's own calls as JSON-RPC, which the page
//! uses and every other program can use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::chat::{Chat as _, ChatRequest, Refusal};
use common::net::http::{self, Answer, Asked, Door, HeaderName, HeaderValue, StatusCode, rpc_page};
use common::rpc::Methods;
use tarpc::context;
use tarpc::server::Serve as _;

use crate::door::Caller;
use crate::handler::Handler;
use crate::metrics;
use crate::shared::Shared;

mod page;

const POLICY: HeaderName = HeaderName::from_static("content-security-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Answers at `door` until `shutdown`. Its callers share the limits of all clients.
pub(crate) async fn serve(
    door: Door,
    shared: Arc<Shared>,
    connections: Arc<AtomicU64>,
    shutdown: impl Future,
) {
    // A call that follows a poll is of its connection, and here each request counts as one.
    let methods = Methods::of::<ChatRequest>().without("follow");
    // As if it did not exist, because the admin token would cross the network for all to read.
    let methods = if door.is_local() {
        methods
    } else {
        methods.without("admin")
    };
    let methods = Arc::new(methods);
    let gate = shared.gate().clone();
    http::serve(door, gate, shutdown, move |asked| {
        let (shared, methods) = (shared.clone(), methods.clone());
        // A number for each request, because a connection says little here: a browser has several,
        // and a proxy has one for many people.
        let connection = connections.fetch_add(1, Relaxed);
        async move { answer(asked, shared, connection, &methods).await }
    })
    .await;
}

async fn answer(asked: Asked, shared: Arc<Shared>, connection: u64, methods: &Methods) -> Answer {
    match &*asked.path {
        "/rpc" => {
            let ip = asked.ip;
            let handler = Handler {
                shared,
                caller: Caller { ip, connection },
            };
            let call = |request| {
                let server = handler.clone().serve();
                async move { server.serve(context::current(), request).await }
            };
            rpc_page::<_, _, Refusal, _>(methods, asked, call).await
        }
        "/" | "/health" if !asked.is_reading() => Answer::wrong_method("GET, HEAD"),
        "/" => page(),
        "/health" => metrics::health(shared.report().failure),
        _ => Answer::line(StatusCode::NOT_FOUND, "there are /, /rpc and /health"),
    }
}

fn page() -> Answer {
    let (page, policy) = page::page(rand::random());
    let answer = Answer::new(StatusCode::OK, "text/html; charset=utf-8", page);
    // The policy is ASCII. Without it there would be no page rather than an open one.
    let Ok(policy) = HeaderValue::from_str(&policy) else {
        return Answer::line(StatusCode::INTERNAL_SERVER_ERROR, "the page has no policy");
    };
    answer
        .with(POLICY, policy)
        .with(OPENER_POLICY, HeaderValue::from_static("same-origin"))
}
