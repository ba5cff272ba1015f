//! The operators' pages over HTTP: one request a connection, bounded in bytes and in time.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::time::Duration;

use common::net::{self, Quota, SharedQuota};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Most connections at once: a few scrapers and a person. Further ones are hung up on.
const CONNECTIONS: usize = 16;

/// Most connections of one address, so that slow callers from one do not keep the others out.
const SHARE: usize = 4;

/// Longest head of a request in bytes. Prometheus and browsers send less than a thousand.
const MAX_HEAD: usize = 8 * 1024;

/// How long a request and its answer may take: a round trip, on a busy machine.
const LIMIT: Duration = Duration::from_secs(3);

/// The media type of plain text, and that of Prometheus's text exposition format.
const PLAIN: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a server says of itself.
pub(crate) struct Report {
    /// the text at `/metrics`
    pub(crate) metrics: String,
    /// why the log cannot be written, if it cannot
    pub(crate) failure: Option<String>,
}

/// An answer to a request.
struct Page {
    status: StatusCode,
    format: &'static str,
    body: String,
}

impl Page {
    fn plain(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            format: PLAIN,
            body: format!("{text}\n"),
        }
    }

    /// Returns the page at `path`.
    fn at(path: &str, report: Report) -> Self {
        match (path, report.failure) {
            ("/metrics", _) => Self {
                status: StatusCode::OK,
                format: PROMETHEUS,
                body: report.metrics,
            },
            ("/health", None) => Self::plain(StatusCode::OK, "ok"),
            ("/health", Some(cause)) => {
                let text = format!("the log cannot be written: {cause}");
                Self::plain(StatusCode::SERVICE_UNAVAILABLE, &text)
            }
            _ => Self::plain(StatusCode::NOT_FOUND, "there are /metrics and /health"),
        }
    }
}

/// Answers requests for ever, each from a fresh `report`.
pub(crate) async fn serve(
    listener: TcpListener,
    report: impl Fn() -> Report + Clone + Send + 'static,
) {
    let exchange = |io, peer| {
        let report = report.clone();
        let answers = service_fn(move |request| ready(answer(&request, &report)));
        let exchange = http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(io), answers);
        async move {
            match timeout(LIMIT, exchange).await {
                Ok(Ok(())) => tracing::debug!("{peer}: metrics"),
                Ok(Err(error)) => tracing::debug!("{peer}: metrics: {error}"),
                Err(_) => tracing::debug!("{peer}: metrics: too slow"),
            }
        }
    };
    let places = SharedQuota::new(Quota::new(CONNECTIONS, SHARE, true));
    let hang_up = |io| async move { drop(io) };
    net::accept(listener, places, pending::<()>(), exchange, hang_up).await;
}

fn answer<B>(
    request: &Request<B>,
    report: impl Fn() -> Report,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let page = if is_read {
        Page::at(request.uri().path(), report())
    } else {
        Page::plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only")
    };
    let mut response = Response::new(Full::from(page.body));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.format));
    if !is_read {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    Ok(response)
}
