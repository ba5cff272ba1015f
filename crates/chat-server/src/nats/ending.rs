//! What is said to the person who runs a server when it cannot follow the log any more.

use common::cli::Failure;

use super::connection::Link;
use super::hole::Hole;
use super::replica::Trouble;

/// Returns what has happened after the message at `at` was played, and what is to be done.
pub(super) fn told(trouble: Option<&Trouble>, at: u64, link: &Link) -> Failure {
    match trouble {
        Some(Trouble::WentBack) => Failure::new(format!(
            "the log in NATS went back behind {at}: entries are lost"
        ))
        .help("start again: readers are told that the log begins anew")
        .help("against power cuts: sync_interval: always, in jetstream's settings"),
        Some(Trouble::Anew) => Failure::new("the log in NATS went back, and begins anew")
            .help("start again: nothing more is to be done"),
        Some(Trouble::Strange(what)) => {
            Failure::new(format!("cannot understand the log in NATS: {what}"))
                .help("all chat-servers over one log are of the same version")
                .help("if they are, another program has written there: keep it out")
                .help("then begin another log: --store nats://.../NAME")
        }
        Some(Trouble::Gone) => Failure::new(format!("the stream {} is deleted in NATS", link.name))
            .help("start again: the log begins anew, with nothing in it"),
        Some(Trouble::Late) => {
            Failure::new("this server was away for longer than the log keeps messages")
                .help("start again: nothing is lost")
        }
        Some(Trouble::Dead) => Failure::new(
            "the connection to NATS has ended for ever: what came over it was not understood",
        )
        .help("start again: nothing that was acknowledged is lost")
        .help("if it comes again: is it a nats-server that answers there, and of which version?"),
        Some(Trouble::Hole(hole)) => lacks(hole, link),
        None => Failure::new("the log in NATS is not followed any more").help("start again"),
    }
}

/// Returns what is lost. Another nats-server may have it, because one that leads is not always one
/// that has all; and when none has, the room can still go on without what is older.
fn lacks(hole: &Hole, link: &Link) -> Failure {
    let Hole { room, missing, at } = hole;
    let (name, subject) = (&link.name, link.subject(room));
    Failure::new(format!(
        "the message at {missing} of the stream {name} in NATS is lost: the one at {at}, of the \
         room {room}, is written on it"
    ))
    .help("restart the nats-server that leads the stream, and start again")
    .help("to give up what that room has before it, with the command of NATS:")
    .help(format!(
        "nats stream purge {name} --subject={subject} --seq={at}"
    ))
}
