//! NATS JetStream, for comparison. It answers before anything is synced to the disk: by default it
//! syncs every two minutes.

use anyhow::Context as _;
use async_nats::ConnectOptions;
use async_nats::jetstream::{self, message::PublishMessage, stream};
use futures::future::try_join_all;
use std::time::Instant;

use crate::nats::{Nats, free_port};
use crate::rounds::SPAN;

/// Publishes messages of 120 bytes with a key each. `clients` have a connection each and keep
/// `flying` messages unanswered. Returns the acknowledged messages a second.
pub(crate) async fn publishes(clients: usize, flying: usize) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let server = Nats::start(folder.path(), free_port()).context("there is no nats-server")?;
    let connect = || async {
        let patient = ConnectOptions::new().retry_on_initial_connect();
        let connection = patient.connect(server.url("")).await?;
        connection.flush().await?;
        anyhow::Ok(jetstream::new(connection))
    };
    let clients = try_join_all((0..clients).map(|_| connect())).await?;
    let stream = stream::Config {
        name: "bench".into(),
        subjects: vec!["bench".into()],
        storage: stream::StorageType::File,
        ..Default::default()
    };
    clients[0].create_stream(stream).await?;
    let publishers = clients.iter().enumerate().flat_map(|(client, stream)| {
        (0..flying)
            .map(move |flight| tokio::spawn(publish(stream.clone(), format!("{client}-{flight}"))))
    });
    let mut sent = 0;
    for count in try_join_all(publishers.collect::<Vec<_>>()).await? {
        sent += count?;
    }
    Ok(sent as f64 / SPAN.as_secs_f64())
}

/// Publishes one message after the other, each when the last is acknowledged. Returns how many.
async fn publish(stream: jetstream::Context, name: String) -> anyhow::Result<u64> {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < SPAN {
        let message = PublishMessage::build().message_id(format!("{name}-{count}"));
        let message = message.payload("x".repeat(120).into());
        stream.send_publish("bench", message).await?.await?;
        count += 1;
    }
    Ok(count)
}
