//! The path `/rpc`: a service's calls for every language, and a list of them for people.

use std::fmt;

use hyper::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use tarpc::ServerError;

use super::answer::Answer;
use super::{Asked, Method};
use crate::rpc::{self, Methods};

/// Answers a request for `/rpc`: calls by POST, the list of `methods` by GET. `call` is the
/// service's `serve`, and `Refusal` the error type of its methods.
pub async fn rpc_page<Req, Resp, Refusal, F>(
    methods: &Methods,
    asked: Asked,
    call: impl Fn(Req) -> F,
) -> Answer
where
    Req: DeserializeOwned,
    Resp: Serialize,
    Refusal: DeserializeOwned + std::error::Error,
    F: Future<Output = Result<Resp, ServerError>>,
{
    match asked.method {
        Method::POST => {
            let answer = rpc::answer::<_, _, Refusal, _>(methods, &asked.body, call).await;
            // Nothing for notifications. Not 204, because client libraries that descend from
            // Python's xmlrpc take every status but 200 for an error.
            let text = answer.map_or_else(String::new, |text| text + "\n");
            Answer::new(StatusCode::OK, "application/json", text)
        }
        _ if asked.is_reading() => Answer::line(StatusCode::OK, list(methods)),
        _ => Answer::wrong_method("GET, HEAD, POST"),
    }
}

fn list(methods: &impl fmt::Display) -> String {
    format!(
        "POST a call here, as JSON-RPC 2.0:\n\
         {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":NAME,\"params\":{{NAME:VALUE,...}}}}\n\n\
         The methods and their parameters:\n{methods}"
    )
}
