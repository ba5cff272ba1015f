//! What of the song is written into the journal: what the [ring](crate::ring) notes, with the
//! addresses and causes that it does not know. PURE.

use common::buddy::{Addresses, Place};
use common::journal::{Event, Hex, name};

use super::Singing;
use crate::effect::{Cause, Effect};
use crate::ring::{Before, Input, Request};

impl Singing {
    /// Notes what has happened, and what came of it. Not a part of its caller, because most buddies
    /// have no journal, and a verse would touch its stack.
    #[cold]
    #[inline(never)]
    pub(super) fn note(&self, input: &Input, before: Before, out: &mut Vec<Effect>) {
        let placed = (*input == Input::Enlisted).then(|| self.placed(before));
        let noted = self.ring.noted(input, before);
        out.extend(placed.into_iter().chain(noted).map(Effect::note));
    }

    fn placed(&self, before: Before) -> Event {
        let place = self.ring.me();
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
            id: (!self.ring.is_starter()).then(|| name::enlist(place, before.progress)),
        }
    }

    /// Notes a message that is to be sent.
    #[cold]
    #[inline(never)]
    pub(super) fn note_call(&self, to: Place, request: Request, out: &mut Vec<Effect>) {
        if let Some((id, word, mark)) = request.noted(to) {
            out.push(Effect::note(Event::Say { to, id, word, mark }));
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
        if self.is_noted
            && let Some((id, ..)) = request.noted(to)
        {
            let why = cause.words();
            out.push(Effect::note(Event::Unheard { to, id, why }));
        }
    }
}
