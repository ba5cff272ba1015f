//! What a caller of this library asks for: a list reversed, or one string.

use std::fmt;
use std::future::Future;
use std::io::{Read, Write};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use common::cli::{self, Failure, Interrupted};
use common::net::{self, Backoff};
use common::secret::{Refusal, SERVICE, SecretClient, Tier};
use futures::FutureExt;
use tokio::time::sleep;

use crate::keeper;
use crate::pacing::Fixed;
use crate::pipes::{self, Input};
use crate::progress::Progress;
use crate::queue::Totals;
use crate::report::{self, Latencies, plural};
use crate::worker::{Stop, Worker};

/// What to ask, and whom.
#[derive(Debug)]
pub struct Options {
    /// The servers, as `HOST:PORT`; a name with several addresses is several servers.
    pub servers: Vec<String>,
    /// At what speed.
    pub tier: Tier,
    /// What is not left to adapt by itself.
    pub fixed: Fixed,
    /// How long to go on trying while no server at all can be reached.
    pub give_up_after: Duration,
    /// Where to say how it goes.
    pub progress: Progress,
    /// Whether the input has an end, so that what is missing can be counted.
    pub has_end: bool,
}

/// How it went.
#[derive(Debug)]
pub struct Report {
    /// How much was done.
    pub totals: Totals,
    /// In what time.
    pub took: Duration,
    /// The servers that were ever reached, with the words that each answered first.
    pub shares: Vec<(String, u64)>,
    /// How long the calls took.
    pub latencies: Latencies,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&report::line(self.totals, self.took, &self.shares))
    }
}

/// Reverses every line of `input` and writes the answers to `output`, in the same order and each
/// as soon as all before it are there, until the end or until `interrupted`.
///
/// # Errors
/// If not every line could be answered, with what is missing and why; if the output failed; if
/// interrupted. What was written until then is right all the same, and reported.
pub async fn reverse_list(
    options: Options,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    interrupted: impl Future<Output = Interrupted>,
) -> (Report, anyhow::Result<()>) {
    let begun = Instant::now();
    let has_end = options.has_end;
    let mut input = pipes::read(input);
    let output = pipes::write(output);
    let mut drive = Worker::new(options);
    let mut interrupted = pin!(interrupted.fuse());
    let stopped = drive.run(&mut input, &output, &mut interrupted).await;
    let hurried = matches!(stopped, Err(Stop::Interrupted(_)));
    let finish = async {
        drive.write_ready(&output).await;
        output.finish().await.context("cannot write the answers")
    };
    let (stopped, written) = match cli::let_it_print(finish, hurried, interrupted).await {
        Ok(written) => (stopped, written.unwrap_or(Ok(()))),
        Err(signal) => (Err(Stop::Interrupted(signal)), Ok(())),
    };
    let report = drive.report(begun.elapsed());
    let result = match stopped {
        _ if written.is_err() => written,
        Ok(()) => Ok(()),
        Err(Stop::Output) => written,
        Err(Stop::Interrupted(signal)) => Err(signal.into()),
        Err(Stop::Input(error)) => Err(error.into()),
        Err(Stop::Servers(cause)) => {
            let mut total = report.totals.read;
            while let Some(Input::Lines(text)) = input.recv().await.filter(|_| has_end) {
                total += crate::lines::count(&text) as u64;
            }
            let missing = total - report.totals.written;
            let of = plural(total, "word");
            let verb = if missing == 1 { "is" } else { "are" };
            Err(cause.context(format!("{missing} of {of} {verb} missing")))
        }
    };
    (report, result)
}

/// What `server` refused, and what a person can do about it.
pub(crate) fn with_help(refusal: Refusal, server: &str) -> Failure {
    let failure = Failure::new(format!("{server}: {refusal}"));
    match refusal {
        Refusal::KeyMissing => failure
            .help("give the key that its owner gave you: --premium-key-file FILE")
            .help("or do without --premium"),
        Refusal::KeyWrong => failure.help("compare the file with the one the server was given"),
        Refusal::Busy => failure.help("try again later, or name more servers: --server A,B,C"),
        Refusal::TooLong => failure.help("the longest text takes 65536 bytes"),
    }
}

/// Rounds over all servers while they are busy: with the waits below, about a minute.
const ROUNDS: usize = 24;

/// Waits between the rounds.
const ROUND: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(4));

/// Reverses one string: the first server that will do it, does it.
///
/// # Errors
/// Why the last server that was asked would not or could not.
pub async fn reverse_one(options: &Options, text: &str) -> anyhow::Result<String> {
    let mut backoff = Backoff::new(ROUND.0, ROUND.1);
    let mut last = anyhow!("there is no server to ask");
    for _ in 0..ROUNDS {
        let mut busy = false;
        for target in &options.servers {
            match ask(target, &options.tier, text).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(refusal)) => {
                    busy |= refusal == Refusal::Busy;
                    last = with_help(refusal, target).into();
                }
                Err(error) => last = error,
            }
        }
        if !busy {
            break;
        }
        sleep(backoff.wait(rand::random())).await;
    }
    Err(last)
}

async fn ask(target: &str, tier: &Tier, text: &str) -> anyhow::Result<Result<String, Refusal>> {
    let link = net::Channel::open(&net::tcp(target, SERVICE)).await?;
    let client = SecretClient::from(link.clone());
    let (mut context, text) = (tarpc::context::current(), text.to_owned());
    context.deadline = Instant::now() + keeper::call_limit(1);
    let call = async {
        match tier.clone() {
            Tier::Free => client.reverse(context, text).await,
            Tier::Premium { key } => client.fast_reverse(context, text, key).await,
        }
    };
    // A call may wait long for its turn, but only at a server that is still there.
    tokio::select! {
        answer = call => Ok(answer?),
        _ = keeper::lost(&link) => Err(anyhow!("lost {target} while it was at work")),
    }
}
