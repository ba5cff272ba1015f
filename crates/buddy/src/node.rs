//! The shell: one buddy from its first call to its last, driven by calls, answers and a heartbeat.
//!
//! Every event takes the one lock, asks the pure core, and does what it says. Nothing is awaited
//! and nothing is printed under the lock, so a slow terminal or network never stops the heartbeat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use anyhow::Context as _;
use common::buddy::{Buddy as _, Incarnation, Place, Reply, RollCallReply, SERVICE, Song};
use common::cli::Interrupted;
use common::net::{self, Limits, Listener};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tarpc::client::RpcError;
use tarpc::server::Serve as _;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::failure_detector::Threshold;
use crate::handler::Handler;
use crate::ring::{Input, Request};
use crate::sender::{Job, Link};
use crate::spin::Spin;
use crate::state::State;
use crate::{Config, Dialler, LineWriter, Stage, song};

/// Notices that wait for a slow terminal; more are dropped rather than held. A ring that loses and
/// finds buddies faster than a person reads needs no complete record.
const NOTICES: usize = 64;

/// The roll is called again after this long, and then twice as long, up to [`LONGEST_RECALL`]: an
/// earlier call that is still on its way in a large and slow ring must have the time to close.
const FIRST_RECALL: Duration = Duration::from_secs(2);
const LONGEST_RECALL: Duration = Duration::from_secs(60);

/// When a starter says that its roll-call has not come back.
const RECALL_NOTICE: Duration = Duration::from_secs(6);

/// How long answers wait for each other. The song does not wait for them; at full tempo hundreds
/// are written at once, and a verse costs one message instead of two. Well below the shortest
/// patience.
const LINGER: Duration = Duration::from_millis(20);

/// One buddy, shared by its tasks.
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) dial: Dialler,
    state: Mutex<State>,
    song: LineWriter,
    pub(crate) notices: mpsc::Sender<String>,
    /// told after every event, once somebody waits to leave
    changed: Notify,
    /// the song has begun here
    pub(crate) begun: CancellationToken,
    /// asked to leave: no more pauses, no new verse
    leaving: CancellationToken,
    /// over, for whatever reason: every task ends
    pub(crate) ended: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
    spin: Spin,
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
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let (notices, mut to_tell) = mpsc::channel(NOTICES);
    let Stage { song, notices: ear } = stage;
    let node = Arc::new(Node::new(config, dial, song, notices));
    let serving = tokio::spawn(node.clone().serve(listener));
    node.spawn(node.clone().heartbeat());
    node.spawn(node.clone().stay_awake());
    node.spawn(node.clone().call_the_roll());
    let telling = async {
        while let Some(notice) = to_tell.recv().await {
            let _ = ear.line(notice).await;
        }
    };
    let signal = tokio::select! {
        biased;
        signal = node.until_the_end(shutdown) => signal,
        () = telling => None,
    };
    node.tasks().abort_all();
    serving.await.context("serving the other buddies")?;
    while let Ok(notice) = to_tell.try_recv() {
        let _ = ear.line(notice).await;
    }
    if let Some(summary) = node.outcome(signal)? {
        let _ = ear.line(summary).await;
    }
    Ok(())
}

impl Node {
    fn new(config: Config, dial: Dialler, song: LineWriter, notices: mpsc::Sender<String>) -> Self {
        Self {
            state: Mutex::new(State::new(&config)),
            song,
            dial,
            notices,
            changed: Notify::new(),
            begun: CancellationToken::new(),
            leaving: CancellationToken::new(),
            ended: CancellationToken::new(),
            tasks: Mutex::default(),
            spin: Spin::default(),
            config,
        }
    }

    /// Answers the other buddies until the end.
    async fn serve(self: Arc<Self>, listener: impl Listener) {
        let ended = self.ended.clone().cancelled_owned();
        let limits = Limits {
            flush_delay: LINGER,
            ..Limits::default()
        };
        let handler = Handler(self).serve();
        let answer = move |connection: net::Connection<_>| {
            let handler = handler.clone();
            connection.answer(move |context, request| handler.clone().serve(context, request))
        };
        net::serve(listener, SERVICE, limits, ended, answer).await;
    }

    /// What there is to say at the end.
    fn outcome(&self, signal: Option<Interrupted>) -> anyhow::Result<Option<String>> {
        let mut state = self.lock();
        match (state.failure.take(), signal) {
            (Some(failure), _) => Err(failure),
            (None, Some(signal)) if !state.phase.is_home() => Err(signal.into()),
            (None, _) => Ok(state.phase.summary()),
        }
    }

    /// The lock is never held over an await, and no code under it panics by design.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task` until the buddy ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Nothing that can panic is done with them.
    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the state what has happened. If a verse is due after that, sings it at once, without
    /// a task of its own unless it has to wait for something: at full tempo waking a task would
    /// cost as much as the verse.
    pub(crate) fn event<R>(self: &Arc<Self>, happens: impl FnOnce(&mut State) -> R) -> R {
        let (result, verse) = {
            let mut state = self.lock();
            (happens(&mut state), state.verse_due())
        };
        if let Some(left) = verse {
            let mut singing = Box::pin(self.clone().sing(left));
            let mut nobody = std::task::Context::from_waker(Waker::noop());
            if singing.as_mut().poll(&mut nobody).is_pending() {
                self.spawn(singing);
            }
        }
        result
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
        tokio::select! {
            biased;
            () = self.ended.cancelled() => {}
            _ = timeout(self.config.patience, ready) => {}
        }
    }

    async fn heartbeat(self: Arc<Self>) {
        let beat = self.config.beat();
        let mut dice = SmallRng::seed_from_u64(self.config.incarnation);
        loop {
            sleep(beat.mul_f64(dice.random_range(0.9..1.1))).await;
            self.event(|state| state.beat(&self));
        }
    }

    async fn stay_awake(self: Arc<Self>) {
        self.spin.keep().await;
    }

    async fn call_the_roll(self: Arc<Self>) {
        if self.config.bottles.is_none() {
            return;
        }
        let call = async {
            let mut wait = FIRST_RECALL;
            loop {
                self.event(|state| state.call_the_roll(&self));
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

    /// Sings one verse and passes it on; then the next, if nobody else is left to sing it.
    async fn sing(self: Arc<Self>, mut left: u64) {
        while let Some(next) = self.verse(left).await {
            left = next;
            yield_now().await;
        }
    }

    async fn verse(self: &Arc<Self>, left: u64) -> Option<u64> {
        let line = {
            let mut state = self.lock();
            let (name, song) = state.take_the_stage()?;
            if self.leaving.is_cancelled() {
                state.leave_the_stage();
                drop(state);
                self.changed.notify_waiters();
                return None;
            }
            [&name, ": ", &song::verse(left, song.bottles)].concat()
        };
        if let Err(error) = self.song.line(line).await {
            let mut state = self.lock();
            state.leave_the_stage();
            self.fail(&mut state, error);
            return None;
        }
        if self.config.tempo.is_zero() {
            self.spin.begin();
        } else {
            tokio::select! {
                biased;
                () = self.leaving.cancelled() => {}
                () = sleep(self.config.tempo) => {}
            }
        }
        let mut state = self.lock();
        state.sung(self);
        state.verse_due()
    }

    /// Called after every event.
    pub(crate) fn happened(&self) {
        if self.leaving.is_cancelled() {
            self.changed.notify_waiters();
        }
    }

    // What the links ask and report.

    /// The song that this buddy sings, if any.
    pub(crate) fn song_id(&self) -> Incarnation {
        self.lock().phase.song().map_or(0, |song| song.id)
    }

    /// The song and its roll.
    pub(crate) fn roll(&self) -> Option<(Song, Vec<String>)> {
        self.lock().phase.roll()
    }

    /// How soon a refusal is believed.
    pub(crate) fn threshold(&self, job: &Job) -> Threshold {
        let beat_ms = self.config.beat_ms();
        self.lock().threshold(job, beat_ms)
    }

    /// Whether a job that failed is worth another try.
    pub(crate) fn still_says(&self, to: Option<Place>, job: &Job) -> bool {
        self.lock().still_says(to, job)
    }

    /// A roll-call was answered.
    pub(crate) fn mustered(&self, answer: RollCallReply) {
        self.lock().mustered(self, answer);
    }

    /// A roll-call could not be delivered so far.
    pub(crate) fn waits(&self, why: Option<&RpcError>) {
        let mut state = self.lock();
        if let (Some(error), Some(_)) = (why.and_then(net::explain), state.waiting()) {
            if error.is_permanent() {
                return self.fail(&mut state, error.clone());
            }
            state.waits(self, error);
        }
    }

    /// A call in the song was answered.
    pub(crate) fn answered(self: &Arc<Self>, place: Place, request: Request, reply: Reply) {
        self.event(|state| state.event(self, Input::Answered(place, request, reply)));
    }

    /// A buddy is given up on.
    pub(crate) fn gone(self: &Arc<Self>, place: Place, why: Option<&RpcError>) {
        self.event(|state| state.gone(self, place, why));
    }
}

impl Node {
    /// A link to `to`, and the task that serves it.
    pub(crate) fn link(self: &Arc<Self>, place: Option<Place>, to: &str) -> Link {
        crate::sender::open(self.clone(), place, (self.dial)(to))
    }
}
