//! What is answered to a request over HTTP.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use super::super::gate::Share;

/// What every answer says to browsers: take it for what it is, keep it from other sites, keep no
/// copy of it, and tell no other site where a reader came from.
const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// The media type of plain text.
const PLAIN: &str = "text/plain; charset=utf-8";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// How it went.
    pub status: StatusCode,
    /// Its text.
    pub body: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    /// A text of a media type.
    pub fn new(status: StatusCode, format: &'static str, body: String) -> Self {
        let format = HeaderValue::from_static(format);
        Self {
            status,
            body,
            headers: vec![(CONTENT_TYPE, format)],
        }
    }

    /// A line for people.
    pub fn line(status: StatusCode, line: impl Into<String>) -> Self {
        let answer = Self::new(status, PLAIN, line.into() + "\n");
        if status == StatusCode::UNAUTHORIZED {
            return answer.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }

    /// The path cannot be asked for by this method, but by those in `allowed`.
    pub fn wrong_method(allowed: &'static str) -> Self {
        Self::line(StatusCode::METHOD_NOT_ALLOWED, format!("{allowed} only"))
            .with(ALLOW, HeaderValue::from_static(allowed))
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Returns the answer for hyper. `share` is the memory it takes, given back when it is written.
    pub(super) fn into_response(self, share: Share) -> Response<Full<Bytes>> {
        let paid = Paid {
            body: self.body,
            _share: share,
        };
        let mut response = Response::new(Full::new(Bytes::from_owner(paid)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(ALWAYS);
        headers.extend(self.headers);
        response
    }
}

/// A body and its memory.
struct Paid {
    body: String,
    _share: Share,
}

impl AsRef<[u8]> for Paid {
    fn as_ref(&self) -> &[u8] {
        self.body.as_bytes()
    }
}
