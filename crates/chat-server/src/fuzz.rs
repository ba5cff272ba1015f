//! Fuzz targets: what people may be called and may send, and what they do.

use std::time::Duration;

use common::chat::{Kind, MAX_BODY, MAX_PAGE, MAX_WHY, Post, Session, sender};
use unicode_width::UnicodeWidthStr;

use crate::bans::{Bans, Whom};
use crate::input::{self, Input};
use crate::names::{self, Nick};
use crate::people::model;
use crate::posts;
use odd_text::text;

#[path = "../../common/tests/support/odd_text.rs"]
mod odd_text;

/// A name has one spelling, which can be seen; a post has its bounds; bans are read as written.
pub fn texts(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    for _ in 0..4 {
        let name = text(&mut input, 12);
        nick(&name);
        if let Ok(room) = names::room(&name) {
            assert_eq!(names::room(&room).as_ref(), Ok(&room), "another spelling");
            assert!(!names::is_private(&room));
        }
        private(&name);
    }
    let count = input.below(40);
    let posts = (0..count).map(|_| {
        let body = text(&mut input, 30).repeat(1 + input.below(200));
        let kind = [Kind::Said, Kind::Did, Kind::Left][input.below(3)];
        let (id, body) = (input.number(), body.into());
        Post { id, kind, body }
    });
    if let Ok(posts) = posts::check(posts.collect()) {
        let is_fit = |post: &Post| {
            let is_message = matches!(post.kind, Kind::Said | Kind::Did);
            is_message && post.body.len() <= MAX_BODY && !post.body.contains('\0')
        };
        assert!(posts.iter().all(is_fit) && !posts.is_empty());
        let bytes: usize = posts.iter().map(|post| post.body.len()).sum();
        assert!(bytes <= MAX_PAGE);
    }
    bans(&mut input);
}

fn nick(name: &str) {
    let Ok(nick) = Nick::new(name) else { return };
    assert_eq!(
        Nick::new(&nick.text).as_ref(),
        Ok(&nick),
        "another spelling"
    );
    assert!((1..=20).contains(&nick.text.width()), "{:?}", nick.text);
    let is_hidden = |c: char| c.is_control() || c.is_whitespace();
    assert!(!nick.text.contains(is_hidden), "{:?}", nick.text);
    let lower = Nick::new(&nick.text.to_lowercase());
    if let Ok(lower) = lower {
        let is_alike = lower.keys.iter().any(|key| nick.keys.contains(key));
        assert!(is_alike, "{:?} does not look like itself", nick.text);
    }
}

/// Only the whole name of a private room is one.
fn private(odd: &str) {
    let (ann, bob) = (sender(Session(1)), sender(Session(2)));
    let room = names::private(ann, bob);
    assert_eq!(names::other(&room, bob), Some(ann));
    let longer = format!("{room}{odd}");
    assert!(
        odd.is_empty() || names::other(&longer, bob).is_none(),
        "{longer:?}"
    );
    assert!(names::other(odd, bob).is_none(), "{odd:?}");
}

fn bans(input: &mut Input<'_>) {
    let now = Duration::from_secs(1);
    let mut bans = Bans::default();
    let ip = |input: &mut Input<'_>| match input.below(3) {
        0 => format!("10.0.{}.{}", input.byte(), input.byte()),
        1 => format!(
            "{:x}:{:x}::{:x}",
            input.number() as u16,
            input.byte(),
            input.byte()
        ),
        _ => format!("::ffff:10.0.0.{}", input.byte()),
    };
    for _ in 0..input.below(8) {
        let address = ip(input);
        let whom = match input.below(3) {
            0 => format!("{address}/{}", input.byte() % 140),
            _ => address.clone(),
        };
        let Ok(Whom::Addresses(subnet)) = Whom::new(&whom) else {
            continue;
        };
        let why = posts::reason(text(input, 40)).unwrap_or_default();
        assert!(why.len() <= MAX_WHY);
        let until = (input.below(2) == 0).then(|| Duration::from_millis(input.number()));
        if bans.add(subnet, "eve", &why, until, now).is_ok() && until.is_none() {
            let banned = address.parse().expect("an address");
            assert!(bans.hold(banned, now), "{whom} does not keep {address} out");
        }
    }
    let written = bans.text();
    let read = Bans::read(&written).expect("it was written so");
    assert_eq!(read.text(), written);
    let _ = Bans::read(&text(input, 60));
}

/// Plays what people and operators do, see `people/model.rs`.
pub fn people(bytes: &[u8]) {
    model::people(bytes);
}

#[cfg(test)]
mod tests;
