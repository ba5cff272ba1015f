//! What becomes of the messages of this person. PURE.

use std::time::Duration;

use common::chat::{Kind, MAX_BODY, Refusal};

use super::{Conversation, Unsettled};
use crate::command::Manner;
use crate::effect::{CallError, Effect, Timer};
use crate::pieces::pieces;

/// How much of a message is quoted, in characters: enough to know it again.
const QUOTED: usize = 40;

impl Conversation {
    /// Sends a message to the room in which the person talks.
    pub(super) fn say(&mut self, kind: Kind, body: String) {
        if matches!(self.unsettled, Some(Unsettled::Room)) {
            let (body, why) = (quoted(&body), self.typed_ahead());
            return self.out.status(format!("not sent: \"{body}\": {why}"));
        }
        if self.room.is_empty() {
            return self.out.status("not sent: you are in no room: /join ROOM");
        }
        if body.len() > MAX_BODY {
            return self.is_too_long(kind, body);
        }
        self.outbox.push(&self.room, kind, body);
    }

    fn is_too_long(&mut self, kind: Kind, body: String) {
        let (size, quote) = (body.len(), quoted(&body));
        if self.manner != Manner::Typed {
            self.outbox.refuse();
            let why = format!("a message has at most {MAX_BODY} bytes");
            return self
                .out
                .status(format!("not delivered: \"{quote}\": {why}"));
        }
        self.too_long = None;
        let mut text = format!("not sent: a message has at most {MAX_BODY} bytes, this has {size}");
        if kind == Kind::Said
            && let Some(pieces) = pieces(&body)
        {
            text = format!("{text}; /pieces sends it as {} messages", pieces.len());
            self.too_long = Some(body);
        }
        self.out.status(text);
    }

    /// Sends what was too long before, in pieces.
    pub(super) fn say_in_pieces(&mut self) {
        let Some(text) = self.too_long.take() else {
            return self.out.status("there is nothing that was too long");
        };
        for piece in pieces(&text).unwrap_or_default() {
            self.say(Kind::Said, piece);
        }
    }

    pub(super) fn sent(&mut self, room: &str, result: Result<Vec<u64>, CallError>, dice: f64) {
        match result {
            Ok(numbers) => {
                self.note(|record, _| record.acked(numbers));
                return self.outbox.stored();
            }
            Err(CallError::Refused(Refusal::NotJoined)) if self.cursors.reads(room) => {
                // Because this came after a restarted server had let us in, but not yet into the
                // room.
                self.outbox.again();
                return self.connection.detach();
            }
            Err(CallError::Refused(refusal @ (Refusal::Unfit(_) | Refusal::NotJoined))) => {
                return self.not_taken(&refusal);
            }
            Err(error) => {
                self.waiting.failed(&error);
                match error {
                    CallError::Refused(Refusal::TooFast(ms)) => {
                        let wait = Duration::from_millis(ms.into());
                        return self.out.push(Effect::Timer(Timer::Resend, wait));
                    }
                    CallError::Refused(Refusal::Full(_) | Refusal::Unavailable(_)) => {}
                    error => {
                        match &error {
                            CallError::Lost(..) => self.outbox.lost(),
                            CallError::Refused(_) => self.outbox.again(),
                        }
                        return self.lost(error);
                    }
                }
            }
        }
        let wait = self.connection.backoff.wait(dice);
        self.out.push(Effect::Timer(Timer::Resend, wait));
    }

    fn not_taken(&mut self, refusal: &Refusal) {
        if let Some(post) = self.outbox.refused() {
            let body = quoted(&post.body);
            let text = format!("not delivered: \"{body}\": {refusal}");
            self.out.status(text);
        }
    }
}

fn quoted(body: &str) -> String {
    body.chars().take(QUOTED).collect()
}
