//! Several servers over one log in NATS: their people are together, whichever server they call.
#![cfg(feature = "nats")]

use std::future::pending;
use std::time::Duration;

use chat_server::log::Bounds;
use chat_server::{Company, Config, Nats, NatsSettings, run};
use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Entry, Kind, Owner, Page, Post, Refusal, Result,
    SERVICE, Session, sender,
};
use common::credential::Credential;
use common::identity::Identity;
use common::net::{LabKey, Limits, Redial, Seal};
use common::pen::Pen;
use futures::future::join_all;
use tarpc::context;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[path = "support/nats.rs"]
mod nats;

const TOKEN: &str = "sixteen bytes or";
const ANN: Session = Session(1 << 100);
const BOB: Session = Session(2 << 100);
const EVE: Session = Session(3 << 100);

/// A nats-server with its files.
struct Place {
    nats: nats::Nats,
    _folder: TempDir,
}

impl Place {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let nats = nats::Nats::start(folder.path(), nats::free_port())?;
        Some(Self {
            nats,
            _folder: folder,
        })
    }

    async fn server(&self) -> Server {
        let settings = NatsSettings {
            url: self.nats.url("t"),
            creds: None,
            ca: None,
        };
        let open = Nats::open(&settings, Bounds::keeping(1000), Pen::none());
        let (log, others) = open.await.expect("a log");
        let config = Config {
            company: Company::Together(Box::new(others)),
            admin: Some(Credential::new(TOKEN.into())),
            seal: Seal::new(&key()).expect("a usable key"),
            limits: Limits::default(),
            ..Config::new(log)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let redial = Redial::new(&*addr.to_string(), config.seal.of(SERVICE));
        Server {
            task: tokio::spawn(run(listener, config, pending())),
            client: redial.within(Duration::from_secs(30)).into(),
        }
    }
}

fn key() -> LabKey {
    LabKey::host([7; 16]).expect("a key pair")
}

/// A server, which can be killed by ending its task, and a way to call it.
struct Server {
    task: JoinHandle<()>,
    client: ChatClient<Redial<ChatRequest, ChatResponse>>,
}

impl Server {
    async fn enter(&self, session: Session, nick: &str) -> Result<String> {
        let call = self
            .client
            .enter(context::current(), session, nick.into(), None);
        Ok(call.await.expect("answered")?.nick)
    }

    async fn member(&self, session: Session, nick: &str) {
        self.enter(session, nick).await.expect("let in");
        self.join(session, "lobby").await.expect("a room");
    }

    async fn join(&self, session: Session, room: &str) -> Result<u64> {
        let call = self
            .client
            .join(context::current(), session, room.into(), 0);
        Ok(call.await.expect("answered")?.after)
    }

    async fn say(&self, session: Session, room: &str, id: u64, body: &str) -> Result<()> {
        let (kind, body) = (Kind::Said, body.into());
        let posts = vec![Post { id, kind, body }].into();
        let call = self
            .client
            .send(context::current(), session, room.into(), posts);
        call.await.expect("answered").map(drop)
    }

    /// Polls until a page of `room` comes.
    async fn page(&self, session: Session, room: &str) -> Page {
        loop {
            let call = self
                .client
                .poll(context::current(), session, vec![].into(), 5000);
            let pages = call
                .await
                .expect("answered")
                .expect("a member")
                .into_inner();
            if let Some(page) = pages.into_iter().find(|page| page.room == room) {
                return page;
            }
        }
    }

    async fn who(&self, session: Session) -> Vec<String> {
        let call = self
            .client
            .who(context::current(), session, "lobby".into(), String::new());
        let present = call.await.expect("answered").expect("a member").part;
        present.into_iter().map(|one| one.nick).collect()
    }

    async fn history(&self, session: Session) -> Vec<Entry> {
        let here = context::current();
        let call = self
            .client
            .history(here, session, "lobby".into(), u64::MAX, 1000);
        call.await.expect("answered").expect("a member").entries
    }

    async fn admin(&self, session: Session, command: Admin) -> Result<Vec<String>> {
        let call = self
            .client
            .admin(context::current(), session, TOKEN.into(), command);
        let bans = call.await.expect("answered")?.part;
        Ok(bans.into_iter().map(|ban| ban.network).collect())
    }

    /// Asks until it is so: what one server knows, the others hear a moment later.
    async fn until<F: Future<Output = bool>>(&self, is_so: impl Fn() -> F) {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_who_want_a_nick_at_once_at_three_servers_one_has_it() {
    let Some(place) = Place::new() else { return };
    let servers = [
        place.server().await,
        place.server().await,
        place.server().await,
    ];
    for round in 0..5 {
        let nick = format!("paul{round}x");
        let asks =
            (0..3).map(|n| servers[n].enter(Session((100 * round + n as u128) << 64), &nick));
        let asked = join_all(asks).await;
        let winners = asked.iter().filter(|asked| asked.is_ok()).count();
        assert_eq!(winners, 1, "{asked:?}");
        let is_taken = |asked: &Result<String>| matches!(asked, Err(Refusal::NickTaken { .. }));
        let losers = asked.iter().filter(|asked| is_taken(asked)).count();
        assert_eq!(losers, 2, "{asked:?}");
        let late = servers[0].enter(EVE, &nick.to_uppercase()).await;
        assert!(is_taken(&late), "{late:?}");
        // Because a connection may have four sessions, and one server may win each time.
        for n in (0..3).filter(|&n| asked[n].is_ok()) {
            let session = Session((100 * round + n as u128) << 64);
            let bye = servers[n].client.bye(context::current(), session);
            bye.await.expect("answered");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_two_servers_talk_in_public_and_in_private() {
    let Some(place) = Place::new() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.member(ANN, "ann").await;
    b.member(BOB, "bob").await;
    b.until(async || a.who(ANN).await == ["ann", "bob"]).await;
    b.until(async || b.who(BOB).await == ["ann", "bob"]).await;
    for (from, to, me, other, nick) in [(&a, &b, ANN, BOB, "bob"), (&b, &a, BOB, ANN, "ann")] {
        let here = context::current();
        let private = from
            .client
            .private(here, me, nick.into())
            .await
            .expect("answered");
        let room = private.expect("here").cursor.room;
        from.say(me, &room, 1, "psst").await.expect("stored");
        let page = to.page(other, &room).await;
        assert_eq!(page.entries.last().map(|entry| &*entry.body), Some("psst"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_server_dies_its_people_go_on_at_another_and_nobody_is_told() {
    let Some(place) = Place::new() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.member(ANN, "ann").await;
    b.member(BOB, "bob").await;
    a.say(ANN, "lobby", 1, "one").await.expect("stored");
    b.until(async || b.who(BOB).await == ["ann", "bob"]).await;
    a.task.abort();
    b.say(ANN, "lobby", 2, "two")
        .await
        .expect("she is known there");
    b.say(ANN, "lobby", 1, "one").await.expect("stored once");
    b.enter(ANN, "ann").await.expect("it is her nick");
    b.join(ANN, "lobby").await.expect("she is in it");
    let entries = b.history(BOB).await;
    let said = |kind| entries.iter().filter(move |entry| entry.kind == kind);
    assert!(
        said(Kind::Said)
            .map(|entry| &*entry.body)
            .eq(["one", "two"])
    );
    assert_eq!(
        (said(Kind::Joined).count(), said(Kind::Left).count()),
        (2, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nick_that_was_given_up_is_free_though_its_server_dies_at_once() {
    let Some(place) = Place::new() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.member(ANN, "ann").await;
    b.member(EVE, "eve").await;
    b.until(async || b.who(EVE).await == ["ann", "eve"]).await;
    let bye = a.client.bye(context::current(), ANN).await;
    a.task.abort();
    bye.expect("answered");
    // Who has got a nick here comes after all that was said before, so that it is heard by now.
    let zoe = b.enter(Session(4 << 100), "zoe").await;
    zoe.expect("a free nick");
    assert_eq!(b.enter(BOB, "ann").await, Ok("ann".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_rule_at_all_servers() {
    let Some(place) = Place::new() else { return };
    let (a, b) = (place.server().await, place.server().await);
    a.member(ANN, "ann").await;
    b.member(BOB, "bob").await;
    b.until(async || b.who(BOB).await == ["ann", "bob"]).await;
    let (nick, why) = ("ann".to_owned(), "loud".to_owned());
    let kicked = b
        .admin(
            BOB,
            Admin::Kick {
                nick,
                why: why.clone(),
            },
        )
        .await;
    assert_eq!(kicked, Ok(vec![]));
    a.until(async || a.enter(ANN, "ann").await == Err(Refusal::Kicked("loud".into())))
        .await;
    let (whom, minutes) = ("192.0.2.7".to_owned(), 0);
    let ban = Admin::Ban { whom, minutes, why };
    b.admin(BOB, ban).await.expect("banned");
    let bans = || Admin::Bans {
        after: String::new(),
    };
    a.until(async || a.admin(EVE, bans()).await == Ok(vec!["192.0.2.7/32".into()]))
        .await;
    let late = place.server().await;
    assert_eq!(
        late.admin(EVE, bans()).await,
        Ok(vec!["192.0.2.7/32".into()])
    );
    let whom = "192.0.2.7".to_owned();
    a.admin(EVE, Admin::Unban { whom }).await.expect("lifted");
    b.until(async || b.admin(BOB, bans()).await == Ok(vec![]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operators_of_two_servers_do_at_once_is_kept_of_both() {
    let Some(place) = Place::new() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let ban = |whom: String| Admin::Ban {
        whom,
        minutes: 0,
        why: String::new(),
    };
    a.member(ANN, "ann").await;
    b.member(BOB, "bob").await;
    for n in 1..=40 {
        let (one, other) = (ban(format!("192.0.2.{n}")), ban(format!("198.51.100.{n}")));
        let banned = tokio::join!(a.admin(ANN, one), b.admin(BOB, other));
        assert_eq!(banned, (Ok(vec![]), Ok(vec![])));
    }
    let late = place.server().await;
    let after = String::new();
    let bans = late.admin(EVE, Admin::Bans { after }).await;
    assert_eq!(bans.map(|bans| bans.len()), Ok(80));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nick_is_registered_at_all_servers() {
    let Some(place) = Place::new() else { return };
    let (a, b) = (place.server().await, place.server().await);
    let identity = Identity::new([9; 32]).expect("a key pair");
    let proof =
        |session, nick: &str| -> Owner { identity.sign(key().fingerprint(), session, nick) };
    a.member(ANN, "ann").await;
    let call = a
        .client
        .register(context::current(), ANN, proof(ANN, "ann"));
    assert_eq!(call.await.expect("answered"), Ok("ann".into()));
    a.client
        .bye(context::current(), ANN)
        .await
        .expect("answered");
    let refused = Err(Refusal::Registered("ann".into()));
    b.until(async || b.enter(EVE, "ann").await == refused).await;
    let late = place.server().await;
    assert_eq!(late.enter(EVE, "Ann").await, refused);
    let owner = Some(proof(BOB, "ann"));
    let call = late
        .client
        .enter(context::current(), BOB, "ann".into(), owner);
    let entered = call.await.expect("answered").expect("it is hers");
    assert_eq!(entered.sender, sender(BOB));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_all_the_time_keeps_nobody_out() {
    let Some(place) = Place::new() else { return };
    let server = place.server().await;
    let client = async_nats::connect(place.nats.url("t").trim_end_matches("/t")).await;
    let client = client.expect("a connection");
    let word = async |session: &str| {
        let said = client.publish(format!("t_people.{session}"), "?".into());
        said.await.expect("published");
    };
    // Most of them are replaced before they are heard, and NATS miscounts.
    for _ in 0..20_000 {
        word("1").await;
    }
    client.flush().await.expect("published");
    let comes_and_goes = async |n: u128| {
        let entered = server.enter(Session(n << 64), &format!("guest{n}")).await;
        let bye = server.client.bye(context::current(), Session(n << 64));
        bye.await.expect("answered");
        entered
    };
    // Until all of these are heard, which takes a while.
    server.until(async || comes_and_goes(0).await.is_ok()).await;
    let enters = async {
        for n in 1..5 {
            assert_eq!(comes_and_goes(n).await, Ok(format!("guest{n}")));
        }
    };
    // So often that it is never silent.
    let goes_on = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            word("2").await;
        }
    };
    tokio::select! {
        () = enters => {}
        () = goes_on => {}
    }
}
