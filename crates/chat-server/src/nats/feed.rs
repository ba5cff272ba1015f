//! The messages of a stream, from a place on and without an end.
//!
//! They come by a consumer of NATS. Only the leader of the whole cluster makes one, and when that
//! one has died, our consumer may have died with it. The leader of the stream, which is another
//! one, has every message all the same. So without a consumer the messages are fetched from there,
//! one by one, until NATS has made one.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::time::{sleep, timeout};

/// Silence after which it has to be asked whether something is missed.
const SILENCE: Duration = Duration::from_secs(1);

/// How long a consumer may take to be made before messages are fetched: far more than it takes in
/// good times.
const PATIENCE: Duration = Duration::from_millis(100);

/// The pause before it is looked again whether there is a message to fetch: people do not notice
/// it.
const LOOK: Duration = Duration::from_millis(20);

/// The pause before NATS is asked again for a consumer.
const PAUSE: Duration = Duration::from_millis(100);

/// What comes next.
pub(super) enum Next {
    Message(Stored),
    /// There is nothing more at this moment.
    End,
    /// Nothing has come for a while. Whether there is something is not known.
    Silence,
}

/// A message as NATS has it.
pub(super) struct Stored {
    /// Its place.
    pub(super) at: u64,
    /// When it was stored, in ms since 1970.
    pub(super) at_ms: u64,
    pub(super) bytes: Vec<u8>,
    /// Whether it is known that there is nothing after it.
    pub(super) is_last: bool,
}

/// The messages of a stream.
pub(super) struct Feed {
    stream: Stream,
    /// the place of the next message, or one before it
    from: u64,
    consumer: Option<Ordered>,
    /// how long to wait for one before the next message is fetched
    patience: Duration,
    making: BoxFuture<'static, Ordered>,
}

impl Feed {
    /// Returns the messages of `stream` at `from` and later.
    pub(super) fn new(stream: Stream, from: u64) -> Self {
        Self {
            making: made(stream.clone(), from).boxed(),
            stream,
            from,
            consumer: None,
            patience: PATIENCE,
        }
    }

    /// Gives up the consumer, because something is late and it may be dead. The messages at `from`
    /// and later are fetched from now on, until there is a new one.
    pub(super) fn renew(&mut self, from: u64) {
        (self.from, self.consumer, self.patience) = (from, None, Duration::ZERO);
        self.making = made(self.stream.clone(), from).boxed();
    }

    /// Returns what comes next.
    ///
    /// # Errors
    /// Why nothing comes any more. Then there has to be a new feed.
    pub(super) async fn next(&mut self) -> Result<Next, String> {
        loop {
            let Some(consumer) = &mut self.consumer else {
                match timeout(self.patience, &mut self.making).await {
                    Ok(made) => self.consumer = Some(made),
                    Err(_) => return self.fetch().await,
                }
                continue;
            };
            let message = match timeout(SILENCE, consumer.next()).await {
                Ok(Some(message)) => message.map_err(|error| error.to_string())?,
                Ok(None) => return Err("the consumer has ended".into()),
                Err(_) => return Ok(Next::Silence),
            };
            let info = message.info().map_err(|error| error.to_string())?;
            let (at, is_last) = (info.stream_sequence, info.pending == 0);
            if at >= self.from {
                let at_ms = millis(info.published.unix_timestamp_nanos());
                let bytes = message.payload.to_vec();
                return Ok(self.comes(at, at_ms, bytes, is_last));
            } else if is_last {
                return Ok(Next::End); // it was fetched before
            }
        }
    }

    /// Fetches the next message, if there is one.
    async fn fetch(&mut self) -> Result<Next, String> {
        let any = format!("{}.>", self.stream.cached_info().config.name);
        let fetch = self.stream.raw_message_builder();
        match fetch.sequence(self.from).next_by_subject(any).send().await {
            Ok(found) => {
                self.patience = Duration::ZERO;
                let at_ms = millis(found.time.unix_timestamp_nanos());
                Ok(self.comes(found.sequence, at_ms, found.payload.to_vec(), false))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                self.patience = LOOK;
                Ok(Next::End)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn comes(&mut self, at: u64, at_ms: u64, bytes: Vec<u8>, is_last: bool) -> Next {
        self.from = at + 1;
        Next::Message(Stored {
            at,
            at_ms,
            bytes,
            is_last,
        })
    }
}

/// Returns the place of the oldest message of a subject, if there is any.
///
/// # Errors
/// If NATS does not answer.
pub(super) async fn oldest(stream: &Stream, subject: String) -> Result<Option<u64>, String> {
    let oldest = stream.raw_message_builder().sequence(1);
    match oldest.next_by_subject(subject).send().await {
        Ok(found) => Ok(Some(found.sequence)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns a consumer of the messages at `from` and later, as soon as NATS makes one.
async fn made(stream: Stream, from: u64) -> Ordered {
    loop {
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: from,
            },
            ..OrderedConfig::default()
        };
        match stream.create_consumer(config).await {
            Ok(consumer) => match consumer.messages().await {
                Ok(messages) => return messages,
                Err(error) => tracing::debug!("no messages of a consumer: {error}"),
            },
            Err(error) => tracing::debug!("no consumer: {error}"),
        }
        sleep(PAUSE).await;
    }
}

fn millis(nanos: i128) -> u64 {
    u64::try_from(nanos / 1_000_000).unwrap_or_default()
}
