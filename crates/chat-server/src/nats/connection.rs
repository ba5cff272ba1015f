//! The way to NATS: connecting, the stream of the log, and what is checked before it is used.

use std::time::Duration;

use async_nats::Client;
use async_nats::client::FlushErrorKind;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, StorageType};
use async_nats::jetstream::{self, Context};
use common::cli::Failure;
use futures::StreamExt;
use tokio::time::{Instant, sleep, timeout};

use super::connect::{START, Settings, connect};
use super::description;
use super::url::Url;

/// How long a new stream must have looked the same.
const SETTLED: Duration = Duration::from_millis(500);

/// How long one question to NATS may take. The default of 5 s would hide a dead leader.
const QUESTION: Duration = Duration::from_secs(1);

/// How long one try of a message may take.
pub(super) const TRY: Duration = Duration::from_millis(1500);

/// Messages of a room that NATS keeps beyond the history, as a part of it: so what cannot be known
/// of the oldest ones is never shown.
const SPARE: i64 = 10;

/// Least messages of a subject that NATS keeps: more than there are rooms, because the ends of
/// rooms are a subject too.
const LEAST: i64 = 1100;

/// The subjects of the log, behind its name: of rooms, of what is kept beside them, of the ends of
/// rooms, and of the begin of another log. No others, because a foreign message in the list ends
/// all servers, at each start again.
const SUBJECTS: [&str; 4] = ["log.*", "side.*", "end", "epoch"];

/// Messages of each room that stay in a full store: at least one of them stands, and the next ones
/// are written on it.
const KEPT: u64 = 64;

/// The least version without a known loss after `kill -9`.
const SAFE: [u64; 3] = [2, 10, 23];

/// The largest message that is written, nearly: NATS takes one mebibyte by default.
const PAYLOAD: usize = 1 << 20;

/// Whether this is a static program of glibc. There the NATS library would look names up by libc,
/// which loads parts of the machine's libc; those of another version end the program with a crash.
const IS_STATIC: bool = cfg!(all(
    target_os = "linux",
    target_env = "gnu",
    target_feature = "crt-static"
));

/// What the stream of a log says of itself.
pub(super) struct Kept {
    /// how many messages of each room are kept
    pub(super) history: u64,
    /// which log it is: the same for all servers, and another one if the stream is made anew
    pub(super) epoch: u64,
}

/// A connection, and the names of the log.
#[derive(Clone)]
pub(crate) struct Link {
    pub(super) client: Client,
    pub(super) js: Context,
    pub(super) name: String,
    pub(super) replicas: usize,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// If that cannot be done within 15 s, with advice.
    pub(super) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let help = "for example: --store nats://n1:4222,n2:4222,n3:4222";
        let url = Url::new(&settings.url).map_err(|why| Failure::new(why).help(help))?;
        if IS_STATIC && url.has_names() {
            let why = "a static program cannot look up the names of nats-servers";
            let help = "name their addresses: --store nats://10.0.0.1:4222,10.0.0.2:4222";
            return Err(Failure::new(why).help(help).into());
        }
        if !url.is_sealed && settings.ca.is_none() && !url.is_local() {
            tracing::warn!(
                "the way to NATS is not encrypted, and everybody's sessions go along it: \
                 keep its ports from guests, or use tls:// and --nats-ca"
            );
        }
        if url.has_login() {
            tracing::warn!(
                "who lists the processes of this machine sees the password in --store: put \
                 USER:PASSWORD into a file instead, and name it by --nats-creds"
            );
        }
        let client = connect(settings, &url).await?;
        let info = client.server_info();
        if !is_safe(&info.version) {
            tracing::warn!(
                "nats-server {} may lose messages when it is killed: use 2.10.23 or newer",
                info.version
            );
        }
        if info.max_payload < PAYLOAD {
            let what = format!("NATS takes messages of {} bytes only", info.max_payload);
            let help = "set max_payload to 1MB in its configuration";
            return Err(Failure::new(what).help(help).into());
        }
        let js = ContextBuilder::new()
            .timeout(QUESTION)
            .ack_timeout(TRY)
            .build(client.clone());
        Ok(Self {
            client,
            js,
            name: url.name,
            replicas: url.replicas,
        })
    }

    /// Returns the stream of the log with this history, which is made if there is none; and what
    /// it says of itself.
    ///
    /// # Errors
    /// If there is no JetStream, or another kind of stream, with advice.
    pub(super) async fn log(&self, history: u64) -> anyhow::Result<(Info, Kept)> {
        let wanted = i64::try_from(history).unwrap_or(i64::MAX / 2);
        let info = self
            .stream(Config {
                name: self.name.clone(),
                description: Some(description::write(history, rand::random())),
                subjects: SUBJECTS.map(|ours| format!("{}.{ours}", self.name)).into(),
                max_messages_per_subject: wanted.saturating_add(wanted / SPARE).max(LEAST),
                deny_delete: true,
                ..self.config()
            })
            .await?;
        let info = if info.state.last_sequence == 0 {
            self.settled(info).await?
        } else {
            info
        };
        let Some((kept, epoch)) = described(&info) else {
            let what = format!("the stream {} in NATS is not a log of a chat", self.name);
            return Err(Failure::new(what)
                .help("choose another name: .../NAME")
                .into());
        };
        if kept != history {
            tracing::warn!("this log keeps {kept} messages of a room, whatever --history says");
        }
        let history = kept;
        Ok((info, Kept { history, epoch }))
    }

    /// Returns what NATS says of a new stream, once it says the same twice. Servers that make it at
    /// the same moment may each hear of their own, and only one of these remains.
    async fn settled(&self, mut info: Info) -> anyhow::Result<Info> {
        let until = Instant::now() + START;
        loop {
            sleep(SETTLED).await;
            match self.get(&self.name).await {
                Ok(stream) if described(stream.cached_info()) == described(&info) => {
                    return Ok(info);
                }
                Ok(stream) => info = stream.cached_info().clone(),
                Err(_) if Instant::now() < until => {}
                Err(error) => {
                    let what = format!("NATS has lost the new stream {}: {error}", self.name);
                    return Err(Failure::new(what).help("start again").into());
                }
            }
        }
    }

    /// Returns what all streams have in common.
    pub(super) fn config(&self) -> Config {
        Config {
            discard: DiscardPolicy::Old,
            storage: StorageType::File,
            num_replicas: self.replicas,
            // Unused, and its default of two minutes costs memory.
            duplicate_window: Duration::from_secs(1),
            ..Config::default()
        }
    }

    /// Returns the stream with these settings, which is made if there is none.
    pub(super) async fn stream(&self, config: Config) -> anyhow::Result<Info> {
        let until = Instant::now() + START;
        let name = config.name.clone();
        let info = loop {
            let error = match self.js.get_or_create_stream(config.clone()).await {
                Ok(stream) => break stream.cached_info().clone(),
                Err(error) => error,
            };
            if Instant::now() > until {
                let what = format!("NATS has no stream {name}, and makes none: {error}");
                return Err(Failure::new(what)
                    .help("its servers need JetStream: nats-server -js")
                    .help("three replicas need three of them: .../NAME?replicas=1 needs one")
                    .into());
            }
            sleep(Duration::from_millis(200)).await;
        };
        let found = &info.config;
        let is_alike = found.subjects == config.subjects
            && found.storage == config.storage
            && found.max_age == config.max_age
            && found.discard == config.discard;
        if !is_alike {
            let what = format!("the stream {name} in NATS has other settings than this log needs");
            return Err(Failure::new(what)
                .help("choose another name: .../NAME")
                .into());
        }
        if found.num_replicas < 3 {
            tracing::warn!(
                "nats-servers that keep the stream {name}: {}; with fewer than 3, one may end it",
                found.num_replicas
            );
        }
        Ok(info)
    }

    /// Returns the subject of a room. Its name is written in hex, because it may hold any letter.
    pub(super) fn subject(&self, room: &str) -> String {
        format!("{}.log.{}", self.name, hex(room))
    }

    /// Returns the subject of a line that is kept beside the rooms. Each line has its own, because
    /// NATS deletes the oldest messages of a subject, and a ban must outlive many later ones.
    pub(super) fn side(&self, key: &str) -> String {
        side(&self.name, key)
    }

    /// Returns whether there is a connection. What is published without one would wait.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Returns whether the library has given the connection up for ever: it panics at some lines
    /// that no nats-server sends. Without a connection it waits for the next one instead.
    pub(super) async fn is_dead(&self) -> bool {
        let flushed = timeout(QUESTION, self.client.flush()).await;
        matches!(flushed, Ok(Err(error)) if error.kind() == FlushErrorKind::SendError)
    }

    /// Returns the stream of the log, if NATS does not say that there is none.
    pub(super) async fn find(&self) -> Result<Option<jetstream::stream::Stream>, String> {
        let error = match self.js.get_stream(&self.name).await {
            Ok(stream) => return Ok(Some(stream)),
            Err(error) => error,
        };
        match error.kind() {
            GetStreamErrorKind::JetStream(why)
                if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            _ => Err(error.to_string()),
        }
    }

    /// Returns the stream of this name.
    pub(super) async fn get(&self, name: &str) -> Result<jetstream::stream::Stream, String> {
        self.js
            .get_stream(name)
            .await
            .map_err(|error| error.to_string())
    }
}

impl Link {
    /// Deletes the oldest messages of the largest room, if the stream has more than `most` bytes.
    pub(super) async fn fit(&self, most: u64, largest: Option<String>) -> Result<(), String> {
        let Some(largest) = largest else {
            return Ok(());
        };
        let stream = self.get(&self.name).await?;
        if stream.cached_info().state.bytes <= most {
            return Ok(());
        }
        let subject = self.subject(&largest);
        let counts = stream.info_with_subjects(&subject).await;
        let mut counts = counts.map_err(|error| error.to_string())?;
        let counted = counts
            .next()
            .await
            .transpose()
            .map_err(|error| error.to_string())?;
        let count = counted.map_or(0, |(_, count)| count as u64);
        // An eighth at once, so that the next time comes only after many messages.
        let keep = (count - count / 8).max(KEPT);
        let purge = stream.purge().filter(subject).keep(keep);
        purge.await.map(drop).map_err(|error| error.to_string())
    }
}

fn side(name: &str, key: &str) -> String {
    format!("{name}.side.{}", hex(key))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the history and the epoch that a stream says.
fn described(info: &Info) -> Option<(u64, u64)> {
    description::read(info.config.description.as_deref()?)
}

/// Returns whether this version of nats-server keeps its streams when it is killed.
fn is_safe(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|n| n.parse().unwrap_or(0));
    let numbers = [(); 3].map(|()| numbers.next().unwrap_or(0));
    numbers >= SAFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_beside_the_rooms_pushes_another_one_out() {
        assert_eq!(side("chat", "ann"), "chat.side.616e6e");
        assert_ne!(side("chat", "10.0.0.1/32"), side("chat", "10.0.0.2/32"));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, safe) in [
            ("2.9.10", false),
            ("2.10.22", false),
            ("2.10.23", true),
            ("2.12.0-RC.1", true),
            ("3.0.0", true),
            ("?", false),
        ] {
            assert_eq!(is_safe(version), safe, "{version}");
        }
    }
}
