//! One task that drives the [queue](crate::queue): sends what it gives out, tells it what came
//! back, writes what is ready.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use common::cli::{Failure, Interrupted};
use common::secret::{Refusal, Reversed};
use futures::future::{Aborted, pending};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tarpc::client::RpcError;
use tokio::sync::mpsc;
use tokio::time::{self, MissedTickBehavior, interval, sleep_until};

use crate::in_flight::{Answer, InFlight};
use crate::keeper::{Client, Event, Lost};
use crate::list::{Options, Report};
use crate::pacing::Timing;
use crate::pipes::{End, Input, Output, Stopped};
use crate::progress::REDRAW;
use crate::queue::{Call, Queue, ServerId, Verdict};
use crate::report::{self, Latencies};
use crate::servers::Servers;

/// Why the work ended before its end.
#[derive(Debug)]
pub enum Stop {
    /// Somebody pressed Ctrl-C, or the like.
    Interrupted(Interrupted),
    /// Nobody reads the answers.
    Output,
    /// The input could not be read any further. What was read was done.
    Input(Failure),
    /// No server could do the rest.
    Servers(anyhow::Error),
}

/// The state of the work.
pub struct Worker {
    options: Options,
    queue: Queue,
    roster: Servers,
    news: mpsc::Receiver<Event>,
    calls: InFlight,
    /// who is asked first whether it has room
    turn: ServerId,
    latencies: Latencies,
    /// when to stop, while no server can be reached
    give_up: Option<time::Instant>,
    input_failure: Option<Failure>,
    begun: Instant,
    bytes: u64,
}

impl Worker {
    /// Begins to look for the servers.
    pub fn new(options: Options) -> Self {
        let (roster, news) = Servers::new();
        let mut drive = Self {
            queue: Queue::new(options.fixed),
            roster,
            news,
            calls: InFlight::default(),
            turn: 0,
            latencies: Latencies::default(),
            give_up: None,
            input_failure: None,
            begun: Instant::now(),
            bytes: 0,
            options,
        };
        for target in drive.options.servers.clone() {
            match target.parse::<SocketAddr>() {
                Ok(address) => drive.hear(Event::Found(address.to_string())),
                Err(_) => drive.roster.find(target),
            }
        }
        drive
    }

    /// Works until all is written.
    ///
    /// # Errors
    /// [`Stop`], why it ended earlier. Some answers may still be ready to be written.
    pub async fn run(
        &mut self,
        input: &mut mpsc::Receiver<Input>,
        output: &Output,
        interrupted: impl Future<Output = Interrupted>,
    ) -> Result<(), Stop> {
        let mut interrupted = pin!(interrupted);
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answers = FuturesUnordered::new();
        loop {
            while self.queue.wants_input()
                && let Ok(item) = input.try_recv()
            {
                self.read(item);
            }
            // Only now: that the input is over may be all that was waited for.
            if self.queue.finished() {
                break;
            }
            while let Some((client, order)) = self.next_order() {
                let tier = self.options.tier.clone();
                answers.push(self.calls.start(client, tier, order));
            }
            self.check()?;
            self.give_up = self.may_give_up().then(|| {
                let give_up_after = self.options.give_up_after;
                self.give_up
                    .unwrap_or_else(|| time::Instant::now() + give_up_after)
            });
            tokio::select! {
                biased;
                signal = &mut interrupted => return Err(Stop::Interrupted(signal)),
                _ = redraw.tick(), if self.options.progress.shown() => self.show(),
                room = output.room(), if self.queue.has_ready() => {
                    let room = room.ok_or(Stop::Output)?;
                    room.send(self.take());
                }
                Some(news) = self.news.recv() => self.hear(news),
                Some(answer) = answers.next() => {
                    self.answer(answer);
                    // And all that are there already.
                    while let Some(Some(answer)) = answers.next().now_or_never() {
                        self.answer(answer);
                    }
                }
                Some(item) = input.recv(), if self.queue.wants_input() => self.read(item),
                () = at(self.give_up) => {
                    return Err(Stop::Servers(self.roster.last_trouble()));
                }
            }
        }
        self.input_failure
            .take()
            .map_or(Ok(()), |failure| Err(Stop::Input(failure)))
    }

    /// Writes what is ready, though the work is over.
    pub async fn write_ready(&mut self, output: &Output) {
        if self.queue.has_ready()
            && let Some(room) = output.room().await
        {
            room.send(self.take());
        }
        self.options.progress.clear();
    }

    /// How it went.
    pub fn report(&self, took: Duration) -> Report {
        let share = |server| {
            let name = self.roster.name(server).to_owned();
            (name, self.queue.words_by(server))
        };
        Report {
            totals: self.queue.totals(),
            took,
            shares: self.roster.reached().map(share).collect(),
            latencies: self.latencies.clone(),
        }
    }

    fn take(&mut self) -> String {
        let ready = self.queue.take().unwrap_or_default();
        self.bytes += ready.len() as u64;
        ready
    }

    fn read(&mut self, item: Input) {
        match item {
            Input::Lines(text) => self.queue.read(text),
            Input::End(end) => self.end(end),
        }
    }

    fn end(&mut self, end: End) {
        self.queue.end();
        if end.replaced > 0 {
            let lines = report::plural(end.replaced, "line");
            self.say(&format!(
                "{lines} held bytes that are no UTF-8: reversed with U+FFFD there"
            ));
        }
        self.input_failure = end.stopped.map(Stopped::into);
    }

    /// The next thing to ask, and over what connection. The servers take turns, so that a few
    /// words are not all given to the first.
    fn next_order(&mut self) -> Option<(Client, Call)> {
        let servers = self.roster.all().len();
        let mut turns = (self.turn..servers).chain(0..self.turn);
        turns.find_map(|server| {
            let client = self.roster.client(server)?;
            let order = self.queue.give(server)?;
            self.turn = (server + 1) % servers;
            Some((client.clone(), order))
        })
    }

    fn answer(&mut self, answer: Result<Answer, Aborted>) {
        let Ok(Answer {
            server,
            first,
            took,
            result,
        }) = answer
        else {
            return;
        };
        self.calls.ended(server, first);
        match result {
            Ok(Ok(reversed)) => self.reversed(server, first, took, reversed),
            Ok(Err(Refusal::Busy)) => {
                self.queue.busy(server, first);
                self.roster.rest(server);
            }
            Ok(Err(refusal)) => self.refused(server, refusal),
            // Its connection has ended, as those who look after it will find as well.
            Err(RpcError::Shutdown | RpcError::Channel(_)) => self.down(server, Lost::Closed),
            // The server is there, and failed on these words.
            Err(_) => {
                self.queue.failed(server, first);
                self.queue.busy(server, first);
                self.roster.rest(server);
            }
        }
    }

    fn reversed(&mut self, server: ServerId, first: u64, took: Duration, reversed: Reversed) {
        self.latencies.add(took);
        self.roster.answered(server);
        let Reversed {
            text,
            waited,
            worked,
        } = reversed;
        let timing = Timing {
            took,
            waited,
            worked,
        };
        match self.queue.answered(server, first, text, timing) {
            Verdict::Counts(Some(other)) => self.calls.abort(other, first),
            Verdict::Counts(None) | Verdict::Late => {}
            Verdict::Garbled => {
                let name = self.roster.name(server);
                let cause = anyhow!("{name} answers with another number of words than asked");
                self.give_up_on(server, cause);
            }
        }
    }

    fn refused(&mut self, server: ServerId, refusal: Refusal) {
        let cause = crate::list::with_help(refusal, self.roster.name(server));
        self.give_up_on(server, cause.into());
    }

    fn give_up_on(&mut self, server: ServerId, cause: anyhow::Error) {
        self.say(&cause.to_string());
        self.roster.give_up(server, cause);
        self.take_back(server);
    }

    fn down(&mut self, server: ServerId, lost: Lost) {
        if let Some(notice) = self.roster.down(server, lost) {
            self.say(&notice);
        }
        self.take_back(server);
    }

    fn take_back(&mut self, server: ServerId) {
        for first in self.queue.down(server) {
            self.calls.abort(server, first);
        }
    }

    fn hear(&mut self, news: Event) {
        let notice = match news {
            Event::Found(name) => {
                if self.roster.found(name) {
                    self.queue.add_server();
                }
                None
            }
            Event::NotFound(error) => self.roster.not_found(error),
            Event::Up(server, client, workers) => {
                self.queue.up(server, workers);
                self.roster.up(server, client)
            }
            Event::Down(server, lost) => {
                self.down(server, lost);
                None
            }
            Event::Resume(server) => {
                self.queue.resume(server);
                None
            }
        };
        if let Some(notice) = notice {
            self.say(&notice);
        }
    }

    fn may_give_up(&self) -> bool {
        !self.queue.any_up() && !self.roster.is_untried()
    }

    /// Whether there is any point in going on.
    fn check(&mut self) -> Result<(), Stop> {
        if let Some(first) = self.queue.hopeless() {
            let line = first + 1;
            let what = format!("the words from line {line} on fail at every server");
            return Err(Stop::Servers(Failure::new(what).into()));
        }
        if self.roster.all_retired() {
            return Err(Stop::Servers(self.roster.last_trouble()));
        }
        Ok(())
    }

    fn say(&self, line: &str) {
        self.options.progress.say(&format!("secret-client: {line}"));
    }

    fn show(&self) {
        let words_by = |server| (self.roster.name(server), self.queue.words_by(server));
        let shares: Vec<_> = self.roster.reached().map(words_by).collect();
        let rate = self.queue.totals().written as f64 / self.begun.elapsed().as_secs_f64();
        let message = report::progress(self.queue.totals().written, rate, &shares);
        self.options.progress.show(self.bytes, message);
    }
}

/// That moment; never, if there is none.
async fn at(moment: Option<time::Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
