//! Carries words between the people here and the other servers.

use std::time::Duration;

use common::chat::{Kind, Refusal, Result, Session};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval};

use super::super::Shared;
use crate::names::Nick;
use crate::nats::{News, Said, Together};
use crate::people::hearing::Asks;
use crate::person::Notice;
use crate::presence::{Heard, Side};
use crate::sides::Sides;

/// How often it is looked whether there is something to say: people do not notice it.
const TICK: Duration = Duration::from_millis(50);

/// How often sessions are looked at that have only called.
const RENEWS: Duration = Duration::from_secs(1);

pub(super) async fn claim(
    shared: &Shared,
    others: &Together,
    session: Session,
    nick: &Nick,
) -> Result<()> {
    let asks = shared.people().asks(session, shared.now());
    let said = match asks {
        // It has got it, or has lost it already.
        None => Ok(()),
        Some(Asks::Now(word)) => others.say(&word).await,
        Some(Asks::Already) => {
            let is_settled = || shared.people().is_settled(session);
            others.until(is_settled).await
        }
    };
    if let Err(why) = said {
        shared.people().gives_up(session);
        return Err(Refusal::Unavailable(why));
    }
    shared.people().has_got(session, nick)
}

pub(super) async fn share(shared: &Shared, others: &Together, side: Side) -> Result<bool> {
    // Both while the people are locked, because news could come in between. What they differ in is
    // found later, because that takes long.
    let (text, given) = {
        let door = &shared.people().door;
        let text = match side {
            Side::Bans => door.bans.text(),
            Side::Owners => door.owners.text(),
        };
        (text, others.given())
    };
    let kept = others.keep(side, &text, &given).await;
    kept.map(|()| true).map_err(Refusal::Unavailable)
}

/// Listens and speaks, for ever.
pub(super) async fn listen(shared: &Shared, others: &Together) {
    let (left, mut to_tell) = mpsc::unbounded_channel::<Vec<Notice>>();
    let hears = others.hear(|said| {
        // Told by somebody else, because the words must go on meanwhile.
        let _ = left.send(hear(shared, said));
    });
    let tells = async {
        while let Some(notices) = to_tell.recv().await {
            shared.announce(notices, Kind::Left, "").await;
        }
    };
    tokio::join!(hears, tells, speak(shared, others), follow(shared, others));
}

/// Returns what to post.
fn hear(shared: &Shared, said: Said) -> Vec<Notice> {
    let now = shared.now();
    let mut people = shared.people();
    let mut heard = Heard::default();
    match said {
        Said::Word(word, at) => heard = people.hear(word, at, now),
        Said::All => people.hears(true, now),
        Said::Deaf => people.hears(false, now),
        Said::Lost => people.begins_anew(),
    }
    drop(people);
    for session in heard.woken {
        shared.polls().end(session);
    }
    heard.left
}

/// Says what is new here, again and again.
async fn speak(shared: &Shared, others: &Together) {
    let mut ticks = interval(TICK);
    let mut renewed = Instant::now();
    loop {
        ticks.tick().await;
        let renews = renewed.elapsed() >= RENEWS;
        if renews {
            renewed = Instant::now();
        }
        tell(shared, others, renews).await;
    }
}

/// Says what is new here; if `renews`, also who only called. One at a time, because a call must not
/// return while another is still saying what was new.
pub(super) async fn tell(shared: &Shared, others: &Together, renews: bool) {
    let _turn = others.turn().await;
    let words = shared.people().next_words(renews, shared.now());
    if !words.is_empty() {
        let unsaid = others.say_all(words).await;
        shared.people().unsaid(unsaid);
    }
}

/// Does what comes of the log for the people.
async fn follow(shared: &Shared, others: &Together) {
    let Some(mut news) = others.news() else {
        return;
    };
    while let Some(news) = news.recv().await {
        match news {
            News::Private(room, after) => {
                let invited = shared.people().invite(&room, after);
                for session in invited {
                    shared.polls().end(session);
                }
            }
            News::Sides => {
                let now = shared.now();
                let door = &mut shared.people().door;
                let mine = Sides {
                    bans: std::mem::take(&mut door.bans),
                    owners: std::mem::take(&mut door.owners),
                };
                let sides = others.give(&mine, now);
                (door.bans, door.owners) = (sides.bans, sides.owners);
            }
        }
    }
}
