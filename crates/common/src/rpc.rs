//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>): the services for callers in any
//! language. No method is written twice, because all is made of what tarpc derives from a service
//! trait: its enum of requests, its enum of responses.
//!
//! ```text
//!  text ─▶ message ─▶ method in the table? ─▶ parameters ─▶ Request ─▶ the service's `serve`
//!          one, batch   fast_reverse is        by name or               │
//!                       FastReverse            by position              ▼
//!  text ◀─ reply ◀──── without its variant, without Ok or Err ◀──── Response
//! ```
//!
//! The files below this one only turn text into calls and back; this one makes the calls. Nothing
//! here knows of HTTP.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tarpc::ServerError;

use crate::net::panicked;
use message::Message;
use reply::Fault;

mod message;
mod methods;
mod params;
mod reply;

pub use message::MAX_BATCH;
pub use methods::Methods;

/// Most bytes of answers in a batch, before the last of them. The largest answer of a service, a
/// page of the chat in which each byte is written as six, has less than a million, so that a whole
/// message has less than two.
const ENOUGH: usize = 1024 * 1024;

/// Answers a message, which is one call or a batch. Returns `None` if it holds notifications only,
/// because they have no answers.
///
/// The calls of a batch are made in order, one after the other, so that `enter` and `join` can be
/// in one message. `call` is the service's `serve`; `Refusal` is the error type of its methods.
pub async fn answer<Req, Resp, Refusal, F>(
    methods: &Methods,
    text: &[u8],
    call: impl Fn(Req) -> F,
) -> Option<String>
where
    Req: DeserializeOwned,
    Resp: Serialize,
    Refusal: DeserializeOwned + std::error::Error,
    F: Future<Output = Result<Resp, ServerError>>,
{
    let batch = match message::read(text) {
        Ok(Message::One(one)) => {
            return answer_one::<Req, Resp, Refusal, F>(methods, one, &call, 0).await;
        }
        Ok(Message::Batch(batch)) => batch,
        Err(fault) => return Some(reply::error("null", &fault)),
    };
    let mut answers = String::new();
    for one in batch.iter() {
        let so_far = answers.len();
        let answer = answer_one::<Req, Resp, Refusal, F>(methods, one, &call, so_far).await;
        if let Some(answer) = answer {
            answers.push(if answers.is_empty() { '[' } else { ',' });
            answers.push_str(&answer);
        }
    }
    (!answers.is_empty()).then(|| answers + "]")
}

/// Answers one call of a message that has `so_far` bytes of answers already.
async fn answer_one<Req, Resp, Refusal, F>(
    methods: &Methods,
    text: &RawValue,
    serve: &impl Fn(Req) -> F,
    so_far: usize,
) -> Option<String>
where
    Req: DeserializeOwned,
    Resp: Serialize,
    Refusal: DeserializeOwned + std::error::Error,
    F: Future<Output = Result<Resp, ServerError>>,
{
    let call = match message::call(text) {
        Ok(call) => call,
        Err((id, fault)) => return Some(reply::error(id, &fault)),
    };
    let outcome = async {
        if so_far > ENOUGH {
            return Err(Fault::server(
                "the answers before this one fill a message".into(),
            ));
        }
        let method = methods.find(&call.method)?;
        let request: Req = params::request(&method, call.params)?;
        // In a box, because each layer above would otherwise keep room for it.
        let response = served(Box::pin(serve(request))).await;
        let response = response.map_err(|error| Fault::server(error.detail))?;
        reply::result_of::<_, Refusal>(&response)
    };
    let outcome = outcome.await;
    let id = call.id?;
    Some(match outcome {
        Ok(result) => reply::result(id, &result),
        Err(fault) => reply::error(id, &fault),
    })
}

/// Waits for the answer of the service, also of one that panics.
async fn served<Resp>(
    call: impl Future<Output = Result<Resp, ServerError>>,
) -> Result<Resp, ServerError> {
    let answer = AssertUnwindSafe(call).catch_unwind().await;
    answer.unwrap_or_else(|_| Err(panicked()))
}

#[cfg(test)]
mod tests;
