//! What of the song is written into the journal. PURE. Verses are written down by the shell, which
//! knows when one is printed.

use common::buddy::{Addresses, Mark, Place, Progress, Reply, Stamp, Token};
use common::journal::{Event, Hex, Word, name};

use super::Singing;
use crate::effect::{Cause, Effect};
use crate::ring::{Input, Request};

/// What the ring knew before an event: its stamp, its next, and its mark.
type Before = (Stamp, Place, Mark);

impl Singing {
    /// Notes what has happened, and what came of it.
    pub(super) fn note(&self, input: &Input, before: Before, out: &mut Vec<Effect>) {
        let (me, (at, last, mark)) = (self.ring.me(), before);
        let is_news = self.ring.mark() > mark;
        let event = match *input {
            Input::Enlisted => Some(self.placed(at)),
            Input::Called(Request::Pass(token, progress)) => {
                let id = name::pass(progress.at);
                Some(heard(id, word(token), progress, progress.at > at))
            }
            Input::Called(Request::Enlist(progress)) => {
                let id = name::enlist(me, progress.at);
                Some(heard(id, Word::Enlist, progress, is_news))
            }
            Input::Answered(place, _, Reply::Stranger) => Some(Event::Fresh { place }),
            Input::Answered(place, _, Reply::Here(mark)) if is_news => {
                Some(Event::Told { place, mark })
            }
            Input::Quiet => Some(Event::Quiet),
            _ => None,
        };
        let next = self.ring.next();
        let is_back = self.ring.gap(next) < self.ring.gap(last);
        let back = is_back.then_some(Event::Back { place: next });
        out.extend(event.into_iter().chain(back).map(Effect::Note));
    }

    fn placed(&self, at: Stamp) -> Event {
        let place = self.ring.me();
        let is_sent = place != 0 || at != Stamp::default();
        Event::Place {
            song: Hex(self.song.id.into()),
            bottles: self.song.bottles,
            place,
            name: self.name.clone(),
            roll: self
                .roll
                .iter()
                .map(|it| Addresses::first(it).to_owned())
                .collect(),
            id: is_sent.then(|| name::enlist(place, at)),
        }
    }

    /// Notes a message that is to be sent.
    pub(super) fn note_call(&self, to: Place, request: Request, out: &mut Vec<Effect>) {
        if let Some((id, word, mark)) = self.message(to, request) {
            out.push(Effect::Note(Event::Say { to, id, word, mark }));
        }
    }

    /// Notes a try that failed.
    pub(super) fn note_failure(
        &self,
        to: Place,
        request: Request,
        cause: &Cause,
        out: &mut Vec<Effect>,
    ) {
        if let Some((id, ..)) = self.message(to, request) {
            let why = cause.words();
            out.push(Effect::Note(Event::Unheard { to, id, why }));
        }
    }

    /// Returns the name of a message, and what it says, if it is to be noted. A ping says nothing.
    fn message(&self, to: Place, request: Request) -> Option<(String, Word, Mark)> {
        match request {
            _ if !self.is_noted => None,
            Request::Pass(token, progress) => {
                Some((name::pass(progress.at), word(token), progress.mark))
            }
            Request::Enlist(progress) => {
                Some((name::enlist(to, progress.at), Word::Enlist, progress.mark))
            }
            Request::Ping => None,
        }
    }
}

fn heard(id: String, word: Word, progress: Progress, heed: bool) -> Event {
    let mark = progress.mark;
    Event::Hear {
        id,
        word,
        mark,
        heed,
    }
}

fn word(token: Token) -> Word {
    match token {
        Token::Ask => Word::Ask,
        Token::Go => Word::Go,
    }
}
