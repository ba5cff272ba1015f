//! How a program ends after its conversation: the error and the advice.

use common::chat::Refusal;
use common::cli::{Failure, Interrupted};
use common::net::Error;

use crate::clean::Clean;
use crate::effect::{CallError, Why};

/// Returns what the program of `nick` ends with, whose last server is `server`.
///
/// # Errors
/// Unless all is done, and all messages are delivered.
pub(crate) fn result(
    why: Why,
    undelivered: usize,
    nick: &str,
    server: &str,
    signal: Option<Interrupted>,
) -> anyhow::Result<()> {
    let failure = |what: String| Failure::new(Clean::new(&what).to_string());
    let error = match why {
        Why::Done => None,
        Why::Interrupted => signal.map(anyhow::Error::from),
        Why::CannotBegin(error) => Some(cannot_begin(nick, server, error).into()),
        Why::Kicked(refusal) => {
            let name = name(&refusal);
            let what = format!("{server}: {refusal}");
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

fn cannot_begin(nick: &str, server: &str, error: CallError) -> Failure {
    let refusal = match error {
        CallError::Lost(why, dials) if dials.is_empty() => {
            return Failure::new(format!("cannot talk to {server}: {why}"));
        }
        CallError::Lost(_, dials) => return not_reached(dials),
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
        Refusal::NickTaken { .. } => failure.help("choose another name: --name NICK"),
        // The refusal says of which of them it speaks.
        Refusal::Unfit(_) => failure.help("choose another one: --name NICK, or --room ROOM"),
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

/// Returns the failure of the dials to all servers: what happened at each, and the advice about
/// each kind of trouble once.
fn not_reached(dials: Vec<Error>) -> Failure {
    // That of the first, because each has its sentence, and programs look for one name.
    let name = dials.first().map_or("failed", |error| error.trouble.name());
    let what: Vec<_> = dials.iter().map(Error::to_string).collect();
    let mut advice: Vec<(String, Vec<String>)> = Vec::new();
    for error in dials {
        let lines = error.help();
        if advice.iter().all(|(_, known)| *known != lines) {
            advice.push((error.target, lines));
        }
    }
    let names_targets = advice.len() > 1;
    let failure = Failure::new(what.join("; ")).named(name);
    advice
        .into_iter()
        .fold(failure, |failure, (target, lines)| {
            // One line each, because no more than three lines are printed.
            let some = if names_targets { 1 } else { lines.len() };
            let lines = lines.into_iter().take(some);
            lines.fold(failure, |failure, line| {
                failure.help(if names_targets {
                    format!("{target}: {line}")
                } else {
                    line
                })
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::net::Trouble;

    fn error(target: &str, trouble: Trouble) -> Error {
        Error {
            trouble,
            service: "chat-server",
            target: target.into(),
            addr: target.parse().ok(),
            own: None,
        }
    }

    #[test]
    fn a_room_that_cannot_be_is_no_reason_for_another_name() {
        let refusal = Refusal::Unfit("a room has 1 to 20 letters".into());
        let failure = cannot_begin("ann", "a:1", CallError::Refused(refusal));
        assert_eq!(
            failure.report(),
            "a:1 does not let ann in: a room has 1 to 20 letters\n\
             help: choose another one: --name NICK, or --room ROOM"
        );
    }

    #[test]
    fn a_failure_of_all_servers_names_each_and_advises_about_each_kind() {
        let table = [
            (
                vec![error("10.0.0.1:8030", Trouble::NoRoute)],
                "cannot reach 10.0.0.1:8030: no route to that network\n\
                 help: is this machine online?",
            ),
            (
                vec![
                    error("10.0.0.1:8030", Trouble::NoRoute),
                    error("10.0.0.2:8030", Trouble::NoRoute),
                ],
                "cannot reach 10.0.0.1:8030: no route to that network; \
                 cannot reach 10.0.0.2:8030: no route to that network\n\
                 help: is this machine online?",
            ),
            (
                vec![
                    error("10.0.0.1:8030", Trouble::Version("1".into())),
                    error("127.0.0.1:8031", Trouble::Refused),
                    error("127.0.0.1:8031", Trouble::Refused),
                ],
                "10.0.0.1:8030 is a chat-server, but it speaks version 1 of the protocol and this \
                 program 3; cannot reach 127.0.0.1:8031: connection refused; \
                 cannot reach 127.0.0.1:8031: connection refused\n\
                 help: 10.0.0.1:8030: use programs of one release on all machines\n\
                 help: 127.0.0.1:8031: nothing listens on port 8031 of this machine: \
                 start chat-server, or give the address of the machine where it runs",
            ),
        ];
        for (dials, report) in table {
            assert_eq!(not_reached(dials).report(), report);
        }
    }
}
