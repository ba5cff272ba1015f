//! A list: the shell around the [dispatcher](crate::dispatch). The shell brings the words and
//! reports what happens, makes the calls, and carries out the effects. It decides nothing.

use std::io::Write;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use common::cli::{self, Failure, Interrupted};
use common::secret::Tier;
use futures::future::{Aborted, pending};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tarpc::client::RpcError;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::call::Answer;
use crate::cause::Cause;
use crate::config::{List, Options};
use crate::connections::Connections;
use crate::dispatch::{Dispatcher, Effect};
use crate::keeper::Event;
use crate::lines;
use crate::pipes::{self, Input, Output};
use crate::progress::{Progress, REDRAW};
use crate::report::{Report, plural, progress};

/// Reverses every line of `list` and writes the answers to `output`, in the same order, until the
/// end or until `shutdown`. Each is written as soon as all before it are there.
///
/// # Errors
/// If not every line could be answered, with what is missing and why; if the output failed; if
/// interrupted. What was written until then is right all the same, and reported.
pub async fn reverse_list(
    options: Options,
    list: List,
    output: impl Write + Send + 'static,
    shutdown: impl Future<Output = Interrupted>,
) -> (Report, anyhow::Result<()>) {
    let mut input = pipes::read(list.input);
    let output = pipes::write(output);
    let mut shell = Shell::new(&options, list.progress);
    let mut shutdown = pin!(shutdown.fuse());
    let stopped = shell.run(&mut input, &output, &mut shutdown).await;
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
    let (stopped, written) = match cli::let_it_print(finish, hurried, shutdown).await {
        Ok(written) => (stopped, written.unwrap_or(Ok(()))),
        Err(signal) => (Err(Stop::Interrupted(signal)), Ok(())),
    };
    let report = shell.dispatcher.report(shell.begun.elapsed());
    let result = match stopped {
        _ if written.is_err() => written,
        Ok(()) => Ok(()),
        Err(Stop::Output) => written,
        Err(Stop::Interrupted(signal)) => Err(signal.into()),
        Err(Stop::Input(failure)) => Err(failure.into()),
        Err(Stop::Servers(cause)) => {
            let mut total = report.totals.read;
            while let Some(Input::Lines(text)) = input.recv().await.filter(|_| list.has_end) {
                total += lines::count(&text) as u64;
            }
            let missing = total - report.totals.written;
            let of = plural(total, "word");
            let verb = if missing == 1 { "is" } else { "are" };
            let cause = anyhow::Error::from(Failure::from(cause));
            Err(cause.context(format!("{missing} of {of} {verb} missing")))
        }
    };
    (report, result)
}

/// Why the work ended before its end.
#[derive(Debug)]
enum Stop {
    /// A person pressed Ctrl-C, or the like.
    Interrupted(Interrupted),
    /// The output failed.
    Output,
    /// The input could not be read any further. What was read was done.
    Input(Failure),
    /// No server could do the rest.
    Servers(Cause),
}

struct Shell {
    dispatcher: Dispatcher,
    connections: Connections,
    events: mpsc::Receiver<Event>,
    tier: Tier,
    progress: Progress,
    /// why the input ended before its end, if it did
    failure: Option<Failure>,
    begun: Instant,
    /// bytes written so far
    bytes: u64,
}

impl Shell {
    fn new(options: &Options, progress: Progress) -> Self {
        let (connections, events) = Connections::new();
        let dispatcher = Dispatcher::new(&options.servers, options.fixed, options.give_up_after);
        let mut shell = Self {
            dispatcher,
            connections,
            events,
            tier: options.tier(),
            progress,
            failure: None,
            begun: Instant::now(),
            bytes: 0,
        };
        shell.carry_out();
        shell
    }

    /// Works until all is written.
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
            while let Some(call) = self.dispatcher.next_call() {
                answers.extend(self.connections.start(&self.tier, call));
            }
            let now = || self.begun.elapsed();
            let give_up_at = self.dispatcher.check(now).map_err(Stop::Servers)?;
            tokio::select! {
                biased;
                signal = &mut shutdown => return Err(Stop::Interrupted(signal)),
                _ = redraw.tick(), if self.progress.shown() => self.show(),
                room = output.room(), if self.dispatcher.queue.has_ready() => {
                    let room = room.ok_or(Stop::Output)?;
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
                () = at(give_up_at, self.begun) => {
                    return Err(Stop::Servers(self.dispatcher.give_up()));
                }
            }
        }
        match self.failure.take() {
            Some(failure) => Err(Stop::Input(failure)),
            None => Ok(()),
        }
    }

    fn take(&mut self) -> String {
        let ready = self.dispatcher.queue.take().unwrap_or_default();
        self.bytes += ready.len() as u64;
        ready
    }

    fn read(&mut self, item: Input) {
        match item {
            Input::Lines(text) => self.dispatcher.queue.read(text),
            Input::End { replaced, failure } => {
                self.dispatcher.end(replaced);
                self.failure = failure;
                self.carry_out();
            }
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::LookedUp(found) => self.dispatcher.looked_up(found),
            Event::Up(server, client, workers) => {
                self.connections.up(server, client);
                self.dispatcher.up(server, workers);
            }
            Event::Down(server, cause) => self.dispatcher.down(server, cause),
            Event::Resume(server) => self.dispatcher.resume(server),
        }
        self.carry_out();
    }

    fn answered(&mut self, answer: Result<Answer, Aborted>) {
        let Ok(answer) = answer else { return };
        let (server, first) = (answer.server, answer.first);
        self.connections.ended(server, first);
        match answer.result {
            Ok(Ok((text, timing))) => self.dispatcher.answered(server, first, text, timing),
            Ok(Err(refusal)) => self
                .dispatcher
                .refused(server, first, refusal, rand::random()),
            // Not a failure of the words, because the connection has ended.
            Err(RpcError::Shutdown | RpcError::Channel(_)) => self.dispatcher.closed(server),
            Err(_) => self.dispatcher.failed(server, first, rand::random()),
        }
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.dispatcher.next_effect() {
            match effect {
                Effect::LookUp(name) => self.connections.look_up(name),
                Effect::Connect(server, address) => self.connections.connect(server, address),
                Effect::Close(server) => self.connections.close(server),
                Effect::Abandon(server) => self.connections.abandon(server),
                Effect::Cancel(server, first) => self.connections.cancel(server, first),
                Effect::ResumeAfter(server, wait) => self.connections.resume_after(server, wait),
                Effect::Say(line) => self.progress.say(&format!("secret-client: {line}")),
            }
        }
    }

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
            premium_key: None,
            fixed: crate::Fixed::default(),
            give_up_after: Duration::ZERO,
        };
        let output = pipes::write(std::io::sink());
        let mut shell = Shell::new(&options, Progress::default());
        let work = shell.run(&mut input, &output, pending());
        work.await.expect("done");
        assert_eq!(shell.dispatcher.report(Duration::ZERO).totals.read, 0);
    }
}
