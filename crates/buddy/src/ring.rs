//! The song as a state machine: what a buddy does with a token that it hears. PURE: no sockets, no
//! clock, no dice. Time-outs are inputs that may come at any moment.
//!
//! ```text
//!      Buddy 1          Buddy 2          Buddy 3
//!         │  Go, Left(98)  │                │         stamp (1,1)
//!  sings  ├───────────────▶│  Go, Left(97)  │               (1,2)
//!   99    │◀╌╌╌ heard ╌╌╌╌╌┤───────────────▶│
//!         │          sings │◀╌╌╌ heard ╌╌╌╌╌┤ sings 97
//!         │            98  ✗ killed         │
//!         │                                 │
//!         │  Ask, "where were we?"     (2,1)│  a later take
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
//! A buddy that hears `Go` sings its mark and passes `Go` to its next. The answer to a pass only
//! says that it was heard; the song does not wait for it. Every pass carries a *stamp*: the number
//! of the take (see below) and of the hop in it. A buddy heeds only a stamp greater than all that
//! it has heeded before, so that repeated and outdated tokens do nothing. What comes while a buddy
//! sings is held until the verse is sung.
//!
//! A pass is repeated until it is answered, or until its sender has heeded a later stamp. It must
//! not be repeated after that, because its receiver may have sung and then been restarted, and does
//! not know any more that it has heeded this stamp.
//!
//! # Losing track
//! One repair serves every fault. A buddy has lost track if its next is gone, if its next came back
//! without its memory, or if nothing was heard for long. It calls a later *take* and passes `Ask`.
//! A buddy that heeds the question ignores earlier takes from then on. If its own mark is further,
//! it puts that into the question, and passes the question on. A buddy that hears it a second time
//! in that take knows that it has been right round. It passes `Go` with the best mark: the true
//! frontier among the living.
//!
//! A buddy that is gone is jumped over, by moving [`next`](Ring::next) on. It is still pinged, and
//! its answer makes it next again. One that was restarted has lost its memory, so it is sent the
//! roll (all addresses, see `roll_call.rs`) and the mark first.
//!
//! # Going home
//! After the ending the token goes round with the mark `Over`. When it has been right round, all
//! know that the song is over, and it goes round as `Home`: each buddy leaves once it has passed
//! that on. No buddy leaves on a timer.
//!
//! # Leaving early
//! To the ring, a buddy that has left early is gone, like one that was killed. But it leaves only
//! when it sings nothing and no pass of its own [is unheard](Ring::is_unheard), so that nothing has
//! to be repeated. [`State::leave`](crate::state::State::leave) sees to that.
//!
//! # Promises
//! A buddy that lives is *given up on* when another one moves its next past it. It is in good
//! standing again when a buddy in good standing passes the song to it, in the take of that moment
//! or a later one. A token that arrives late counts as of when it was passed. A *life* is one
//! process: a restarted buddy has another one.
//!
//! | | promise | whatever |
//! |---|---|---|
//! | order | no verse is left out; one begins only after all earlier ones were sung to the end | happens |
//! | self | no life sings a verse twice | happens |
//! | once | each verse is sung exactly once, if no buddy crashes or is given up on | messages and false alarms do |
//! | twice | a verse is repeated only if all who sang it crashed, or one of them was given up on | crashes, restarts and wrong verdicts do |
//! | alone | no two in good standing sing at the same time | crashes, restarts and wrong verdicts do |
//! | home | after the last fault the song ends and all leave, if one that knows the roll lives | happened before |
//! | last | a buddy leaves only when all in good standing know that it is over | crashes, restarts and wrong verdicts do |
//!
//! Three things are impossible and not promised. *Exactly once* under crashes, because a crash
//! between singing a verse and passing it on leaves no trace. To tell a slow buddy from a dead one.
//! A last message that is known to have arrived (two generals). A ring cut in two sings twice, once
//! on each side, because a majority rule would stop a ring of two when one of them dies.
//!
//! `tests/explore` checks each promise in every state within its bounds. Relatives: the stamp is
//! Totem's (ring id, sequence), the take a Raft term, the asking lap Paxos' first phase without a
//! majority. All know the roll, instead of pointers that must converge; this avoids the faults that
//! Zave found in Chord.

mod event;
mod note;

use common::buddy::{Incarnation, Mark, Place, Progress, Reply, Stamp, Take, Token};

pub use event::{Input, Output, Request};
pub use note::Before;

/// One buddy's part in the song.
///
/// ```
/// use buddy::ring::{Input, Output, Ring};
/// use common::buddy::{Mark, Progress, Stamp};
///
/// let start = Progress { at: Stamp::default(), mark: Mark::Left(1) };
/// let mut alone = Ring::new(1, 7, 0, 7, start); // a ring of one, one bottle
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
    /// the nearest place after mine that is not gone, as far as I know
    next: Place,
    /// the latest stamp I have heeded
    at: Stamp,
    /// the next thing to do, as far as I know
    mark: Mark,
    /// what I passed on last in this take
    said: Option<(Token, Mark)>,
    singing: Option<u64>,
    /// what came while I was singing
    held: Option<Token>,
    /// what I passed on and was not answered yet
    out: Option<(Place, Token, Progress)>,
}

impl Ring {
    /// The buddy at place `me` of `size` in `song`, which has heard `progress`.
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

    /// Returns what is to be done about `input`, in order.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut todo = Vec::new();
        self.handle_into(input, &mut todo);
        todo
    }

    /// Puts what is to be done about `input` at the end of `o`, which may be used again and again.
    pub(crate) fn handle_into(&mut self, input: Input, o: &mut Vec<Output>) {
        match input {
            Input::Enlisted if !self.begun() => self.enlisted(o),
            Input::Called(Request::Pass(token, progress)) => self.hear(token, progress, o),
            // The starter's own comes back only after it has been to all, so all have the roll.
            Input::Called(Request::Enlist(_)) if self.is_starter() && !self.begun() => {
                self.begin(o)
            }
            Input::Sung => self.sung(o),
            Input::Answered(by, request, reply) => self.answered(by, request, reply, o),
            Input::Gone(place) => self.gone(place, o),
            Input::Quiet if self.singing.is_none() && self.out.is_none() => self.ask(o),
            Input::Enlisted | Input::Called(_) | Input::Quiet => {}
            Input::Beat(count) => self.beat(count, o),
        }
    }

    /// Returns the next thing to do in the song, as far as this buddy knows.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Returns the latest stamp that it has heeded.
    pub fn at(&self) -> Stamp {
        self.at
    }

    /// Returns the place to which it passes the song.
    pub fn next(&self) -> Place {
        self.next
    }

    /// Returns its own place.
    pub fn me(&self) -> Place {
        self.me
    }

    /// Whether it has started the song, so that nobody has sent it the roll.
    pub fn is_starter(&self) -> bool {
        self.incarnation == self.song
    }

    /// Whether the song loses the buddy at `place` if this one gives up on it. At the very end that
    /// one has left, as this one may.
    pub fn loses(&self, place: Place) -> bool {
        place == self.next && self.mark != Mark::Home
    }

    /// Whether it has passed on something that was not answered yet.
    pub fn is_unheard(&self) -> bool {
        self.out.is_some()
    }

    /// Whether `request` is still to be repeated to `to`. A pass is not, once a later stamp was
    /// heeded, because it was heard or its take is over.
    pub fn still_says(&self, to: Place, request: Request) -> bool {
        match request {
            Request::Pass(token, progress) => self.out == Some((to, token, progress)),
            Request::Ping | Request::Enlist(_) => true,
        }
    }

    /// Returns how many buddies are between me and `place`.
    pub fn gap(&self, place: Place) -> Place {
        (place + self.size - self.me - 1) % self.size
    }

    fn begun(&self) -> bool {
        self.at.take != Take::default()
    }

    fn progress(&self) -> Progress {
        Progress {
            at: self.at,
            mark: self.mark,
        }
    }

    fn enlisted(&mut self, o: &mut Vec<Output>) {
        if self.me == 0 && !self.is_starter() {
            self.ask(o); // because the starter fell before it began, and this is its next life
        } else if self.next == self.me {
            self.begin(o);
        } else {
            o.push(Output::Call(self.next, Request::Enlist(self.progress())));
        }
    }

    fn begin(&mut self, o: &mut Vec<Output>) {
        self.enter(self.take(1));
        self.act(Token::Go, o);
    }

    /// Returns the first stamp of a take of its own.
    fn take(&self, number: u64) -> Stamp {
        let by = self.incarnation;
        let take = Take { number, by };
        Stamp { take, hop: 0 }
    }

    fn hear(&mut self, token: Token, progress: Progress, o: &mut Vec<Output>) {
        if progress.at <= self.at {
            return; // because it is a repeat, or of a take that was given up
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
            // Its mark is the frontier, because the question has been right round.
            (Token::Ask, _) if self.has_asked() => self.pass(Token::Go, o),
            (Token::Ask, _) => self.pass(Token::Ask, o),
            (Token::Go, Mark::Left(n)) => {
                self.singing = Some(n);
                o.push(Output::Sing(n));
            }
            (Token::Go, Mark::Over) if self.has_said(Mark::Over) => {
                self.mark = Mark::Home; // because it has been right round: all know
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
        let mut progress = self.progress();
        progress.at.hop = progress.at.hop.saturating_add(1);
        if self.next == self.me {
            return self.hear(token, progress, o); // because a buddy that is alone is its own next
        }
        self.out = Some((self.next, token, progress));
        o.push(Output::Call(self.next, Request::Pass(token, progress)));
    }

    /// Asks round in a later take, because it has lost track.
    fn ask(&mut self, o: &mut Vec<Output>) {
        self.enter(self.take(self.at.take.number.saturating_add(1)));
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
                    self.out = None;
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
                    self.ask(o); // because its earlier life may have had the song
                }
            }
            // It was restarted and remembers nothing, so it must have the roll first.
            (Request::Pass(..) | Request::Ping, Reply::Stranger) => {
                o.push(Output::Call(by, Request::Enlist(self.progress())));
            }
            // Never heard here, because the shell takes such an answer for silence.
            (Request::Enlist(_), Reply::Stranger) | (_, Reply::Wrong) => {}
        }
    }

    /// Makes `place` next again, if it is nearer than next.
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
            return o.push(Output::Leave); // because all know, and it has left as I may
        }
        if place == self.next {
            self.next = (self.next + 1) % self.size;
        }
        if self.singing.is_none() {
            self.ask(o); // otherwise the song is in my hands, and goes to the new next
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
