//! As much of HTTP/1.1 (RFC 9112) as answers a GET for a page, and no more: one request a
//! connection, its head bounded in bytes, the whole bounded in time.
//!
//! Written out, for a library would be thirty times its size: the request's first line decides,
//! and every answer ends the connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at once, further ones wait in the backlog: a few scrapers and a person.
const CONNECTIONS: usize = 16;

/// Longest head of a request; Prometheus and browsers send below a thousand bytes.
const MAX_HEAD: u64 = 8 * 1024;

/// Most that is read of what nobody asked for: enough for a form that was posted by mistake.
const MAX_REST: u64 = 64 * 1024;

/// How long a request and its answer may take: a round trip, and a busy machine.
const LIMIT: Duration = Duration::from_secs(3);

/// As for the chat's own listener: a failed accept would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a page is answered with.
pub(crate) struct Answer {
    /// Code and words.
    pub(crate) status: &'static str,
    /// Its media type.
    pub(crate) format: &'static str,
    /// Its text.
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn plain(status: &'static str, body: impl Into<String>) -> Self {
        let format = "text/plain; charset=utf-8";
        let body = body.into() + "\n";
        Self {
            status,
            format,
            body,
        }
    }
}

/// Answers requests with what `page` has at a path, for ever.
pub(crate) async fn serve(
    listener: TcpListener,
    page: impl Fn(&str) -> Option<Answer> + Clone + Send + 'static,
) {
    let slots = std::sync::Arc::new(Semaphore::new(CONNECTIONS));
    let mut exchanges = JoinSet::new();
    loop {
        let slot = slots.clone().acquire_owned().await;
        while exchanges.try_join_next().is_some() {}
        let (io, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("cannot accept a connection for metrics: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let page = page.clone();
        exchanges.spawn(async move {
            let _slot = slot;
            match timeout(LIMIT, exchange(io, page)).await {
                Ok(Ok(status)) => tracing::debug!("{peer}: metrics: {status}"),
                Ok(Err(error)) => tracing::debug!("{peer}: metrics: {error}"),
                Err(_) => tracing::debug!("{peer}: metrics: too slow"),
            }
        });
    }
}

async fn exchange(
    mut io: TcpStream,
    page: impl Fn(&str) -> Option<Answer>,
) -> io::Result<&'static str> {
    let head = head(&mut io).await?;
    let (answer, with_body) = match &head {
        Some(head) => answer(head, page),
        None => (plain("431 Request Header Fields Too Large"), true),
    };
    let Answer {
        status,
        format,
        body,
    } = answer;
    let allow = if status.starts_with("405") {
        "Allow: GET, HEAD\r\n"
    } else {
        ""
    };
    let length = body.len();
    let body = if with_body { body } else { String::new() };
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {format}\r\nContent-Length: {length}\r\n\
         {allow}Connection: close\r\n\r\n{body}"
    );
    io.write_all(text.as_bytes()).await?;
    io.shutdown().await?;
    // Closing on bytes not read would reset the connection, and the answer might be lost with it.
    copy(&mut io.take(MAX_REST), &mut sink()).await?;
    Ok(status)
}

/// Reads up to the empty line, and answers the first one; none if that does not come in time.
async fn head(io: &mut TcpStream) -> io::Result<Option<String>> {
    let mut lines = BufReader::new(io.take(MAX_HEAD));
    let mut first = None;
    loop {
        let mut line = Vec::new();
        let count = lines.read_until(b'\n', &mut line).await?;
        if !line.ends_with(b"\n") {
            let all = lines.get_ref().limit() == 0;
            let cut = first.unwrap_or_default();
            return Ok((!all).then_some(if count == 0 { cut } else { String::new() }));
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        match first {
            Some(first) if line.is_empty() => return Ok(Some(first)),
            None => first = Some(line),
            Some(_) => {}
        }
    }
}

/// The answer to a request with this first line, and whether its body is wanted.
fn answer(request: &str, page: impl Fn(&str) -> Option<Answer>) -> (Answer, bool) {
    let words: Vec<&str> = request.split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = words[..] else {
        return (plain("400 Bad Request"), true);
    };
    if !matches!(method, "GET" | "HEAD") {
        return (plain("405 Method Not Allowed"), true);
    }
    let path = target.split('?').next().unwrap_or_default();
    let answer = page(path).unwrap_or_else(|| {
        let body = "there are /metrics and /health";
        Answer::plain("404 Not Found", body)
    });
    (answer, method == "GET")
}

fn plain(status: &'static str) -> Answer {
    Answer::plain(status, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_decides() {
        let table = [
            ("GET /health HTTP/1.1", "200 OK", true),
            ("GET /health?verbose HTTP/1.0", "200 OK", true),
            ("HEAD /health HTTP/1.1", "200 OK", false),
            ("GET / HTTP/1.1", "404 Not Found", true),
            ("GET /health/../x HTTP/1.1", "404 Not Found", true),
            ("POST /health HTTP/1.1", "405 Method Not Allowed", true),
            ("GET /health", "400 Bad Request", true),
            ("PRI * HTTP/2.0", "400 Bad Request", true),
            ("GET  /health HTTP/1.1", "400 Bad Request", true),
            ("", "400 Bad Request", true),
            ("\u{fffd}\u{16}\u{3}", "400 Bad Request", true),
        ];
        let page = |path: &str| (path == "/health").then(|| Answer::plain("200 OK", "ok"));
        for (request, status, with_body) in table {
            let (answer, body) = answer(request, page);
            assert_eq!((answer.status, body), (status, with_body), "{request:?}");
        }
    }
}
