//! One string: the first server that will reverse it does.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use common::cli::Failure;
use common::net::{self, Backoff};
use common::secret::{Refusal, SERVICE, SecretClient, Tier};
use tarpc::client::RpcError;
use tarpc::context;
use tokio::time::sleep;

use crate::call::call_limit;
use crate::cause::Cause;
use crate::config::Options;
use crate::keeper;

/// Rounds over all servers while they are busy. With the waits below, about a minute.
const ROUNDS: usize = 24;

/// Waits between the rounds.
const NEXT_ROUND: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(4));

/// Returns `text` reversed.
///
/// # Errors
/// Why the last server that was asked would not or could not reverse it.
pub async fn reverse_string(options: &Options, text: &str) -> anyhow::Result<String> {
    let (tier, mut backoff) = (options.tier(), NEXT_ROUND);
    let mut last = anyhow!("there is no server to ask");
    for _ in 0..ROUNDS {
        let mut busy = false;
        for target in &options.servers {
            match ask(target, &tier, text).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(refusal)) => {
                    busy |= refusal == Refusal::Busy;
                    last = Failure::from(Cause::Refused(target.clone(), refusal)).into();
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
    let channel = net::Channel::open(target, SERVICE).await?;
    let client = SecretClient::from(channel.clone());
    let (mut context, text) = (context::current(), text.to_owned());
    context.deadline = Instant::now() + call_limit(1);
    let call = async {
        match tier.clone() {
            Tier::Free => client.reverse(context, text).await,
            Tier::Premium { key } => client.fast_reverse(context, text, key).await,
        }
    };
    // A call may wait long for its turn, but only at a server that is still there.
    tokio::select! {
        answer = call => answer.map_err(|error| safe(error).into()),
        _ = keeper::lost(&channel, target) => Err(anyhow!("lost {target} while it was at work")),
    }
}

/// Returns the same error with the server's own words escaped, because they could otherwise send
/// escape sequences to the terminal.
fn safe(mut error: RpcError) -> RpcError {
    if let RpcError::Server(error) = &mut error {
        error.detail = error.detail.escape_debug().to_string();
    }
    error
}
