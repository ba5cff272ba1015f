//! What a hostile caller cannot do: guess the premium key, or take a worker for hours.

#[path = "../../common/tests/support/program.rs"]
mod program;

use std::future::pending;
use std::process::Command;
use std::time::Duration;

use common::credential::Credential;
use common::net::{Channel, Seal};
use common::pen::Pen;
use common::secret::{Refusal, SERVICE, SecretClient, SecretRequest, SecretResponse, Tier};
use program::{Program, signal};
use secret_server::{Config, run};
use tarpc::context;
use tokio::net::TcpListener;

async fn start(config: Config) -> SecretClient<Channel<SecretRequest, SecretResponse>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    tokio::spawn(run(listener, config, pending()));
    let channel = Channel::open(&addr, SERVICE).await;
    SecretClient::from(channel.expect("up"))
}

fn config() -> Config {
    Config {
        workers: 1,
        delay: Duration::from_secs(9),
        fast_delay: Duration::ZERO,
        seal: Seal::none(),
        premium_key: Some(Credential::new("a key of sixteen bytes".into())),
        per_address: 16,
        seed: 1,
        journal: Pen::none(),
    }
}

#[tokio::test]
async fn three_guesses_at_the_key_are_all_that_an_address_has() {
    let client = start(config()).await;
    let call = async |key: &str| {
        let call = client.fast_reverse(context::current(), "ab".into(), Some(key.into()));
        call.await.expect("an answer")
    };
    // Right keys are no guesses, however many.
    for _ in 0..10 {
        assert_eq!(call("a key of sixteen bytes").await, Ok("ba".into()));
    }
    for _ in 0..3 {
        assert_eq!(call("a guess").await, Err(Refusal::KeyWrong));
    }
    assert_eq!(call("a guess").await, Err(Refusal::KeyGuessed));
    let right = call("a key of sixteen bytes").await;
    assert_eq!(right, Err(Refusal::KeyGuessed), "guessing goes on in vain");
}

#[tokio::test]
async fn a_chunk_that_would_take_hours_is_refused_and_one_long_word_is_not() {
    let client = start(config()).await;
    let words = "\n".repeat(1000);
    let chunk = client.reverse_words(context::current(), Tier::Free, words);
    assert_eq!(chunk.await.expect("an answer"), Err(Refusal::TooMuch));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_is_one_line_in_the_log_and_a_count_beside_the_work_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, "a key of sixteen bytes").expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_secret-server"));
    command.args(["-v", "--listen", "127.0.0.1:0", "--delay", "0"]);
    command.arg("--premium-key-file");
    let mut server = Program::start(command.arg(&key));
    let channel = Channel::open(&server.ready(), SERVICE).await;
    let client = SecretClient::from(channel.expect("up"));
    for _ in 0..100 {
        let guess = Some("a guess".to_owned());
        let call = client.fast_reverse(context::current(), "ab".into(), guess);
        call.await.expect("an answer").expect_err("a wrong key");
    }
    let words = "a\nb\n".to_owned();
    let chunk = client.reverse_words(context::current(), Tier::Free, words);
    chunk.await.expect("an answer").expect("it needs no key");
    signal(&server.child, "TERM");
    let log = server.end().stderr;
    let lines = |text| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("refused 127.0.0.1: a wrong premium key"), 1, "{log}");
    assert_eq!(lines("refused 127.0.0.1: too many wrong"), 1, "{log}");
    assert!(
        log.contains(" 3 with a wrong premium key, 97 after"),
        "{log}"
    );
    assert!(log.contains("worked on 2 words for "), "{log}");
}
