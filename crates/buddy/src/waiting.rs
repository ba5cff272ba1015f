//! The roll-call as it is driven: what [`RollCall`] says is done, and the person is told what the
//! buddy waits for.

use std::sync::Arc;
use std::time::Duration;

use common::buddy::{Mark, Progress, RollCallReply, Song, Stamp};
use common::cli::Failure;
use common::net::{self, Trouble};
use tokio::time::Instant;

use crate::Config;
use crate::node::Node;
use crate::roll_call::{Call, RollCall, Step};
use crate::sender::{Job, Link};
use crate::state::State;

/// Addresses shown of a ring that misses its starter, and letters of each: a line that a terminal
/// takes at once, whatever others put on their rolls.
const SHOWN: (usize, usize) = (10, 60);

/// How long a next may be missing before the person is told: whoever starts three programs by
/// hand needs a moment.
const MISSING_NOTICE: Duration = Duration::from_millis(1500);

/// Waiting for the roll.
pub(crate) struct Waiting {
    roll_call: RollCall,
    next: Option<Link>,
    missing_since: Option<Instant>,
    last_error: Option<net::Error>,
}

impl Waiting {
    pub(crate) fn new(config: &Config) -> Self {
        let tempo_ms = u64::try_from(config.tempo.as_millis()).unwrap_or(u64::MAX);
        let mine = config.bottles.map(|bottles| Song {
            id: config.incarnation,
            bottles,
            tempo_ms,
        });
        Self {
            roll_call: RollCall::new(&config.next, mine),
            next: None,
            missing_since: None,
            last_error: None,
        }
    }

    /// The song that this buddy would start.
    pub(crate) fn mine(&self) -> Option<Song> {
        self.roll_call.mine()
    }
}

impl State {
    pub(crate) fn call_the_roll(&mut self, node: &Arc<Node>) {
        if let Some(waiting) = self.waiting() {
            let step = waiting.roll_call.call();
            self.step(node, step);
        }
    }

    pub(crate) fn hear_roll_call(&mut self, node: &Arc<Node>, call: Call) -> RollCallReply {
        let Some(waiting) = self.waiting() else {
            return RollCallReply::Busy;
        };
        let (answer, step) = waiting.roll_call.hear(call);
        self.step(node, step);
        answer
    }

    fn step(&mut self, node: &Arc<Node>, step: Step) {
        match (step, self.waiting()) {
            (Step::Send(call), Some(waiting)) => {
                let open = || node.link(None, &node.config.next);
                waiting
                    .next
                    .get_or_insert_with(open)
                    .say(Job::RollCall(call));
            }
            (Step::Closed(roll), Some(waiting)) => {
                if let Some(song) = waiting.roll_call.mine() {
                    let mark = Mark::Left(song.bottles);
                    let progress = Progress {
                        at: Stamp::default(),
                        mark,
                    };
                    self.begin(node, song, roll, 0, progress);
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
                    node,
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

    pub(crate) fn mustered(&mut self, node: &Node, answer: RollCallReply) {
        let next = &node.config.next;
        let was_missing = self.waiting().and_then(|waiting| {
            waiting.last_error = None;
            waiting.missing_since.take()
        });
        if was_missing.is_some_and(|since| since.elapsed() >= MISSING_NOTICE) {
            self.tell_once(node, format!("{next} answers"));
        }
        match answer {
            RollCallReply::Heard => {}
            RollCallReply::Busy => self.tell_once(
                node,
                format!("{next} is in the middle of a song: waiting to be taken in"),
            ),
            RollCallReply::Looped => self.tell_once(
                node,
                format!(
                    "the roll-call came to {next} a second time: the ring misses its starter; \
                 --next {next} may be wrong"
                ),
            ),
        }
    }

    pub(crate) fn waits(&mut self, node: &Node, error: &net::Error) {
        let Some(waiting) = self.waiting() else {
            return;
        };
        let since = *waiting.missing_since.get_or_insert_with(Instant::now);
        waiting.last_error = Some(error.clone());
        // Whatever is not a closed port took its time to find out, and will not mend itself.
        if error.trouble != Trouble::Refused || since.elapsed() >= MISSING_NOTICE {
            let failure = Failure::from(error.clone()).within("waiting for the next buddy");
            self.tell_once(node, failure.report());
        }
    }

    /// The error of a `--wait` that is over.
    pub(crate) fn nothing_began(&mut self, config: &Config) -> Failure {
        let what = format!("no song began within {:?}", config.wait.unwrap_or_default());
        match self.waiting().and_then(|w| w.last_error.take()) {
            Some(error) => Failure::from(error).within(what),
            None => Failure::new(what).help(
                "the ring is closed when every buddy is up and each --next leads to another; \
                 the last one started gets --bottles",
            ),
        }
    }
}
