//! An effect as a line of a transcript.

use common::chat::{Cursor, Entry};

use crate::effect::{Attention, Call, Effect, Output};

/// Returns the line; `None` for what transcripts leave out.
pub(super) fn words(effect: Effect) -> Option<String> {
    let cursors = |cursors: Vec<Cursor>| {
        let words = cursors
            .into_iter()
            .map(|at| format!(" {}:{}", at.room, at.after));
        words.collect::<String>()
    };
    Some(match effect {
        Effect::Call(Call::Enter(nick, order)) if order.len() == 1 => format!("enter {nick}"),
        Effect::Call(Call::Enter(nick, order)) => format!("enter {nick} at {}", order.join(" ")),
        Effect::HangUp => "hang up".into(),
        Effect::Call(Call::Vouch) => "vouch".into(),
        Effect::Call(Call::Join(room, 0)) => format!("join {room} for its end"),
        Effect::Call(Call::Join(room, _)) => format!("join {room}"),
        Effect::Call(Call::Poll(_, all)) => format!("poll{}", cursors(all)),
        Effect::Call(Call::Follow(_)) => "follow".into(),
        Effect::Call(Call::LastPoll(all)) => format!("last poll{}", cursors(all)),
        Effect::Call(Call::Send(room, posts)) => {
            let posts = posts.iter().map(|post| match post.body.len() {
                long @ 100.. => format!(" {} x*{long}", post.id),
                _ => format!(" {} {}", post.id, post.body),
            });
            format!("send {room}{}", posts.collect::<String>())
        }
        Effect::Call(Call::Ask(room, question)) => format!("ask in {room}: {question:?}"),
        Effect::Print(Output::Status(text)) => format!("-- {text}"),
        Effect::Print(Output::Prompt(prompt)) => format!("prompt {prompt}").trim_end().into(),
        Effect::Print(Output::Entry(shown)) => {
            let Entry { nick, body, .. } = &shown.entry;
            let room = match shown.here {
                true => String::new(),
                false => format!("#{} ", shown.room),
            };
            let attention = match shown.attention {
                Attention::None => "",
                Attention::Mark => " (marked)",
                Attention::Ring => " (rings)",
            };
            format!("{room}{nick}: {body}{attention}").trim_end().into()
        }
        Effect::Timer(timer, wait) => format!("timer {timer:?} {wait:?}"),
        Effect::Learn(_) => return None,
        Effect::Note(event) => format!("note {event:?}"),
        Effect::End(why, goodbye, undelivered) => {
            let goodbye = if goodbye { ", goodbye" } else { "" };
            format!("end: {why:?}{goodbye}, {undelivered} undelivered")
        }
    })
}
