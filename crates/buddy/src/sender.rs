//! Calls out: one task and one connection per buddy that is called.
//!
//! A link holds the newest thing to say and says it until it is answered, or replaced by something
//! newer, or the buddy is given up on. A ping replaces nothing.

use std::sync::Arc;
use std::time::Duration;

use common::buddy::{BuddyClient, BuddyRequest, BuddyResponse, Place, Reply, RollCallReply, Tally};
use common::net::{self, Backoff, CONNECT_LIMIT, Dial, GREETING_LIMIT, Redial, Trouble};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tarpc::client::RpcError;
use tarpc::context;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::failure_detector::{Suspicion, Threshold};
use crate::node::Node;
use crate::ring::Request;
use crate::roll_call::Call;

/// The first wait after a refusal: four tries take about 0.2 s, long enough for a port that is
/// being opened this moment.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest wait between tries: what a person who has just started the missing buddy will not
/// mind.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a roll-call may take to be answered: a connect and a greeting that fail say why.
const DIAGNOSIS: Duration = CONNECT_LIMIT.saturating_add(GREETING_LIMIT);

/// Something to say to a buddy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    RollCall(Call),
    Song(Request, Tally),
}

/// The near end of a link: where its next job is put.
#[derive(Clone)]
pub(crate) struct Link(Arc<watch::Sender<Option<Job>>>);

impl Link {
    /// Says `job` next, instead of what has not been answered yet.
    pub(crate) fn say(&self, job: Job) {
        self.0.send_replace(Some(job));
    }

    /// Pings, unless there is something to say already.
    pub(crate) fn ping(&self) {
        let ping = Some(Job::Song(Request::Ping, Tally::default()));
        self.0.send_if_modified(|slot| {
            let free = slot.is_none();
            if free {
                *slot = ping;
            }
            free
        });
    }

    /// Forgets `job`, unless something else is to be said by now.
    fn done(&self, job: &Job) {
        self.0.send_if_modified(|slot| {
            if slot.as_ref() == Some(job) {
                *slot = None;
            }
            false
        });
    }
}

/// What came of a try.
enum Outcome {
    RollCallReply(RollCallReply),
    Answered(Reply),
    /// The port is closed, or the connection broke.
    Refused(RpcError),
    /// No answer in time, or not from whom it was meant for.
    Silent(Option<RpcError>),
}

/// Opens a link to `place` on the roll, which lasts as long as `node`; or to the next buddy before
/// there is a roll, which lasts until the song begins.
pub(crate) fn open(node: Arc<Node>, place: Option<Place>, dial: Dial) -> Link {
    let link = Link(Arc::new(watch::Sender::new(None)));
    let redial = Redial::over(dial);
    let caller = Caller {
        node: node.clone(),
        place,
        redial,
        link: link.clone(),
    };
    let begun = node.begun.clone().cancelled_owned();
    node.spawn(async move {
        tokio::select! {
            biased;
            () = begun, if place.is_none() => {}
            () = caller.run() => {}
        }
    });
    link
}

/// The far end of a link: says its jobs.
struct Caller {
    node: Arc<Node>,
    place: Option<Place>,
    redial: Redial<BuddyRequest, BuddyResponse>,
    link: Link,
}

impl Caller {
    async fn run(self) {
        let pace = self.node.config.beat();
        // Before the song there is time to find out why somebody does not answer.
        let limit = if self.place.is_none() {
            DIAGNOSIS
        } else {
            pace
        };
        let client = BuddyClient::from(self.redial.within(limit));
        let mut dice = SmallRng::seed_from_u64(self.node.config.incarnation);
        let mut jobs = self.link.0.subscribe();
        let mut suspicion = Suspicion::default();
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let job = self.job(&mut jobs).await;
            let began = Instant::now();
            let outcome = tokio::select! {
                biased;
                outcome = self.call(&client, &job) => outcome,
                // A later roll-call waits until it is known why the last one was not answered.
                _ = jobs.changed(), if self.place.is_some() => continue,
            };
            let threshold = self.node.threshold(&job);
            let wait_until = match (&outcome, threshold) {
                (Outcome::RollCallReply(_) | Outcome::Answered(_), _) => None,
                (Outcome::Silent(_), _) | (Outcome::Refused(_), Threshold::Late { .. }) => {
                    Some(began + pace)
                }
                (Outcome::Refused(_), _) => Some(Instant::now() + backoff.wait(dice.random())),
            };
            match outcome {
                Outcome::RollCallReply(answer) => {
                    suspicion.clear();
                    backoff.reset();
                    self.link.done(&job);
                    self.node.mustered(answer);
                }
                Outcome::Answered(reply) => {
                    suspicion.clear();
                    backoff.reset();
                    self.link.done(&job);
                    self.answered(&job, reply);
                }
                Outcome::Refused(why) => {
                    let gone = suspicion.refused(threshold);
                    self.failed(&job, Some(why), gone, &mut suspicion);
                }
                Outcome::Silent(why) => {
                    let gone = suspicion.silent();
                    self.failed(&job, why, gone, &mut suspicion);
                }
            }
            if let Some(until) = wait_until {
                tokio::select! {
                    biased;
                    _ = jobs.changed() => {}
                    () = sleep_until(until) => {}
                }
                if !self.node.still_says(self.place, &job) {
                    self.link.done(&job);
                }
            }
        }
    }

    /// What is to be said, once there is something.
    async fn job(&self, jobs: &mut watch::Receiver<Option<Job>>) -> Job {
        loop {
            let job = jobs.borrow_and_update().clone();
            if let Some(job) = job {
                return job;
            }
            tokio::select! {
                biased;
                _ = jobs.changed() => {}
                // Its process died, most likely: better to know now than at the next beat.
                () = self.redial.broken() => self.link.ping(),
            }
        }
    }

    fn answered(&self, job: &Job, reply: Reply) {
        if let (Job::Song(request, _), Some(place)) = (job, self.place) {
            self.node.answered(place, *request, reply);
        }
    }

    fn failed(&self, job: &Job, why: Option<RpcError>, gone: bool, suspicion: &mut Suspicion) {
        match self.place {
            None => self.node.waits(why.as_ref()),
            Some(place) if gone => {
                suspicion.clear();
                self.link.done(job);
                self.node.gone(place, why.as_ref());
            }
            Some(_) => {}
        }
    }

    async fn call(
        &self,
        client: &BuddyClient<Redial<BuddyRequest, BuddyResponse>>,
        job: &Job,
    ) -> Outcome {
        let context = context::current();
        let to = self.place.unwrap_or_default();
        let song = self.node.song_id();
        let reply = match job.clone() {
            Job::RollCall(Call {
                song,
                attempt,
                roll,
            }) => match client.roll_call(context, song, attempt, roll).await {
                Ok(answer) => return Outcome::RollCallReply(answer),
                Err(error) => Err(error),
            },
            Job::Song(Request::Pass(token, progress), tally) => {
                client.pass(context, song, to, token, progress, tally).await
            }
            Job::Song(Request::Ping, _) => client.ping(context, song, to).await,
            Job::Song(Request::Enlist(progress), _) => match self.node.roll() {
                Some((song, roll)) => client.enlist(context, song, roll, to, progress).await,
                None => Ok(Reply::Wrong),
            },
        };
        match reply {
            Ok(Reply::Wrong) => Outcome::Silent(None),
            Ok(reply) => Outcome::Answered(reply),
            Err(error) if is_refusal(&error) => Outcome::Refused(error),
            Err(error) => Outcome::Silent(Some(error)),
        }
    }
}

/// A closed port, or a connection that broke: somebody's kernel answered, and no buddy did.
fn is_refusal(error: &RpcError) -> bool {
    match net::explain(error) {
        Some(error) => matches!(error.trouble, Trouble::Refused | Trouble::HungUp),
        None => matches!(error, RpcError::Shutdown | RpcError::Channel(_)),
    }
}
