//! What a program writes down while it runs, if it is asked to: one line of JSON for each thing
//! that happened to it. `lab-report` reads these journals, from all machines that took part, and
//! says what came of the run. PURE: [`pen`](crate::pen) writes the file.
//!
//! - **A life is a file.** Each start of a program makes a new file `PROGRAM-LIFE.jsonl`, so that
//!   a restarted process never writes behind the torn last line of the one before it.
//! - **A line is one `write`.** It survives `kill -9`, because the kernel has it by then. A file
//!   without [`Event::End`] is that of a process that was killed.
//! - **Messages have names.** The sender and the receiver write the same name without agreeing on
//!   anything, because it is made of what the message carries: see [`name`]. So the reader knows
//!   what caused what, and needs no common clock.
//! - **There are no texts in it.** A chat text is known by its length and a [check](text), words
//!   of a list by their numbers. Nicks, rooms and addresses are there.
//!
//! This file is the contract between the programs, which write, and the reader. Raise [`VERSION`]
//! with every change of a line that is written already. The reader skips kinds and fields that it
//! does not know.

use serde::{Deserialize, Serialize};

use crate::buddy::{Mark, Place};

use values::mark;
pub use values::{Back, Hex, Text, Word, text};

pub mod name;
mod values;

/// The version of the lines.
pub const VERSION: u32 = 1;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Microseconds since the journal began, by a clock that only goes forward.
    pub t: u64,
    /// Microseconds since 1970, by the clock on the wall. It is on the first line, and then once a
    /// second at most, so that a machine that slept is noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub w: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum Event {
    /// The first line of every journal.
    Begin {
        /// [`VERSION`].
        v: u32,
        /// The name of the program.
        program: String,
        /// This life of the process: a random number.
        life: Hex,
        /// The name of the machine, as the machine says.
        host: String,
        /// Equal for all processes that share a clock.
        machine: String,
        /// The process id.
        pid: u32,
        /// The name that a person gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// The process listens.
    Listen {
        /// Its address.
        address: String,
    },
    /// The last line of a process that was not killed.
    End {
        /// `home`, `done`, `left`, `stopped`, or the error.
        why: String,
    },
    /// More happened, and was not written: see [`LIMIT`](crate::pen::LIMIT).
    Cut,

    /// Ring: a roll call goes to the next buddy.
    Call {
        /// The [name](name::roll_call) of the message.
        id: String,
        /// Where it is sent: `--next`.
        next: String,
    },
    /// Ring: a roll call came.
    Called {
        /// The name of the message.
        id: String,
    },
    /// Ring: this buddy has the roll.
    Place {
        /// The song.
        song: Hex,
        /// The number of bottles at the beginning.
        bottles: u64,
        /// The buddy's place on the roll.
        place: Place,
        /// The name under which it sings.
        name: String,
        /// One address for each place, in the order of the ring.
        roll: Vec<String>,
        /// The message that brought the roll. The starter has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Ring: a message is to be sent. Written once, before the first try.
    Say {
        /// The receiver's place.
        to: Place,
        /// The name of the message.
        id: String,
        /// What it says.
        word: Word,
        /// The next thing to do.
        #[serde(with = "mark")]
        mark: Mark,
    },
    /// Ring: a try to send a message failed.
    Unheard {
        /// The receiver's place.
        to: Place,
        /// The name of the message.
        id: String,
        /// The cause.
        why: String,
    },
    /// Ring: a message came. Written for repeats, too.
    Hear {
        /// The name of the message.
        id: String,
        /// What it says.
        word: Word,
        /// The next thing to do.
        #[serde(with = "mark")]
        mark: Mark,
        /// Whether this buddy heeds it.
        heed: bool,
    },
    /// Ring: an answer showed that the song has got further than this buddy knew.
    Told {
        /// The place of the buddy that answered.
        place: Place,
        /// The next thing to do.
        #[serde(with = "mark")]
        mark: Mark,
    },
    /// Ring: a verse is to be printed.
    Sing {
        /// The bottles left.
        left: u64,
    },
    /// Ring: the verse is printed.
    Sang {
        /// The bottles left.
        left: u64,
    },
    /// Ring: this buddy gives up on another one.
    Lost {
        /// Its place.
        place: Place,
        /// The cause.
        why: String,
    },
    /// Ring: a buddy that was given up on answers again.
    Back {
        /// Its place.
        place: Place,
    },
    /// Ring: a buddy answers that knows nothing of the song: a new life.
    Fresh {
        /// Its place.
        place: Place,
    },
    /// Ring: this buddy has heard nothing of the song for too long.
    Quiet,

    /// Chat: the client is in its rooms, for the first time or again.
    Online {
        /// The nick.
        nick: String,
        /// The client's public name.
        sender: Hex,
        /// Each room, the number after which it is read, and the epoch of the log.
        rooms: Vec<(String, u64, Hex)>,
    },
    /// Chat: the client has lost the server.
    Offline {
        /// The cause.
        why: String,
    },
    /// Chat: messages are sent to the server. Written for each try.
    Post {
        /// The room.
        room: String,
        /// The [name](name::post) of the first.
        id: String,
        /// The number of messages. Their ids follow each other.
        count: u64,
    },
    /// Chat: the server has acknowledged messages.
    Acked {
        /// The name of the first.
        id: String,
        /// The number of each.
        numbers: Vec<u64>,
    },
    /// Chat: the server has stored messages. Written before any reader is shown them.
    Stored {
        /// The room.
        room: String,
        /// The name of the first.
        id: String,
        /// The number of each.
        numbers: Vec<u64>,
        /// The check of each.
        texts: Vec<Text>,
        /// The log.
        epoch: Hex,
        /// Those of the numbers that were stored before, because the messages were sent again:
        /// perhaps by a server that was killed before it could write that down.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        known: Vec<u64>,
    },
    /// Chat: the client has shown a message.
    Shown {
        /// The room.
        room: String,
        /// The log.
        epoch: Hex,
        /// The message's number.
        number: u64,
        /// The public name of its sender.
        sender: Hex,
        /// Its check.
        text: Text,
    },
    /// Chat: messages of a room are not kept any more, so that they were not shown.
    Gone {
        /// The room.
        room: String,
        /// The log.
        epoch: Hex,
        /// No message below this number is kept.
        first: u64,
    },

    /// List: a server was found.
    Server {
        /// The number by which it is known from now on.
        server: usize,
        /// Its address.
        address: String,
    },
    /// List: a server can be called.
    Up {
        /// The server.
        server: usize,
        /// The number of calls it works on at once.
        workers: usize,
    },
    /// List: a server cannot be called any more. Its words are taken back.
    Down {
        /// The server.
        server: usize,
        /// The cause.
        why: String,
    },
    /// List: words are given to a server.
    Give {
        /// The server.
        server: usize,
        /// The number of the first line, from 0.
        first: u64,
        /// The number of words.
        words: usize,
    },
    /// List: a server has answered.
    Got {
        /// The server.
        server: usize,
        /// The number of the first line.
        first: u64,
        /// The number of words.
        words: usize,
        /// Whether the answer counts. Otherwise another server has to confirm it.
        counts: bool,
        /// Microseconds for which the words waited for a worker, as the server says.
        waited: u64,
        /// Microseconds for which they were worked on, as the server says.
        worked: u64,
    },
    /// List: words are taken back from a server.
    Drop {
        /// The server.
        server: usize,
        /// The number of the first line.
        first: u64,
        /// The cause.
        why: Back,
    },
    /// List: answers were written to stdout.
    Out {
        /// The number of lines that are written by now.
        upto: u64,
    },
    /// List: the input has ended.
    Read {
        /// The number of lines that it had.
        lines: u64,
    },

    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests;
