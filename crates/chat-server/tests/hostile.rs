//! What a hostile member cannot do: be another one, stop the server, shut others out, erase what
//! was said. The limits are small, and 127.0.0.2 is another address.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chat_server::log::{Bounds, Log};
use chat_server::{BanFile, Config, Memory};
use common::chat::{Admin, Crowd, Cursor, Private, Refusal, Session, sender};
use member::{AT_ONCE, Server, TOKEN, config, small};
use tarpc::context;
use tokio::time::timeout;

#[path = "support/member.rs"]
mod member;

#[tokio::test]
async fn a_private_room_stays_private_when_one_has_left() {
    let server = Server::start(small(100)).await;
    let (ann, bob) = (
        server.member(1, 1, "ann").await,
        server.member(1, 2, "bob").await,
    );
    let room = ann.private("bob").await.expect("here").cursor.room;
    ann.say(&room, 1, "my salary is 4711").await.expect("in it");
    ann.bye().await;
    let eve = server.member(2, 3, "eve").await;
    assert_eq!(eve.join(&room).await.err(), Some(Refusal::NotJoined));
    assert_eq!(eve.history(&room).await.err(), Some(Refusal::NotJoined));
    assert_eq!(
        eve.say(&room, 1, "and yours?").await.err(),
        Some(Refusal::NotJoined)
    );
    // What everybody is shown of ann is not a session, and makes no session of hers.
    let forged = eve.with(sender(Session(1)));
    forged.enter("ann").await.expect("a free nick");
    assert_eq!(forged.join(&room).await.err(), Some(Refusal::NotJoined));
    assert_eq!(bob.bodies(&room).await, ["my salary is 4711"]);
    ann.enter("anna").await.expect("hers");
    assert_eq!(ann.join(&room).await.map(|cursor| cursor.room), Ok(room));
    server.shut_down().await;
}

#[tokio::test]
async fn nobody_can_take_the_id_of_anothers_message() {
    let server = Server::start(small(100)).await;
    let ann = server.member(1, 1, "ann").await;
    let eve = server.member(2, 3, "eve").await;
    eve.join("eves").await.expect("a room");
    for id in 0..10 {
        eve.say("eves", id, "mine").await.expect("in it");
        eve.say("lobby", id, "mine").await.expect("in it");
    }
    ann.say("lobby", 1, "hello").await.expect("acknowledged");
    assert_eq!(
        ann.bodies("lobby").await.last().map(String::as_str),
        Some("hello")
    );
    server.shut_down().await;
}

#[tokio::test]
async fn a_poll_in_a_full_server_waits_and_stops_nobody() {
    let server = Server::start(small(3)).await;
    let eve = server.member(2, 3, "eve").await;
    let other = server.member(1, 1, "ann").await;
    // Reading makes no room.
    for n in 0..10 {
        let room = format!("made-up-{n}");
        assert_eq!(eve.history(&room).await.err(), Some(Refusal::NotJoined));
    }
    for (n, expected) in [(1, true), (2, true), (3, false), (4, false)] {
        assert_eq!(eve.join(&format!("r{n}")).await.is_ok(), expected, "r{n}");
    }
    assert_eq!(
        eve.join("r5").await.err(),
        Some(Refusal::Full(Crowd::Rooms))
    );
    assert_eq!(
        eve.private("ann").await.err(),
        Some(Refusal::Full(Crowd::Rooms))
    );
    eve.poll(0).await.expect("what came so far");
    let waiting = eve.clone();
    let poll = tokio::spawn(async move {
        loop {
            let pages = waiting.poll(15_000).await;
            if pages.is_err() || pages.is_ok_and(|pages| pages.is_empty()) {
                return;
            }
        }
    });
    let answered = timeout(AT_ONCE, other.say("lobby", 1, "hello")).await;
    assert!(answered.expect("at once").is_ok());
    server.shut_down().await;
    poll.abort();
}

#[tokio::test]
async fn a_poll_whose_room_has_ended_waits_until_there_is_one_again() {
    let log: Log = Memory::new(Bounds::default());
    let server = Server::start(config(log.clone())).await;
    let ann = server.member(1, 1, "ann").await;
    let bob = server.member(2, 2, "bob").await;
    let head = ann.poll(0).await.expect("here")[0].head;
    let after = Cursor {
        room: "lobby".into(),
        after: head,
        epoch: log.epoch(),
    };
    let waiting = ann.clone();
    let poll = tokio::spawn(async move {
        let cursors = vec![after].into();
        let poll = waiting
            .client
            .poll(context::current(), Session(1), cursors, 15_000);
        poll.await
    });
    // Nobody of the sweep would end a room with people, but a poll must not depend on it.
    let ended = log.end_rooms(HashSet::new(), u64::MAX).await;
    ended.expect("in memory");
    assert!(!log.head("lobby").exists());
    let answered = timeout(AT_ONCE, bob.say("lobby", 1, "again")).await;
    let number = answered.expect("at once").expect("a new room")[0];
    assert!(number > head, "numbers go on");
    let pages = timeout(AT_ONCE, poll).await.expect("at once");
    let pages = pages.expect("no panic").expect("answered").expect("here");
    assert_eq!(
        pages[0].entries.last().map(|entry| entry.number),
        Some(number)
    );
    server.shut_down().await;
}

#[tokio::test]
async fn whispers_that_fill_the_rooms_are_refused_and_hang_nobody() {
    let server = Server::start(small(5)).await;
    let ann = server.member(1, 1, "ann").await;
    let mut refused = 0;
    for n in 0..20 {
        let guest = server.member(2, 100 + n, &format!("g{n}")).await;
        match guest.private("ann").await {
            Ok(Private { cursor, .. }) => {
                let said = guest.say(&cursor.room, 1, "psst").await;
                said.map(drop).expect("there was a place");
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Full(Crowd::Rooms));
                refused += 1;
            }
        }
        guest.poll(0).await.expect("answered");
        guest.bye().await;
    }
    assert_eq!(refused, 16, "four and the lobby");
    ann.say("lobby", 1, "still here").await.expect("stored");
    server.shut_down().await;
}

#[tokio::test]
async fn comings_and_goings_erase_nothing() {
    let server = Server::start(small(100)).await;
    let ann = server.member(1, 1, "ann").await;
    ann.say("lobby", 1, "keep this").await.expect("stored");
    let eve = server.member(2, 3, "eve").await;
    let (mut moves, mut refusal) = (0, None);
    for n in 0..400 {
        let moved = match n % 2 {
            0 => eve.leave("lobby").await.map(drop),
            _ => eve.join("lobby").await.map(drop),
        };
        match moved {
            Ok(()) => moves += 1,
            Err(too_fast) => refusal = Some(too_fast),
        }
    }
    assert!(moves < 60, "{moves} notices");
    assert!(matches!(
        refusal,
        Some(Refusal::TooFast(_) | Refusal::NotJoined)
    ));
    assert_eq!(ann.bodies("lobby").await, ["keep this"]);
    server.shut_down().await;
}

#[tokio::test]
async fn one_address_cannot_take_all_sessions_nor_many_on_one_connection() {
    let mut config = small(100);
    config.limits.per_address = 6;
    let server = Server::start(config).await;
    let eve = server.connect(2, 1).await;
    for n in 0..6 {
        let entered = eve.with(10 + n).enter(&format!("e{n}")).await;
        assert_eq!(entered.is_ok(), n < 4, "{n} on one connection");
    }
    let more = server.connect(2, 1).await;
    for n in 0..4 {
        let entered = more.with(20 + n).enter(&format!("f{n}")).await;
        assert_eq!(entered.is_ok(), n < 2, "{n} more of the address");
        if let Err(refusal) = entered {
            assert!(refusal.to_string().contains("--per-address"), "{refusal}");
        }
    }
    server.member(1, 1, "ann").await;
    server.shut_down().await;
}

#[tokio::test]
async fn an_address_that_calls_too_fast_slows_only_itself() {
    let mut config = small(100);
    (config.rate, config.limits.per_address) = (1, 16);
    let server = Server::start(config).await;
    let eve = server.member(2, 3, "eve").await;
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(matches!(
            eve.history("lobby").await,
            Err(Refusal::TooFast(_))
        ));
    }
    assert!(refused > 0, "128 tokens at four a page");
    let again = server.connect(2, 4).await;
    let entered = again.enter("mallory").await;
    assert!(matches!(entered, Err(Refusal::TooFast(_))), "{entered:?}");
    let ann = server.member(1, 1, "ann").await;
    ann.history("lobby").await.expect("her own tokens");
    let empty = vec![].into();
    let sent = ann
        .client
        .send(context::current(), Session(1), "lobby".into(), empty);
    let sent = sent.await.expect("answered");
    assert!(matches!(sent, Err(Refusal::Unfit(_))), "{sent:?}");
    server.shut_down().await;
}

#[tokio::test]
async fn reading_the_same_again_and_again_is_slowed() {
    let log: Log = Memory::new(Bounds::default());
    let mut config = config(log.clone());
    (config.rate, config.limits.per_address) = (10, 1);
    let server = Server::start(config).await;
    let ann = server.member(1, 1, "ann").await;
    for id in 0..30 {
        let said = ann.say("lobby", id, &"x".repeat(4096)).await;
        said.expect("a burst of 40");
    }
    let eve = server.member(2, 3, "eve").await;
    let began = Instant::now();
    for _ in 0..9 {
        let pages = eve
            .read_after(0, log.epoch(), 5000)
            .await
            .expect("not refused");
        assert!(!pages.is_empty());
        // Her pages grow, because she says that they have arrived.
        let none = eve.read_after(u64::MAX, log.epoch(), 0).await;
        assert_eq!(none.expect("not refused"), []);
    }
    // The large ones cost 15 tokens; she has 56, and 20 come back a second. The last is not paid.
    assert!(began.elapsed() > Duration::from_millis(900));
    server.shut_down().await;
}

#[tokio::test]
async fn whispers_take_none_of_the_rooms_of_their_receiver() {
    let server = Server::start(small(200)).await;
    let ann = server.member(1, 1, "ann").await;
    for n in 0..12 {
        let eve = server.member(2, 100 + n, &format!("e{n}")).await;
        let room = eve.private("ann").await.expect("here").cursor.room;
        assert!(ann.history(&room).await.is_err(), "nothing is said in it");
        eve.say(&room, 1, "psst").await.expect("in it");
        ann.history(&room).await.expect("open for her, too");
    }
    for n in 0..31 {
        ann.join(&format!("r{n}")).await.expect("her own 32");
    }
    let bob = server.member(3, 2, "bob").await;
    let Private { cursor, nick } = bob.private("ANN").await.expect("here");
    assert_eq!(nick, "ann", "the name of its holder");
    bob.say(&cursor.room, 1, "hello").await.expect("in it");
    assert_eq!(ann.bodies(&cursor.room).await, ["hello"]);
    server.shut_down().await;
}

#[tokio::test]
async fn a_ban_holds_for_every_call_of_the_address_and_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bans");
    let read = || BanFile::read(path.clone()).expect("readable");
    let bans = read();
    let server = Server::start(Config { bans, ..small(9) }).await;
    let op = server.member(2, 1, "ann").await;
    let eve = server.member(2, 3, "eve").await;
    let spare = server.member(2, 4, "spare").await;
    let elsewhere = server.member(3, 5, "other").await;
    let (whom, why) = ("eve".to_owned(), "too loud".to_owned());
    let ban = Admin::Ban {
        whom,
        minutes: 5,
        why,
    };
    op.admin(TOKEN, ban).await.expect("an operator");
    let put_out = Refusal::Kicked("too loud".into());
    assert_eq!(eve.enter("eve").await.err(), Some(put_out.clone()));
    assert_eq!(
        spare.say("lobby", 1, "hi").await.err(),
        Some(Refusal::Banned)
    );
    assert_eq!(spare.enter("eve").await.err(), Some(put_out));
    // A session that entered elsewhere does not work from there.
    let from_there = server.connect(2, elsewhere.session.0).await;
    assert_eq!(
        from_there.say("lobby", 1, "hi").await.err(),
        Some(Refusal::Banned)
    );
    assert_eq!(from_there.poll(0).await.err(), Some(Refusal::Banned));
    elsewhere.say("lobby", 1, "hi").await.expect("not banned");
    op.say("lobby", 1, "quiet").await.expect("an operator");
    server.shut_down().await;

    let bans = read();
    let server = Server::start(Config { bans, ..small(9) }).await;
    let eve = server.connect(2, 9).await;
    assert_eq!(eve.enter("eve").await.err(), Some(Refusal::Banned));
    let op = server.connect(2, 10).await;
    assert_eq!(op.enter("ann").await.err(), Some(Refusal::Banned));
    let after = String::new();
    let list = op.admin(TOKEN, Admin::Bans { after }).await;
    assert_eq!(list, Ok(vec!["127.0.0.2/32".to_owned()]));
    op.enter("ann").await.expect("the token was shown");
    let whom = "127.0.0.2".to_owned();
    op.admin(TOKEN, Admin::Unban { whom })
        .await
        .expect("banned");
    eve.enter("eve").await.expect("lifted");
    server.shut_down().await;
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "");
}

#[tokio::test]
async fn tokens_are_guessed_slowly() {
    let server = Server::start(small(9)).await;
    let eve = server.connect(2, 3).await;
    let guess = async |token: &str| {
        let after = String::new();
        eve.admin(token, Admin::Bans { after }).await.err()
    };
    for _ in 0..3 {
        assert_eq!(guess("sesame").await, Some(Refusal::WrongToken));
    }
    for token in ["sesame", TOKEN] {
        let refused = guess(token).await;
        assert!(matches!(refused, Some(Refusal::TooFast(_))), "{refused:?}");
    }
    server.shut_down().await;
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_costs_anything() {
    let server = Server::start(small(9)).await;
    let ann = server.member(1, 1, "ann").await;
    let long = "\u{fdfa}".repeat(60_000);
    assert!(matches!(ann.private(&long).await, Err(Refusal::Unfit(_))));
    assert!(matches!(ann.join(&long).await, Err(Refusal::Unfit(_))));
    assert!(matches!(ann.enter(&long).await, Err(Refusal::Unfit(_))));
    let at = format!("@{long}");
    assert!(matches!(ann.join(&at).await, Err(Refusal::Unfit(_))));
    let here = context::current();
    let search = ann
        .client
        .search(here, ann.session, "lobby".into(), long, 10);
    let found = search.await.expect("answered");
    assert!(matches!(found, Err(Refusal::Unfit(_))));
    server.shut_down().await;
}
