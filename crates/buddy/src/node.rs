//! The shell: executes what the [`State`] decides, and decides nothing.
//!
//! Each event takes the one lock, changes the state, and carries out its effects. Nothing is
//! awaited and nothing is printed under the lock, so that a slow terminal or network never stops
//! the heartbeat.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use common::cli::Interrupted;
use common::journal::Event;
use common::net::Protocol;
use common::pen::Pen;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::dial::{self, Link};
use crate::effect::{Effect, Job, Target, Way};
use crate::end;
use crate::failure_detector::SILENCES;
use crate::output::LineWriter;
use crate::sender::{self, Mailbox};
use crate::spin::Spin;
use crate::state::State;
use crate::waiting::FIRST_RECALL;

/// The roll is called again after [`FIRST_RECALL`], and then twice as long, up to this long. An
/// earlier call may still be on its way in a large and slow ring, and must have the time to close.
const LONGEST_RECALL: Duration = Duration::from_secs(60);

/// The bottles left, and the line with its newline.
type Verse = (u64, String);

/// One buddy, shared by its tasks.
pub(crate) struct Node {
    config: Config,
    /// by which it calls and is called
    pub(crate) protocol: Protocol,
    locked: Mutex<Locked>,
    verses: LineWriter,
    notices: mpsc::Sender<String>,
    journal: Pen,
    spin: Spin,
    /// the connection of the roll call, which is that of the song as well
    next: Link,
    started: Instant,
    /// told to leave: waits for no tempo any more
    leaving: CancellationToken,
    /// over, for whatever reason: every task ends
    pub(crate) ended: CancellationToken,
}

/// Everything that changes.
struct Locked {
    state: State,
    /// when the song began here
    begun: Instant,
    mailboxes: BTreeMap<Target, Mailbox>,
    /// end when the song begins
    waiting: JoinSet<()>,
    /// end when this buddy does
    tasks: JoinSet<()>,
    /// why a verse could not be printed
    unwritten: Option<io::Error>,
    /// empty, except while it is worked through
    effects: Vec<Effect>,
}

impl Node {
    /// A buddy that does nothing until its tasks are [started](Self::start).
    pub(crate) fn new(
        config: Config,
        (protocol, journal): (Protocol, Pen),
        verses: LineWriter,
        notices: mpsc::Sender<String>,
    ) -> Self {
        let locked = Locked {
            state: State::new(config.clone()),
            begun: Instant::now(),
            mailboxes: BTreeMap::new(),
            waiting: JoinSet::new(),
            tasks: JoinSet::new(),
            unwritten: None,
            effects: Vec::new(),
        };
        Self {
            next: Link::new(&*config.next, protocol.clone()),
            config,
            protocol,
            locked: Mutex::new(locked),
            verses,
            notices,
            journal,
            spin: Spin::default(),
            started: Instant::now(),
            leaving: CancellationToken::new(),
            ended: CancellationToken::new(),
        }
    }

    /// Starts the tasks that a buddy has from the beginning.
    pub(crate) fn start(self: &Arc<Self>) {
        let node = self.clone();
        self.spawn(async move { node.spin.keep().await });
        self.spawn(self.clone().heartbeat());
        self.lock().waiting.spawn(self.clone().wait());
    }

    /// Runs until this buddy has ended, by itself or because of `shutdown`. Returns the last line
    /// to print.
    ///
    /// # Errors
    /// What it failed on, or the signal that made it leave early.
    pub(crate) async fn run(
        self: &Arc<Self>,
        shutdown: impl Future<Output = Interrupted>,
    ) -> anyhow::Result<Option<String>> {
        let mut signal = None;
        let leave = async {
            signal = Some(shutdown.await);
            self.event(State::leave);
            self.leaving.cancel();
            // A next that does not answer within the patience will never answer.
            let patience = self.lock().state.beat_time() * SILENCES;
            sleep(patience).await;
        };
        tokio::select! {
            biased;
            () = self.ended.cancelled() => {}
            () = leave => self.ended.cancel(),
        }
        let locked = &mut *self.lock();
        locked.waiting.abort_all();
        locked.tasks.abort_all();
        let (why, result) = match locked.unwritten.take() {
            Some(error) => ("", Err(error).context("cannot write the song")),
            None => {
                let end = locked.state.end(locked.begun.elapsed());
                end::result(end, signal, self.config.wait)
            }
        };
        self.note_end(why, &result);
        result
    }

    /// Writes how this buddy ended: `why`, or the error.
    fn note_end(&self, why: &str, result: &anyhow::Result<Option<String>>) {
        self.journal.note(|| Event::End {
            why: match result {
                Err(error) if why.is_empty() => format!("{error:#}"),
                _ => why.to_owned(),
            },
        });
    }

    /// Tells the state what has happened, and carries out its effects.
    pub(crate) fn event<R>(self: &Arc<Self>, happens: impl FnOnce(&mut State) -> R) -> R {
        let (result, verse) = self.step(happens);
        if let Some(verse) = verse {
            self.sing(verse);
        }
        result
    }

    /// Does the same with an event that is rare. Not a part of its caller, as [`open`](Self::open).
    #[cold]
    #[inline(never)]
    pub(crate) fn rare_event<R>(self: &Arc<Self>, happens: impl FnOnce(&mut State) -> R) -> R {
        self.event(happens)
    }

    /// Does the same, but returns the verse instead of singing it.
    fn step<R>(self: &Arc<Self>, happens: impl FnOnce(&mut State) -> R) -> (R, Option<Verse>) {
        let locked = &mut *self.lock();
        let result = happens(&mut locked.state);
        (result, self.carry_out(locked))
    }

    /// Carries out the effects of an event. Returns the verse that is to be sung, if there is one.
    fn carry_out(self: &Arc<Self>, locked: &mut Locked) -> Option<Verse> {
        let mut verse = None;
        let mut effects = std::mem::take(&mut locked.effects);
        locked.state.take_effects(&mut effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(to, job) => match locked.mailboxes.get(&to) {
                    Some(mailbox) => mailbox.put(job),
                    None => self.open(locked, to).put(job),
                },
                Effect::Sing(left, mut line) => {
                    line.push('\n');
                    verse = Some((left, line));
                }
                effect => self.carry_out_rarer(locked, effect),
            }
        }
        locked.effects = effects;
        verse
    }

    /// Carries out an effect that a verse does not have. Not a part of its caller, as
    /// [`open`](Self::open).
    #[cold]
    #[inline(never)]
    fn carry_out_rarer(&self, locked: &mut Locked, effect: Effect) {
        match effect {
            Effect::Send(..) | Effect::Sing(..) => {} // never, because they are its caller's
            Effect::Note(event) => self.journal.note(|| *event),
            // Dropped if the terminal does not keep up, because nothing may wait here.
            Effect::Tell(text) => drop(self.notices.try_send(text)),
            Effect::Begun => {
                locked.waiting.abort_all();
                locked.begun = Instant::now();
            }
            Effect::Ended => self.ended.cancel(),
        }
    }

    /// Opens a mailbox. Not a part of its caller, because a verse would touch its stack, which is
    /// thirty times that of the rest.
    #[cold]
    #[inline(never)]
    fn open<'a>(self: &Arc<Self>, locked: &'a mut Locked, to: Target) -> &'a Mailbox {
        let state = &locked.state;
        let beat = state.beat_time();
        let way = match to {
            Target::Next => None,
            Target::Place(place) => state.way(place),
        };
        let link = way.as_ref().map(|way| self.link(way, beat));
        let link = link.unwrap_or_else(|| self.next.clone());
        let node = self.clone();
        let report = move |job: &Job, report| {
            let now = node.started.elapsed();
            node.event(|state| state.reported(to, job, report, now))
        };
        let pace = (beat, self.config.incarnation);
        let (mailbox, task) = sender::open(way, link, pace, report);
        let tasks = match to {
            Target::Next => &mut locked.waiting,
            Target::Place(_) => &mut locked.tasks,
        };
        tasks.spawn(task);
        locked.mailboxes.entry(to).or_insert(mailbox)
    }

    /// Returns a link to a buddy on the roll. That to the next one is the link of the roll call.
    fn link(self: &Arc<Self>, way: &Way, beat: Duration) -> Link {
        let (node, to) = (self.clone(), way.to);
        let way_to = move || node.lock().state.way(to);
        let link = dial::link(self.protocol.clone(), way_to, way.is_next, beat);
        if way.is_next {
            link.take_over(&self.next);
        }
        link
    }

    /// Never poisoned, because it is never held over an await and no code under it panics.
    fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task` until this buddy has ended.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = &mut self.lock().tasks;
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    async fn heartbeat(self: Arc<Self>) {
        let mut dice = SmallRng::seed_from_u64(self.config.incarnation);
        loop {
            let beat = self.lock().state.beat_time();
            sleep(beat.mul_f64(dice.random_range(0.9..1.1))).await;
            self.event(State::beat);
        }
    }

    /// Reports the times at which something is to be done before the song.
    async fn wait(self: Arc<Self>) {
        let recall = async {
            let mut wait = FIRST_RECALL;
            loop {
                self.event(State::call_the_roll);
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_RECALL);
            }
        };
        let limit = async {
            if let Some(limit) = self.config.wait {
                sleep(limit).await;
                self.ended.cancel();
            }
        };
        tokio::join!(limit, recall);
    }

    /// Sings a verse and passes it on. It gets a task only if it has to wait for something, because
    /// at full tempo waking a task would cost as much as the verse.
    fn sing(self: &Arc<Self>, (left, line): Verse) {
        self.journal.note(|| Event::Sing { left });
        let written = self.verses.write_now(&line);
        let is_whole = matches!(written, Ok(count) if count == line.len());
        if is_whole && self.config.tempo.is_zero() {
            self.journal.note(|| Event::Sang { left });
            self.pass_on();
        } else {
            self.sing_on((left, line), written);
        }
    }

    /// Sings the rest of a verse in a task. Not a part of its caller, as [`open`](Self::open).
    #[cold]
    #[inline(never)]
    fn sing_on(self: &Arc<Self>, verse: Verse, written: io::Result<usize>) {
        self.spawn(self.clone().sing_slowly(verse, written));
    }

    /// Finishes a verse of which some bytes are `written`, waits for the tempo, and passes it on.
    async fn sing_slowly(self: Arc<Self>, (left, line): Verse, written: io::Result<usize>) {
        let written = match written {
            Ok(written) => self.verses.finish(line, written).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.lock().unwritten.get_or_insert(error);
            return self.ended.cancel();
        }
        self.journal.note(|| Event::Sang { left });
        if !self.config.tempo.is_zero() {
            tokio::select! {
                biased;
                () = self.leaving.cancelled() => {}
                () = sleep(self.config.tempo) => {}
            }
        }
        self.pass_on();
    }

    /// Passes a verse on that was sung. Sings the next one as well, in a task, if no other buddy is
    /// left to sing it.
    fn pass_on(self: &Arc<Self>) {
        self.spin.begin();
        if let (_, Some(next)) = self.step(State::sung) {
            self.sing_again(next);
        }
    }

    /// Sings a verse in a task. Not a part of its caller, as [`open`](Self::open).
    #[cold]
    #[inline(never)]
    fn sing_again(self: &Arc<Self>, verse: Verse) {
        let node = self.clone();
        self.spawn(async move { node.sing(verse) });
    }
}
