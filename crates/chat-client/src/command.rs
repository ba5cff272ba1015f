//! What a typed line means. PURE.

use common::chat::{Admin, Kind};

/// How the lines of a person come, and so what they may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Typed in a terminal.
    Typed,
    /// Through a pipe: every line is a message, because it may be a line of a log that only looks
    /// like a command.
    Piped,
    /// Through a pipe, from a program that knows the commands.
    Commanded,
}

/// What a typed line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A message for the room in which the person talks.
    Say(Kind, String),
    Leave(Option<String>),
    Ask(Question),
    /// A text for the last private partner.
    Reply(String),
    /// The last messages with a partner, this many.
    HistoryWith(String, u32),
    /// Sends what was too long for one message in pieces.
    Pieces,
    /// Makes the nick this person's, for good.
    Register,
    /// Hides what a nick says, or lists the nicks that are hidden.
    Ignore(Option<String>),
    Unignore(String),
    Help,
    Quit,
}

/// What is asked of the server for the person. One is out at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// A private room with a nick, for a text.
    Private(String, String),
    /// The nick of the other one of a private room, for a text. With the nick as it was last.
    Reply(String, String, String),
    Join(String),
    Leave(String),
    Rename(String),
    /// This nick for the person alone.
    Register(String),
    /// The nicks after this one.
    Who(String),
    /// The rooms after this one.
    Rooms(String),
    History(u32),
    Search(String),
    Admin(Admin),
}

/// All commands and what they do, as `/help` shows them.
pub(crate) const HELP: [(&str, &str); 22] = [
    ("/join ROOM", "go to a room; messages go there from then on"),
    (
        "/leave [ROOM]",
        "leave a room, or a private talk: /leave @NICK",
    ),
    ("/msg NICK TEXT", "tell one person only"),
    ("/reply TEXT", "tell your last private partner only"),
    ("/me TEXT", "say what you do"),
    ("/nick NICK", "take another name"),
    (
        "/register",
        "keep your name: nobody else can have it, and --identity FILE brings it back",
    ),
    (
        "/who [AFTER]",
        "who is in this room, after that nick; * is a registered name",
    ),
    ("/rooms [AFTER]", "which rooms there are, after that one"),
    (
        "/history [@NICK] [N]",
        "the last N messages of this room (50), or with that person",
    ),
    (
        "/search TEXT",
        "the last messages of this room with that text",
    ),
    ("/ignore [NICK]", "see nothing of a person; or list them"),
    ("/unignore NICK", "see that person again"),
    ("/kick NICK [WHY]", "put somebody out (operators)"),
    (
        "/ban WHOM [TIME] [WHY]",
        "bar a nick's address, an address or a network, for 30m, 12h or 7d (operators)",
    ),
    ("/unban WHOM", "lift a ban (operators)"),
    ("/bans [AFTER]", "list the bans (operators)"),
    (
        "/release NICK",
        "free a registered name whose owner has lost the identity (operators)",
    ),
    ("/pieces", "send what was too long as several messages"),
    ("/help", "this list"),
    ("/quit", "leave; so does Ctrl-D"),
    ("//text", "sends /text"),
];

/// Messages shown on joining and by `/history`, unless the person asks for another number.
pub(crate) const SHOWN_ON_JOIN: u32 = 50;

/// Returns what a line means that came in this manner; `None` if it is empty.
///
/// # Errors
/// A sentence for the person, if there is no such command.
pub(crate) fn parse(line: &str, manner: Manner) -> Option<Result<Command, String>> {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return None;
    }
    let command = line.strip_prefix('/');
    let Some(command) = command.filter(|_| manner != Manner::Piped) else {
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
        "register" => none(Command::Register),
        "who" => Some(Command::Ask(Question::Who(rest.into()))),
        "rooms" => Some(Command::Ask(Question::Rooms(rest.into()))),
        "reply" => some(&Command::Reply),
        "pieces" => none(Command::Pieces),
        "history" => history(rest),
        "search" => ask(&Question::Search),
        "ignore" => Some(Command::Ignore((!rest.is_empty()).then(|| rest.into()))),
        "unignore" => some(&Command::Unignore),
        "kick" => ask(&|whom| Question::Admin(kick(&whom))),
        "ban" => ask(&|whom| Question::Admin(ban(&whom))),
        "unban" => ask(&|whom| Question::Admin(Admin::Unban { whom })),
        "bans" => Some(Command::Ask(Question::Admin(Admin::Bans {
            after: rest.into(),
        }))),
        "release" => ask(&|nick| Question::Admin(Admin::Release { nick })),
        "help" => none(Command::Help),
        "quit" => none(Command::Quit),
        _ => None,
    };
    Some(command.ok_or_else(unknown))
}

fn history(rest: &str) -> Option<Command> {
    let (first, second) = first_word(rest);
    let (nick, number) = if first.starts_with('@') {
        (Some(first), second)
    } else {
        (None, rest)
    };
    let count = match number {
        "" => SHOWN_ON_JOIN,
        number => number.parse().ok()?,
    };
    Some(match nick {
        Some(nick) => Command::HistoryWith(nick.into(), count),
        None => Command::Ask(Question::History(count)),
    })
}

/// Returns whether a typed line is for one person only, and so not to be kept in a file: it is
/// private, or begins with a blank, as in a shell.
pub(crate) fn is_secret(line: &str) -> bool {
    let is_private = |word| {
        line.strip_prefix(word)
            .is_some_and(|rest| rest.starts_with(' '))
    };
    line.starts_with(' ') || is_private("/msg") || is_private("/reply")
}

fn kick(whom: &str) -> Admin {
    let (nick, why) = first_word(whom);
    let (nick, why) = (nick.to_owned(), why.to_owned());
    Admin::Kick { nick, why }
}

fn ban(rest: &str) -> Admin {
    let (whom, rest) = first_word(rest);
    let (time, after_time) = first_word(rest);
    let (minutes, why) = minutes(time).map_or((0, rest), |minutes| (minutes, after_time));
    Admin::Ban {
        whom: whom.into(),
        minutes,
        why: why.into(),
    }
}

/// Returns the minutes of a time such as `30m`, `12h` or `7d`.
fn minutes(time: &str) -> Option<u32> {
    let unit = match time.chars().last()? {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        _ => return None,
    };
    let count: u32 = time[..time.len() - 1].parse().ok()?;
    Some(count.saturating_mul(unit))
}

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Result<Command, String>> {
        super::parse(line, Manner::Typed)
    }

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
        let with = Command::HistoryWith("@bob".into(), 7);
        assert_eq!(parse("/history @bob 7"), Some(Ok(with)));
    }

    #[test]
    fn in_a_pipe_every_line_is_a_message() {
        for line in ["/quit", "//x", "/var/log/syslog: full", " /me", "hello"] {
            let said = Some(Ok(Command::Say(Kind::Said, line.into())));
            assert_eq!(super::parse(line, Manner::Piped), said);
        }
        assert_eq!(super::parse(" \n", Manner::Piped), None);
        assert_eq!(
            super::parse("/quit", Manner::Commanded),
            Some(Ok(Command::Quit))
        );
    }

    #[test]
    fn private_lines_are_not_kept() {
        for line in ["/msg bob hunter2", "/reply hunter2", " hunter2"] {
            assert!(is_secret(line), "{line}");
        }
        for line in ["hello", "/msgs x", "/join kitchen", "/msg"] {
            assert!(!is_secret(line), "{line}");
        }
    }

    #[test]
    fn operators_name_whom_and_may_say_why() {
        let order = |line| match parse(line) {
            Some(Ok(Command::Ask(Question::Admin(order)))) => order,
            other => panic!("{line}: {other:?}"),
        };
        let (nick, why) = ("bob".to_owned(), String::new());
        assert_eq!(order("/kick bob"), Admin::Kick { nick, why });
        for (line, minutes, why) in [
            ("/ban bob  too  loud \n", 0, "too  loud"),
            ("/ban bob 12h too loud", 720, "too loud"),
            ("/ban bob 7d", 7 * 24 * 60, ""),
            ("/ban bob 5 m", 0, "5 m"),
            ("/ban bob \u{e4}", 0, "\u{e4}"),
            ("/ban bob 9999999d", u32::MAX, ""),
        ] {
            let (whom, why) = ("bob".to_owned(), why.to_owned());
            assert_eq!(order(line), Admin::Ban { whom, minutes, why });
        }
        let whom = "10.0.0.0/24".to_owned();
        assert_eq!(order("/unban 10.0.0.0/24"), Admin::Unban { whom });
    }

    #[test]
    fn a_wrong_command_is_explained_and_not_sent() {
        for (line, says) in [
            ("/jion x", "there is no command /jion"),
            ("/join", "usage: /join ROOM"),
            ("/msg bob", "usage: /msg NICK TEXT"),
            ("/history many", "usage: /history [@NICK] [N]"),
            ("/quit now", "usage: /quit"),
            ("/kick", "usage: /kick NICK [WHY]"),
            ("/ban ", "usage: /ban WHOM [TIME] [WHY]"),
            ("/", "there is no command /"),
        ] {
            let Some(Err(text)) = parse(line) else {
                panic!("{line} is a command")
            };
            assert!(text.contains(says), "{text}");
        }
    }
}
