//! The service over HTTP: its calls as JSON-RPC for every language.

use std::net::IpAddr;
use std::sync::Arc;

use common::net::Gate;
use common::net::http::{self, Answer, Asked, Door, StatusCode, rpc_page};
use common::rpc::Methods;
use common::secret::{Refusal, SecretRequest, SecretResponse};
use tarpc::ServerError;

/// Answers at `door` until `shutdown`, within the limits of `gate`. `serve` is the service for the
/// caller of an address.
pub(crate) async fn serve<F>(
    door: Door,
    gate: Gate,
    shutdown: impl Future,
    serve: impl Fn(IpAddr, SecretRequest) -> F + Send + Sync + 'static,
) where
    F: Future<Output = Result<SecretResponse, ServerError>> + Send + 'static,
{
    let shared = Arc::new((Methods::of::<SecretRequest>(), serve));
    http::serve(door, gate, shutdown, move |asked| {
        let shared = shared.clone();
        async move { answer(asked, &shared.0, &shared.1).await }
    })
    .await;
}

/// Answers one request: a call or the list of calls, or that the server is there.
async fn answer<F>(
    asked: Asked,
    methods: &Methods,
    serve: &impl Fn(IpAddr, SecretRequest) -> F,
) -> Answer
where
    F: Future<Output = Result<SecretResponse, ServerError>>,
{
    match &*asked.path {
        "/" | "/health" if !asked.is_reading() => Answer::wrong_method("GET, HEAD"),
        // At both the list of methods, because there is no page.
        "/" | "/rpc" => {
            let ip = asked.ip;
            rpc_page::<_, _, Refusal, _>(methods, asked, |request| serve(ip, request)).await
        }
        "/health" => Answer::line(StatusCode::OK, "ok"),
        _ => Answer::line(StatusCode::NOT_FOUND, "there are /rpc and /health"),
    }
}
