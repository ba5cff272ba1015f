//! The promises of a song, checked by cause and effect alone. PURE. `buddy/src/ring.rs` states
//! them.

use std::collections::{BTreeMap, HashMap, HashSet};

use common::buddy::Place;
use common::journal::Event;

use super::again::Repeat;
use super::{Song, Verse};
use crate::counts::count;
use crate::life::At;
use crate::verdict::{Check, Judgement, Verdict};

impl Song<'_> {
    /// Judges the song.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        let bottles = count(self.bottles, "bottle", "bottles");
        let buddies = count(self.roll.len(), "buddy", "buddies");
        let checks = vec![
            self.every_verse(),
            self.in_turn(),
            self.nobody_twice(),
            self.repeats(),
            self.all_home(),
            Check::whole(&self.gaps),
        ];
        Judgement {
            subject: format!("{bottles}, {buddies}"),
            checks,
        }
    }

    /// What a finding is worth that could be explained by what is missing in the journals.
    pub(super) fn unless_gap(&self) -> Verdict {
        if self.gaps.is_empty() {
            Verdict::No
        } else {
            Verdict::Unknown
        }
    }

    /// Returns the verses by the bottles left, each in the order of the run.
    pub(super) fn by_verse(&self) -> BTreeMap<u64, Vec<Verse>> {
        let mut all: BTreeMap<u64, Vec<Verse>> = BTreeMap::new();
        for verse in &self.verses {
            all.entry(verse.left).or_default().push(*verse);
        }
        all
    }

    /// Returns whether the process of a life was killed: its journal is not full and has no end,
    /// and it cannot be there any more.
    #[must_use]
    pub fn is_killed(&self, life: usize) -> bool {
        self.has_no_end(life) && !self.may_live(life)
    }

    /// Returns whether a life was killed, or is still there.
    pub(super) fn has_no_end(&self, life: usize) -> bool {
        self.lives[life].end().is_none() && !self.lives[life].is_cut
    }

    /// Returns whether a life without an end may still be there: the song is not over, and no later
    /// life has the same place, and so the same port.
    pub(super) fn may_live(&self, life: usize) -> bool {
        let place = self.place(life).map(|place| place as usize);
        let lives = place.and_then(|place| self.singers.get(place));
        !self.is_over && lives.is_some_and(|lives| lives.last() == Some(&life))
    }

    /// Returns whether it may still be sung, because one who sang in it may still be there.
    fn may_go_on(&self) -> bool {
        let mut members = self.members();
        members.any(|life| self.may_live(life) && self.has_no_end(life))
    }

    /// Each number of bottles has a verse that was sung to its end. The verses that are there show
    /// by the gaps between their numbers which are missing.
    fn every_verse(&self) -> Check {
        let mut check = Check::new("every verse was sung");
        let mut next = Some(self.bottles);
        let missing = |from: Option<u64>, after: Option<u64>| {
            // From the greater number down to the one above `after`.
            let from = from.filter(|&from| after.is_none_or(|after| from > after))?;
            let last = after.map_or(0, |after| after + 1);
            Some(if from == last {
                format!("verse {from} is missing")
            } else {
                format!("verses {from} to {last} are missing")
            })
        };
        for (&left, verses) in self.by_verse().iter().rev() {
            if left > self.bottles {
                check.find(Verdict::No, format!("verse {left} is not in the song"));
                continue;
            }
            if let Some(what) = missing(next, Some(left)) {
                check.find(self.unless_gap(), what);
            }
            next = left.checked_sub(1);
            if verses.iter().any(|verse| verse.sang.is_some()) {
                continue;
            }
            let singer = verses[0].sing.life;
            let name = self.name(singer);
            if self.is_killed(singer) {
                let what = format!(
                    "verse {left}: {name} was killed as it sang, so it may have been heard"
                );
                check.find(Verdict::Unknown, what);
            } else if self.has_no_end(singer) {
                let what = format!("verse {left}: {name} still sings it, or was killed as it sang");
                check.find(Verdict::Unknown, what);
            } else {
                let what = format!("verse {left}: {name} began it and did not end it");
                check.find(self.unless_gap(), what);
            }
        }
        match missing(next, None) {
            Some(what) if self.may_go_on() => check.find(
                Verdict::Unknown,
                what + ": the song is still sung, or who still sang it was killed",
            ),
            Some(what) => check.find(self.unless_gap(), what),
            None => {}
        }
        check
    }

    /// For each verse but the first, the one before it was sung by then, as its singer could know.
    /// It is enough to look at the last verse that was sung, because that one was checked as well.
    /// What a line knows comes from the line before it in its journal and from the line that caused
    /// it; no clock is asked.
    fn in_turn(&self) -> Check {
        let mut check = Check::new("no verse came before its turn");
        let mut known: HashMap<At, u64> = HashMap::new();
        let mut last: HashMap<usize, u64> = HashMap::new();
        for &at in &self.lines {
            let caused = self
                .order
                .cause(at)
                .and_then(|cause| known.get(&cause))
                .copied();
            let own = last.get(&at.life).copied();
            let mut sung = caused.into_iter().chain(own).min();
            match self.lives[at.life].lines[at.line].event {
                Event::Sing { left }
                    if left < self.bottles && sung.is_none_or(|sung| sung > left + 1) =>
                {
                    let (name, before) = (self.name(at.life), left + 1);
                    let what =
                        format!("{name} sang {left}, and could not know that {before} was sung");
                    check.find(self.unless_gap(), what);
                }
                Event::Sang { left } => sung = sung.into_iter().chain([left]).min(),
                _ => {}
            }
            if let Some(sung) = sung {
                known.insert(at, sung);
                last.insert(at.life, sung);
            }
        }
        check
    }

    /// No life began a verse twice, whatever happened: a mark only moves on.
    fn nobody_twice(&self) -> Check {
        let mut check = Check::new("nobody sang a verse twice");
        let mut sung = HashSet::new();
        for verse in &self.verses {
            if !sung.insert((verse.sing.life, verse.left)) {
                let name = self.name(verse.sing.life);
                check.find(
                    Verdict::No,
                    format!("{name} sang verse {} twice", verse.left),
                );
            }
        }
        check
    }

    /// Each verse that came again had a cause, in the judgement of [`again`](Self::again).
    fn repeats(&self) -> Check {
        let mut check = Check::new("a verse came again only where that is allowed");
        let mut all = self.again().into_iter().peekable();
        while let Some(begin) = all.next() {
            // One that was given up on may sing the whole rest of the song again: one sentence.
            let (mut last, again) = (begin.left, self.name(begin.sing.life));
            let goes_on = |it: &Repeat, last: u64| {
                let is_alike = (it.verdict, &it.why) == (begin.verdict, &begin.why);
                is_alike && it.sing.life == begin.sing.life && it.left.checked_add(1) == Some(last)
            };
            while let Some(next) = all.next_if(|it| goes_on(it, last)) {
                last = next.left;
            }
            let what = if last == begin.left {
                let first = self.name(begin.first);
                format!("verse {last}: {first}, then {again}: {}", begin.why)
            } else {
                format!(
                    "verses {} to {last}: others, then {again}: {}",
                    begin.left, begin.why
                )
            };
            check.find(begin.verdict, what);
        }
        check
    }

    /// Each life on the roll ended at home, or was killed, or was told to leave.
    fn all_home(&self) -> Check {
        let mut check = Check::new("all who lived went home");
        for life in self.members() {
            let (name, pid) = (self.name(life), self.lives[life].pid);
            match self.lives[life].end() {
                Some("home") => {}
                Some("left") => {
                    let what =
                        format!("{name} (process {pid}) was told to leave, and left in order");
                    check.find(Verdict::Yes, what);
                }
                Some(why) => {
                    check.find(Verdict::No, format!("{name} (process {pid}) ended: {why}"))
                }
                None if self.lives[life].is_cut => {
                    check.find(
                        Verdict::Unknown,
                        format!("{name} (process {pid}): its journal is cut"),
                    );
                }
                None if self.is_killed(life) => {
                    let what = format!("{name} (process {pid}) was killed: its journal has no end");
                    check.find(Verdict::Yes, what);
                }
                None => {
                    let what = format!("{name} (process {pid}) still sings, or was killed");
                    check.find(Verdict::Unknown, what);
                }
            }
        }
        for (place, lives) in (0..).zip(&self.singers) {
            let mut absent = self.absent.iter().filter(|(at, _)| *at == place).peekable();
            if lives.is_empty() && absent.peek().is_none() {
                let what = format!("it is not known how {} ended", self.name_at(place));
                check.find(Verdict::Unknown, what);
            }
            for &(_, life) in absent {
                self.never_began(place, life, &mut check);
            }
        }
        check
    }

    /// A buddy may end before the song begins, as any other may be killed in it. But one that waits
    /// until it is over has been left out.
    fn never_began(&self, place: Place, life: usize, check: &mut Check) {
        let (name, pid) = (self.name_at(place), self.lives[life].pid);
        let (verdict, how) = match self.lives[life].end() {
            Some("left") => (Verdict::Yes, "was told to leave".to_owned()),
            Some(why) => (Verdict::No, format!("ended: {why}")),
            None if self.is_over => (Verdict::Yes, "was killed".to_owned()),
            None => (Verdict::Unknown, "still waits, or was killed".to_owned()),
        };
        check.find(
            verdict,
            format!("{name} (process {pid}) never had the roll, and {how}"),
        );
    }
}
