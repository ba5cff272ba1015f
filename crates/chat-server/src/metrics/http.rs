//! The operators' pages over HTTP: one request a connection, bounded in bytes and in time.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::time::Duration;

use common::net;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Connections at once, further ones wait in the backlog: a few scrapers and a person.
const CONNECTIONS: usize = 16;

/// Longest head of a request; Prometheus and browsers send below a thousand bytes.
const MAX_HEAD: usize = 8 * 1024;

/// How long a request and its answer may take: a round trip, and a busy machine.
const LIMIT: Duration = Duration::from_secs(3);

/// A page.
pub(crate) struct Answer {
    /// How it went.
    pub(crate) status: StatusCode,
    /// Its media type.
    pub(crate) format: &'static str,
    /// Its text.
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn plain(status: StatusCode, body: impl Into<String>) -> Self {
        let format = "text/plain; charset=utf-8";
        let body = body.into() + "\n";
        Self {
            status,
            format,
            body,
        }
    }
}

/// Serves at each path what `page` returns for it, until the process ends.
pub(crate) async fn serve(
    listener: TcpListener,
    page: impl Fn(&str) -> Option<Answer> + Clone + Send + 'static,
) {
    let exchange = |io, peer| {
        let page = page.clone();
        let answers = service_fn(move |request| ready(answer(&request, &page)));
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
    net::accept(listener, CONNECTIONS, pending::<()>(), exchange).await;
}

fn answer<B>(
    request: &Request<B>,
    page: impl Fn(&str) -> Option<Answer>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let answer = match page(request.uri().path()) {
        _ if !is_read => Answer::plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only"),
        Some(answer) => answer,
        None => Answer::plain(StatusCode::NOT_FOUND, "there are /metrics and /health"),
    };
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.format));
    if !is_read {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    Ok(response)
}
