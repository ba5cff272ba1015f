//! Fuzz target: a hostile holder of the key, after its handshake.

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::yield_now;

use super::hand::{ALERT, CHANGE, DATA, HANDSHAKE, Hand, KEY_UPDATE};
use super::input::Input;
use super::odd_text::text;
use super::play;
use crate::net::sealed::Sealed;
use crate::net::tls_end::{CONTENT, RECORD};

/// The bytes that the connection holds on their way: more than a record, so that several may come
/// at once.
const PIPE: usize = 40_000;

/// What our end may hold of bytes that came, that are opened, and that go: one record of the first
/// two, and three of the last. The first buffer and the last may have been doubled, for what is
/// said about the next key.
const MOST: [usize; 3] = [2 * RECORD, RECORD, 6 * RECORD];

/// A holder of the key and our own end.
struct Talk<'a> {
    input: Input<'a>,
    hand: Hand,
    theirs: DuplexStream,
    ours: Sealed<DuplexStream>,
    /// records that are made and not sent
    to_send: Vec<u8>,
    /// what was said in good records, until the first bad one
    said: Vec<u8>,
    /// whether all records were good so far
    is_good: bool,
    /// whether one was surely bad
    is_over: bool,
    heard: Vec<u8>,
}

impl Talk<'_> {
    /// Makes the next record.
    fn make(&mut self) {
        let length = usize::try_from(self.input.number() % (CONTENT as u64 + 1));
        let content = text(&mut self.input, 40);
        let mut content = content.into_bytes();
        match self.input.below(12) {
            0..5 => {
                content.resize(length.unwrap_or(0), 7);
                drop(self.say(&content));
            }
            5 => {
                let bare = [&[KEY_UPDATE[0], 0, 0, 1, 0][..], &KEY_UPDATE][self.input.below(2)];
                let (one, two) = bare.split_at(self.input.below(bare.len()));
                for part in [one, two].into_iter().filter(|part| !part.is_empty()) {
                    let record = self.hand.record(HANDSHAKE, part);
                    self.to_send.extend(record);
                }
                self.hand.renew();
            }
            6 => {
                let kind = [CHANGE, ALERT, HANDSHAKE, 24, 99][self.input.below(5)];
                let record = self.hand.record(kind, &content);
                self.doubt(&record);
            }
            7 => {
                let part = &KEY_UPDATE[..self.input.below(KEY_UPDATE.len())];
                let record = self.hand.record(HANDSHAKE, part);
                self.doubt(&record);
            }
            8 => {
                let level = [1, 2][self.input.below(2)];
                let record = self.hand.record(ALERT, &[level, self.input.byte()]);
                self.doubt(&record);
            }
            9 => {
                let mut record = self.hand.record(DATA, &content);
                // Not in the version, at which nobody looks (RFC 8446, section 5.1).
                let at = 3 + self.input.below(256.min(record.len() - 3));
                record[at] ^= 1 << self.input.below(8);
                self.spoil(&record);
            }
            10 => {
                let record = self.say(&content);
                self.spoil(&record);
            }
            _ => self.doubt(&content),
        }
    }

    /// Makes a good record of `content`.
    fn say(&mut self, content: &[u8]) -> Vec<u8> {
        let record = self.hand.record(DATA, content);
        self.to_send.extend(&record);
        if !self.is_over {
            self.said.extend_from_slice(content);
        }
        record
    }

    /// Makes what may be the last that our end understands.
    fn doubt(&mut self, bytes: &[u8]) {
        self.to_send.extend(bytes);
        self.is_good = false;
    }

    /// Makes what is the last that our end reads.
    fn spoil(&mut self, bytes: &[u8]) {
        self.doubt(bytes);
        self.is_over = true;
    }

    /// Sends some of what is made, as far as the connection takes it.
    fn send(&mut self) {
        let most = match self.input.below(3) {
            0 => 1 + self.input.below(40),
            _ => self.to_send.len(),
        };
        let part = &self.to_send[..most.min(self.to_send.len())];
        if let Some(Ok(count)) = self.theirs.write(part).now_or_never() {
            self.to_send.drain(..count);
        }
    }

    /// Our end reads until nothing is there. Returns whether it may hear more.
    fn read(&mut self) -> bool {
        let mut space = vec![0; 1 + self.input.below(2) * CONTENT];
        loop {
            match self.ours.read(&mut space).now_or_never() {
                Some(Ok(count)) if count > 0 => self.heard.extend(&space[..count]),
                ended => return ended.is_none(),
            }
        }
    }

    fn keeps_bounds(&self) {
        let held = self.ours.held();
        let mut pairs = held.iter().zip(MOST);
        assert!(pairs.all(|(&bytes, most)| bytes <= most), "{held:?} bytes");
    }

    /// Our end writes, and perhaps nobody reads that.
    fn write(&mut self) {
        let words = vec![8; self.input.below(4) * CONTENT + self.input.below(40)];
        let _ = self.ours.write(&words).now_or_never();
        if self.input.below(2) == 0 {
            let _ = self.theirs.read(&mut [0; PIPE]).now_or_never();
        }
    }
}

/// Whatever records a holder of the key makes, our end hears what was said in good ones, in order
/// and no more, keeps a record or two of each direction at most, and does not panic.
pub fn records(bytes: &[u8]) {
    play(async {
        let mut input = Input::new(bytes);
        let calls = input.below(2) == 0;
        let (hand, theirs, ours) = Hand::shaken(calls, duplex(PIPE)).await;
        let mut talk = Talk {
            input,
            hand,
            theirs,
            ours,
            to_send: Vec::new(),
            said: Vec::new(),
            is_good: true,
            is_over: false,
            heard: Vec::new(),
        };
        while !talk.input.is_over() {
            talk.make();
            match talk.input.below(4) {
                0 => talk.write(),
                1 => drop(talk.read()),
                _ => talk.send(),
            }
            talk.keeps_bounds();
            yield_now().await; // for a new budget of tokio's
        }
        // All that was made comes through, however little at once, unless it was refused.
        while !talk.to_send.is_empty() {
            talk.send();
            if !talk.read() {
                break;
            }
            talk.keeps_bounds();
            yield_now().await;
        }
        talk.read();
        assert!(
            talk.said.starts_with(&talk.heard),
            "heard what was not said"
        );
        assert!(
            !talk.is_good || talk.said == talk.heard,
            "all of it was good"
        );
        talk.write();
    });
}
