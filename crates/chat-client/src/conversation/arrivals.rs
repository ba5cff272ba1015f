//! What the server brings: its answers to attempts to attach, and what was said. PURE.

use std::collections::BTreeMap;

use common::chat::{Cursor, Entry, MAX_PAGE, Page, Refusal};

use super::{Conversation, READABLE, Stage, Unsettled};
use crate::cursors::News;
use crate::effect::{Attention, Call, CallError, Effect, Name, Output, Shown, Timer, is_message};
use crate::mention::mentions;
use crate::partners::is_private;
use crate::polls::PAUSE;
use crate::words;

impl Conversation {
    pub(super) fn entered(&mut self, nick: String) {
        self.nick = nick;
        self.vouched = false;
        let mut rooms: Vec<_> = self.cursors.all().into_iter().map(|at| at.room).collect();
        if self.connection.is_new() {
            rooms.push(self.room.clone());
        }
        // Without history, the answer says where the room ends.
        let history = if self.after.is_some() {
            0
        } else {
            self.history
        };
        self.connection.join(rooms, history, &mut self.out);
    }

    pub(super) fn not_let_in(&mut self, error: CallError) {
        let is_banned = matches!(error, CallError::Refused(Refusal::Banned));
        if is_banned && self.is_operator && !self.vouched {
            // An operator is not kept out by a ban, but has to say so first.
            self.vouched = true;
            self.out.call(Call::Vouch);
        } else if let Some(why) = self.connection.failed(error, &mut self.out) {
            self.end(why);
        }
    }

    pub(super) fn not_joined(&mut self, error: CallError) {
        let is_unknown = matches!(error, CallError::Refused(Refusal::NotJoined));
        if is_unknown && !self.connection.is_new() {
            // The server has another log, and does not know this private room.
            if let Some(room) = self.connection.join_next(&mut self.out) {
                self.cursors.leave(&room);
                self.partners.leave(&room);
            }
        } else if let Some(why) = self.connection.failed(error, &mut self.out) {
            self.end(why);
        }
    }

    pub(super) fn joined(&mut self, mut cursor: Cursor) {
        if self.connection.is_new() {
            self.room.clone_from(&cursor.room);
            if let Some(after) = self.after.take() {
                let (room, end) = (&cursor.room, cursor.after);
                if after.epoch.is_none_or(|epoch| epoch == cursor.epoch) && after.number > end {
                    let number = after.number;
                    self.out.status(format!(
                        "{room} ends at number {end}, before {number}: is the log another one? \
                         Its last messages follow"
                    ));
                    return self.out.call(Call::Join(room.clone(), self.history));
                }
                cursor.after = after.number;
                cursor.epoch = after.epoch.unwrap_or(cursor.epoch);
            }
        }
        let room = Name::Room(cursor.room.clone());
        self.out.push(Effect::Learn(room));
        self.cursors.join(cursor);
        self.connection.join_next(&mut self.out);
    }

    /// Reads what a poll has brought that waited. After news, more may come soon.
    pub(super) fn polled_live(&mut self, pages: Vec<Page>) {
        let is_news = !pages.is_empty();
        self.polled(pages);
        self.is_live = true;
        if is_news {
            self.out.push(Effect::Timer(Timer::Follow, PAUSE));
        }
    }

    /// Asks for what comes after the poll that is out.
    pub(super) fn follow(&mut self) {
        if self.may_poll()
            && let Some(number) = self.polls.follow()
        {
            self.out.call(Call::Follow(number));
        }
    }

    fn polled(&mut self, pages: Vec<Page>) {
        self.connection.backoff.reset();
        self.unreadable = None;
        for page in pages {
            let (room, epoch) = (page.room.clone(), page.epoch);
            let oldest = page.entries.first().map(|entry| entry.number);
            let all = self.cursors.page(page);
            // What is missing is missing before the oldest that came.
            let begin = oldest.unwrap_or_else(|| self.cursors.next(&room));
            for news in all {
                self.note(|record, _| match &news {
                    News::Entry(_, _, entry) => record.heard(&room, epoch, entry),
                    News::Gone(..) | News::Damaged(..) => record.gone(&room, epoch, begin),
                    News::Anew(_) => None,
                });
                self.news(news);
            }
        }
    }

    fn news(&mut self, news: News) {
        match news {
            News::Entry(_, _, entry) if self.ignored.hides(&entry) => {}
            News::Entry(room, epoch, entry) => self.heard(entry, room, epoch),
            News::Gone(room, n) => {
                let room = self.partners.label(&room);
                self.out
                    .status(format!("{n} older messages of {room} are gone"));
            }
            News::Damaged(room, n) => {
                let room = self.partners.label(&room);
                self.out.status(words::unreadable(n, &room));
                self.damaged = true;
            }
            News::Anew(room) => {
                let room = self.partners.label(&room);
                let why = "the server has another log";
                self.out.status(format!("{room} begins anew: {why}"));
            }
        }
    }

    fn heard(&mut self, entry: Entry, room: String, epoch: u64) {
        let (here, private) = (room == self.room, is_private(&room));
        self.out
            .push(Effect::Learn(Name::Nick(entry.nick.to_string())));
        if !is_message(&entry) && !here {
            return;
        }
        if private && self.partners.talks(&room, &entry.nick) {
            self.settle(Unsettled::Partner(entry.nick.to_string()));
        }
        let is_for_me = is_message(&entry) && (private || mentions(&entry.body, &self.nick));
        let attention = match is_for_me {
            true if self.is_live => Attention::Ring,
            true => Attention::Mark,
            false => Attention::None,
        };
        self.show(entry, room, epoch, attention);
    }

    /// Shows an entry, with its room if the person talks in another one.
    pub(super) fn show(&mut self, entry: Entry, room: String, epoch: u64, attention: Attention) {
        let here = room == self.room;
        self.out.print(Output::Entry(Shown {
            entry,
            room,
            epoch,
            here,
            attention,
        }));
    }

    /// Reads what the last poll has brought. It is the last one if it reaches as far as the rooms
    /// went when the input ended, because in a busy room there is always something newer.
    pub(super) fn polled_last(&mut self, pages: Vec<Page>) {
        if pages.is_empty() {
            self.goal = Some(BTreeMap::new()); // because nothing is left to read
            self.is_over = true;
            return;
        }
        let goal = self.goal.get_or_insert_default();
        for page in &pages {
            goal.entry(page.room.clone()).or_insert(page.head);
        }
        let entries = pages.iter().flat_map(|page| &page.entries);
        let bytes: usize = entries.map(|entry| entry.body.len()).sum();
        self.polled(pages);
        // A full answer may leave out whole rooms.
        let is_whole = bytes < MAX_PAGE / 2;
        self.is_over = is_whole
            && self
                .cursors
                .reach(self.goal.as_ref().unwrap_or(&BTreeMap::new()));
        if !self.is_over {
            self.stage = Stage::InputOver;
        }
    }

    /// Handles a poll that has failed. A log that cannot be read is told once, and tried again
    /// after a wait that grows.
    pub(super) fn not_polled(&mut self, error: CallError, dice: f64) {
        use Refusal::{Banned, Kicked, NoSession, NotJoined};
        let is_last = self.stage == Stage::LastPoll;
        match error {
            CallError::Lost(..)
            | CallError::Refused(NoSession | NotJoined | Kicked(_) | Banned) => {
                if is_last {
                    self.stage = Stage::InputOver;
                }
                self.lost(error);
            }
            CallError::Refused(refusal) => {
                let wait = self.connection.backoff.wait(dice);
                self.polls.pause();
                self.out.push(Effect::Timer(Timer::Reread, wait));
                let why = refusal.to_string();
                let before = self.unreadable.replace(why.clone());
                if before.as_ref() != Some(&why) {
                    self.out.status(why);
                }
                if is_last && before.is_none() {
                    self.out.push(Effect::Timer(Timer::GiveUp, READABLE));
                }
            }
        }
    }
}
