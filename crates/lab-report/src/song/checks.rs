//! The promises of a song, checked by cause and effect alone. PURE. `buddy/src/ring.rs` states
//! them.

use std::collections::{BTreeMap, HashMap, HashSet};

use common::buddy::Place;
use common::journal::{Event, Word};

use super::{Song, Verse};
use crate::life::At;
use crate::verdict::{Check, Judgement, Verdict};

impl Song<'_> {
    /// Judges the song.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        let buddies = self.roll.len();
        let s = if buddies == 1 { "y" } else { "ies" };
        let checks = vec![
            self.every_verse(),
            self.in_turn(),
            self.nobody_twice(),
            self.repeats(),
            self.all_home(),
            Check::whole(&self.gaps),
        ];
        Judgement {
            subject: format!("{} bottles, {buddies} budd{s}", self.bottles),
            checks,
        }
    }

    /// What a finding is worth that could be explained by what is missing in the journals.
    fn unless_gap(&self) -> Verdict {
        if self.gaps.is_empty() {
            Verdict::No
        } else {
            Verdict::Unknown
        }
    }

    /// Returns the verses by the bottles left, each in the order of the run.
    fn by_verse(&self) -> BTreeMap<u64, Vec<Verse>> {
        let mut all: BTreeMap<u64, Vec<Verse>> = BTreeMap::new();
        for verse in &self.verses {
            all.entry(verse.left).or_default().push(*verse);
        }
        all
    }

    /// Returns whether the process of a life was killed: its journal is not full, and has no end.
    #[must_use]
    pub fn is_killed(&self, life: usize) -> bool {
        self.lives[life].end().is_none() && !self.lives[life].is_cut
    }

    fn every_verse(&self) -> Check {
        let mut check = Check::new("every verse was sung");
        let mut next = Some(self.bottles);
        let missing = |from: Option<u64>, after: Option<u64>, check: &mut Check| {
            // From the greater number down to the one above `after`.
            let Some(from) = from.filter(|&from| after.is_none_or(|after| from > after)) else {
                return;
            };
            let last = after.map_or(0, |after| after + 1);
            let what = if from == last {
                format!("verse {from} is missing")
            } else {
                format!("verses {from} to {last} are missing")
            };
            check.find(self.unless_gap(), what);
        };
        for (&left, verses) in self.by_verse().iter().rev() {
            if left > self.bottles {
                check.find(Verdict::No, format!("verse {left} is not in the song"));
                continue;
            }
            missing(next, Some(left), &mut check);
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
            } else {
                let what = format!("verse {left}: {name} began it and did not end it");
                check.find(self.unless_gap(), what);
            }
        }
        missing(next, None, &mut check);
        check
    }

    /// For each verse but the first, the one before it was sung by then, as its singer could know.
    /// It is enough to look at the last verse that was sung, because that one was checked as well.
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

    /// Returns each verse that came again. It may, if all who sang it before were killed, or if one
    /// of its singers was given up on in between.
    #[must_use]
    pub fn again(&self) -> Vec<Repeat> {
        let given_up = self.given_up();
        let mut all = Vec::new();
        for (left, verses) in self.by_verse().iter().rev() {
            for (index, again) in verses.iter().enumerate().skip(1) {
                let before = &verses[..index];
                let first = before[0];
                let mut find = |verdict, why| {
                    all.push(Repeat {
                        left: *left,
                        first: first.sing.life,
                        sing: again.sing,
                        verdict,
                        why,
                    });
                };
                let was_dead = |verse: &Verse| self.was_dead(verse.sing.life, again.sing);
                if before.iter().all(was_dead) {
                    let why = "allowed, the first was killed before it could tell".to_owned();
                    find(Verdict::Yes, why);
                    continue;
                }
                let places: HashSet<Option<Place>> = verses[..=index]
                    .iter()
                    .map(|verse| self.place(verse.sing.life))
                    .collect();
                let excuse = given_up.iter().find(|doubt| {
                    places.contains(&Some(doubt.place))
                        && self.is_between(doubt, first.sing, again.sing)
                });
                match excuse {
                    Some(doubt) => {
                        let (name, by) = (self.name_at(doubt.place), self.name(doubt.since.life));
                        let why = format!("allowed, {by} had given up on {name}");
                        find(Verdict::Yes, why);
                    }
                    None => find(self.unless_gap(), "without a cause".to_owned()),
                }
            }
        }
        all
    }

    /// Returns whether a life may have been killed before the line `at`: it was killed, and none of
    /// its lines came of that one. It is enough to look at the last.
    fn was_dead(&self, life: usize, at: At) -> bool {
        let line = self.lives[life].lines.len().saturating_sub(1);
        self.is_killed(life) && !self.order.is_cause(at, At { life, line })
    }

    /// Returns whether `doubt` may have lasted at a moment between two lines: it did not begin
    /// because of the second, and what ended it did not cause the first.
    fn is_between(&self, doubt: &Doubt, first: At, second: At) -> bool {
        let began_late = self.order.is_cause(second, doubt.since);
        let ended_early = doubt
            .until
            .is_some_and(|until| self.order.is_cause(until, first));
        !began_late && !ended_early
    }

    /// Returns each time that a buddy gave up on another one.
    fn given_up(&self) -> Vec<Doubt> {
        let mut doubts: Vec<Doubt> = Vec::new();
        // The numbers of those that have not ended, by place.
        let mut open: HashMap<Place, Vec<usize>> = HashMap::new();
        for &at in &self.lines {
            match &self.lives[at.life].lines[at.line].event {
                Event::Lost { place, .. } => {
                    open.entry(*place).or_default().push(doubts.len());
                    doubts.push(Doubt {
                        place: *place,
                        since: at,
                        until: None,
                    });
                }
                // The song comes to it from a buddy in good standing, passed on after the doubt.
                Event::Hear {
                    word: Word::Go,
                    heed: true,
                    ..
                } => {
                    let (Some(here), Some(said)) = (self.place(at.life), self.order.cause(at))
                    else {
                        continue;
                    };
                    let from = self.place(said.life);
                    if from.is_some_and(|from| open.get(&from).is_some_and(|it| !it.is_empty())) {
                        continue;
                    }
                    open.entry(here).or_default().retain(|&number| {
                        let ends = self.order.is_cause(doubts[number].since, said);
                        if ends {
                            doubts[number].until = Some(at);
                        }
                        !ends
                    });
                }
                _ => {}
            }
        }
        doubts
    }

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
                None => {
                    let what = format!("{name} (process {pid}) was killed: its journal has no end");
                    check.find(Verdict::Yes, what);
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
            None => (Verdict::Yes, "was killed".to_owned()),
        };
        check.find(
            verdict,
            format!("{name} (process {pid}) never had the roll, and {how}"),
        );
    }
}

/// A verse that came again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The bottles left.
    pub left: u64,
    /// The life that sang it first.
    pub first: usize,
    /// The line before it was printed.
    pub sing: At,
    /// Whether it may come again.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub why: String,
}

/// A time in which a buddy was given up on.
struct Doubt {
    /// the buddy's place
    place: Place,
    /// the line that says so
    since: At,
    /// the line at which it had the song again
    until: Option<At>,
}
