//! The way to a buddy on the roll: several addresses, and a proof that it is the one.
//!
//! An address of another machine may lead to another buddy here: `127.0.0.1:8030` does on every
//! machine. So a connection counts only if a ping for the song and the place is answered on it. All
//! addresses are tried side by side, so that a silent one takes no time of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use common::buddy::{BuddyClient, BuddyRequest, BuddyResponse, Reply, SERVICE};
use common::net::{self, Channel, DIAL_LIMIT, Protocol, Redial, Trouble, race};
use futures::FutureExt;
use tarpc::context;
use tokio::time::{sleep, timeout};

use crate::effect::{WRONG, Way};

/// A connection to one buddy, which is dialled again after it has ended.
pub(crate) type Link = Redial<BuddyRequest, BuddyResponse>;

/// No address has been proven.
const NONE: usize = usize::MAX;

/// Returns a link by `protocol` to the buddy that `way` leads to, which is asked before each dial.
/// If `first_is_proven`, the roll call has gone over the first address. A buddy that was restarted
/// is believed at an address that is not proven only after `beat`, because the right one may live.
pub(crate) fn link(
    protocol: Protocol,
    way: impl Fn() -> Option<Way> + Send + Sync + 'static,
    first_is_proven: bool,
    beat: Duration,
) -> Link {
    let proven = if first_is_proven { 0 } else { NONE };
    let proven = Arc::new(AtomicUsize::new(proven));
    Redial::by(move || {
        let (way, protocol, proven) = (way(), protocol.clone(), proven.clone());
        async move {
            let way = way.ok_or_else(|| failed("?", Trouble::NoAnswer))?;
            open(way, &protocol, &proven, beat).await
        }
        .boxed()
    })
}

type Connection = Channel<BuddyRequest, BuddyResponse>;

async fn open(
    way: Way,
    protocol: &Protocol,
    proven: &AtomicUsize,
    beat: Duration,
) -> Result<Connection, net::Error> {
    let mut order = Vec::from_iter(0..way.addresses.len());
    order.sort_by_key(|n| *n != proven.load(Relaxed));
    let way = &way;
    let tries = order.into_iter().map(|n| async move {
        match try_one(way, protocol, n, proven.load(Relaxed), beat).await {
            // Its process is gone, and no other address leads to it.
            Err(error) if n == proven.load(Relaxed) && is_refusal(&error) => Ok(Err(error)),
            Err(error) => Err(error),
            Ok((connection, is_proof)) => {
                if is_proof {
                    proven.store(n, Relaxed);
                }
                Ok(Ok(connection))
            }
        }
    });
    match timeout(DIAL_LIMIT, race(tries)).await {
        Ok(Ok(outcome)) => outcome,
        // Refused only if no try was left in the dark.
        Ok(Err(errors)) => {
            let in_the_dark = |error: &net::Error| !is_refusal(error);
            let dark = errors.iter().find(|error| in_the_dark(error)).cloned();
            let error = dark.or_else(|| errors.into_iter().next());
            Err(error.unwrap_or_else(|| failed("?", Trouble::NoAnswer)))
        }
        Err(_) => {
            let first = way.addresses.first().map_or("?", |address| address);
            Err(failed(first, Trouble::NoAnswer))
        }
    }
}

/// Returns a connection to address `n`, and whether the right buddy has answered on it.
async fn try_one(
    way: &Way,
    protocol: &Protocol,
    n: usize,
    proven: usize,
    beat: Duration,
) -> Result<(Connection, bool), net::Error> {
    let address = &way.addresses[n];
    let connection = Channel::open(address, protocol.clone()).await?;
    if way.addresses.len() == 1 {
        return Ok((connection, false)); // because each call names the buddy that is meant as well
    }
    let client = BuddyClient::from(connection.clone());
    let ping = client.ping(context::current(), way.song, way.to, way.by);
    match ping.await.map(|pulse| pulse.reply) {
        Ok(Reply::Here(_)) => Ok((connection, true)),
        Ok(Reply::Stranger) => {
            if n != proven {
                sleep(beat).await;
            }
            Ok((connection, false))
        }
        Ok(Reply::Wrong) => Err(failed(address, Trouble::Other(WRONG.into()))),
        Err(_) => Err(failed(address, Trouble::HungUp)),
    }
}

fn is_refusal(error: &net::Error) -> bool {
    let is_other = matches!(&error.trouble, Trouble::Other(text) if text == WRONG);
    is_other
        || matches!(
            error.trouble,
            Trouble::Refused | Trouble::HungUp | Trouble::CutOff | Trouble::NoRoute
        )
}

fn failed(target: &str, trouble: Trouble) -> net::Error {
    net::Error {
        trouble,
        service: SERVICE,
        target: target.to_owned(),
        addr: None,
        own: None,
    }
}
