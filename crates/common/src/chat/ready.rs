//! Answers as a server gives them: in the same bytes as those of the [contract](super), but the
//! entries of a poll are copied from where they are kept instead of being made and encoded anew.
//! PURE.

use serde::{Serialize, Serializer};

use super::entries::Block;
use super::{ChatResponse, Page, Result, hex};

/// A [`Page`] whose entries are encoded.
#[derive(Clone, Debug, Serialize)]
pub struct ReadyPage {
    /// The room.
    pub room: String,
    /// The entries.
    pub entries: Block,
    /// As in a [`Page`].
    pub first: u64,
    /// As in a [`Page`].
    pub head: u64,
    /// As in a [`Page`].
    #[serde(serialize_with = "hex::write_64")]
    pub epoch: u64,
    /// As in a [`Page`].
    pub damaged: u64,
}

impl ReadyPage {
    /// Returns the page with its entries.
    pub fn page(self) -> Page {
        Page {
            room: self.room,
            // Never empty in place of some, because a server has encoded them itself.
            entries: self.entries.entries().unwrap_or_default(),
            first: self.first,
            head: self.head,
            epoch: self.epoch,
            damaged: self.damaged,
        }
    }
}

/// A [`ChatResponse`].
#[derive(Debug)]
pub enum Answer {
    /// To a poll.
    Poll(Result<Vec<ReadyPage>>),
    /// To a call that follows one.
    Follow(Result<Vec<ReadyPage>>),
    /// To any other call.
    Other(ChatResponse),
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            // Each with its place among the methods of the service.
            Self::Poll(pages) => to.serialize_newtype_variant("ChatResponse", 6, "Poll", pages),
            Self::Follow(pages) => to.serialize_newtype_variant("ChatResponse", 7, "Follow", pages),
            Self::Other(response) => response.serialize(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Encoded, Line};
    use super::super::{Entry, Kind, Refusal};
    use super::*;

    fn entry(number: u64) -> Entry {
        Entry {
            number,
            sender: 0xab << 120,
            kind: Kind::Did,
            nick: "ann".repeat(number as usize).into(),
            body: "hi".into(),
            at_ms: u64::MAX,
        }
    }

    #[test]
    fn a_ready_answer_has_the_bytes_of_the_contract() {
        let entries: Vec<Entry> = (1..4).map(entry).collect();
        let encoded = Encoded::all(entries.iter().map(Line::from));
        assert_eq!(encoded[2].entry(), Some(entry(3)));
        let ready = ReadyPage {
            room: "lobby".into(),
            entries: Block::of(encoded.iter()),
            first: 1,
            head: 300,
            epoch: u64::MAX,
            damaged: 2,
        };
        let page = ready.clone().page();
        assert_eq!(page.entries, entries);
        let bytes = |answer: &Answer| postcard::to_stdvec(answer).expect("bytes");
        let contract = |answer| postcard::to_stdvec::<ChatResponse>(&answer).expect("bytes");
        assert_eq!(
            bytes(&Answer::Poll(Ok(vec![ready.clone()]))),
            contract(ChatResponse::Poll(Ok(vec![page.clone()].into())))
        );
        assert_eq!(
            bytes(&Answer::Follow(Ok(vec![ready]))),
            contract(ChatResponse::Follow(Ok(vec![page].into())))
        );
        assert_eq!(
            bytes(&Answer::Poll(Err(Refusal::NoSession))),
            contract(ChatResponse::Poll(Err(Refusal::NoSession)))
        );
        let other = || ChatResponse::Leave(Ok("lobby".into()));
        assert_eq!(bytes(&Answer::Other(other())), contract(other()));
    }
}
