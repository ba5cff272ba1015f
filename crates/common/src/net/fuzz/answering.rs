//! Fuzz target: a hostile caller of the server's end of a connection.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tarpc::{ClientMessage, Request, Response, ServerError, context, trace};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;
use tokio_util::sync::CancellationToken;

use super::input::Input;
use super::odd_text::text;
use super::{Counted, IP, PIPE, TURNS, frame, frames, play, settle};
use crate::net::gate::{FREE, Gate, Share};
use crate::net::server::{Answering, Work};
use crate::net::{Limits, MAX_FRAME, MAX_GROWTH, wire};

/// Most calls at once on the connection.
const CALLS: usize = 4;

/// Most bytes that a rude caller may make the server hold: fewer than a long answer has. A polite
/// one gets all its answers, so it may have more.
const RUDE_BYTES: usize = 64 * 1024;
const POLITE_BYTES: usize = 4 * MAX_FRAME;

/// What the handlers of a fuzzed server share.
#[derive(Default)]
struct Handlers {
    running: AtomicUsize,
    /// the bytes of the calls that run
    bytes: AtomicUsize,
    release: Notify,
    /// how often each call was begun
    begun: Mutex<BTreeMap<String, usize>>,
}

/// Counts a handler that runs, and the bytes of its call.
struct Running(Arc<Handlers>, usize);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
        self.0.bytes.fetch_sub(self.1, Relaxed);
    }
}

/// Answers as the text of the call says: at once, after some turns, much, an error, or only when it
/// is released.
async fn handle(handlers: Arc<Handlers>, text: String) -> Result<String, ServerError> {
    handlers.running.fetch_add(1, Relaxed);
    handlers.bytes.fetch_add(text.len(), Relaxed);
    let running = Running(handlers, text.len());
    match text.as_bytes().first() {
        Some(0..40) => running.0.release.notified().await,
        Some(40..60) => {
            for _ in 0..300 {
                yield_now().await;
            }
        }
        Some(60..80) => return Ok("x".repeat(MAX_FRAME / 8 * (text.len() % 9))),
        Some(80..90) => {
            let sorry = ServerError::new(io::ErrorKind::Other, text);
            return Err(sorry);
        }
        _ => {}
    }
    Ok(text)
}

/// The hostile caller of an answering machine.
struct Caller {
    io: Option<DuplexStream>,
    /// what it still writes, as far as the server takes it
    to_write: Vec<u8>,
    heard: Vec<u8>,
    /// whether it breaks the protocol or is silent for long; otherwise every call is answered
    is_rude: bool,
    calls: u64,
    cancelled: BTreeMap<u64, usize>,
}

impl Caller {
    fn request(&mut self, input: &mut Input<'_>) {
        let mut context = context::current();
        if self.is_rude && input.below(4) == 0 {
            context.deadline += Duration::from_secs(input.number() % 1_000_000_000);
        }
        self.calls += 1;
        let id = if self.is_rude {
            input.number()
        } else {
            self.calls
        };
        // The text begins with the number, so that the handlers can count the calls.
        let message = format!(
            "{}#{id}#{}",
            char::from(input.byte() % 128),
            text(input, 80)
        );
        let message = ClientMessage::Request(Request {
            context,
            id,
            message,
        });
        let message = postcard::to_stdvec(&message).expect("it can be encoded");
        self.to_write.extend(frame(&message));
    }

    fn cancel(&mut self, input: &mut Input<'_>) {
        let request_id = if self.is_rude {
            input.number()
        } else {
            self.calls
        };
        *self.cancelled.entry(request_id).or_default() += 1;
        let message = ClientMessage::<String>::Cancel {
            trace_context: trace::Context::default(),
            request_id,
        };
        let message = postcard::to_stdvec(&message).expect("it can be encoded");
        self.to_write.extend(frame(&message));
    }

    /// Writes and reads as much as goes without waiting.
    async fn talk(&mut self, reads: usize) {
        let Some(io) = &mut self.io else { return };
        let mut buffer = vec![0; reads.max(1)];
        tokio::select! {
            biased;
            Ok(n) = io.write(&self.to_write), if !self.to_write.is_empty() => {
                drop(self.to_write.drain(..n));
            }
            () = yield_now() => {}
        }
        tokio::select! {
            biased;
            Ok(n) = io.read(&mut buffer), if reads > 0 => self.heard.extend(&buffer[..n]),
            () = yield_now() => {}
        }
    }

    /// Returns the numbers of the calls that were answered. Every whole frame is an answer.
    fn answers(&self) -> Vec<u64> {
        let id = |frame: &&[u8]| {
            let answer: Response<String> = wire::decode(frame).expect("an answer");
            answer.request_id
        };
        frames(&self.heard).0.iter().map(id).collect()
    }
}

/// A caller that sends anything at any time, and reads or not, cannot make the server spin, hold
/// more than its bounds, or outlive it. Every call is answered once.
pub fn answering(bytes: &[u8]) {
    play(async {
        let mut input = Input::new(bytes);
        let is_rude = input.below(2) == 0;
        let bytes = if is_rude { RUDE_BYTES } else { POLITE_BYTES };
        let limits = Limits {
            calls: CALLS,
            bytes: 4 * bytes, // because one address has a quarter
            frees_loopback: false,
            flush_delay: Duration::from_millis(input.below(2) as u64),
            ..Limits::default()
        };
        let (gate, handlers) = (Gate::new(limits), Arc::new(Handlers::default()));
        let (ours, theirs) = duplex(PIPE);
        let (stop, polls) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let shared = handlers.clone();
        let handler = move |_: context::Context, text: String| {
            let begun = &mut *shared.begun.lock().unwrap_or_else(PoisonError::into_inner);
            let rest = text.get(2..).unwrap_or_default();
            let id = rest.split('#').next().unwrap_or_default().to_owned();
            *begun.entry(id).or_default() += 1;
            Work::Waits(handle(shared.clone(), text))
        };
        let share = Share::new(gate.bytes.clone(), IP);
        let stopped = stop.clone().cancelled_owned();
        let answering = Answering::new(ours, handler, limits, share, stopped);
        let server = tokio::spawn(Counted(Box::pin(answering), polls.clone()));
        let mut caller = Caller {
            io: Some(theirs),
            to_write: Vec::new(),
            heard: Vec::new(),
            is_rude,
            calls: 0,
            cancelled: BTreeMap::new(),
        };
        while !input.is_over() {
            happens(&mut input, &mut caller, &handlers, &stop).await;
            let reads = input.below(3) * 2000;
            caller.talk(reads).await;
            settle(&polls).await;
            assert!(handlers.running.load(Relaxed) <= CALLS, "calls at once");
            let held = handlers.bytes.load(Relaxed);
            assert!(MAX_GROWTH * held <= bytes + FREE, "{held} bytes of calls");
            assert!(gate.bytes.taken() <= bytes, "{} bytes", gate.bytes.taken());
        }
        finishes(caller, server, &handlers, &polls).await;
        assert_eq!(gate.bytes.taken(), 0, "all is given back");
        assert_eq!(handlers.running.load(Relaxed), 0, "no call is left behind");
    });
}

/// Lets one thing happen that the input chooses: the caller does something, a handler goes on, time
/// passes, or the server is told to stop.
async fn happens(
    input: &mut Input<'_>,
    caller: &mut Caller,
    handlers: &Handlers,
    stop: &CancellationToken,
) {
    match input.below(12) {
        0..5 => caller.request(input),
        5 => caller.cancel(input),
        6 if caller.is_rude => {
            let message = text(input, 40).into_bytes();
            let whole = input.below(2) == 0;
            let bytes = if whole { frame(&message) } else { message };
            caller.to_write.extend(bytes);
        }
        7 => handlers.release.notify_waiters(),
        8 if caller.is_rude => advance(Duration::from_millis(input.number() % 200_000)).await,
        9 if input.below(8) == 0 => stop.cancel(),
        10 if input.below(8) == 0 => caller.io = None,
        _ => {}
    }
}

/// The caller says no more, and reads. The server ends, having answered all.
async fn finishes(
    mut caller: Caller,
    server: JoinHandle<io::Result<()>>,
    handlers: &Handlers,
    polls: &AtomicUsize,
) {
    let is_there = caller.io.is_some();
    for _ in 0..TURNS {
        handlers.release.notify_waiters();
        caller.talk(MAX_FRAME).await;
        if let Some(io) = &mut caller.io
            && caller.to_write.is_empty()
        {
            let _ = io.shutdown().await;
        }
        settle(polls).await;
        advance(Duration::from_millis(1)).await; // for the delay of a flush
        if server.is_finished() {
            break;
        }
    }
    assert!(server.is_finished(), "it outlives its caller");
    let result = server.await.expect("no panic");
    if let Some(io) = &mut caller.io {
        let _ = io.read_to_end(&mut caller.heard).await;
    }
    let begun = handlers
        .begun
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let mut answered = BTreeMap::<_, usize>::new();
    for id in caller.answers() {
        *answered.entry(id.to_string()).or_default() += 1;
    }
    if caller.is_rude || !is_there {
        return;
    }
    assert!(result.is_ok(), "{result:?}");
    for (id, begun) in &*begun {
        let cancelled = id.parse().ok().and_then(|id| caller.cancelled.get(&id));
        let answered = answered.get(id).copied().unwrap_or_default();
        let cancelled = cancelled.copied().unwrap_or_default();
        assert!(
            answered + cancelled >= *begun,
            "call {id}: {answered} of {begun}"
        );
    }
}
