//! Tries side by side: each begins a moment after the one before it, and the first success wins.
//!
//! It is known as Happy Eyeballs (RFC 8305). A name may have an address that never answers, such as
//! one of IPv6 where only IPv4 works. One try after the other would spend the whole limit on it.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::sleep;

/// How long the next try waits for the ones before it (section 8 of RFC 8305 advises this much). A
/// failure does not make it wait.
const STAGGER: Duration = Duration::from_millis(250);

/// Returns the first success of `tries`, and drops the other ones.
///
/// # Errors
/// Why each try failed, in the order of the tries.
pub async fn race<F, T, E>(tries: impl IntoIterator<Item = F>) -> Result<T, Vec<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting = tries.into_iter().enumerate().peekable();
    let mut running = FuturesUnordered::new();
    let mut failed = Vec::new();
    loop {
        if let Some((n, attempt)) = waiting.next() {
            running.push(async move { (n, attempt.await) });
        } else if running.is_empty() {
            failed.sort_by_key(|&(n, _)| n);
            return Err(failed.into_iter().map(|(_, error)| error).collect());
        }
        let has_more = waiting.peek().is_some();
        tokio::select! {
            biased;
            Some((n, outcome)) = running.next() => match outcome {
                Ok(success) => return Ok(success),
                Err(error) => failed.push((n, error)),
            },
            () = sleep(STAGGER), if has_more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::{BoxFuture, pending};
    use tokio::time::Instant;

    type Try = BoxFuture<'static, Result<u8, u8>>;

    fn silent() -> Try {
        pending().boxed()
    }

    fn after(ms: u64, outcome: Result<u8, u8>) -> Try {
        let outcome = async move {
            sleep(Duration::from_millis(ms)).await;
            outcome
        };
        outcome.boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_try_holds_up_the_next_one_for_a_moment_only() {
        let began = Instant::now();
        let won = race([silent(), silent(), after(1, Ok(3)), after(0, Ok(4))]).await;
        assert_eq!(won, Ok(3));
        assert_eq!(began.elapsed(), 2 * STAGGER + Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_holds_up_nothing_and_all_failures_are_told_in_order() {
        let began = Instant::now();
        let lost = race([after(300, Err(1)), after(0, Err(2)), after(100, Err(3))]).await;
        assert_eq!(lost, Err(vec![1, 2, 3]));
        assert_eq!(began.elapsed(), STAGGER + Duration::from_millis(100));
        assert_eq!(race(Vec::<Try>::new()).await, Err(vec![]));
    }
}
