//! The shell: one buddy from its first call to its last, driven by calls, answers and a heartbeat.
//!
//! Every event takes the one lock, asks the pure core, and does what it says. Nothing is awaited
//! and nothing is printed under the lock, so a slow terminal or network never stops the heartbeat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use common::buddy::{Boot, Buddy, Mustered, News, Place, Reply, SERVICE, Song, Tally, Word};
use common::cli::Interrupted;
use common::net::{self, Limits, Listener};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tarpc::client::RpcError;
use tarpc::context::Context;
use tarpc::server::Serve as _;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::link::{Job, Link};
use crate::muster::{Call, MAX_BUDDIES};
use crate::part::State;
use crate::patience::Belief;
use crate::ring::{Input, Request};
use crate::{Config, Dialler, Pen, Stage, song};

/// Notices that wait for a slow terminal; more are dropped rather than held. A ring that loses and
/// finds buddies faster than a person reads needs no complete record.
const NOTICES: usize = 64;

/// The roll is called again after this long, and then twice as long, up to [`LONGEST_RECALL`]: an
/// earlier call that is still on its way in a large and slow ring must have the time to close.
const FIRST_RECALL: Duration = Duration::from_secs(2);
const LONGEST_RECALL: Duration = Duration::from_secs(60);

/// When a starter says that its roll-call has not come back.
const RECALL_NOTICE: Duration = Duration::from_secs(6);

/// One buddy, shared by its tasks.
pub(crate) struct Peer {
    pub(crate) config: Config,
    pub(crate) dial: Dialler,
    state: Mutex<State>,
    song: Pen,
    pub(crate) notices: mpsc::Sender<String>,
    /// told after every event, once somebody waits to leave
    changed: Notify,
    /// the song has begun here
    pub(crate) begun: CancellationToken,
    /// asked to leave: no more pauses, no new verse
    leaving: CancellationToken,
    /// over, for whatever reason: every task ends
    pub(crate) ended: CancellationToken,
}

/// What [`run`](crate::run) does, on any network and any stage.
///
/// # Errors
/// As [`run`](crate::run).
pub async fn run_on(
    listener: impl Listener,
    dial: Dialler,
    stage: Stage,
    config: Config,
    limits: Limits,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let (notices, mut to_tell) = mpsc::channel(NOTICES);
    let Stage { song, notices: ear } = stage;
    let peer = Arc::new(Peer {
        state: Mutex::new(State::new(&config)),
        song,
        dial,
        notices,
        changed: Notify::new(),
        begun: CancellationToken::new(),
        leaving: CancellationToken::new(),
        ended: CancellationToken::new(),
        config,
    });
    let handler = Handler(peer.clone()).serve();
    let ended = peer.ended.clone().cancelled_owned();
    let serving = tokio::spawn(net::serve(
        listener,
        SERVICE,
        limits,
        ended,
        move |connection| {
            let handler = handler.clone();
            connection.answer(move |context, request| handler.clone().serve(context, request))
        },
    ));
    peer.spawn(peer.clone().heartbeat());
    peer.spawn(peer.clone().call_the_roll());
    let telling = async {
        while let Some(notice) = to_tell.recv().await {
            let _ = ear.line(notice).await;
        }
    };
    let signal = tokio::select! {
        biased;
        signal = peer.until_the_end(shutdown) => signal,
        () = telling => None,
    };
    serving.await.context("serving the other buddies")?;
    while let Ok(notice) = to_tell.try_recv() {
        let _ = ear.line(notice).await;
    }
    let (failure, summary, is_home) = {
        let mut state = peer.lock();
        let summary = state.phase.summary();
        (state.failure.take(), summary, state.phase.is_home())
    };
    match (failure, signal) {
        (Some(failure), _) => Err(failure),
        (None, Some(signal)) if !is_home => Err(signal.into()),
        (None, _) => {
            if let Some(summary) = summary {
                let _ = ear.line(summary).await;
            }
            Ok(())
        }
    }
}

impl Peer {
    /// The lock is never held over an await, and no code under it panics by design; if one did,
    /// the state would still be the last consistent one, since the core changes it in one step.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task` until the buddy ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let ended = self.ended.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Tells the person, if the terminal keeps up.
    pub(crate) fn notice(&self, text: impl Into<String>) {
        let _ = self.notices.try_send(text.into());
    }

    /// Ends with an error.
    pub(crate) fn fail(&self, state: &mut State, error: impl Into<anyhow::Error>) {
        state.failure.get_or_insert_with(|| error.into());
        self.ended.cancel();
    }

    async fn until_the_end(
        &self,
        shutdown: impl Future<Output = Interrupted>,
    ) -> Option<Interrupted> {
        let waited = async {
            match self.config.wait {
                Some(limit) => timeout(limit, self.begun.cancelled()).await.is_err(),
                None => std::future::pending().await,
            }
        };
        let signal = tokio::select! {
            biased;
            () = self.ended.cancelled() => None,
            signal = shutdown => {
                self.leave().await;
                Some(signal)
            }
            true = waited => {
                let mut state = self.lock();
                let failure = state.nothing_began(&self.config);
                self.fail(&mut state, failure);
                None
            }
        };
        self.ended.cancel();
        signal
    }

    /// Finishes the verse, passes the song on, waits until that is heard: so nobody has to repeat
    /// anything. A verse not begun yet is left to the others.
    async fn leave(&self) {
        self.leaving.cancel();
        let ready = async {
            loop {
                let changed = self.changed.notified();
                if self.lock().can_leave() {
                    return;
                }
                changed.await;
            }
        };
        // A next that does not answer within the patience will not answer at all.
        let _ = timeout(self.config.patience, ready).await;
    }

    async fn heartbeat(self: Arc<Self>) {
        let beat = self.config.beat();
        let mut dice = SmallRng::seed_from_u64(self.config.boot);
        loop {
            sleep(beat.mul_f64(dice.random_range(0.9..1.1))).await;
            self.lock().beat(&self);
        }
    }

    async fn call_the_roll(self: Arc<Self>) {
        if self.config.bottles.is_none() {
            return;
        }
        let call = async {
            let mut wait = FIRST_RECALL;
            loop {
                self.lock().call_the_roll(&self);
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_RECALL);
            }
        };
        let remark = async {
            sleep(RECALL_NOTICE).await;
            self.notice(
                "the roll-call has not come back yet: some buddy waits for its next and says so, \
                 or the last buddy's --next is not this one",
            );
            std::future::pending().await
        };
        tokio::select! {
            biased;
            () = self.begun.cancelled() => {}
            () = call => {}
            () = remark => {}
        }
    }

    /// Sings one verse and passes it on.
    pub(crate) async fn sing(self: Arc<Self>, left: u64) {
        let line = {
            let mut state = self.lock();
            let Some((name, song)) = state.take_the_stage() else {
                return;
            };
            if self.leaving.is_cancelled() {
                state.leave_the_stage();
                drop(state);
                return self.changed.notify_waiters();
            }
            format!("{name}: {}", song::verse(left, song.bottles))
        };
        if let Err(error) = self.song.line(line).await {
            return self.fail(&mut self.lock(), error);
        }
        if !self.config.tempo.is_zero() {
            tokio::select! {
                biased;
                () = self.leaving.cancelled() => {}
                () = sleep(self.config.tempo) => {}
            }
        }
        self.lock().sung(&self);
    }

    /// Called after every event.
    pub(crate) fn happened(&self) {
        if self.leaving.is_cancelled() {
            self.changed.notify_waiters();
        }
    }

    // What the links ask and report.

    /// The song that this buddy sings, if any.
    pub(crate) fn song_id(&self) -> Boot {
        self.lock().phase.song().map_or(0, |song| song.id)
    }

    /// The song and its roll.
    pub(crate) fn roll(&self) -> Option<(Song, Vec<String>)> {
        self.lock().phase.roll()
    }

    /// How soon a refusal is believed.
    pub(crate) fn belief(&self, job: &Job) -> Belief {
        let beat_ms = self.config.beat_ms();
        self.lock().belief(job, beat_ms)
    }

    /// A roll-call was answered.
    pub(crate) fn mustered(&self, answer: Mustered) {
        self.lock().mustered(self, answer);
    }

    /// A roll-call could not be delivered so far.
    pub(crate) fn waits(&self, why: Option<&RpcError>) {
        let mut state = self.lock();
        if let Some(error) = why.and_then(net::explain) {
            if error.is_permanent() {
                return self.fail(&mut state, error.clone());
            }
            state.waits(self, error);
        }
    }

    /// A call in the song was answered.
    pub(crate) fn answered(self: &Arc<Self>, place: Place, request: Request, reply: Reply) {
        self.lock()
            .event(self, Input::Answered(place, request, reply));
    }

    /// A buddy is given up on.
    pub(crate) fn gone(self: &Arc<Self>, place: Place, why: Option<&RpcError>) {
        self.lock().gone(self, place, why);
    }
}

/// What the other buddies call. Each call is one synchronous step under the lock: cancelling it
/// can lose the answer, never half of an action.
#[derive(Clone)]
struct Handler(Arc<Peer>);

impl Buddy for Handler {
    async fn muster(self, _: Context, song: Song, attempt: u32, roll: Vec<String>) -> Mustered {
        self.0.lock().hear_muster(
            &self.0,
            Call {
                song,
                attempt,
                roll,
            },
        )
    }

    async fn enlist(
        self,
        _: Context,
        song: Song,
        roll: Vec<String>,
        to: Place,
        news: News,
    ) -> Reply {
        let fits = (1..=MAX_BUDDIES).contains(&roll.len()) && (to as usize) < roll.len();
        match fits {
            true => self.0.lock().hear_enlist(&self.0, song, roll, to, news),
            false => Reply::Wrong,
        }
    }

    async fn pass(
        self,
        _: Context,
        song: Boot,
        to: Place,
        word: Word,
        news: News,
        tally: Tally,
    ) -> Reply {
        self.0
            .lock()
            .hear_pass(&self.0, song, to, (word, news), tally)
    }

    async fn ping(self, _: Context, song: Boot, to: Place) -> Reply {
        self.0.lock().hear(&self.0, song, to, Request::Ping)
    }
}

impl Peer {
    /// A link to `to`, and the task that serves it.
    pub(crate) fn link(self: &Arc<Self>, place: Option<Place>, to: &str) -> Link {
        crate::link::open(self.clone(), place, (self.dial)(to))
    }
}
