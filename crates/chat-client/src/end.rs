//! How a program ends after its conversation: the error and the advice.

use common::chat::Refusal;
use common::cli::{Failure, Interrupted};

use crate::clean::Clean;
use crate::config::Config;
use crate::effect::{CallError, Why};

/// Returns what the program ends with.
///
/// # Errors
/// Unless all is done, and all messages are delivered.
pub(crate) fn result(
    why: Why,
    undelivered: usize,
    config: &Config,
    signal: Option<Interrupted>,
) -> anyhow::Result<()> {
    let failure = |what: String| Failure::new(Clean::new(&what).to_string());
    let error = match why {
        Why::Done => None,
        Why::Interrupted => signal.map(anyhow::Error::from),
        Why::CannotBegin(error) => Some(cannot_begin(config, error).into()),
        Why::Kicked(refusal) => {
            let name = name(&refusal);
            let what = format!("{}: {refusal}", config.server);
            Some(failure(what).named(name).into())
        }
        Why::Refused(command) => {
            let help = "the lines behind it were not read";
            Some(failure(command).help(help).into())
        }
        Why::Unread(why) => {
            let what = format!("not all that was said could be read: {why}");
            Some(failure(what).help("try again later").into())
        }
    };
    let undelivered = match undelivered {
        0 => return error.map_or(Ok(()), Err),
        1 => "1 message was not delivered".to_owned(),
        n => format!("{n} messages were not delivered"),
    };
    let help = "the server did not take it: see above, or try again later";
    Err(match error {
        Some(error) => error.context(undelivered),
        None => Failure::new(undelivered).help(help).into(),
    })
}

fn cannot_begin(config: &Config, error: CallError) -> Failure {
    let Config { server, nick, .. } = config;
    let refusal = match error {
        CallError::Lost(_, Some(error)) => return (*error).into(),
        CallError::Lost(why, None) => {
            return Failure::new(format!("cannot talk to {server}: {why}"));
        }
        CallError::Refused(refusal) => refusal,
    };
    let what = format!("{server} does not let {nick} in: {refusal}");
    let failure = Failure::new(Clean::new(&what).to_string()).named(name(&refusal));
    match refusal {
        Refusal::NickTaken { free, .. } if !free.is_empty() => {
            let free = Clean::new(&free);
            failure
                .help(format!("{free} is free: --name {free}"))
                .help("or wait half a minute, if it is you who was cut off there")
        }
        Refusal::NickTaken { .. } | Refusal::Unfit(_) => {
            failure.help("choose another name: --name NICK")
        }
        Refusal::Registered(_) => failure
            .help("if the name is yours, show it: --identity FILE")
            .help("otherwise choose another name: --name NICK")
            .help("if you have lost that file, ask its operator for /release"),
        Refusal::Banned => failure.help("only its operator can change that"),
        _ => failure.help("try again later"),
    }
}

/// Returns the name of a refusal, for programs.
fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NickTaken { .. } => "nick_taken",
        Refusal::Registered(_) => "registered",
        Refusal::Unfit(_) => "unfit",
        Refusal::Kicked(_) => "kicked",
        Refusal::Banned => "banned",
        Refusal::Full(_) => "full",
        _ => "refused_by_server",
    }
}
