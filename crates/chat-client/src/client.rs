//! The shell around the [conversation](crate::conversation): makes its calls, prints, reads lines,
//! and keeps its timers. The shell decides nothing, because it can be tested only with processes.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::pin::pin;

use common::chat::Session;
use common::cli::Interrupted;
use futures::future::{BoxFuture, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::api::Api;
use crate::command::Manner;
use crate::completion::Completion;
use crate::config::Config;
use crate::conversation::Conversation;
use crate::effect::{Effect, Input, Output, Timer};
use crate::end;
use crate::servers::{Place, Servers};

/// The two ends of a terminal, or of a pair of pipes.
pub(crate) struct Console {
    pub(crate) lines: mpsc::Receiver<String>,
    pub(crate) outputs: mpsc::Sender<Output>,
    pub(crate) completion: Completion,
    pub(crate) manner: Manner,
    /// ends when the reader of the outputs has gone, if that is noticed before one is printed
    pub(crate) reader_gone: BoxFuture<'static, ()>,
}

/// Talks until the conversation ends. Nothing here waits for the reader of the outputs.
pub(crate) async fn talk(
    config: Config,
    mut console: Console,
    signal: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let session = Session(rand::random());
    let mut conversation = conversation(&config, console.manner, session);
    let api = Api::new(config.clone(), session);
    let mut reached = api.reached();
    let mut calls = FuturesUnordered::new();
    let mut timers = BTreeMap::new();
    let mut unprinted = VecDeque::new();
    let mut interrupted = None;
    let mut signal = pin!(signal.fuse());
    let closed = pin!(console.outputs.closed());
    let mut reader_gone = select(console.reader_gone, closed).fuse();
    let mut input = Input::Started;
    loop {
        for effect in conversation.handle(input, rand::random()) {
            match effect {
                Effect::Call(call) => calls.push(api.clone().call(call)),
                Effect::HangUp => api.hang_up(),
                Effect::Print(output) => unprinted.push_back(output),
                Effect::Timer(timer, wait) => {
                    timers.insert(timer, Instant::now() + wait);
                }
                Effect::Learn(name) => console.completion.learn(name),
                Effect::Note(event) => config.journal.note(|| event),
                Effect::End(why, goodbye, undelivered) => {
                    if goodbye {
                        api.goodbye().await;
                    }
                    let (nick, server) = (&config.nick, conversation.server());
                    return end::result(why, undelivered, nick, &server, interrupted);
                }
            }
        }
        input = tokio::select! {
            biased;
            signal = &mut signal => {
                interrupted = Some(signal);
                Input::Interrupted
            }
            permit = console.outputs.reserve(), if !unprinted.is_empty() => {
                let output = unprinted.pop_front();
                // Without a permit the output is dropped, because its reader has gone.
                permit.into_iter().zip(output).for_each(|(permit, output)| permit.send(output));
                Input::Taken
            }
            // Before the answers, because this is where they come from.
            Some(place) = place(&mut reached) => Input::Reached(place),
            Some(answer) = calls.next() => answer,
            timer = elapsed(&mut timers) => Input::Elapsed(timer),
            line = console.lines.recv(), if conversation.wants_line() => {
                line.map_or(Input::NoMoreLines, Input::Line)
            }
            _ = &mut reader_gone => Input::ReaderGone,
        };
    }
}

/// Returns the conversation that these settings begin.
fn conversation(config: &Config, manner: Manner, session: Session) -> Conversation {
    let servers = Servers::new(&config.servers, rand::random());
    let mut conversation = Conversation::new(servers, &config.nick, &config.room, session);
    conversation.after = config.after;
    conversation.history = config.history;
    conversation.wait = config.wait;
    conversation.manner = manner;
    conversation.is_operator = config.admin.is_some();
    conversation.is_sealed = config.seal.name().is_some();
    conversation.record.is_on = config.journal.is_on();
    conversation
}

/// Returns where the next new connection leads.
async fn place(reached: &mut watch::Receiver<Option<Place>>) -> Option<Place> {
    reached.changed().await.ok()?;
    reached.borrow_and_update().clone()
}

/// Returns the next timer whose time is over, and forgets it.
async fn elapsed(timers: &mut BTreeMap<Timer, Instant>) -> Timer {
    let Some((&timer, &at)) = timers.iter().min_by_key(|(_, at)| **at) else {
        return pending().await;
    };
    sleep_until(at).await;
    timers.remove(&timer);
    timer
}
