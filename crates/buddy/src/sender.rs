//! Calls out: one task and one connection for each buddy that is called.
//!
//! A mailbox holds one job, the newest. Its sender tries that job, reports what came of it, and is
//! told whether to try again. It decides nothing and knows no other part of the program.
//!
//! The first try of a pass is a *post*: it is written when the pass is put into the mailbox, if
//! there is a connection with room. The sender only looks after it, and is not woken for each. So
//! at full tempo, when the next pass comes before the last one was answered, no other task takes
//! part in a verse.

use std::time::Duration;

use common::buddy::{
    BuddyClient, BuddyRequest, BuddyResponse, Caller, MAX_ROUND_TRIP_MS, Pulse, Reply, Roll,
};
use common::net::{self, Backoff, DIAL_LIMIT, Post, Trouble};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tarpc::client::RpcError;
use tarpc::context;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::config::millis;
use crate::dial::Link;
use crate::effect::{Cause, Job, Report, Retry, Way};
use crate::roll_call::Call;

/// The first wait after a refusal. The three waits between four tries take about 0.1 s, so a port
/// that is opened this moment is still found.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest wait between tries, because a person who has just started the missing buddy will
/// not mind a second.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a roll call may take. A look-up, a connect, a greeting or a handshake that fails must
/// have the time to say why.
const DIAGNOSIS: Duration = DIAL_LIMIT;

/// What lies in a mailbox.
#[derive(Clone)]
struct Mail {
    job: Job,
    /// its first try, if that was made and nothing came of it yet
    post: Option<Post<BuddyRequest, BuddyResponse>>,
}

/// Where the next job of a sender is put.
#[derive(Clone)]
pub(crate) struct Mailbox {
    mail: watch::Sender<Option<Mail>>,
    link: Link,
    /// none before the song
    way: Option<Way>,
}

impl Mailbox {
    /// Puts `job` in the place of an older one. A ping is put only into an empty mailbox, because
    /// any other job shows as well whether the buddy lives.
    pub(crate) fn put(&self, job: Job) {
        let post = self.post(&job);
        self.mail.send_if_modified(|mail| {
            if job.is_question() && mail.is_some() {
                return false;
            }
            // The sender looks after posts already, and finds the newest one by itself.
            let is_watched = post.is_some() && mail.as_ref().is_some_and(|old| old.post.is_some());
            *mail = Some(Mail { job, post });
            !is_watched
        });
    }

    /// Makes the first try of a pass, if it can be made at once.
    fn post(&self, job: &Job) -> Option<Post<BuddyRequest, BuddyResponse>> {
        let (&Job::Pass(token, progress, tally), Some(way)) = (job, &self.way) else {
            return None;
        };
        self.link.post(BuddyRequest::Pass {
            song: way.song,
            to: way.to,
            token,
            progress,
            tally,
        })
    }

    /// Forgets `job`, unless a newer one is there by now.
    fn forget(&self, job: &Job) {
        self.mail.send_if_modified(|mail| {
            mail.take_if(|mail| mail.job == *job);
            false
        });
    }

    /// Forgets that `job` was posted, because that try has failed.
    fn has_failed(&self, job: &Job) {
        self.mail.send_if_modified(|mail| {
            if let Some(mail) = mail.as_mut().filter(|mail| mail.job == *job) {
                mail.post = None;
            }
            false
        });
    }
}

/// Returns a mailbox for the buddy at the end of `link`, and the task that sends what is put there.
/// Without a `way` it is the next one, before the song. A try takes a `beat`; `seed` is for the
/// jitter of the waits. `report` hears what happens to each job, and decides what becomes of it.
pub(crate) fn open<F: Fn(&Job, Report) -> Retry>(
    way: Option<Way>,
    link: Link,
    (beat, seed): (Duration, u64),
    report: F,
) -> (Mailbox, impl Future<Output = ()> + use<F>) {
    // A try in the song must end within a beat. Before it there is time to find the reason.
    let limit = if way.is_some() { beat } else { DIAGNOSIS };
    let mailbox = Mailbox {
        mail: watch::Sender::new(None),
        link: link.within(limit),
        way,
    };
    let sender = Sender {
        beat,
        dice: SmallRng::seed_from_u64(seed),
        mailbox: mailbox.clone(),
        report,
    };
    (mailbox, sender.run())
}

type Client = BuddyClient<Link>;

struct Sender<F> {
    beat: Duration,
    dice: SmallRng,
    mailbox: Mailbox,
    report: F,
}

impl<F: Fn(&Job, Report) -> Retry> Sender<F> {
    async fn run(mut self) {
        let in_song = self.mailbox.way.is_some();
        let client = BuddyClient::from(self.mailbox.link.clone());
        let mut mails = self.mailbox.mail.subscribe();
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let Mail { job, post } = self.mail(&mut mails).await;
            let began = post.as_ref().map_or_else(Instant::now, Post::at);
            let outcome = tokio::select! {
                biased;
                outcome = self.outcome(&client, &job, post) => outcome,
                // A later roll call must wait, so that the reason why this one fails is found.
                _ = mails.changed(), if in_song => None,
            };
            let Some(outcome) = outcome else {
                continue;
            };
            // Before the report, because it may be answered with an equal job, which must stay.
            if matches!(
                outcome,
                Report::Called(_) | Report::Answered(_) | Report::Pulse(_)
            ) {
                backoff.reset();
                self.mailbox.forget(&job);
            } else {
                self.mailbox.has_failed(&job);
            }
            let until = match (self.report)(&job, outcome) {
                Retry::No => {
                    self.mailbox.forget(&job);
                    continue;
                }
                Retry::Soon => Instant::now() + backoff.wait(self.dice.random()),
                Retry::AtBeat => began + self.beat,
            };
            tokio::select! {
                biased;
                _ = mails.changed() => {}
                () = sleep_until(until) => {}
            }
            if (self.report)(&job, Report::Waited) == Retry::No {
                self.mailbox.forget(&job);
            }
        }
    }

    /// Waits for a job, and returns it. It stays in the mailbox.
    async fn mail(&self, mails: &mut watch::Receiver<Option<Mail>>) -> Mail {
        loop {
            let mail = mails.borrow_and_update().clone();
            if let Some(mail) = mail {
                return mail;
            }
            tokio::select! {
                biased;
                _ = mails.changed() => {}
                // Asks at once instead of at the next beat, because its process has died, probably.
                () = self.mailbox.link.broken() => self.mailbox.put(Job::Ping),
            }
        }
    }

    /// Returns what came of a try: of `post`, or of a call that is made now. `None` if a newer pass
    /// was posted meanwhile.
    async fn outcome(
        &self,
        client: &Client,
        job: &Job,
        post: Option<Post<BuddyRequest, BuddyResponse>>,
    ) -> Option<Report> {
        let Some(post) = post else {
            return Some(self.call(client, job).await);
        };
        let answer = self.mailbox.link.answer(&post).await?;
        Some(answered(answer.map(|answer| match answer {
            BuddyResponse::Pass(reply) => reply,
            _ => Reply::Wrong, // never, because an answer is to what was asked
        })))
    }

    async fn call(&self, client: &Client, job: &Job) -> Report {
        let context = context::current();
        let reply = match (job, &self.mailbox.way) {
            (Job::RollCall(call), _) => return self.call_the_roll(client, call.clone()).await,
            (&Job::Peek(song, to), _) => {
                return pulse(client.ping(context, song, to, NOBODY).await);
            }
            (_, None) => return Report::Silent(Cause::Call("not in the song yet".into())),
            (&Job::Pass(token, progress, tally), Some(way)) => {
                let pass = client.pass(context, way.song, way.to, token, progress, tally);
                pass.await
            }
            (Job::Ping, Some(way)) => {
                return pulse(client.ping(context, way.song, way.to, way.by).await);
            }
            (&Job::Farewell(tally), Some(way)) => {
                let farewell = client.farewell(context, way.song, way.to, way.by.place, tally);
                farewell.await
            }
            (Job::Enlist(song, roll, progress), Some(way)) => {
                let roll = Roll(roll.to_vec());
                client.enlist(context, *song, roll, way.to, *progress).await
            }
        };
        answered(reply)
    }

    /// Sends a roll call, and with it how far away the next buddy is.
    async fn call_the_roll(&self, client: &Client, mut call: Call) -> Report {
        let round_trip = match self.mailbox.link.round_trip().await {
            Ok(round_trip) => millis(round_trip).min(MAX_ROUND_TRIP_MS),
            Err(error) => return failed(error),
        };
        call.song.round_trip_ms = call.song.round_trip_ms.max(round_trip);
        let called = client.roll_call(context::current(), call.song, call.attempt, Roll(call.roll));
        called.await.map_or_else(failed, Report::Called)
    }
}

/// The caller of a peek, which has no place yet.
const NOBODY: Caller = Caller { place: 0, port: 0 };

fn answered(reply: Result<Reply, RpcError>) -> Report {
    match reply {
        Ok(Reply::Wrong) => Report::Silent(Cause::Wrong),
        Ok(reply) => Report::Answered(reply),
        Err(error) => failed(error),
    }
}

fn pulse(pulse: Result<Pulse, RpcError>) -> Report {
    match pulse {
        Ok(pulse) if pulse.reply == Reply::Wrong => Report::Silent(Cause::Wrong),
        Ok(pulse) => Report::Pulse(pulse),
        Err(error) => failed(error),
    }
}

/// Tells a refusal from silence. A closed port or a broken connection is a refusal, because the
/// machine answers and the buddy does not.
fn failed(error: RpcError) -> Report {
    let dial = net::explain(&error).cloned();
    let is_refusal = match &dial {
        Some(error) => matches!(
            error.trouble,
            Trouble::Refused | Trouble::HungUp | Trouble::CutOff
        ),
        None => matches!(error, RpcError::Shutdown | RpcError::Channel(_)),
    };
    let cause = match dial {
        Some(error) => Cause::Dial(error),
        None => Cause::Call(net::words(&error)),
    };
    if is_refusal {
        Report::Refused(cause)
    } else {
        Report::Silent(cause)
    }
}
