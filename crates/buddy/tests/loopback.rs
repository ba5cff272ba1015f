//! Whole rings in one process, over loopback: the real shell on real sockets. What the shell does not
//! decide is tested without it, in `whole`.

#[path = "../../common/tests/support/program.rs"]
mod program;
mod support {
    pub(crate) mod choir;
}

use std::time::Duration;

use common::net::greeting;
use program::closed;
use support::choir::{Choir, all_home, song};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn rings_of_every_size_sing_what_one_singer_would() {
    for (size, bottles) in [(1, 3), (2, 0), (2, 9), (3, 99), (5, 20), (25, 7), (25, 60)] {
        let mut choir = Choir::of(size).await;
        let buddies = choir.start_all(bottles);
        all_home(buddies).await;
        let expected = song(size as u64, bottles);
        assert_eq!(choir.song.lines(), expected, "{size} buddies");
        let summary = choir.notices.lines().join("\n");
        assert!(summary.starts_with("song over: "), "{summary}");
        assert!(summary.ends_with("0 lost, no verse twice"), "{summary}");
    }
}

#[tokio::test]
async fn the_order_in_which_they_are_started_does_not_matter() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 1, 0]] {
        let mut choir = Choir::of(3).await;
        let mut buddies = Vec::new();
        for n in order {
            let starter_is_up = buddies.len() > order.iter().take_while(|&&n| n != 0).count();
            if n == 1 && starter_is_up {
                // Let it call in vain, because something is there that hangs up.
                let (caller, _) = choir.listener(1).accept().await.expect("a caller");
                drop(caller);
            }
            let config = choir.config(n, (n == 0).then_some(9));
            buddies.push(choir.start(n, config));
        }
        all_home(buddies).await;
        assert_eq!(choir.song.lines(), song(3, 9), "started as {order:?}");
    }
}

#[tokio::test]
async fn garbage_at_a_buddy_leaves_it_singing() {
    let mut choir = Choir::of(3).await;
    let mut connections = Vec::new();
    for greeting in [&[][..], &greeting::line("buddy")] {
        for n in 0..3 {
            let to = choir.address(n);
            let mut io = TcpStream::connect(to).await.expect("it listens");
            io.write_all(greeting).await.expect("nobody reads yet");
            // The rest is written while they sing, and fails once the buddy has read enough of it.
            let rest = async move { io.write_all(&garbage()).await };
            connections.push(tokio::spawn(rest));
        }
    }
    all_home(choir.start_all(30)).await;
    assert_eq!(choir.song.lines(), song(3, 30));
    for connection in connections {
        let _ = connection.await.expect("no panic");
    }
}

/// 64 KiB that look random: the high bytes of Knuth's linear congruential generator.
fn garbage() -> Vec<u8> {
    let mut state = 99u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..64 * 1024).map(|_| next()).collect()
}

#[tokio::test]
async fn waiting_ends_at_its_limit() {
    let mut choir = Choir::of(2).await;
    let closed = closed();
    for (n, bottles) in [(0, Some(9)), (1, None)] {
        let mut config = choir.config(n, bottles);
        config.next.clone_from(&closed);
        config.wait = Some(Duration::from_millis(200));
        let gives_up = choir.start(n, config);
        let error = gives_up.await.expect("no panic").expect_err("no song");
        assert!(
            error.to_string().starts_with("no song began within 200ms"),
            "{error}"
        );
    }
    assert!(choir.song.lines().is_empty());
}

#[tokio::test]
async fn a_next_that_is_not_a_buddy_is_an_error_at_once() {
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = other.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut io, _)) = other.accept().await {
            let _ = io.write_all(&greeting::line("secret-server")).await;
            let _ = io.read_to_end(&mut Vec::new()).await;
        }
    });
    let mut choir = Choir::of(1).await;
    let mut config = choir.config(0, Some(9));
    config.next = address.to_string();
    let ends = choir.start(0, config);
    let error = ends.await.expect("no panic").expect_err("no buddy there");
    let says = format!("{address} answers, but it is a secret-server");
    assert_eq!(error.to_string(), says);
}
