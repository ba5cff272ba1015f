//! The song as a state machine: what a buddy does with a word it hears. PURE: no sockets, no
//! clock, no dice; time-outs are inputs that may come at any moment.
//!
//! ```text
//!      Buddy 1          Buddy 2          Buddy 3
//!         │  Go, Left(98)  │                │         stamp (1,1)
//!  sings  ├───────────────▶│  Go, Left(97)  │               (1,2)
//!   99    │◀╌╌╌ heard ╌╌╌╌╌┤───────────────▶│
//!         │          sings │◀╌╌╌ heard ╌╌╌╌╌┤ sings 97
//!         │            98  ✗ killed         │
//!         │                                 │
//!         │  Ask, "where were we?"     (2,1)│  a new take
//!         ├────────────────────────────────▶│
//!         │◀────────────────────────────────┤  Ask (2,2), and the best mark so far
//!         ├────────────────────────────────▶│  Go  (2,3): it has been right round
//! ```
//!
//! # The mark
//! Every buddy remembers the next thing to do, its *mark*: `Left(98)` means that 99 has been sung.
//! A mark is only ever copied, taken over when greater, or moved on by singing the very verse it
//! names. So whatever happens to messages, processes or networks, nothing is left out, nothing is
//! sung early, and no buddy sings a verse twice. This needs no further argument.
//!
//! # Passing on
//! Whoever is passed `Go` sings its mark and passes the next one. The answer to a pass only says
//! that it was heard; the song does not wait for it. Every pass carries a *stamp* (take, hop), and a
//! buddy heeds only a stamp greater than any it has heeded: repeats, left-overs and split tokens
//! fall on deaf ears. A pass is repeated until it is answered, or its sender has heeded a later
//! stamp: repeated after that, it could reach a new life of whoever sang on it, which is not deaf.
//! What comes while a buddy sings is held until the verse is sung.
//!
//! # Losing track
//! One repair serves every fault. Whoever loses track (its next is gone, or came back without its
//! memory, or nothing was heard for long) calls a later *take* and asks round. Each buddy that
//! heeds the question has thereby done with earlier takes; it puts in its mark, and passes the
//! question on. Whoever hears it a second time in that take knows that it has been right round,
//! and passes `Go` with the best mark: the true frontier among the living.
//!
//! A buddy that is gone is jumped over, by moving [`next`](Ring::next) on, and still pinged: its
//! answer makes it next again. One that was restarted is told the roll and the mark first.
//!
//! # Going home
//! After the ending the word goes round with the mark `Over`. When it has been right round
//! everybody knows, and it goes round as `Home`: each buddy leaves once it has passed that on.
//! Nobody leaves on a timer.
//!
//! # Promises
//! "Given up on" means: somebody's next is past a living buddy, until a buddy that is not given up
//! on itself passes the song to it again, in that somebody's take or a later one; a word that
//! arrives late counts as of when it was passed. A life is one process; a restarted one is another.
//!
//! | | promise | whatever |
//! |---|---|---|
//! | order | no verse is left out, none is sung before those before it were sung to the end | happens |
//! | self | no life sings a verse twice | happens |
//! | once | each verse is sung once | is late, lost, repeated, reordered, or cried wolf over; if nobody crashes or is given up on |
//! | twice | a verse is heard again only if each earlier singer of it crashed, or a singer of it had been given up on | crashes, restarts and wrong verdicts |
//! | alone | no two in good standing sing at the same time | crashes, restarts and wrong verdicts |
//! | home | the song ends and all leave, if one buddy that knows the roll lives | faults there were, once they stop |
//! | last | a buddy leaves only when all in good standing know that it is over | crashes, restarts and wrong verdicts |
//!
//! Impossible, and not promised: *exactly once* under crashes (between singing a verse and telling
//! anybody a crash leaves no trace); telling a slow buddy from a dead one; a last word that is
//! known to have arrived (two generals). A ring cut in two sings twice, once on each side: a
//! majority rule would stop a ring of two when one dies.
//!
//! `tests/explore` checks each of these in every state within its bounds. Relatives: the stamp
//! is Totem's (ring id, sequence), the take a Raft term, the asking lap Paxos' first phase without
//! a majority; a roll that everybody knows, instead of pointers that must converge, avoids the
//! faults Zave found in Chord.

use common::buddy::{Incarnation, Mark, Place, Progress, Reply, Stamp, Take, Token};

/// A call from one buddy to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// A word of the song.
    Pass(Token, Progress),
    /// Are you there?
    Ping,
    /// The roll, and how far the song has got.
    Enlist(Progress),
}

/// What can happen to a buddy that has the roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It has just got the roll.
    Enlisted,
    /// Somebody calls. The answer is [`Reply::Here`] with the [`mark`](Ring::mark) afterwards.
    Called(Request),
    /// The verse it was singing is sung.
    Sung,
    /// A call of its own was answered.
    Answered(Place, Request, Reply),
    /// The shell has tried hard and got no answer from there.
    Gone(Place),
    /// Nothing of the song was heard for a long time.
    Quiet,
    /// A heartbeat; the number counts them.
    Beat(u32),
}

/// What it does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Call a buddy, again and again until it answers, is gone, or is to be told something newer.
    Call(Place, Request),
    /// Sing the verse with this many bottles, then say [`Input::Sung`].
    Sing(u64),
    /// Go home.
    Leave,
}

/// One buddy's part in the song.
///
/// ```
/// use buddy::ring::{Input, Output, Ring};
/// use common::buddy::{Mark, Progress, Stamp};
///
/// let news = Progress { at: Stamp::default(), mark: Mark::Left(1) };
/// let mut alone = Ring::new(1, 7, 0, 7, news); // a ring of one, one bottle
/// assert_eq!(alone.handle(Input::Enlisted), [Output::Sing(1)]);
/// assert_eq!(alone.handle(Input::Sung), [Output::Sing(0)]);
/// assert_eq!(alone.handle(Input::Sung), [Output::Leave]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ring {
    size: Place,
    song: Incarnation,
    me: Place,
    incarnation: Incarnation,
    /// the nearest place after mine that I believe answers
    next: Place,
    /// the latest stamp I have heeded
    at: Stamp,
    /// the next thing to do, as far as I know
    mark: Mark,
    /// what I passed on last in this take
    said: Option<(Token, Mark)>,
    singing: Option<u64>,
    /// came while I was singing
    held: Option<Token>,
    /// passed on and not answered yet
    out: Option<(Place, Token, Progress)>,
}

impl Ring {
    /// Place `me` of `size` in `song`, in the life `boot`, having heard `news`.
    pub fn new(
        size: Place,
        song: Incarnation,
        me: Place,
        incarnation: Incarnation,
        progress: Progress,
    ) -> Self {
        Self {
            size,
            song,
            me,
            incarnation,
            next: (me + 1) % size,
            at: progress.at,
            mark: progress.mark,
            said: None,
            singing: None,
            held: None,
            out: None,
        }
    }

    /// Does what the input asks for.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut todo = Vec::new();
        let o = &mut todo;
        match input {
            Input::Enlisted => self.enlisted(o),
            Input::Called(Request::Pass(token, progress)) => self.hear(token, progress, o),
            // the starter's own: everybody has the roll
            Input::Called(Request::Enlist(_)) if self.is_starter() && !self.begun() => {
                self.begin(o)
            }
            Input::Called(Request::Enlist(_) | Request::Ping) => {}
            Input::Sung => self.sung(o),
            Input::Answered(by, request, reply) => self.answered(by, request, reply, o),
            Input::Gone(place) => self.gone(place, o),
            Input::Quiet if self.singing.is_none() && self.out.is_none() => self.ask(o),
            Input::Quiet => {}
            Input::Beat(count) => self.beat(count, o),
        }
        todo
    }

    /// The next thing to do in the song, as far as this buddy knows.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The latest stamp it has heeded.
    pub fn at(&self) -> Stamp {
        self.at
    }

    /// Whom it passes the song to.
    pub fn next(&self) -> Place {
        self.next
    }

    /// Buddies on the roll.
    pub fn size(&self) -> Place {
        self.size
    }

    /// Its own place.
    pub fn me(&self) -> Place {
        self.me
    }

    /// Whether it has passed something on and does not know yet that it was heard.
    pub fn is_unheard(&self) -> bool {
        self.out.is_some()
    }

    /// Whether `request` is still to be repeated to `to`. A pass is not, once a later stamp was
    /// heeded: it was heard, or its take is over.
    pub fn still_says(&self, to: Place, request: Request) -> bool {
        match request {
            Request::Pass(token, progress) => self.out == Some((to, token, progress)),
            Request::Ping | Request::Enlist(_) => true,
        }
    }

    /// How many places after mine, less one: next without faults has 0.
    pub fn gap(&self, place: Place) -> Place {
        (place + self.size - self.me - 1) % self.size
    }

    fn begun(&self) -> bool {
        self.at.take != Take::default()
    }

    fn is_starter(&self) -> bool {
        self.incarnation == self.song
    }

    fn progress(&self) -> Progress {
        Progress {
            at: self.at,
            mark: self.mark,
        }
    }

    fn enlisted(&mut self, o: &mut Vec<Output>) {
        if self.begun() {
            return;
        }
        if self.me == 0 && !self.is_starter() {
            self.ask(o); // the starter fell before it began, and this is its next life
        } else if self.next == self.me {
            self.begin(o);
        } else {
            o.push(Output::Call(self.next, Request::Enlist(self.progress())));
        }
    }

    fn begin(&mut self, o: &mut Vec<Output>) {
        self.enter(Stamp {
            take: Take {
                number: 1,
                by: self.incarnation,
            },
            hop: 0,
        });
        self.act(Token::Go, o);
    }

    fn hear(&mut self, token: Token, progress: Progress, o: &mut Vec<Output>) {
        if progress.at <= self.at {
            return; // a repeat, or from a take that was given up
        }
        self.enter(progress.at);
        self.mark = self.mark.max(progress.mark);
        match self.singing {
            Some(_) => self.held = Some(token),
            None => self.act(token, o),
        }
    }

    fn enter(&mut self, at: Stamp) {
        if at.take > self.at.take {
            self.said = None;
        }
        self.at = at;
        self.held = None;
        self.out = None;
    }

    fn act(&mut self, token: Token, o: &mut Vec<Output>) {
        match (token, self.mark) {
            // been right round: the best mark is the frontier
            (Token::Ask, _) if self.has_asked() => self.pass(Token::Go, o),
            (Token::Ask, _) => self.pass(Token::Ask, o),
            (Token::Go, Mark::Left(n)) => {
                self.singing = Some(n);
                o.push(Output::Sing(n));
            }
            (Token::Go, Mark::Over) if self.has_said(Mark::Over) => {
                self.mark = Mark::Home; // been right round: everybody knows
                self.pass(Token::Go, o);
            }
            (Token::Go, Mark::Home) if self.has_said(Mark::Home) => o.push(Output::Leave),
            (Token::Go, Mark::Over | Mark::Home) => self.pass(Token::Go, o),
        }
    }

    fn has_asked(&self) -> bool {
        matches!(self.said, Some((Token::Ask, _)))
    }

    fn has_said(&self, mark: Mark) -> bool {
        self.said.is_some_and(|(_, said)| said == mark)
    }

    fn pass(&mut self, token: Token, o: &mut Vec<Output>) {
        self.said = Some((token, self.mark));
        let Stamp { take, hop } = self.at;
        let progress = Progress {
            at: Stamp {
                take,
                hop: hop.saturating_add(1),
            },
            mark: self.mark,
        };
        if self.next == self.me {
            return self.hear(token, progress, o); // alone: it comes straight back
        }
        self.out = Some((self.next, token, progress));
        o.push(Output::Call(self.next, Request::Pass(token, progress)));
    }

    /// I have lost track: ask round, in a new take.
    fn ask(&mut self, o: &mut Vec<Output>) {
        let take = Take {
            number: self.at.take.number.saturating_add(1),
            by: self.incarnation,
        };
        self.enter(Stamp { take, hop: 0 });
        self.pass(Token::Ask, o);
    }

    fn sung(&mut self, o: &mut Vec<Output>) {
        let Some(n) = self.singing.take() else { return };
        self.mark = self.mark.max(Mark::after(n));
        match self.held.take() {
            Some(token) => self.act(token, o),
            None => self.pass(Token::Go, o),
        }
    }

    fn answered(&mut self, by: Place, request: Request, reply: Reply, o: &mut Vec<Output>) {
        match (request, reply) {
            (Request::Pass(token, progress), Reply::Here(mark)) => {
                self.mark = self.mark.max(mark);
                if self.out == Some((by, token, progress)) {
                    self.out = None; // heard, or of a take given up: no business of mine any more
                    if progress.mark == Mark::Home {
                        o.push(Output::Leave);
                    }
                }
            }
            (Request::Ping, Reply::Here(mark)) => {
                self.mark = self.mark.max(mark);
                self.take_back(by);
            }
            (Request::Enlist(sent), Reply::Here(_)) => {
                self.take_back(by);
                let told_mid_song = self.begun() && sent.at.take == self.at.take;
                if told_mid_song && self.singing.is_none() {
                    self.ask(o); // its earlier life may have had the song
                }
            }
            // it fell and got up again, remembering nothing
            (Request::Pass(..) | Request::Ping, Reply::Stranger) => {
                o.push(Output::Call(by, Request::Enlist(self.progress())));
            }
            // nobody answers so; the shell takes it for silence
            (Request::Enlist(_), Reply::Stranger) | (_, Reply::Wrong) => {}
        }
    }

    /// Somebody nearer than next is back.
    fn take_back(&mut self, place: Place) {
        if self.gap(place) < self.gap(self.next) {
            self.next = place;
        }
    }

    fn gone(&mut self, place: Place, o: &mut Vec<Output>) {
        let out = self.out.filter(|&(to, ..)| to == place);
        if place == self.me || (place != self.next && out.is_none()) {
            return;
        }
        if out.is_some_and(|(_, _, progress)| progress.mark == Mark::Home) {
            self.out = None;
            return o.push(Output::Leave); // it has left, as I may: everybody knows
        }
        if place == self.next {
            self.next = (self.next + 1) % self.size;
        }
        if self.singing.is_none() {
            self.ask(o); // else the song is in my hands, and goes to the new next
        }
    }

    fn beat(&self, count: u32, o: &mut Vec<Output>) {
        if self.next != self.me && self.out.is_none() {
            o.push(Output::Call(self.next, Request::Ping));
        }
        let jumped_over = self.gap(self.next);
        if jumped_over > 0 {
            let place = (self.me + 1 + count % jumped_over) % self.size;
            o.push(Output::Call(place, Request::Ping));
        }
    }
}
