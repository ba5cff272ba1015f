//! The operators' pages over HTTP.

use std::future::pending;
use std::time::Duration;

use common::net::http::{self, Answer, Asked, Door, Site, StatusCode};
use common::net::{Gate, Limits};
use tokio::net::TcpListener;

/// Most connections at once: a few scrapers and a person. Further ones are hung up on.
const CONNECTIONS: usize = 16;

/// Most connections of one address, so that slow callers from one do not keep the others out.
const SHARE: usize = 4;

/// How long each step of a request may take: a round trip, on a busy machine.
const LIMIT: Duration = Duration::from_secs(3);

/// The media type of Prometheus's text exposition format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a server says of itself.
pub(crate) struct Report {
    /// the text at `/metrics`
    pub(crate) metrics: String,
    /// why the log cannot be written, if it cannot
    pub(crate) failure: Option<String>,
}

/// Answers requests for ever, each from a fresh `report`. They may be made under any name of the
/// server, because a scraper uses one of its own, and nothing but counters can be read.
pub(crate) async fn serve(
    listener: TcpListener,
    report: impl Fn() -> Report + Send + Sync + 'static,
) {
    let gate = Gate::new(Limits {
        connections: CONNECTIONS,
        per_address: SHARE,
        silence: LIMIT,
        flush: LIMIT,
        deadline: LIMIT,
        ..Limits::default()
    });
    let site = Site::default();
    http::serve(
        Door { listener, site },
        gate,
        pending::<()>(),
        move |asked| {
            let answer = page(&asked, &report);
            async { answer }
        },
    )
    .await;
}

fn page(asked: &Asked, report: impl Fn() -> Report) -> Answer {
    if !asked.is_reading() {
        return Answer::wrong_method("GET, HEAD");
    }
    match &*asked.path {
        "/metrics" => Answer::new(StatusCode::OK, PROMETHEUS, report().metrics),
        "/health" => health(report().failure),
        _ => Answer::line(StatusCode::NOT_FOUND, "there are /metrics and /health"),
    }
}

/// Returns the page that says whether the log can be written, or why not.
pub(crate) fn health(failure: Option<String>) -> Answer {
    match failure {
        None => Answer::line(StatusCode::OK, "ok"),
        Some(failure) => {
            let line = format!("the log cannot be written: {failure}");
            Answer::line(StatusCode::SERVICE_UNAVAILABLE, line)
        }
    }
}
