//! What a buddy in the song looks out for beside the ring: ways that lead nowhere, a song that
//! stands still, lives that ended. PURE.

use common::buddy::{Mark, Place, Pulse, Reply, Tally};

use crate::effect::{Effect, Job, Target};
use crate::ring::Request;

use super::Singing;

impl Singing {
    /// Says who holds the song, if it has stood still for long.
    pub(super) fn look_for_a_stall(&mut self, out: &mut Vec<Effect>) {
        let mine = self.performing.then_some(self.ring.me());
        if let Some(holder) = self.stall.beat(self.ring.mark(), mine) {
            self.tell_of_holder(holder, out);
        }
    }

    fn tell_of_holder(&self, holder: Place, out: &mut Vec<Effect>) {
        let why = "its output may be stuck, or its --tempo is long";
        out.push(Effect::Tell(if holder == self.ring.me() {
            format!("the song waits for this buddy, Buddy {}: {why}", holder + 1)
        } else {
            format!("the song waits for {}: {why}", self.who(holder))
        }));
    }

    /// Tries the ways that a death would make needed, and says which of them leads nowhere.
    pub(super) fn look_ahead(&mut self, out: &mut Vec<Effect>) {
        let (me, next) = (self.ring.me(), self.ring.next());
        let (pings, missed) = self.reach.beat(self.size(), me, next);
        let pings = pings.into_iter().map(Target::Place);
        out.extend(pings.map(|to| Effect::Send(to, Job::Ping)));
        if let Some((place, why)) = missed.filter(|_| self.ring.mark() < Mark::Over) {
            let (me, next, who) = (me + 1, next + 1, self.who(place));
            out.push(Effect::Tell(format!(
                "Buddy {me} cannot reach {who}: {why}; if Buddy {next} dies, the ring breaks\n\
                 help: start Buddy {} with --advertise HOST:PORT, where Buddy {me} can reach it",
                place + 1
            )));
        }
    }

    /// Returns the answer to a ping, with what the caller may need later.
    pub(crate) fn pulse(&self, reply: Reply) -> Pulse {
        Pulse {
            reply,
            next: self.ring.next(),
            holder: if self.performing {
                Some(self.ring.me())
            } else {
                self.stall.holder()
            },
        }
    }

    /// Returns who holds the song, as next says. What is said of this buddy itself, or of one that
    /// is gone, is out of date.
    pub(super) fn holder(&self, pulse: Pulse) -> Option<Place> {
        let (me, next) = (self.ring.me(), self.ring.next());
        let holder = pulse.holder.filter(|holder| *holder < self.size());
        holder.filter(|&holder| holder != me && self.ring.gap(holder) >= self.ring.gap(next))
    }

    /// Tells that a buddy nearer than the last next one is next again. Not a part of its caller,
    /// because a verse would touch its stack.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_who_is_back(&self, out: &mut Vec<Effect>) {
        let who = self.who(self.ring.next());
        out.push(Effect::Tell(format!("back: {who}")));
    }

    /// Counts the lives that ended with their tally, and those that were only thought to have.
    /// `next` was next before `by` answered.
    pub(super) fn count_lives(
        &mut self,
        (by, next): (Place, Place),
        request: Request,
        reply: Reply,
    ) {
        let is_back = self.ring.gap(by) < self.ring.gap(next);
        match (request, reply) {
            (Request::Enlist(_), Reply::Here(_)) => self.restarted = None,
            (Request::Ping, Reply::Here(_)) if is_back => self.ledger.did(Tally {
                back: 1,
                ..Tally::default()
            }),
            (_, Reply::Stranger) if by == next && self.restarted != Some(by) => {
                self.restarted = Some(by);
                self.ledger.did(Tally {
                    lost: 1,
                    ..Tally::default()
                });
            }
            _ => {}
        }
    }
}
