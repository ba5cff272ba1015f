//! Fuzz targets: what a hostile peer cannot do to a greeting, and to either end of a connection.
//!
//! All peers are in memory, and time stands still unless a step lets it pass. So a run depends on
//! its input only, up to the moments that tarpc writes into requests.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tarpc::client::stub::Stub;
use tarpc::{ClientMessage, Response, ServerError, context};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout};

use super::client::Channel;
use super::doctor::{Error, Trouble};
use super::lab_key::LabKey;
use super::seal::{Protocol, Seal};
use super::{MAX_FRAME, greeting, wire};
use crate::cli::printable;
use input::Input;
use odd_text::text;

pub use answering::answering;
pub use records::records;

mod answering;
pub(in crate::net) mod hand;
#[path = "../../tests/support/input.rs"]
mod input;
#[path = "../../tests/support/odd_text.rs"]
mod odd_text;
mod records;

/// The address of the peers.
const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));

/// The bytes that a connection in memory holds on their way: few, so that writers often wait.
const PIPE: usize = 3000;

/// Most turns of the runtime until nothing is left to do, whatever has just happened.
const TURNS: usize = 2000;

/// Most calls of a run of the calling side.
const MOST_CALLS: usize = 64;

/// Plays `script` on a runtime whose clock stands still.
fn play(script: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build();
    runtime.expect("threads").block_on(script);
}

/// A stranger that says any bytes, in pieces of any length, and then hangs up or waits.
struct Stranger<'a> {
    words: Vec<u8>,
    piece: usize,
    hangs_up: bool,
    input: Input<'a>,
}

impl<'a> Stranger<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut input = Input::new(bytes);
        Self {
            piece: 1 + input.below(64),
            hangs_up: input.below(2) == 0,
            input,
            words: bytes.get(3..).unwrap_or_default().to_vec(),
        }
    }

    /// Says all, and returns its end of the connection unless it hangs up.
    async fn speak(&self, mut io: DuplexStream) -> Option<DuplexStream> {
        for piece in self.words.chunks(self.piece) {
            let _ = io.write_all(piece).await;
            yield_now().await;
        }
        (!self.hangs_up).then_some(io)
    }
}

/// A greeting of any bytes, cut anywhere, is accepted only if it is the right one. What is said
/// about it is short and harmless.
pub fn greeting(bytes: &[u8]) {
    let mut stranger = Stranger::new(bytes);
    let has_key = stranger.input.below(2) == 0;
    play(async {
        let (mut ours, theirs) = duplex(PIPE);
        // The end is dropped with the verdict, as of a real connection: a stranger that has more to
        // say would wait for ever otherwise.
        let greeted = async move { greeting::exchange(&mut ours, "buddy", has_key).await };
        let (verdict, _theirs) = tokio::join!(greeted, stranger.speak(theirs));
        let line = stranger.words.get(..greeting::LEN);
        let line = line.unwrap_or(&stranger.words);
        match verdict {
            Ok(()) => assert_eq!(greeting::check(line, "buddy", has_key), Ok(())),
            Err(trouble) => explains(trouble, &mut stranger.input),
        }
    });
}

/// Any bytes after the greeting of a service with a key open no connection, at neither end.
pub fn sealing(bytes: &[u8]) {
    let mut stranger = Stranger::new(bytes);
    let is_called = stranger.input.below(2) == 0;
    let greeting = greeting::keyed_line("buddy");
    stranger.words.splice(..0, greeting);
    play(async {
        let (ours, theirs) = duplex(PIPE);
        let sealed = async {
            let buddy = SEALED.as_ref().expect("a key");
            if is_called {
                buddy.answer(ours).await
            } else {
                buddy.call(ours).await
            }
        };
        let (verdict, _theirs) = tokio::join!(sealed, stranger.speak(theirs));
        explains(verdict.expect_err("without the key"), &mut stranger.input);
    });
}

/// The service behind a key.
static SEALED: LazyLock<Option<Protocol>> = LazyLock::new(|| {
    let seal = Seal::new(&LabKey::host([7; 16])?);
    Some(seal.ok()?.of("buddy"))
});

/// A key is read as it was written, and no other text is read as it. No text is printed that a
/// terminal would obey.
pub fn texts(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let secret = [0; 16].map(|_: u8| input.byte());
    let host = LabKey::host(secret).expect("a key pair");
    let key = if input.below(2) == 0 {
        host
    } else {
        host.guest()
    };
    let mut written = key.reveal();
    assert_eq!(LabKey::parse(&written).as_ref(), Ok(&key));
    let odd = text(&mut input, 40);
    let at = input.below(written.len());
    written.replace_range(at..=at, &odd);
    if let Ok(read) = LabKey::parse(&written) {
        assert_eq!(read.reveal(), written.trim().to_ascii_lowercase());
    }
    let shown = printable(&odd);
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    assert_eq!(printable(&shown), shown, "printable twice");
}

/// Checks the sentences about a trouble with a stranger.
fn explains(trouble: Trouble, input: &mut Input<'_>) {
    let addr = input.below(2) == 0;
    let error = Error {
        trouble,
        service: "buddy",
        target: "example.org:8030".into(),
        addr: addr.then(|| (IP, 8030).into()),
        own: addr.then_some(IP),
    };
    let lines = error.help();
    assert!(lines.len() <= 3, "{lines:?}");
    for line in lines.into_iter().chain([error.to_string()]) {
        let is_harmful = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!line.contains(is_harmful) && line.len() < 1000, "{line:?}");
    }
}

/// A future that counts how often it is polled.
struct Counted<F>(Pin<Box<F>>, Arc<AtomicUsize>);

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.fetch_add(1, Relaxed);
        self.0.as_mut().poll(cx)
    }
}

/// Lets all run that can, until nothing moves. It must come to that.
async fn settle(polls: &AtomicUsize) {
    let (mut before, mut quiet) = (polls.load(Relaxed), 0);
    for _ in 0..TURNS {
        yield_now().await;
        let now = polls.load(Relaxed);
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
        if quiet > 8 {
            return;
        }
    }
    panic!("it spins");
}

/// Returns a message as it goes over the wire.
fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), message].concat()
}

/// Returns the whole messages in what was heard, and the rest.
fn frames(mut heard: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((length, rest)) = heard.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        assert!(length <= MAX_FRAME);
        let Some((frame, rest)) = rest.split_at_checked(length) else {
            break;
        };
        frames.push(frame);
        heard = rest;
    }
    (frames, heard)
}

/// A request of the calling side.
#[derive(serde::Serialize, serde::Deserialize)]
struct Question(String);

impl tarpc::RequestName for Question {
    fn name(&self) -> &str {
        "Question"
    }
}

/// A server that sends anything at any time, and reads or not.
struct Liar {
    io: DuplexStream,
    heard: Vec<u8>,
    /// the questions that it has read, by the numbers of their calls
    questions: BTreeMap<u64, String>,
}

impl Liar {
    async fn read(&mut self) {
        let mut buffer = [0; PIPE];
        tokio::select! {
            biased;
            Ok(n) = self.io.read(&mut buffer) => self.heard.extend(&buffer[..n]),
            () = yield_now() => {}
        }
        let (frames, rest) = frames(&self.heard);
        for frame in frames {
            let message: ClientMessage<Question> = wire::decode(frame).expect("a call");
            if let ClientMessage::Request(call) = message {
                self.questions.insert(call.id, call.message.0);
            }
        }
        self.heard = rest.to_vec();
    }

    /// Gives a call its own question back, or an error, or answers what was never asked.
    async fn write(&mut self, input: &mut Input<'_>) {
        let request_id = input.number();
        let message = match self.questions.remove(&request_id) {
            Some(question) if input.below(4) > 0 => Ok(question),
            _ => Err(ServerError::new(ErrorKind::Other, "no".into())),
        };
        let answer = Response {
            request_id,
            message,
        };
        let answer = postcard::to_stdvec(&answer).expect("it can be encoded");
        let is_whole = input.below(16) > 0;
        let bytes = if is_whole { frame(&answer) } else { answer };
        tokio::select! {
            biased;
            _ = self.io.write_all(&bytes) => {}
            () = yield_now() => {}
        }
    }
}

/// Whatever a server does, the calling side does not spin, gives no answer to the wrong call, and
/// ends every call with the connection.
pub fn calling(bytes: &[u8]) {
    play(async {
        let mut input = Input::new(bytes);
        let (ours, theirs) = duplex(PIPE);
        let channel =
            Channel::<Question, String>::over(ours, Duration::ZERO, "buddy", "example.org:8030");
        let mut liar = Some(Liar {
            io: theirs,
            heard: Vec::new(),
            questions: BTreeMap::new(),
        });
        let mut calls: Vec<JoinHandle<_>> = Vec::new();
        let mut post = None;
        while !input.is_over() {
            match (input.below(8), &mut liar) {
                (0 | 1, _) if calls.len() < MOST_CALLS => {
                    let question = text(&mut input, 90).repeat(1 + input.below(32));
                    let question = format!("{}#{question}", calls.len());
                    let channel = channel.clone();
                    calls.push(tokio::spawn(async move {
                        channel.call(context::current(), Question(question)).await
                    }));
                }
                (2, _) if !calls.is_empty() => calls[input.below(calls.len())].abort(),
                (3, _) if input.below(16) == 0 => liar = None,
                (5, _) => {
                    let question = text(&mut input, 90).repeat(1 + input.below(32));
                    let posted = format!("post {}#", input.number());
                    let question = Question(format!("{posted}{question}"));
                    let made = channel.post(Instant::now(), context::current(), question);
                    post = made.map(|post| (post, posted)).or(post);
                }
                (3 | 4, Some(liar)) => liar.read().await,
                (_, Some(liar)) => liar.write(&mut input).await,
                _ => {}
            }
            for _ in 0..4 {
                yield_now().await;
            }
        }
        drop(liar);
        for (number, call) in calls.into_iter().enumerate() {
            let mut turns = 0..TURNS;
            while !call.is_finished() && turns.next().is_some() {
                yield_now().await;
            }
            assert!(call.is_finished(), "call {number} outlives the connection");
            if let Ok(Ok(answer)) = call.await {
                assert!(
                    answer.starts_with(&format!("{number}#")),
                    "{number}: {answer}"
                );
            }
        }
        if let Some((post, posted)) = post {
            let answer = timeout(Duration::from_secs(1), post.answer()).await;
            let answer = answer.expect("no post outlives the connection");
            if let Ok(answer) = answer.expect("it is the newest") {
                assert!(answer.starts_with(&posted), "{posted}: {answer}");
            }
        }
        let broken = timeout(Duration::from_secs(1), channel.broken());
        assert!(broken.await.is_ok(), "the end is reported");
    });
}

#[cfg(test)]
mod tests;
