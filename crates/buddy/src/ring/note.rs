//! What of a ring is written into the journal. PURE. Verses are written down by the shell, which
//! knows when one is printed.

use common::buddy::{Mark, Place, Progress, Reply, Token};
use common::journal::{Event, Word, name};

use super::{Input, Request, Ring};

/// What a ring knew before an input.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The latest stamp that it had heeded, and its mark.
    pub progress: Progress,
    /// The place to which it passed the song.
    pub next: Place,
}

impl Ring {
    /// Returns what it knows, so that [`noted`](Self::noted) can tell what is new after an input.
    pub fn before(&self) -> Before {
        Before {
            progress: self.progress(),
            next: self.next,
        }
    }

    /// Returns the lines about an input that was handled. That it has got the roll is not among
    /// them, because the ring does not know the addresses on it.
    pub fn noted(&self, input: &Input, before: Before) -> impl Iterator<Item = Event> + use<> {
        let is_news = self.mark > before.progress.mark;
        let event = match *input {
            Input::Called(Request::Pass(token, progress)) => {
                let id = name::pass(progress.at);
                Some(heard(
                    id,
                    word(token),
                    progress,
                    progress.at > before.progress.at,
                ))
            }
            Input::Called(Request::Enlist(progress)) => {
                let id = name::enlist(self.me, progress);
                Some(heard(id, Word::Enlist, progress, is_news))
            }
            Input::Answered(place, _, Reply::Stranger) => Some(Event::Fresh { place }),
            Input::Answered(place, _, Reply::Here(mark)) if is_news => {
                Some(Event::Told { place, mark })
            }
            Input::Quiet => Some(Event::Quiet),
            _ => None,
        };
        let place = self.next;
        let is_back = self.gap(place) < self.gap(before.next);
        event
            .into_iter()
            .chain(is_back.then_some(Event::Back { place }))
    }
}

impl Request {
    /// Returns its name, what it says, and its mark, if it is noted when it is sent to the buddy at
    /// `to`. A ping is not, because it says nothing.
    pub fn noted(self, to: Place) -> Option<(String, Word, Mark)> {
        match self {
            Self::Pass(token, progress) => {
                Some((name::pass(progress.at), word(token), progress.mark))
            }
            Self::Enlist(progress) => {
                Some((name::enlist(to, progress), Word::Enlist, progress.mark))
            }
            Self::Ping => None,
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
