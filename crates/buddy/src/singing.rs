//! A part in the song as it is driven: each event goes to the [`Ring`], and what it says is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::buddy::{Incarnation, Mark, Place, Progress, Reply, Song, Tally, Token};
use common::net;
use tarpc::client::RpcError;
use tokio::time::Instant;

use crate::Config;
use crate::failure_detector::{Threshold, Watchdog};
use crate::ledger::Ledger;
use crate::node::Node;
use crate::ring::{Input, Output, Request, Ring};
use crate::sender::{Job, Link};
use crate::state::{Phase, State};

/// A part in the song.
pub(crate) struct Singing {
    song: Song,
    roll: Vec<String>,
    name: String,
    is_starter: bool,
    ring: Ring,
    links: BTreeMap<Place, Link>,
    watchdog: Watchdog,
    ledger: Ledger,
    beats: u32,
    began: Instant,
    /// the last buddy tried was gone, so the one after it may be too
    hasty: bool,
    /// a verse is on the stage this moment
    performing: bool,
    /// to be put on the stage as soon as the lock is free
    verse_due: Option<u64>,
    home: bool,
}

impl State {
    pub(crate) fn hear_enlist(
        &mut self,
        node: &Arc<Node>,
        song: Song,
        roll: Vec<String>,
        to: Place,
        progress: Progress,
    ) -> Reply {
        match &self.phase {
            Phase::Singing(_) => self.hear(node, song.id, to, Request::Enlist(progress)),
            Phase::Waiting(_) if self.draining => Reply::Wrong,
            Phase::Waiting(waiting) => {
                if let Some(mine) = waiting.mine() {
                    let starter = roll.first().map_or("another buddy", String::as_str);
                    node.notice(format!(
                        "--bottles {} is ignored: {} has started a song with {}",
                        mine.bottles,
                        starter.escape_debug(),
                        song.bottles
                    ));
                }
                self.begin(node, song, roll, to, progress);
                Reply::Here(progress.mark)
            }
        }
    }

    pub(crate) fn hear_pass(
        &mut self,
        node: &Arc<Node>,
        song: Incarnation,
        to: Place,
        (token, progress): (Token, Progress),
        tally: Tally,
    ) -> Reply {
        if let Some(singing) = self.singing()
            && singing.is_meant(song, to)
            && progress.at > singing.ring.at()
        {
            singing.ledger.heard(progress, tally);
        }
        self.hear(node, song, to, Request::Pass(token, progress))
    }

    pub(crate) fn hear(
        &mut self,
        node: &Arc<Node>,
        song: Incarnation,
        to: Place,
        call: Request,
    ) -> Reply {
        let draining = self.draining;
        match self.singing() {
            None => Reply::Stranger,
            Some(singing) if draining || !singing.is_meant(song, to) => Reply::Wrong,
            Some(singing) => {
                singing.event(node, Input::Called(call));
                Reply::Here(singing.ring.mark())
            }
        }
    }

    pub(crate) fn event(&mut self, node: &Arc<Node>, input: Input) {
        if let Some(singing) = self.singing() {
            singing.event(node, input);
        }
    }

    pub(crate) fn beat(&mut self, node: &Arc<Node>) {
        let Some(singing) = self.singing() else {
            return;
        };
        singing.beats = singing.beats.wrapping_add(1);
        let quiet = singing.watchdog.beat();
        singing.event(node, Input::Beat(singing.beats));
        if quiet {
            singing.event(node, Input::Quiet);
        }
    }

    pub(crate) fn gone(&mut self, node: &Arc<Node>, place: Place, why: Option<&RpcError>) {
        let Some(singing) = self.singing() else {
            return;
        };
        if place == singing.ring.next() && singing.ring.mark() != Mark::Home {
            singing.ledger.mine.lost += 1;
            singing.hasty = true;
            let cause = match why {
                Some(why) => {
                    net::explain(why).map_or_else(|| why.to_string(), |e| e.trouble.to_string())
                }
                None => "somebody else answers there".into(),
            };
            node.notice(format!(
                "lost {}: {cause}; the song goes on without it",
                singing.who(place)
            ));
        }
        singing.event(node, Input::Gone(place));
    }

    pub(crate) fn threshold(&mut self, job: &Job, beat_ms: u64) -> Threshold {
        let Some(singing) = self.singing() else {
            return Threshold::Soon;
        };
        let size = singing.ring.size();
        match job {
            Job::Song(Request::Pass(_, progress), _) if progress.mark == Mark::Home => {
                Threshold::AtOnce
            }
            Job::Song(Request::Ping, _) if singing.ring.mark() >= Mark::Over => {
                Threshold::Late { size, beat_ms }
            }
            _ if singing.hasty => Threshold::AtOnce,
            _ => Threshold::Soon,
        }
    }

    pub(crate) fn still_says(&mut self, to: Option<Place>, job: &Job) -> bool {
        match (self.singing(), to, job) {
            (Some(singing), Some(to), &Job::Song(request, _)) => {
                singing.ring.still_says(to, request)
            }
            _ => true,
        }
    }

    /// The verse that is to be sung now, if any.
    pub(crate) fn verse_due(&mut self) -> Option<u64> {
        self.singing()?.verse_due.take()
    }

    /// A verse is about to be sung: under which name, in which song.
    pub(crate) fn take_the_stage(&mut self) -> Option<(String, Song)> {
        let singing = self.singing()?;
        singing.performing = true;
        Some((singing.name.clone(), singing.song))
    }

    /// The verse was not sung after all.
    pub(crate) fn leave_the_stage(&mut self) {
        if let Some(singing) = self.singing() {
            singing.performing = false;
        }
    }

    pub(crate) fn sung(&mut self, node: &Arc<Node>) {
        let Some(singing) = self.singing() else {
            return;
        };
        singing.performing = false;
        singing.ledger.mine.sung += 1;
        singing.event(node, Input::Sung);
    }

    /// Whether nobody would have to repeat anything; if so, hears nothing from now on.
    pub(crate) fn can_leave(&mut self) -> bool {
        let busy = |singing: &mut Singing| singing.performing || singing.ring.awaits_answer();
        self.draining = !self.singing().is_some_and(busy);
        self.draining
    }
}

impl Singing {
    pub(crate) fn new(
        config: &Config,
        song: Song,
        roll: Vec<String>,
        me: Place,
        progress: Progress,
    ) -> Self {
        // MAX_BUDDIES bounds the roll, so its length is a Place.
        let size = Place::try_from(roll.len()).unwrap_or(Place::MAX);
        let name = config.name.clone();
        Self {
            song,
            name: name.unwrap_or_else(|| format!("Buddy {}", me + 1)),
            is_starter: song.id == config.incarnation,
            ring: Ring::new(size, song.id, me, config.incarnation, progress),
            links: BTreeMap::new(),
            watchdog: Watchdog::new(size, me, song.tempo_ms, config.beat_ms()),
            ledger: Ledger::default(),
            beats: 0,
            began: Instant::now(),
            hasty: false,
            performing: false,
            verse_due: None,
            home: false,
            roll,
        }
    }

    fn is_meant(&self, song: Incarnation, to: Place) -> bool {
        song == self.song.id && to == self.ring.me()
    }

    fn who(&self, place: Place) -> String {
        let address = self.roll.get(place as usize).map_or("?", String::as_str);
        format!("Buddy {} at {}", place + 1, address.escape_debug())
    }

    fn event(&mut self, node: &Arc<Node>, input: Input) {
        let (at, next) = (self.ring.at(), self.ring.next());
        let todo = self.ring.handle(input);
        if self.ring.at() != at {
            self.watchdog.clear();
        }
        let take = self.ring.at().take;
        let took_up = take != at.take && take.number > 1 && take.by == node.config.incarnation;
        if took_up && self.ring.mark() < Mark::Over {
            self.ledger.mine.resumed += 1;
        }
        if let Input::Answered(by, _, _) = input {
            self.hasty &= by != self.ring.next();
        }
        if self.ring.gap(self.ring.next()) < self.ring.gap(next) {
            let back = self.who(self.ring.next());
            node.notice(format!("back: {back}"));
        }
        for output in todo {
            match output {
                Output::Call(place, request) => self.call(node, place, request),
                Output::Sing(left) => self.verse_due = Some(left),
                Output::Leave => {
                    self.home = true;
                    node.ended.cancel();
                }
            }
        }
        node.happened();
    }

    fn call(&mut self, node: &Arc<Node>, place: Place, request: Request) {
        let Some(address) = self.roll.get(place as usize) else {
            return;
        };
        let open = || node.link(Some(place), address);
        let link = self.links.entry(place).or_insert_with(open);
        match request {
            Request::Ping => link.ping(),
            Request::Pass(_, progress) => link.say(Job::Song(request, self.ledger.send(progress))),
            Request::Enlist(_) => link.say(Job::Song(request, Tally::default())),
        }
    }
}

impl Phase {
    pub(crate) fn song(&self) -> Option<Song> {
        match self {
            Self::Singing(singing) => Some(singing.song),
            Self::Waiting(_) => None,
        }
    }

    pub(crate) fn roll(&self) -> Option<(Song, Vec<String>)> {
        match self {
            Self::Singing(singing) => Some((singing.song, singing.roll.clone())),
            Self::Waiting(_) => None,
        }
    }

    pub(crate) fn is_home(&self) -> bool {
        matches!(self, Self::Singing(singing) if singing.home)
    }

    /// The last line of the starter, when everybody has gone home.
    pub(crate) fn summary(&self) -> Option<String> {
        let Self::Singing(singing) = self else {
            return None;
        };
        if !singing.home || !singing.is_starter {
            return None;
        }
        let Tally {
            sung,
            lost,
            resumed,
        } = singing.ledger.total(singing.ring.at().take);
        let verses = u128::from(singing.song.bottles) + 1;
        let twice = match (u128::from(sung).saturating_sub(verses), resumed) {
            (0, 0) => "no verse twice".to_owned(),
            (n, 0) => format!("{} twice", count(n, "verse", "verses")),
            (n, m) => format!(
                "{} twice at most",
                count(n + u128::from(m), "verse", "verses")
            ),
        };
        // What the dead had counted died with them.
        let as_known = if lost > 0 {
            " as far as the living know"
        } else {
            ""
        };
        Some(format!(
            "song over: {}, {}, {:.1}s, {lost} lost, {twice}{as_known}",
            count(verses, "verse", "verses"),
            count(singing.roll.len() as u128, "buddy", "buddies"),
            singing.began.elapsed().as_secs_f64(),
        ))
    }
}

fn count(n: u128, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
