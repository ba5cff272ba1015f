//! A part in the song as it is driven: each event goes to the [`Ring`], and what it says is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::buddy::{Boot, Mark, News, Place, Reply, Song, Tally, Word};
use common::net;
use tarpc::client::RpcError;
use tokio::time::Instant;

use crate::Config;
use crate::ledger::Ledger;
use crate::link::{Job, Link};
use crate::patience::{Belief, Watchdog};
use crate::peer::Peer;
use crate::ring::{Input, Output, Request, Ring};
use crate::state::{Phase, State};

/// A part in the song.
pub(crate) struct Part {
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
        peer: &Arc<Peer>,
        song: Song,
        roll: Vec<String>,
        to: Place,
        news: News,
    ) -> Reply {
        match &self.phase {
            Phase::Singing(_) => self.hear(peer, song.id, to, Request::Enlist(news)),
            Phase::Gathering(_) if self.deaf => Reply::Wrong,
            Phase::Gathering(gathering) => {
                if let Some(mine) = gathering.mine() {
                    let starter = roll.first().map_or("another buddy", String::as_str);
                    peer.notice(format!(
                        "--bottles {} is ignored: {} has started a song with {}",
                        mine.bottles,
                        starter.escape_debug(),
                        song.bottles
                    ));
                }
                self.begin(peer, song, roll, to, news);
                Reply::Here(news.mark)
            }
        }
    }

    pub(crate) fn hear_pass(
        &mut self,
        peer: &Arc<Peer>,
        song: Boot,
        to: Place,
        (word, news): (Word, News),
        tally: Tally,
    ) -> Reply {
        if let Some(part) = self.part()
            && part.is_meant(song, to)
            && news.at > part.ring.at()
        {
            part.ledger.heard(news, tally);
        }
        self.hear(peer, song, to, Request::Pass(word, news))
    }

    pub(crate) fn hear(&mut self, peer: &Arc<Peer>, song: Boot, to: Place, call: Request) -> Reply {
        let deaf = self.deaf;
        match self.part() {
            None => Reply::Stranger,
            Some(part) if deaf || !part.is_meant(song, to) => Reply::Wrong,
            Some(part) => {
                part.event(peer, Input::Called(call));
                Reply::Here(part.ring.mark())
            }
        }
    }

    pub(crate) fn event(&mut self, peer: &Arc<Peer>, input: Input) {
        if let Some(part) = self.part() {
            part.event(peer, input);
        }
    }

    pub(crate) fn beat(&mut self, peer: &Arc<Peer>) {
        let Some(part) = self.part() else { return };
        part.beats = part.beats.wrapping_add(1);
        let quiet = part.watchdog.beat();
        part.event(peer, Input::Beat(part.beats));
        if quiet {
            part.event(peer, Input::Quiet);
        }
    }

    pub(crate) fn gone(&mut self, peer: &Arc<Peer>, place: Place, why: Option<&RpcError>) {
        let Some(part) = self.part() else { return };
        if place == part.ring.next() && part.ring.mark() != Mark::Home {
            part.ledger.mine.lost += 1;
            part.hasty = true;
            let cause = match why {
                Some(why) => {
                    net::explain(why).map_or_else(|| why.to_string(), |e| e.trouble.to_string())
                }
                None => "somebody else answers there".into(),
            };
            peer.notice(format!(
                "lost {}: {cause}; the song goes on without it",
                part.who(place)
            ));
        }
        part.event(peer, Input::Gone(place));
    }

    pub(crate) fn belief(&mut self, job: &Job, beat_ms: u64) -> Belief {
        let Some(part) = self.part() else {
            return Belief::Soon;
        };
        let size = part.ring.size();
        match job {
            Job::Song(Request::Pass(_, news), _) if news.mark == Mark::Home => Belief::AtOnce,
            Job::Song(Request::Ping, _) if part.ring.mark() >= Mark::Over => {
                Belief::Late { size, beat_ms }
            }
            _ if part.hasty => Belief::AtOnce,
            _ => Belief::Soon,
        }
    }

    pub(crate) fn still_says(&mut self, to: Option<Place>, job: &Job) -> bool {
        match (self.part(), to, job) {
            (Some(part), Some(to), &Job::Song(request, _)) => part.ring.still_says(to, request),
            _ => true,
        }
    }

    /// The verse that is to be sung now, if any.
    pub(crate) fn verse_due(&mut self) -> Option<u64> {
        self.part()?.verse_due.take()
    }

    /// A verse is about to be sung: under which name, in which song.
    pub(crate) fn take_the_stage(&mut self) -> Option<(String, Song)> {
        let part = self.part()?;
        part.performing = true;
        Some((part.name.clone(), part.song))
    }

    /// The verse was not sung after all.
    pub(crate) fn leave_the_stage(&mut self) {
        if let Some(part) = self.part() {
            part.performing = false;
        }
    }

    pub(crate) fn sung(&mut self, peer: &Arc<Peer>) {
        let Some(part) = self.part() else { return };
        part.performing = false;
        part.ledger.mine.sung += 1;
        part.event(peer, Input::Sung);
    }

    /// Whether nobody would have to repeat anything; if so, hears nothing from now on.
    pub(crate) fn can_leave(&mut self) -> bool {
        let busy = |part: &mut Part| part.performing || part.ring.awaits_answer();
        self.deaf = !self.part().is_some_and(busy);
        self.deaf
    }
}

impl Part {
    pub(crate) fn new(
        config: &Config,
        song: Song,
        roll: Vec<String>,
        me: Place,
        news: News,
    ) -> Self {
        // MAX_BUDDIES bounds the roll, so its length is a Place.
        let size = Place::try_from(roll.len()).unwrap_or(Place::MAX);
        let name = config.name.clone();
        Self {
            song,
            name: name.unwrap_or_else(|| format!("Buddy {}", me + 1)),
            is_starter: song.id == config.boot,
            ring: Ring::new(size, song.id, me, config.boot, news),
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

    fn is_meant(&self, song: Boot, to: Place) -> bool {
        song == self.song.id && to == self.ring.me()
    }

    fn who(&self, place: Place) -> String {
        let address = self.roll.get(place as usize).map_or("?", String::as_str);
        format!("Buddy {} at {}", place + 1, address.escape_debug())
    }

    fn event(&mut self, peer: &Arc<Peer>, input: Input) {
        let (at, next) = (self.ring.at(), self.ring.next());
        let todo = self.ring.handle(input);
        if self.ring.at() != at {
            self.watchdog.clear();
        }
        let take = self.ring.at().take;
        let took_up = take != at.take && take.number > 1 && take.by == peer.config.boot;
        if took_up && self.ring.mark() < Mark::Over {
            self.ledger.mine.resumed += 1;
        }
        if let Input::Answered(by, _, _) = input {
            self.hasty &= by != self.ring.next();
        }
        if self.ring.gap(self.ring.next()) < self.ring.gap(next) {
            let back = self.who(self.ring.next());
            peer.notice(format!("back: {back}"));
        }
        for output in todo {
            match output {
                Output::Call(place, request) => self.call(peer, place, request),
                Output::Sing(left) => self.verse_due = Some(left),
                Output::Leave => {
                    self.home = true;
                    peer.ended.cancel();
                }
            }
        }
        peer.happened();
    }

    fn call(&mut self, peer: &Arc<Peer>, place: Place, request: Request) {
        let Some(address) = self.roll.get(place as usize) else {
            return;
        };
        let open = || peer.link(Some(place), address);
        let link = self.links.entry(place).or_insert_with(open);
        match request {
            Request::Ping => link.ping(),
            Request::Pass(_, news) => link.say(Job::Song(request, self.ledger.send(news))),
            Request::Enlist(_) => link.say(Job::Song(request, Tally::default())),
        }
    }
}

impl Phase {
    pub(crate) fn song(&self) -> Option<Song> {
        match self {
            Self::Singing(part) => Some(part.song),
            Self::Gathering(_) => None,
        }
    }

    pub(crate) fn roll(&self) -> Option<(Song, Vec<String>)> {
        match self {
            Self::Singing(part) => Some((part.song, part.roll.clone())),
            Self::Gathering(_) => None,
        }
    }

    pub(crate) fn is_home(&self) -> bool {
        matches!(self, Self::Singing(part) if part.home)
    }

    /// The last line of the starter, when everybody has gone home.
    pub(crate) fn summary(&self) -> Option<String> {
        let Self::Singing(part) = self else {
            return None;
        };
        if !part.home || !part.is_starter {
            return None;
        }
        let Tally {
            sung,
            lost,
            resumed,
        } = part.ledger.total(part.ring.at().take);
        let verses = u128::from(part.song.bottles) + 1;
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
            count(part.roll.len() as u128, "buddy", "buddies"),
            part.began.elapsed().as_secs_f64(),
        ))
    }
}

fn count(n: u128, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
