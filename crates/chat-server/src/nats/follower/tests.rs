//! What is made of a list in a real NATS from which messages are missing.

use std::net::SocketAddr;

use common::chat::{Kind, Page};
use common::pen::Pen;
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::bounds::Bounds;
use crate::chain::{Origin, Place};
use crate::log::{LogError, PageLimit, RoomLog as _};
use crate::nats::Nats;
use crate::nats::connect::Settings;
use crate::nats::ending::told;
use crate::nats::lanes::Lanes;
use crate::nats::wire::{Body, Does, InRoom, Message, Written};
use crate::view::View;

#[path = "../../../tests/support/nats.rs"]
mod support;

/// A log in a nats-server.
struct List {
    _server: support::Nats,
    _folder: TempDir,
    settings: Settings,
    link: Link,
    stream: Stream,
}

/// Returns the message for this place, written on the one before it.
fn message(at: u64) -> Message {
    let origin = |at: u64| Origin {
        writer: at.min(1),
        attempt: at,
    };
    let prev = Place {
        at: at - 1,
        origin: origin(at - 1),
    };
    let entry = Written {
        sender: 1,
        id: Some(at),
        kind: Kind::Said,
        nick: "ann".into(),
        body: at.to_string().as_str().into(),
    };
    let body = InRoom::new("r", (prev, at - 1), Does::Adds(vec![vec![entry]]));
    Message::new(origin(at), Body::Room(body))
}

impl List {
    /// Returns a list of these messages.
    async fn of(messages: &[u64]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let server = support::Nats::start(folder.path(), support::free_port())?;
        let settings = Settings {
            url: server.url("t"),
            creds: None,
            ca: None,
        };
        let link = Link::open(&settings).await.expect("NATS");
        link.log(10).await.expect("a log");
        for &at in messages {
            let bytes = message(at).bytes().expect("bytes");
            let ack = link.js.publish(link.subject("r"), bytes.into()).await;
            ack.expect("sent").await.expect("stored");
        }
        let stream = link.get("t").await.expect("a stream");
        Some(Self {
            _server: server,
            _folder: folder,
            settings,
            link,
            stream,
        })
    }

    /// Deletes what is before a place, as NATS does with what is old.
    async fn delete_before(&self, at: u64) {
        let purge = self.stream.purge().filter(self.link.subject("r"));
        purge.sequence(at).await.expect("deleted");
    }

    /// Returns a server that has played the first message, and began when the list ended at `end`.
    fn server(&self, end: u64) -> Replica {
        let replica = Replica::new(View::new(Bounds::keeping(10), 1), end, 0);
        let first = message(1).bytes().expect("bytes");
        replica.play(1, 0, &first).expect("played");
        replica
    }

    async fn follow(&self, replica: &Replica, progress: &Progress) -> Trouble {
        let (news, _) = mpsc::channel(1);
        follow(&self.link, replica, progress, &news).await
    }
}

#[tokio::test]
async fn a_server_that_starts_is_overtaken_by_the_end_of_what_is_old() {
    let Some(list) = List::of(&[1, 2, 3, 4, 5]).await else {
        return;
    };
    list.delete_before(4).await;
    let (replica, progress) = (list.server(5), Progress::new());
    let mut reached = replica.reached();
    tokio::select! {
        trouble = list.follow(&replica, &progress) => panic!("{trouble:?}"),
        reached = reached.wait_for(|&at| at == 5) => drop(reached),
    }
    let page = replica.view.read("r", 0, PageLimit::messages(9)).await;
    assert_eq!(numbers(page), [4, 5]);
}

#[tokio::test]
async fn a_server_that_was_away_for_longer_than_the_log_keeps_says_so() {
    let Some(list) = List::of(&[1, 2, 3, 4, 5]).await else {
        return;
    };
    list.delete_before(4).await;
    let trouble = list.follow(&list.server(1), &Progress::new()).await;
    assert_eq!(trouble, Trouble::Late);
}

/// As when the log was deleted, and another server has begun it anew.
#[tokio::test]
async fn a_server_that_has_played_another_list_writes_nothing_into_this_one() {
    let Some(list) = List::of(&[]).await else {
        return;
    };
    let (replica, progress) = (Arc::new(list.server(1)), Arc::new(Progress::new()));
    let lanes = Lanes::new(list.link.clone(), replica.clone(), progress.clone());
    let written = async {
        while !progress.is_in_doubt() {
            tokio::task::yield_now().await;
        }
        lanes.end("r").await
    };
    tokio::select! {
        trouble = list.follow(&replica, &progress) => panic!("{trouble:?}"),
        written = written => assert_eq!(written, Err("the list in NATS looks wrong".into())),
    }
    let info = list.stream.get_info().await.expect("NATS");
    assert_eq!(info.state.messages, 0);
}

/// What the person who runs it is told to do then helps: the next start goes well.
#[tokio::test]
async fn what_nats_has_lost_is_named_with_the_way_on() {
    // Where the third one was, there is a copy of the first one, which is void.
    let Some(list) = List::of(&[1, 1, 1, 4, 5]).await else {
        return;
    };
    let fourth = Stored {
        at: 4,
        at_ms: 0,
        bytes: message(4).bytes().expect("bytes"),
        is_last: false,
    };
    let played = play(&list.link, &list.stream, &list.server(5), &fourth).await;
    let Err(Stop::Doubt(Trouble::Hole(hole))) = played else {
        panic!("it is played");
    };
    let said = format!("{:?}", told(Some(&Trouble::Hole(hole)), 1, &list.link));
    assert!(said.contains("the message at 3 of the stream t"), "{said}");
    let command = "nats stream purge t --subject=t.log.72 --seq=4";
    assert!(said.contains(command), "{said}");
    list.delete_before(4).await;
    let opened = Nats::open(&list.settings, Bounds::keeping(10), Pen::none()).await;
    let (log, _) = opened.expect("it starts");
    assert_eq!(
        numbers(log.read("r", 0, PageLimit::messages(9)).await),
        [4, 5]
    );
}

/// The library panics at such a line, and with it ends the task of the connection.
#[tokio::test]
async fn a_server_whose_connection_is_dead_for_ever_ends() {
    let Some(list) = List::of(&[1]).await else {
        return;
    };
    let (addr, says) = between(&list.settings.url).await;
    let settings = Settings {
        url: format!("nats://{addr}/t"),
        ..list.settings.clone()
    };
    let opened = Nats::open(&settings, Bounds::keeping(10), Pen::none()).await;
    let (log, _) = opened.expect("it starts");
    says.send_replace("-ERR\r\n");
    let failure = log.broken().await.report();
    assert!(failure.contains("has ended for ever"), "{failure}");
}

/// Starts a way to the NATS at `url` on which somebody can say lines to those who call.
async fn between(url: &str) -> (SocketAddr, watch::Sender<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("bound");
    let (says, said) = watch::channel("");
    let host = url.split('/').nth(2).expect("a host").to_owned();
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let nats = TcpStream::connect(&host).await.expect("NATS");
            let (mut from_caller, mut to_caller) = caller.into_split();
            let (mut from_nats, mut to_nats) = nats.into_split();
            let mut said = said.clone();
            tokio::spawn(async move { copy(&mut from_caller, &mut to_nats).await });
            tokio::spawn(async move {
                tokio::select! {
                    _ = copy(&mut from_nats, &mut to_caller) => return,
                    said = said.changed() => said.expect("still there"),
                }
                let line = *said.borrow_and_update();
                let _ = to_caller.write_all(line.as_bytes()).await;
            });
        }
    });
    (addr, says)
}

fn numbers(page: Result<Page, LogError>) -> Vec<u64> {
    let entries = page.expect("a page").entries;
    entries.iter().map(|entry| entry.number).collect()
}
