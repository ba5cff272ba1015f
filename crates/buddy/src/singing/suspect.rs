//! What a call to another buddy shows: that it lives, is silent, or is gone. PURE.
//!
//! A sender reports what became of each try. Answers clear a suspicion, refusals and silences add
//! to it, and the [failure detector](crate::failure_detector) says when they are enough. What
//! follows is the ring's business if the buddy is next, or has a pass of this one; otherwise it
//! only shows whether the buddy could be reached.

use common::buddy::{Mark, Place, Tally};
use common::journal::Event;

use crate::effect::{Cause, Effect, Job, Report, Retry};
use crate::failure_detector::Threshold;
use crate::ring::Input;

use super::{Farewell, Singing};

impl Singing {
    /// Learns what became of `job`, and decides whether the buddy at `place` is gone.
    pub(crate) fn reported(
        &mut self,
        place: Place,
        job: &Job,
        report: Report,
        out: &mut Vec<Effect>,
    ) -> Retry {
        if matches!(job, Job::Farewell(_)) {
            self.farewell = Farewell::Done;
        }
        let Some(request) = job.request() else {
            return Retry::No;
        };
        if matches!(job, Job::Ping) && self.ring.gap(place) > self.ring.gap(self.ring.next()) {
            return self.tried(place, report);
        }
        let threshold = self.threshold(job);
        let suspicion = self.suspicions.entry(place).or_default();
        let (cause, is_gone, retry) = match report {
            Report::Pulse(pulse) => {
                suspicion.clear();
                if place == self.ring.next() {
                    self.reach.next_passes_to(place, pulse.next);
                    self.stall.heard(self.holder(pulse));
                }
                self.event(Input::Answered(place, request, pulse.reply), out);
                return Retry::No;
            }
            Report::Waited if self.ring.still_says(place, request) => return Retry::Soon,
            Report::Waited | Report::Called(_) => return Retry::No,
            Report::Answered(reply) => {
                suspicion.clear();
                self.event(Input::Answered(place, request, reply), out);
                return Retry::No;
            }
            Report::Refused(cause) => {
                let is_late = matches!(threshold, Threshold::Late(_));
                let retry = if is_late { Retry::AtBeat } else { Retry::Soon };
                (cause, suspicion.refused(threshold), retry)
            }
            Report::Silent(cause) => (cause, suspicion.silent(), Retry::AtBeat),
        };
        if is_gone {
            suspicion.clear();
        }
        self.note_failure(place, request, &cause, out);
        if !is_gone {
            return retry;
        }
        self.gone(place, &cause, out);
        Retry::No
    }

    /// Returns how many refusals prove that the receiver of `job` is gone.
    fn threshold(&self, job: &Job) -> Threshold {
        match job {
            Job::Pass(_, progress, _) if progress.mark == Mark::Home => Threshold::AtOnce,
            Job::Ping if self.ring.mark() >= Mark::Over => Threshold::Late(self.lap),
            _ if self.hasty => Threshold::AtOnce,
            _ => Threshold::Soon,
        }
    }

    fn gone(&mut self, place: Place, cause: &Cause, out: &mut Vec<Effect>) {
        if self.ring.loses(place) {
            if self.is_noted {
                let why = cause.words();
                out.push(Effect::note(Event::Lost { place, why }));
            }
            self.ledger.did(Tally {
                lost: 1,
                ..Tally::default()
            });
            self.hasty = true;
            let (who, cause) = (self.who(place), cause.words());
            let text = format!("lost {who}: {cause}; the song goes on without it");
            out.push(Effect::Tell(text));
        }
        self.event(Input::Gone(place), out);
    }

    /// Learns what became of a ping to a buddy beyond next, which the ring does not need yet.
    fn tried(&mut self, place: Place, report: Report) -> Retry {
        let suspicion = self.suspicions.entry(place).or_default();
        let (cause, is_gone, retry) = match report {
            Report::Waited => return Retry::Soon,
            Report::Refused(cause) => (cause, suspicion.refused(Threshold::Soon), Retry::Soon),
            Report::Silent(cause) => (cause, suspicion.silent(), Retry::AtBeat),
            Report::Pulse(_) | Report::Answered(_) | Report::Called(_) => {
                suspicion.clear();
                self.reach.reached(place);
                return Retry::No;
            }
        };
        if !is_gone {
            return retry;
        }
        suspicion.clear();
        self.reach.missed(place, cause.words());
        Retry::No
    }
}
