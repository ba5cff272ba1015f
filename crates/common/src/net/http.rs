//! HTTP for browsers, for other languages and for operators: who may ask, how much, how long. What
//! is answered, the servers say.
//!
//! ```text
//!  accept ─▶ place, lobby ─▶ head ─▶ Host? Origin? token? ─▶ body ─▶ answer ─▶ written
//!            as for tarpc    30 s    [guard]                 30 s    2 min     30 s
//! ```
//!
//! Every limit is the one of the tarpc links ([`Limits`](super::Limits)), and a [`Gate`] counts
//! what both take together. HTTP is hyper's, without a framework: one path needs no routing.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::http::request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connect::own_address;
use super::gate::{FREE, Gate, Share};
use super::listen::accept;
use super::{MAX_FRAME, MAX_GROWTH};
use crate::bucket::Buckets;
use crate::credential::Credential;
use guard::Refused;
use patient::Patient;

mod answer;
mod guard;
mod patient;
mod rpc_page;

pub use answer::Answer;
pub use hyper::header::{HeaderName, HeaderValue};
pub use hyper::{Method, StatusCode};
pub use rpc_page::rpc_page;

/// Longest head of a request in bytes, and so the buffer for it. Browsers send about a thousand.
const MAX_HEAD: usize = 16 * 1024;

/// Requests a second of one address for each connection that it may have, and in a burst four times
/// as many: 800 a second of one address. Each reader of a busy room asks once for each message that
/// comes. Without a limit four connections that only ask for a page took a whole processor.
const REQUESTS: f64 = 50.0;
const BURST_SECONDS: f64 = 4.0;

/// A body counts as one more request for this many bytes, because all of it is parsed before it is
/// known who pays for its calls.
const BYTES: usize = 8 * 1024;

/// Whom a server answers over HTTP.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The names of the server, beside its addresses and `localhost`. `None` is any name, for
    /// pages that may be read by every web page.
    pub names: Option<Vec<String>>,
    /// What calls must show, as `Authorization: Bearer TOKEN`. Pages are for all.
    pub token: Option<Credential>,
}

/// A bound port for HTTP, and whom it answers.
#[derive(Debug)]
pub struct Door {
    /// The port.
    pub listener: TcpListener,
    /// Whom it answers.
    pub site: Site,
}

impl Door {
    /// Returns whether only programs on this machine reach it.
    pub fn is_local(&self) -> bool {
        let addr = self.listener.local_addr();
        addr.is_ok_and(|addr| addr.ip().to_canonical().is_loopback())
    }

    /// Returns the address for people: that by which this machine reaches others, if the port is
    /// open to all of them.
    ///
    /// # Errors
    /// If the listener has no address. A bound listener has one.
    pub async fn url(&self) -> io::Result<String> {
        let mut addr = self.listener.local_addr()?;
        if addr.ip().is_unspecified() {
            // No packet is sent there (RFC 5737): it stands for any other machine.
            let elsewhere = ([192, 0, 2, 1], 9).into();
            addr.set_ip(
                own_address(elsewhere)
                    .await
                    .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            );
        }
        Ok(format!("http://{addr}/"))
    }
}

/// A request that may be answered.
#[derive(Debug)]
pub struct Asked {
    /// The address of the caller.
    pub ip: IpAddr,
    /// The method, such as `GET`.
    pub method: Method,
    /// The path, which begins with `/`.
    pub path: String,
    /// At most [`MAX_FRAME`] bytes.
    pub body: Vec<u8>,
}

impl Asked {
    /// Returns whether something is only read.
    pub fn is_reading(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Answers what comes to `door` until `shutdown`, then answers the requests in hand and
/// returns. `gate` says what each caller may take.
pub async fn serve<F>(
    door: Door,
    gate: Gate,
    shutdown: impl Future,
    answer: impl Fn(Asked) -> F + Send + Sync + 'static,
) where
    F: Future<Output = Answer> + Send + 'static,
{
    let Door { listener, site } = door;
    let stop = CancellationToken::new();
    let places = gate.places.clone();
    let grace = gate.limits.grace;
    let rate = REQUESTS * gate.limits.per_address as f64;
    let desk = Arc::new(Desk {
        site,
        gate,
        began: Instant::now(),
        requests: Mutex::new(Buckets::new(rate, rate * BURST_SECONDS)),
        answer,
    });
    let each = |io, peer: SocketAddr| {
        let (desk, stop) = (desk.clone(), stop.clone());
        // Before the task runs, because a flood may be accepted in one turn.
        let stay = desk.gate.lobby(peer.ip());
        async move {
            let must_go = stay.must_go().clone();
            let talk = desk.talk(io, peer, stay, stop);
            if must_go.run_until_cancelled(talk).await.is_none() {
                tracing::debug!("{peer} asked for nothing, and others wait");
            }
        }
    };
    let hang_up = |io| async move { drop(io) };
    let mut tasks = accept(listener, places, shutdown, each, hang_up).await;
    stop.cancel();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(grace, drained).await.is_err() {
        tracing::warn!("{} HTTP connections were cut off at shutdown", tasks.len());
        tasks.shutdown().await;
    }
}

/// What all connections share.
struct Desk<A> {
    site: Site,
    gate: Gate,
    began: Instant,
    requests: Mutex<Buckets>,
    answer: A,
}

impl<A, F> Desk<A>
where
    A: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    /// Answers the requests of one connection. Its caller is in the lobby until the first one.
    async fn talk(
        self: Arc<Self>,
        io: TcpStream,
        peer: SocketAddr,
        stay: impl Send + 'static,
        stop: CancellationToken,
    ) {
        let limits = self.gate.limits;
        let stay = Mutex::new(Some(stay));
        let service = service_fn(|request| {
            drop(stay.lock().unwrap_or_else(PoisonError::into_inner).take());
            // In a box, because hyper would otherwise keep room for an answer on each connection,
            // and most of them wait for the next request.
            Box::pin(self.clone().meet(request, peer.ip()))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.silence)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(Patient::new(io, limits.flush)), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!("the HTTP connection from {peer} broke: {error}");
        }
    }

    /// Answers one request.
    async fn meet(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let ip = guard::caller(peer, &head.headers, self.site.names.as_deref());
        let mut share = Share::new(self.gate.bytes.clone(), ip);
        let asked = self.pace(ip).and_then(|()| self.admit(head, ip));
        let answer = match asked {
            Ok(asked) => self.attempt(asked, body, &mut share).await,
            Err(refused) => Err(refused),
        };
        let answer = answer.unwrap_or_else(|(status, line)| Answer::line(status, line));
        // Paid until it is written, because a caller may read slowly.
        if share.set(answer.body.len().saturating_sub(FREE)).is_err() {
            let (status, line) = no_memory();
            return Ok(Answer::line(status, line).into_response(share));
        }
        Ok(answer.into_response(share))
    }

    /// Refuses a request of an address that has made too many.
    fn pace(&self, ip: IpAddr) -> Result<(), Refused> {
        if self.is_free(ip) || self.requests().take(ip, 1, self.began.elapsed()).is_ok() {
            return Ok(());
        }
        Err((
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests from your address: wait a second".to_owned(),
        ))
    }

    /// Notes that a body of `length` bytes came from `ip`, which its next requests wait for.
    fn has_read(&self, ip: IpAddr, length: usize) {
        let count = u32::try_from(length / BYTES).unwrap_or(u32::MAX);
        if count > 0 && !self.is_free(ip) {
            self.requests().owe(ip, count, self.began.elapsed());
        }
    }

    /// Locks the buckets. A poisoned lock is taken all the same, because no change of theirs can
    /// panic half way.
    fn requests(&self) -> MutexGuard<'_, Buckets> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether `ip` has no share of its own.
    fn is_free(&self, ip: IpAddr) -> bool {
        self.gate.limits.frees_loopback && ip.to_canonical().is_loopback()
    }

    /// Returns a request without its body, if it may be made. Takes the head, which is in a buffer
    /// that would otherwise be kept as long as the answer is waited for.
    fn admit(&self, head: request::Parts, ip: IpAddr) -> Result<Asked, Refused> {
        if let Some(names) = &self.site.names {
            guard::check(&head.uri, &head.headers, names)?;
        }
        let asked = Asked {
            ip,
            method: head.method,
            path: head.uri.path().to_owned(),
            body: Vec::new(),
        };
        if !asked.is_reading() {
            self.check_token(head.headers.get(AUTHORIZATION))?;
        }
        Ok(asked)
    }

    async fn attempt(
        &self,
        mut asked: Asked,
        body: Incoming,
        share: &mut Share,
    ) -> Result<Answer, Refused> {
        if !asked.is_reading() {
            let body = Box::pin(timeout(self.gate.limits.silence, read(body, share))).await;
            let slow = "the body came too slowly".to_owned();
            asked.body = body.map_err(|_| (StatusCode::REQUEST_TIMEOUT, slow))??;
            self.has_read(asked.ip, asked.body.len());
            let held = (asked.body.len() * MAX_GROWTH).saturating_sub(FREE);
            share.set(held).map_err(|_| no_memory())?;
        }
        let limit = self.gate.limits.deadline;
        let answer = timeout(limit, (self.answer)(asked)).await;
        let late = "the answer took too long".to_owned();
        answer.map_err(|_| (StatusCode::GATEWAY_TIMEOUT, late))
    }

    /// Refuses a call that does not show the token, if there is one.
    fn check_token(&self, shown: Option<&HeaderValue>) -> Result<(), Refused> {
        let Some(token) = &self.site.token else {
            return Ok(());
        };
        let shown = shown.and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.split_once(' '));
        match shown {
            Some((scheme, shown)) if scheme.eq_ignore_ascii_case("bearer") && token.fits(shown) => {
                Ok(())
            }
            _ => Err((
                StatusCode::UNAUTHORIZED,
                "calls need the token of the lab's key, as Authorization: Bearer TOKEN; \
                 the server prints it with --http-token"
                    .to_owned(),
            )),
        }
    }
}

fn no_memory() -> Refused {
    let line = "the memory for calls is taken: try again later";
    (StatusCode::SERVICE_UNAVAILABLE, line.to_owned())
}

/// Reads a body, and takes memory for it while it comes.
async fn read(mut body: Incoming, share: &mut Share) -> Result<Vec<u8>, Refused> {
    let too_large = || {
        let line = format!("a body has at most {MAX_FRAME} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, line)
    };
    // Before any of it is read, because a caller need not send what is refused.
    if body.size_hint().lower() > MAX_FRAME as u64 {
        return Err(too_large());
    }
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken = |_| (StatusCode::BAD_REQUEST, "the body broke off".to_owned());
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if text.len() + data.len() > MAX_FRAME {
            return Err(too_large());
        }
        text.extend_from_slice(&data);
        let held = text.capacity().saturating_sub(FREE);
        share.set(held).map_err(|_| no_memory())?;
    }
    Ok(text)
}
