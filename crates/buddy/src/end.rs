//! How a buddy ends after its song: the word for its journal, and the error with its advice.

use std::time::Duration;

use common::cli::{Failure, Interrupted};
use common::net;

use crate::effect::End;
use crate::waiting::DESERTED;

/// Returns a word for the journal and what [`run`](crate::run) returns: the last line to print, if
/// there is one, or why it failed. A failure has no word, because the journal says why. `signal` is
/// what told the buddy to leave, if something did, and `wait` is how long it waited for a song.
pub(crate) fn result(
    end: End,
    signal: Option<Interrupted>,
    wait: Option<Duration>,
) -> (&'static str, anyhow::Result<Option<String>>) {
    match end {
        End::Home(summary) => ("home", Ok(summary)),
        End::Left => ("left", signal.map_or(Ok(None), |signal| Err(signal.into()))),
        End::Hopeless(error) => ("", Err(Failure::from(error).into())),
        End::LeftOut => ("", Err(left_out().into())),
        End::Deserted => ("", Err(deserted().into())),
        End::NoSong(error) => ("", Err(no_song(error, wait).into())),
    }
}

fn left_out() -> Failure {
    Failure::new("the song was sung without this buddy").help(
        "the buddy before it did not reach it: start it with --advertise HOST:PORT, an address \
         that others can reach",
    )
}

fn deserted() -> Failure {
    Failure::new(format!(
        "no buddy of the ring has answered for {DESERTED:?}, since the roll was called"
    ))
    .help("start the ring again, the starter with --bottles last")
}

fn no_song(error: Option<net::Error>, limit: Option<Duration>) -> Failure {
    let what = format!("no song began within {:?}", limit.unwrap_or_default());
    match error {
        Some(error) => Failure::from(error).within(what),
        None => Failure::new(what).help(
            "the ring is closed when every buddy is up and each --next leads to another; \
             the last one started gets --bottles",
        ),
    }
}
