//! A buddy between the roll call and the song: what it waits for, and how it learns that the song
//! is sung without it. PURE.
//!
//! The buddy before it may not reach it with the closed roll, and then the ring sings without it.
//! So a buddy that was called asks its next from time to time. If next sings, this one is left out:
//! it may still be taken in, and ends when the song is over. If next has answered once and then
//! does not answer for minutes, no ring is left. A caller alone never ends it, because anybody can
//! call.

use std::time::Duration;

use common::buddy::{Mark, Place, Reply};

use crate::effect::{Cause, Effect, End, Job, Report, Target};
use crate::roll_call::Call;

use super::{Called, DESERTED, FIRST_RECALL, Waiting};

/// How long a buddy waits for something before it says what it waits for.
const WAIT_NOTICE: Duration = Duration::from_secs(10);

/// How often, in heartbeats, a buddy that was called asks its next whether the song has begun.
const PEEK: u32 = 3;

impl Waiting {
    /// Remembers the last roll call of another buddy.
    pub(super) fn called(&mut self, call: &Call) {
        self.beats = 0;
        self.called = Some(Called {
            song: call.song.id,
            next: Place::try_from(call.roll.len() - 1).unwrap_or(Place::MAX),
            again: FIRST_RECALL * 2u32.pow(call.attempt.min(5)),
        });
    }

    /// Counts a heartbeat. Says what this buddy waits for, and asks its next whether the song has
    /// begun without it.
    pub(crate) fn beat(&mut self, out: &mut Vec<Effect>) {
        self.beats = self.beats.saturating_add(1);
        let waited = self.beat * self.beats;
        let Some(called) = self.called else {
            if waited >= WAIT_NOTICE && self.roll_call.mine().is_none() {
                let text = "no roll call has come yet: this buddy must be the --next of another \
                            one, and the last buddy started needs --bottles";
                self.tell_once(text.into(), out);
            }
            return;
        };
        if waited >= called.again + WAIT_NOTICE && !self.left_out {
            let text = "the roll call does not come again: its starter is gone, or a buddy before \
                        this one; start the missing one again, and the starter with --bottles";
            self.tell_once(text.into(), out);
        }
        self.unanswered = self.unanswered.map(|beats| beats.saturating_add(1));
        if self
            .unanswered
            .is_some_and(|beats| self.beat * beats >= DESERTED)
        {
            self.give_up(End::Deserted, out);
        } else if self.beats.is_multiple_of(PEEK) {
            out.push(Effect::Send(
                Target::Next,
                Job::Peek(called.song, called.next),
            ));
        }
    }

    /// Learns what came of a peek: whether next sings in the song that this buddy was called to.
    pub(super) fn peeked(&mut self, report: Report, now: Duration, out: &mut Vec<Effect>) {
        match report {
            Report::Pulse(pulse) => {
                self.unanswered = Some(0);
                match pulse.reply {
                    Reply::Here(mark) if mark >= Mark::Over => self.give_up(End::LeftOut, out),
                    Reply::Here(_) => {
                        self.left_out = true;
                        let text = format!(
                            "{} sings already, and this buddy is left out: the one before it does \
                             not reach it; waiting to be taken in",
                            self.next
                        );
                        self.tell_once(text, out);
                    }
                    Reply::Stranger | Reply::Wrong => {}
                }
            }
            // It has gone home.
            Report::Refused(_) | Report::Silent(_) if self.left_out => {
                self.give_up(End::LeftOut, out);
            }
            Report::Refused(Cause::Dial(error)) | Report::Silent(Cause::Dial(error)) => {
                self.missing(error, now, out);
            }
            Report::Silent(Cause::Wrong) => {
                self.unanswered = Some(0);
                // It is the starter, if this buddy is the last one, which it cannot know.
                if let Some(called) = &mut self.called {
                    called.next = 0;
                }
            }
            _ => {}
        }
    }

    fn give_up(&mut self, end: End, out: &mut Vec<Effect>) {
        if self.end.is_none() {
            self.end = Some(end);
            out.push(Effect::Ended);
        }
    }
}
