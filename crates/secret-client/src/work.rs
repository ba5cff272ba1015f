//! The work: the shell around the [dispatcher](crate::dispatch). The shell brings the words and
//! reports what happens, makes the calls, and carries out the effects. It decides nothing.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use common::cli::{self, Failure, Interrupted};
use common::journal;
use common::net;
use common::pen::Pen;
use common::secret::{SERVICE, Tier};
use futures::future::{Aborted, pending};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tarpc::client::RpcError;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::call::Answer;
use crate::cause::Cause;
use crate::config::Options;
use crate::connections::Connections;
use crate::dispatch::{Dispatcher, Effect};
use crate::keeper::Event;
use crate::pipes::{Input, Output};
use crate::progress::{Progress, REDRAW};
use crate::queue::Weights;
use crate::report::{Report, progress};

/// Why the work ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A person pressed Ctrl-C, or the like.
    Interrupted(Interrupted),
    /// The output failed, for this reason.
    Output(anyhow::Error),
    /// The input could not be read any further. What was read was done.
    Input(Failure),
    /// No server could do the rest.
    Servers(Cause),
}

/// Has all that comes from `input` reversed, and writes the answers to `output` in the same order,
/// until the end or until `shutdown`. Each is written as soon as all before it are there.
pub(crate) async fn work(
    options: &Options,
    progress: Progress,
    input: &mut mpsc::Receiver<Input>,
    output: Output,
    shutdown: impl Future<Output = Interrupted>,
) -> (Report, Result<(), Stop>) {
    let mut shell = Shell::new(options, progress);
    let mut shutdown = pin!(shutdown.fuse());
    let stopped = shell.run(input, &output, &mut shutdown).await;
    let hurried = matches!(stopped, Err(Stop::Interrupted(_)));
    let finish = async {
        // Some answers may be ready, although the work has ended early.
        if shell.dispatcher.queue.has_ready()
            && let Some(room) = output.room().await
        {
            room.send(shell.take());
        }
        shell.progress.clear();
        output.finish().await.context("cannot write the answers")
    };
    let result = match cli::let_it_print(finish, hurried, shutdown).await {
        Err(signal) => Err(Stop::Interrupted(signal)),
        Ok(Some(Err(error))) => Err(Stop::Output(error)),
        Ok(_) => stopped,
    };
    (shell.dispatcher.report(shell.begun.elapsed()), result)
}

/// What one run of the work needs. It is one task, so nothing in it is shared or locked.
struct Shell {
    dispatcher: Dispatcher,
    connections: Connections,
    /// what happens to servers, from the tasks that keep their connections
    events: mpsc::Receiver<Event>,
    /// what each call says of the speed that is wanted
    tier: Tier,
    journal: Pen,
    progress: Progress,
    /// why the input ended before its end, if it did
    failure: Option<Failure>,
    begun: Instant,
    /// bytes written so far
    bytes: u64,
}

impl Shell {
    fn new(options: &Options, progress: Progress) -> Self {
        let (connections, events) = Connections::new(options.seal.of(SERVICE));
        let mut dispatcher = Dispatcher::new(options.fixed, options.verify, options.give_up_after);
        dispatcher.is_noted = options.journal.is_on();
        dispatcher.queue.weights = Weights::of(rand::random());
        options
            .servers
            .iter()
            .for_each(|target| dispatcher.add(target));
        let mut shell = Self {
            dispatcher,
            connections,
            events,
            tier: options.tier(),
            journal: options.journal.clone(),
            progress,
            failure: None,
            begun: Instant::now(),
            bytes: 0,
        };
        shell.carry_out();
        shell
    }

    /// Works until all answers are taken.
    async fn run(
        &mut self,
        input: &mut mpsc::Receiver<Input>,
        output: &Output,
        mut shutdown: impl Future<Output = Interrupted> + Unpin,
    ) -> Result<(), Stop> {
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answers = FuturesUnordered::new();
        loop {
            while self.dispatcher.queue.wants_input()
                && let Ok(item) = input.try_recv()
            {
                self.read(item);
            }
            // Checked after reading, because the end of the input may be all that was missing.
            if self.dispatcher.queue.is_finished() {
                break;
            }
            let now = self.begun.elapsed();
            while let Some(call) = self.dispatcher.next_call(now) {
                answers.extend(self.connections.start(&self.tier, call));
            }
            let look_again_at = self.dispatcher.check(now).map_err(Stop::Servers)?;
            self.carry_out();
            tokio::select! {
                biased;
                signal = &mut shutdown => return Err(Stop::Interrupted(signal)),
                _ = redraw.tick(), if self.progress.shown() => self.show(),
                room = output.room(), if self.dispatcher.queue.has_ready() => {
                    // Without room the output has failed, and says why when it is finished.
                    let Some(room) = room else { return Ok(()) };
                    room.send(self.take());
                }
                Some(event) = self.events.recv() => self.happened(event),
                Some(answer) = answers.next() => {
                    self.answered(answer);
                    // Takes all that are ready, because each turn of the loop costs time.
                    while let Some(Some(answer)) = answers.next().now_or_never() {
                        self.answered(answer);
                    }
                }
                Some(item) = input.recv(), if self.dispatcher.queue.wants_input() => {
                    self.read(item);
                }
                () = at(look_again_at, self.begun) => {}
            }
        }
        match self.failure.take() {
            Some(failure) => Err(Stop::Input(failure)),
            None => Ok(()),
        }
    }

    /// Takes the answers whose turn has come, to be written.
    fn take(&mut self) -> String {
        let ready = self.dispatcher.queue.take().unwrap_or_default();
        self.bytes += ready.len() as u64;
        let upto = self.dispatcher.queue.totals.written;
        self.journal.note(|| journal::Event::Out { upto });
        ready
    }

    /// Hands what was read to the queue.
    fn read(&mut self, item: Input) {
        match item {
            Input::Lines(text) => self.dispatcher.queue.read(text),
            Input::One(text) => self.dispatcher.queue.read_one(text),
            Input::End { replaced, failure } => {
                self.dispatcher.end(replaced);
                let lines = self.dispatcher.queue.totals.read;
                self.journal.note(|| journal::Event::Read { lines });
                self.failure = failure;
                self.carry_out();
            }
        }
    }

    /// Reports to the dispatcher what has happened to a server.
    fn happened(&mut self, event: Event) {
        match event {
            Event::LookedUp(name, found) => self.dispatcher.looked_up(&name, found),
            Event::Up(server, client, workers) => {
                self.connections.up(server, client);
                self.dispatcher.up(server, workers);
            }
            Event::Down(server, cause) => self.dispatcher.down(server, cause, rand::random()),
            Event::Resume(server) => self.dispatcher.resume(server),
        }
        self.carry_out();
    }

    /// Reports to the dispatcher what came of a call. Of an aborted one nothing, because it is the
    /// dispatcher that had it aborted.
    fn answered(&mut self, answer: Result<Answer, Aborted>) {
        let Ok(answer) = answer else { return };
        let (server, first) = (answer.server, answer.first);
        self.connections.ended(server, first);
        match answer.result {
            Ok(Ok((text, timing))) => self.dispatcher.answered(server, first, text, timing),
            Ok(Err(refusal)) => self
                .dispatcher
                .refused(server, first, refusal, rand::random()),
            Err(RpcError::Channel(_)) => self.dispatcher.unasked(server),
            // Not a failure of the words, because the connection has ended.
            Err(RpcError::Shutdown) => self.dispatcher.closed(server),
            Err(error) if net::explain(&error).is_some() => self.dispatcher.closed(server),
            Err(error) => {
                let words = match error {
                    RpcError::Server(error) => error.detail,
                    error => error.to_string(),
                };
                self.dispatcher.failed(server, first, words, rand::random());
            }
        }
        self.carry_out();
    }

    /// Carries out all that the dispatcher has decided by now.
    fn carry_out(&mut self) {
        while let Some(effect) = self.dispatcher.next_effect() {
            match effect {
                Effect::LookUp(name, wait) => self.connections.look_up(name, wait),
                Effect::Connect(server, address, wait) => {
                    self.connections.connect(server, address, wait);
                }
                Effect::Close(server) => self.connections.close(server),
                Effect::Abandon(server) => self.connections.abandon(server),
                Effect::Cancel(server, first) => self.connections.cancel(server, first),
                Effect::ResumeAfter(server, wait) => self.connections.resume_after(server, wait),
                Effect::Say(line) => self.progress.say(&format!("secret-client: {line}")),
                Effect::Note(event) => self.journal.note(|| event),
            }
        }
    }

    /// Draws the bar anew.
    fn show(&self) {
        let shares: Vec<_> = self.dispatcher.shares().collect();
        let words = self.dispatcher.queue.totals.written;
        let rate = words as f64 / self.begun.elapsed().as_secs_f64();
        self.progress
            .show(self.bytes, progress(words, rate, &shares));
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        let failure = Self::new(cause.to_string());
        cause.help().into_iter().fold(failure, Self::help)
    }
}

/// Waits until this time since `begun`. For ever if there is none.
async fn at(time: Option<Duration>, begun: Instant) {
    match time {
        Some(time) => sleep(time.saturating_sub(begun.elapsed())).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipes;
    use common::net::Seal;

    #[tokio::test]
    async fn nothing_to_do_is_done_even_if_that_is_known_at_once() {
        let (sender, mut input) = mpsc::channel(1);
        let end = Input::End {
            replaced: 0,
            failure: None,
        };
        sender.send(end).await.expect("room");
        // No server, because its events would hide a wait for nothing.
        let options = Options {
            servers: Vec::new(),
            premium: false,
            seal: Seal::none(),
            premium_key: None,
            fixed: crate::Fixed::default(),
            verify: false,
            give_up_after: Duration::ZERO,
            journal: Pen::default(),
        };
        let output = pipes::write(std::io::sink());
        let mut shell = Shell::new(&options, Progress::default());
        let work = shell.run(&mut input, &output, pending());
        work.await.expect("done");
        assert_eq!(shell.dispatcher.report(Duration::ZERO).totals.read, 0);
    }
}
