//! A server of its own for each test, called over loopback.

use std::net::SocketAddr;
use std::time::Duration;

use common::credential::Credential;
use common::net::{Redial, Seal};
use common::pen::Pen;
use common::secret::{MAX_TEXT, Refusal, SERVICE, SecretClient, SecretRequest, SecretResponse};
use common::secret::{Offer, Tier};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use secret_server::{Config, QUEUE_PER_WORKER, run};
use tarpc::context;
use tokio::net::TcpListener;

type Client = SecretClient<Redial<SecretRequest, SecretResponse>>;

/// As fast as it can.
const QUICK: Config = Config {
    workers: 1,
    delay: Duration::ZERO,
    fast_delay: Duration::ZERO,
    seal: Seal::none(),
    premium_key: None,
    per_address: 16,
    seed: 1,
    journal: Pen::none(),
};

/// Far slower than any test.
const SLOW: Duration = Duration::from_secs(1000);

async fn start(config: Config) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr: SocketAddr = listener.local_addr().expect("bound");
    tokio::spawn(run(listener, config, std::future::pending()));
    Redial::new(addr.to_string(), SERVICE).within(SLOW).into()
}

async fn free(client: &Client, text: &str) -> Result<String, Refusal> {
    let call = client.reverse(context::current(), text.to_owned());
    call.await.expect("an answer")
}

async fn premium(client: &Client, key: Option<&str>) -> Result<String, Refusal> {
    let key = key.map(str::to_owned);
    let call = client.fast_reverse(context::current(), "ab".into(), key);
    call.await.expect("an answer")
}

#[tokio::test]
async fn a_text_or_a_chunk_comes_back_reversed() {
    let client = start(QUICK).await;
    assert_eq!(free(&client, "Hello").await, Ok("olleH".into()));
    assert_eq!(premium(&client, None).await, Ok("ba".into()));
    let chunk = client.reverse_words(context::current(), Tier::Free, "ab\n\ncafé\n".into());
    let answer = chunk.await.expect("an answer").expect("no refusal");
    assert_eq!(answer.text, "ba\n\néfac\n");
}

#[tokio::test]
async fn the_premium_tier_opens_to_its_key_only() {
    let key = Some(Credential::new("sesame".into()));
    let client = start(Config {
        premium_key: key,
        ..QUICK
    })
    .await;
    assert_eq!(premium(&client, None).await, Err(Refusal::KeyMissing));
    let wrong = premium(&client, Some("simsalabim")).await;
    assert_eq!(wrong, Err(Refusal::KeyWrong));
    assert_eq!(premium(&client, Some("sesame")).await, Ok("ba".into()));
    assert_eq!(free(&client, "ab").await, Ok("ba".into()));
    let tier = Tier::Premium { key: None };
    let chunk = client.reverse_words(context::current(), tier, "ab\n".into());
    assert_eq!(chunk.await.expect("an answer"), Err(Refusal::KeyMissing));
}

#[tokio::test]
async fn a_full_queue_says_so_at_once_and_an_offer_never_waits() {
    let client = start(Config {
        delay: SLOW,
        ..QUICK
    })
    .await;
    let room = 1 + QUEUE_PER_WORKER;
    let mut calls: FuturesUnordered<_> = (0..room + 7).map(|_| free(&client, "ab")).collect();
    for _ in 0..7 {
        assert_eq!(calls.next().await, Some(Err(Refusal::Busy)));
    }
    let offer = client.offer(context::current()).await.expect("an answer");
    assert_eq!(offer, Offer { workers: 1 });

    // Dropped calls make room, but only when the network has told the server.
    drop(calls);
    while premium(&client, None).await != Ok("ba".into()) {}
}

#[tokio::test]
async fn a_text_over_the_limit_is_refused_and_the_connection_goes_on() {
    let client = start(QUICK).await;
    let longest = "x".repeat(MAX_TEXT);
    assert_eq!(free(&client, &longest).await, Ok(longest.clone()));
    let longer = format!("{longest}x");
    assert_eq!(free(&client, &longer).await, Err(Refusal::TooLong));
    let chunk = client.reverse_words(context::current(), Tier::Free, format!("{longest}\n"));
    assert_eq!(chunk.await.expect("an answer"), Err(Refusal::TooLong));
    assert_eq!(free(&client, "ab").await, Ok("ba".into()));
}
