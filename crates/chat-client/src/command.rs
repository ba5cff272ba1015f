//! What a typed line means. PURE.

use common::chat::{Admin, Kind};

/// A line that was typed, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Something to send to the present room.
    Say(Kind, String),
    /// `/msg NICK TEXT`
    Whisper(String, String),
    /// `/join ROOM`
    Join(String),
    /// `/leave [ROOM]`
    Leave(Option<String>),
    /// `/nick NICK`
    Nick(String),
    /// `/who`
    Who,
    /// `/rooms`
    Rooms,
    /// `/history [N]`
    History(u32),
    /// `/search TEXT`
    Search(String),
    /// `/kick NICK [WHY]`, `/ban NICK [WHY]`, `/unban NICK`
    Order(Admin),
    /// `/help`
    Help,
    /// `/quit`
    Quit,
}

/// All commands with what they do, as `/help` shows them.
pub const HELP: [(&str, &str); 15] = [
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

/// Messages shown by `/history` and on joining, unless said otherwise.
pub const HISTORY: u32 = 50;

/// Understands a line; none if it is empty.
///
/// # Errors
/// A sentence for the person, if it is no command that we know.
///
/// ```
/// use chat_client::command::{Command, parse};
/// assert_eq!(parse("/join kitchen"), Some(Ok(Command::Join("kitchen".into()))));
/// assert_eq!(parse("  "), None);
/// ```
pub fn parse(line: &str) -> Option<Result<Command, String>> {
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
    let (word, rest) = command
        .split_once(char::is_whitespace)
        .unwrap_or((command, ""));
    let rest = rest.trim();
    let unknown = || {
        let known = HELP
            .iter()
            .find(|(usage, _)| usage.split(' ').next() == Some(&line[..=word.len()]));
        match known {
            Some((usage, what)) => format!("usage: {usage}  {what}"),
            None => format!("there is no command /{word}: /help lists them; //{word} sends it"),
        }
    };
    let some = |make: &dyn Fn(String) -> Command| (!rest.is_empty()).then(|| make(rest.into()));
    let none = |command: Command| rest.is_empty().then_some(command);
    let command = match word {
        "me" => some(&|text| Command::Say(Kind::Did, text)),
        "msg" => rest
            .split_once(char::is_whitespace)
            .map(|(nick, text)| Command::Whisper(nick.into(), text.trim().into())),
        "join" => some(&Command::Join),
        "leave" => Some(Command::Leave((!rest.is_empty()).then(|| rest.into()))),
        "nick" => some(&Command::Nick),
        "who" => none(Command::Who),
        "rooms" => none(Command::Rooms),
        "history" if rest.is_empty() => Some(Command::History(HISTORY)),
        "history" => rest.parse().ok().map(Command::History),
        "search" => some(&Command::Search),
        "kick" | "ban" => some(&|whom| Command::Order(put_out(word == "ban", &whom))),
        "unban" => some(&|nick| Command::Order(Admin::Unban { nick })),
        "help" => none(Command::Help),
        "quit" => none(Command::Quit),
        _ => None,
    };
    Some(command.ok_or_else(unknown))
}

fn put_out(bans: bool, whom: &str) -> Admin {
    let (nick, why) = whom.split_once(char::is_whitespace).unwrap_or((whom, ""));
    let (nick, why) = (nick.to_owned(), why.trim().to_owned());
    match bans {
        true => Admin::Ban { nick, why },
        false => Admin::Kick { nick, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_messages_unless_they_begin_with_one_slash() {
        let said = |text: &str| Some(Ok(Command::Say(Kind::Said, text.into())));
        assert_eq!(parse("hello %s\r\n"), said("hello %s"));
        assert_eq!(parse(" /join x"), said(" /join x"));
        assert_eq!(parse("//join x"), said("/join x"));
        assert_eq!(
            parse("/me waves"),
            Some(Ok(Command::Say(Kind::Did, "waves".into())))
        );
        assert_eq!(
            parse("/msg bob  hi you"),
            Some(Ok(Command::Whisper("bob".into(), "hi you".into())))
        );
        assert_eq!(parse("/history 7"), Some(Ok(Command::History(7))));
        assert_eq!(parse("/leave"), Some(Ok(Command::Leave(None))));
        assert_eq!(parse("\n"), None);
    }

    #[test]
    fn operators_name_whom_and_may_say_why() {
        let order = |line| match parse(line) {
            Some(Ok(Command::Order(order))) => order,
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
