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
    let error = match why {
        Why::Done => None,
        Why::Interrupted => signal.map(anyhow::Error::from),
        Why::CannotBegin(error) => Some(cannot_begin(config, error).into()),
        Why::Unread(why) => {
            let what = format!("not all messages could be read: {why}");
            Some(Failure::new(Clean::new(&what).to_string()).into())
        }
        Why::Kicked(refusal) => {
            let what = format!("{}: {refusal}", config.server);
            Some(Failure::new(Clean::new(&what).to_string()).into())
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
    let help = match refusal {
        Refusal::NickTaken | Refusal::Unfit(_) => "choose another name: --name NICK",
        Refusal::Banned => "only its operator can change that",
        _ => "try again later",
    };
    let what = format!("{server} does not let {nick} in: {refusal}");
    Failure::new(Clean::new(&what).to_string()).help(help)
}
