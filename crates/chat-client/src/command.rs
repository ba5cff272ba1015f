//! What a typed line means. PURE.

use common::chat::{Admin, Kind};

/// What a typed line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A message for the room in which the person talks.
    Say(Kind, String),
    Leave(Option<String>),
    Ask(Question),
    Help,
    Quit,
}

/// What is asked of the server for the person. One is out at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// A private room with a nick, for a text.
    Private(String, String),
    Join(String),
    Leave(String),
    Rename(String),
    Who,
    Rooms,
    History(u32),
    Search(String),
    Admin(Admin),
}

/// All commands and what they do, as `/help` shows them.
pub(crate) const HELP: [(&str, &str); 15] = [
    ("/join ROOM", "go to a room; messages go there from then on"),
    ("/leave [ROOM]", "leave a room"),
    ("/msg NICK TEXT", "tell one person only"),
    ("/me TEXT", "say what you do"),
    ("/nick NICK", "take another name"),
    ("/who", "who is in this room"),
    ("/rooms", "which rooms there are"),
    ("/history [N]", "the last N messages of this room (50)"),
    (
        "/search TEXT",
        "the last messages of this room with that text",
    ),
    ("/kick NICK [WHY]", "put somebody out (operators)"),
    (
        "/ban NICK [WHY]",
        "the same, and bar the address (operators)",
    ),
    ("/unban NICK", "lift a ban (operators)"),
    ("/help", "this list"),
    ("/quit", "leave; so does Ctrl-D"),
    ("//text", "sends /text"),
];

/// Messages shown on joining and by `/history`, unless the person asks for another number.
pub(crate) const SHOWN_ON_JOIN: u32 = 50;

/// Returns what a line means; `None` if it is empty.
///
/// # Errors
/// A sentence for the person, if there is no such command.
pub(crate) fn parse(line: &str) -> Option<Result<Command, String>> {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return None;
    }
    let Some(command) = line.strip_prefix('/') else {
        return Some(Ok(Command::Say(Kind::Said, line.into())));
    };
    if command.starts_with('/') {
        return Some(Ok(Command::Say(Kind::Said, command.into())));
    }
    let words = command.split_once(char::is_whitespace);
    let (word, rest) = words.unwrap_or((command, ""));
    let rest = rest.trim();
    let unknown = || {
        let is_it = |(usage, _): &&(&str, _)| usage.split(' ').next() == Some(&line[..=word.len()]);
        match HELP.iter().find(is_it) {
            Some((usage, what)) => format!("usage: {usage}  {what}"),
            None => format!("there is no command /{word}: /help lists them; //{word} sends it"),
        }
    };
    let some = |make: &dyn Fn(String) -> Command| (!rest.is_empty()).then(|| make(rest.into()));
    let none = |command: Command| rest.is_empty().then_some(command);
    let ask = |make: &dyn Fn(String) -> Question| some(&|rest| Command::Ask(make(rest)));
    let command = match word {
        "me" => some(&|text| Command::Say(Kind::Did, text)),
        "msg" => rest
            .split_once(char::is_whitespace)
            .map(|(nick, text)| Question::Private(nick.into(), text.trim().into()))
            .map(Command::Ask),
        "join" => ask(&Question::Join),
        "leave" => Some(Command::Leave((!rest.is_empty()).then(|| rest.into()))),
        "nick" => ask(&Question::Rename),
        "who" => none(Command::Ask(Question::Who)),
        "rooms" => none(Command::Ask(Question::Rooms)),
        "history" if rest.is_empty() => Some(Command::Ask(Question::History(SHOWN_ON_JOIN))),
        "history" => rest.parse().ok().map(Question::History).map(Command::Ask),
        "search" => ask(&Question::Search),
        "kick" | "ban" => ask(&|whom| Question::Admin(kick(word == "ban", &whom))),
        "unban" => ask(&|nick| Question::Admin(Admin::Unban { nick })),
        "help" => none(Command::Help),
        "quit" => none(Command::Quit),
        _ => None,
    };
    Some(command.ok_or_else(unknown))
}

fn kick(bans: bool, whom: &str) -> Admin {
    let (nick, why) = whom.split_once(char::is_whitespace).unwrap_or((whom, ""));
    let (nick, why) = (nick.to_owned(), why.trim().to_owned());
    if bans {
        Admin::Ban { nick, why }
    } else {
        Admin::Kick { nick, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_messages_unless_they_begin_with_one_slash() {
        let said = |text: &str| Some(Ok(Command::Say(Kind::Said, text.into())));
        let asks = |question| Some(Ok(Command::Ask(question)));
        assert_eq!(
            parse("/join kitchen"),
            asks(Question::Join("kitchen".into()))
        );
        assert_eq!(parse("hello %s\r\n"), said("hello %s"));
        assert_eq!(parse(" /join x"), said(" /join x"));
        assert_eq!(parse("//join x"), said("/join x"));
        assert_eq!(
            parse("/me waves"),
            Some(Ok(Command::Say(Kind::Did, "waves".into())))
        );
        assert_eq!(
            parse("/msg bob  hi you"),
            asks(Question::Private("bob".into(), "hi you".into()))
        );
        assert_eq!(parse("/history 7"), asks(Question::History(7)));
        assert_eq!(parse("/leave"), Some(Ok(Command::Leave(None))));
        assert_eq!(parse("\n"), None);
    }

    #[test]
    fn operators_name_whom_and_may_say_why() {
        let order = |line| match parse(line) {
            Some(Ok(Command::Ask(Question::Admin(order)))) => order,
            other => panic!("{line}: {other:?}"),
        };
        let (nick, why) = ("bob".to_owned(), String::new());
        assert_eq!(order("/kick bob"), Admin::Kick { nick, why });
        let (nick, why) = ("bob".to_owned(), "too  loud".to_owned());
        assert_eq!(order("/ban bob  too  loud \n"), Admin::Ban { nick, why });
        let nick = "bob".to_owned();
        assert_eq!(order("/unban bob"), Admin::Unban { nick });
    }

    #[test]
    fn a_wrong_command_is_explained_and_not_sent() {
        for (line, says) in [
            ("/jion x", "there is no command /jion"),
            ("/join", "usage: /join ROOM"),
            ("/msg bob", "usage: /msg NICK TEXT"),
            ("/history many", "usage: /history [N]"),
            ("/quit now", "usage: /quit"),
            ("/kick", "usage: /kick NICK [WHY]"),
            ("/ban ", "usage: /ban NICK [WHY]"),
            ("/", "there is no command /"),
        ] {
            let Some(Err(text)) = parse(line) else {
                panic!("{line} is a command")
            };
            assert!(text.contains(says), "{text}");
        }
    }
}
