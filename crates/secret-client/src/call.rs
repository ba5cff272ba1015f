//! One call to a server, about one chunk.

use std::time::{Duration, Instant};

use common::secret::{Refusal, Reversed, Tier};
use tarpc::client::RpcError;
use tarpc::context::{self, Context};

use crate::keeper::Client;
use crate::pacing::Timing;
use crate::queue::Assigned;
use crate::server::ServerId;

/// How long a call may take for each word in it. In a server's full queue 32 calls may be ahead
/// for the same worker, which at 15 s a word is eight minutes. If the server goes away, its missing
/// heartbeats say so much earlier.
const LIMIT_PER_WORD: Duration = Duration::from_secs(10 * 60);

/// How long a call may take, however many words are in it. A server allows no more.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns how long a call about this number of words may take.
fn call_limit(words: usize) -> Duration {
    let words = u32::try_from(words).unwrap_or(u32::MAX);
    LIMIT_PER_WORD.saturating_mul(words).min(LIMIT)
}

/// What came of a call.
pub(crate) struct Answer {
    pub(crate) server: ServerId,
    /// The first line of the chunk.
    pub(crate) first: u64,
    pub(crate) result: Result<Result<(String, Timing), Refusal>, RpcError>,
}

/// Makes a call and returns what came of it.
pub(crate) async fn call(client: Client, tier: Tier, assigned: Assigned) -> Answer {
    let Assigned { server, chunk } = assigned;
    let first = chunk.first;
    let begun = Instant::now();
    let mut context = context::current();
    context.deadline = begun + call_limit(chunk.words);
    let result = if chunk.is_one {
        let answer = reverse_one(&client, context, tier, chunk.text).await;
        // This call does not tell how long it waited, so all of it counts as work.
        answer.map(|answer| answer.map(|text| (text, Duration::ZERO, begun.elapsed())))
    } else {
        let answer = client.reverse_words(context, tier, chunk.text).await;
        let parts = |answer: Reversed| (answer.text, answer.waited, answer.worked);
        answer.map(|answer| answer.map(parts))
    };
    let timed = |(text, waited, worked)| {
        let timing = Timing {
            took: begun.elapsed(),
            waited,
            worked,
        };
        (text, timing)
    };
    Answer {
        server,
        first,
        result: result.map(|answer| answer.map(timed)),
    }
}

async fn reverse_one(
    client: &Client,
    context: Context,
    tier: Tier,
    text: String,
) -> Result<Result<String, Refusal>, RpcError> {
    match tier {
        Tier::Free => client.reverse(context, text).await,
        Tier::Premium { key } => client.fast_reverse(context, text, key).await,
    }
}
