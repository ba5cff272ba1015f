//! HTTP as programs in other languages speak it: plain text over TCP.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tarpc::RequestName;
use tarpc::client::{RpcError, stub::Stub};
use tarpc::context::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Http::<(), ()>::new, assert_listed, get, post, rpc);
};

/// Sends `request` as it is, which should say that the connection is to be closed. Returns what is
/// answered: reading and writing may fail, because a server need not read what it refuses.
pub(crate) async fn exchange(addr: SocketAddr, request: &[u8]) -> String {
    let mut io = TcpStream::connect(addr).await.expect("up");
    let _ = io.write_all(request).await;
    let mut answer = Vec::new();
    let _ = io.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

/// Returns the answer to a request for `path`, with these lines in its head.
pub(crate) async fn get(addr: SocketAddr, path: &str, lines: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{lines}\r\n");
    exchange(addr, head.as_bytes()).await
}

/// Asserts that the methods which a server lists are those that these lines begin with.
pub(crate) async fn assert_listed(addr: SocketAddr, called: &[String]) {
    let list = get(addr, "/rpc", "").await;
    let methods = list
        .lines()
        .filter_map(|line| Some(line.strip_suffix(')')?.split_once('(')?.0));
    let called = called.iter().filter_map(|line| line.split(' ').next());
    assert_eq!(
        methods.collect::<BTreeSet<_>>(),
        called.collect::<BTreeSet<_>>()
    );
}

/// Returns the answer to `body`, posted to `/rpc` with these lines in its head.
pub(crate) async fn post(addr: SocketAddr, lines: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST /rpc HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {lines}\r\n{body}"
    );
    exchange(addr, request.as_bytes()).await
}

/// Returns the JSON that answers a call.
pub(crate) async fn rpc(addr: SocketAddr, method: &str, params: &Value) -> Value {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer = post(addr, "", &call.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).expect("JSON")
}

/// A tarpc client's way to a service over HTTP. So the same test can be run through both doors of a
/// server, and finds whatever JSON loses.
pub(crate) struct Http<Req, Resp> {
    addr: SocketAddr,
    calls: AtomicU64,
    types: PhantomData<fn(Req) -> Resp>,
}

impl<Req, Resp> Http<Req, Resp> {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            calls: AtomicU64::new(0),
            types: PhantomData,
        }
    }
}

impl<Req, Resp> Stub for Http<Req, Resp>
where
    Req: Serialize + RequestName,
    Resp: DeserializeOwned,
{
    type Req = Req;
    type Resp = Resp;

    async fn call(&self, _: Context, request: Req) -> Result<Resp, RpcError> {
        // The name of a request in tarpc is `Service.method`.
        let method = request
            .name()
            .rsplit('.')
            .next()
            .expect("a name")
            .to_owned();
        let request = serde_json::to_value(request).expect("JSON");
        let (variant, params) = request
            .as_object()
            .expect("a variant")
            .iter()
            .next()
            .expect("it");
        // By name and by position in turn. An object of serde_json is sorted, so that the order of
        // the parameters is that of the list.
        let is_by_name = self.calls.fetch_add(1, Relaxed).is_multiple_of(2);
        let params = if is_by_name {
            params.clone()
        } else {
            by_position(self.addr, &method, params).await
        };
        let answer = rpc(self.addr, &method, &params).await;
        let outcome = match (answer.get("result"), answer.get("error")) {
            (Some(result), None) => json!({ variant: { "Ok": result } }),
            (None, Some(error)) => json!({ variant: { "Err": refusal(error) } }),
            _ => panic!("{answer}"),
        };
        let plain = json!({ variant: answer.get("result") });
        let response = serde_json::from_value(outcome).or_else(|_| serde_json::from_value(plain));
        Ok(response.unwrap_or_else(|error| panic!("{error}: {answer}")))
    }
}

/// Returns the parameters in the order in which the server lists them.
async fn by_position(addr: SocketAddr, method: &str, params: &Value) -> Value {
    let list = get(addr, "/rpc", "").await;
    let line = list
        .lines()
        .find_map(|line| line.strip_prefix(method)?.strip_prefix('('));
    let names = line
        .and_then(|line| line.strip_suffix(')'))
        .expect("it is listed");
    let names = names.split(", ").filter(|name| !name.is_empty());
    names.map(|name| params[name].clone()).collect()
}

/// Returns a refusal as serde writes it, from the error that it has become.
fn refusal(error: &Value) -> Value {
    assert_eq!(error["code"], 1, "{error}");
    let kind = error["data"]["refusal"].clone();
    match error["data"].get("detail") {
        Some(detail) => json!({ kind.as_str().expect("a kind"): detail }),
        None => kind,
    }
}
