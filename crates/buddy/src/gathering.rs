//! The roll-call as it is driven: what [`Muster`] says is done, and the person is told what the
//! buddy waits for.

use std::sync::Arc;
use std::time::Duration;

use common::buddy::{Mark, Mustered, News, Song, Stamp};
use common::cli::Failure;
use common::net::{self, Trouble};
use tokio::time::Instant;

use crate::Config;
use crate::link::{Job, Link};
use crate::muster::{Call, Muster, Step};
use crate::peer::Peer;
use crate::state::State;

/// Addresses shown of a ring that misses its starter, and letters of each: a line that a terminal
/// takes at once, whatever others put on their rolls.
const SHOWN: (usize, usize) = (10, 60);

/// How long a next may be missing before the person is told: whoever starts three programs by
/// hand needs a moment.
const MISSING_NOTICE: Duration = Duration::from_millis(1500);

/// Waiting for the roll.
pub(crate) struct Gathering {
    muster: Muster,
    next: Option<Link>,
    missing_since: Option<Instant>,
    last_error: Option<net::Error>,
}

impl Gathering {
    pub(crate) fn new(config: &Config) -> Self {
        let tempo_ms = u64::try_from(config.tempo.as_millis()).unwrap_or(u64::MAX);
        let mine = config.bottles.map(|bottles| Song {
            id: config.boot,
            bottles,
            tempo_ms,
        });
        Self {
            muster: Muster::new(&config.next, mine),
            next: None,
            missing_since: None,
            last_error: None,
        }
    }

    /// The song that this buddy would start.
    pub(crate) fn mine(&self) -> Option<Song> {
        self.muster.mine()
    }
}

impl State {
    pub(crate) fn call_the_roll(&mut self, peer: &Arc<Peer>) {
        if let Some(gathering) = self.gathering() {
            let step = gathering.muster.call();
            self.step(peer, step);
        }
    }

    pub(crate) fn hear_muster(&mut self, peer: &Arc<Peer>, call: Call) -> Mustered {
        let Some(gathering) = self.gathering() else {
            return Mustered::Busy;
        };
        let (answer, step) = gathering.muster.hear(call);
        self.step(peer, step);
        answer
    }

    fn step(&mut self, peer: &Arc<Peer>, step: Step) {
        match (step, self.gathering()) {
            (Step::Send(call), Some(gathering)) => {
                let open = || peer.link(None, &peer.config.next);
                gathering
                    .next
                    .get_or_insert_with(open)
                    .say(Job::Muster(call));
            }
            (Step::Closed(roll), Some(gathering)) => {
                if let Some(song) = gathering.muster.mine() {
                    let mark = Mark::Left(song.bottles);
                    let news = News {
                        at: Stamp::default(),
                        mark,
                    };
                    self.begin(peer, song, roll, 0, news);
                }
            }
            (Step::Misses(ring), _) => {
                let (most, letters) = SHOWN;
                let shown = ring.iter().take(most);
                let shown: String = shown
                    .map(|addr| {
                        addr.chars()
                            .take(letters)
                            .chain(" -> ".chars())
                            .collect::<String>()
                    })
                    .collect();
                let more = match ring.len().saturating_sub(most) {
                    0 => String::new(),
                    n => format!("({n} more) -> "),
                };
                self.tell_once(
                    peer,
                    format!(
                        "the ring misses its starter: {}{more}and round again; \
                     one --next among these must lead to the starter",
                        shown.escape_debug()
                    ),
                );
            }
            _ => {}
        }
    }

    pub(crate) fn mustered(&mut self, peer: &Peer, answer: Mustered) {
        let next = &peer.config.next;
        let was_missing = self.gathering().and_then(|gathering| {
            gathering.last_error = None;
            gathering.missing_since.take()
        });
        if was_missing.is_some_and(|since| since.elapsed() >= MISSING_NOTICE) {
            self.tell_once(peer, format!("{next} answers"));
        }
        match answer {
            Mustered::Heard => {}
            Mustered::Busy => self.tell_once(
                peer,
                format!("{next} is in the middle of a song: waiting to be taken in"),
            ),
            Mustered::Looped => self.tell_once(
                peer,
                format!(
                    "the roll-call came to {next} a second time: the ring misses its starter; \
                 --next {next} may be wrong"
                ),
            ),
        }
    }

    pub(crate) fn waits(&mut self, peer: &Peer, error: &net::Error) {
        let Some(gathering) = self.gathering() else {
            return;
        };
        let since = *gathering.missing_since.get_or_insert_with(Instant::now);
        gathering.last_error = Some(error.clone());
        // Whatever is not a closed port took its time to find out, and will not mend itself.
        if error.trouble != Trouble::Refused || since.elapsed() >= MISSING_NOTICE {
            let failure = Failure::from(error.clone()).within("waiting for the next buddy");
            self.tell_once(peer, failure.report());
        }
    }

    /// The error of a `--wait` that is over.
    pub(crate) fn nothing_began(&mut self, config: &Config) -> Failure {
        let what = format!("no song began within {:?}", config.wait.unwrap_or_default());
        match self.gathering().and_then(|g| g.last_error.take()) {
            Some(error) => Failure::from(error).within(what),
            None => Failure::new(what).help(
                "the ring is closed when every buddy is up and each --next leads to another; \
                 the last one started gets --bottles",
            ),
        }
    }
}
