//! The command line of `chat-client`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use common::cli;
use common::credential::Credential;

use crate::command::SHOWN_ON_JOIN;
use crate::config::{Config, Style};
use crate::conversation::After;
use crate::identity_file::IdentityFile;
use crate::servers::MAX_SERVERS;

/// Talks in a chat room, from a terminal or a pipe
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "In a terminal, messages appear above the line you type; /help lists commands.\n\
                  Otherwise a line in is a message, whatever it begins with, and a message is a \
                  line out. When the input ends, it waits until all is acknowledged, prints what \
                  was said until then, and leaves. With /dev/null for input it has nothing to say, \
                  and listens until it is stopped or nobody reads it any more.\n\n\
                  Examples:\n  \
                  chat-client --server 192.168.1.20:8030 --name ann\n  \
                  chat-client --server a.lab:8030,b.lab:8030,c.lab:8030\n  \
                  tail -f log | chat-client --name bot --no-history --wait 5m\n  \
                  chat-client </dev/null | grep -i lunch\n  \
                  : | chat-client --json --after 120        what came since, and no more"
)]
pub struct Args {
    /// The server to call; of several, as A,B,C, any that answers, and the next one when it is gone
    #[arg(long, visible_alias = "ip", value_name = "HOST:PORT", env = "LAB_SERVER",
          default_value = "127.0.0.1:8030", value_parser = servers)]
    pub server: Servers,

    /// Your name in the chat [default: your login name]
    #[arg(long, value_name = "NICK")]
    pub name: Option<String>,

    /// The room to join
    #[arg(long, value_name = "ROOM", default_value = "lobby")]
    pub room: String,

    /// Prints one JSON object for each message instead of a line; and after an error one on stderr
    /// whose "error" names it
    #[arg(long)]
    pub json: bool,

    /// Shows what came after message number N (in the log EPOCH, which --json names), instead of
    /// the last 50
    #[arg(long, value_name = "N[@EPOCH]", conflicts_with = "no_history", value_parser = after)]
    pub after: Option<After>,

    /// Shows only what comes from now on
    #[arg(long)]
    pub no_history: bool,

    /// Takes lines of a pipe that begin with / as commands; one that is refused ends it with 1
    #[arg(long)]
    pub commands: bool,

    /// How long the server may take to come up; 0 for one attempt only
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = cli::duration)]
    pub wait: Duration,

    /// Does not ring the terminal's bell when a message is for you
    #[arg(long)]
    pub no_bell: bool,

    /// File with your identity, which shows that a registered name is yours; /register makes it
    /// [default: distributed-lab/identity in your configuration folder]
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,

    /// File with the server's admin token, for /kick, /ban, /unban, /bans and /release
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// What all five programs take
    #[command(flatten)]
    pub common: cli::Common,
}

impl Args {
    /// Returns who reads what is printed about a failure.
    pub fn readers(&self) -> cli::Readers {
        if self.json {
            cli::Readers::Programs
        } else {
            cli::Readers::People
        }
    }
}

/// The servers of one chat, as `HOST:PORT`, each once.
#[derive(Clone, Debug)]
pub struct Servers(Vec<String>);

/// Returns the servers of a list with commas.
fn servers(text: &str) -> Result<Servers, String> {
    let mut list: Vec<String> = Vec::new();
    for server in text.split(',').map(str::trim) {
        let server = cli::host_port(server)?;
        if !list.contains(&server) {
            list.push(server);
        }
    }
    if list.len() > MAX_SERVERS {
        return Err(format!("expected at most {MAX_SERVERS} servers"));
    }
    Ok(Servers(list))
}

/// Returns the place after which to read: `N`, or `N@EPOCH`.
fn after(text: &str) -> Result<After, String> {
    let (number, epoch) = text.split_once('@').unzip();
    let parse = |text: &str| text.parse().map_err(|_| "expected N or N@EPOCH".to_owned());
    Ok(After {
        number: parse(number.unwrap_or(text))?,
        epoch: epoch.map(parse).transpose()?,
    })
}

impl TryFrom<Args> for Config {
    type Error = cli::Failure;

    /// Fails if the token file or the identity cannot be read.
    fn try_from(args: Args) -> Result<Self, cli::Failure> {
        let seal = args.common.seal()?;
        let token = args.admin_token_file.as_deref();
        let Servers(servers) = args.server;
        for server in servers.iter().filter(|_| token.is_some()) {
            Credential::check_way("admin token", server, &seal)?;
        }
        let admin = token.map(|path| Credential::read(path, "admin token"));
        let login = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        let nick = args.name.or_else(|| login().ok());
        Ok(Self {
            servers,
            identity: IdentityFile::open(args.identity, &seal)?,
            seal,
            nick: nick.unwrap_or_else(|| "guest".into()),
            room: args.room,
            style: if args.json { Style::Json } else { Style::Lines },
            after: args.after,
            history: if args.no_history { 0 } else { SHOWN_ON_JOIN },
            commands: args.commands,
            wait: args.wait,
            bell: !args.no_bell,
            admin: admin.transpose()?,
            journal: args.common.journal("chat-client", None)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_servers_has_each_once_and_not_too_many() {
        let list = |text: &str| servers(text).map(|Servers(list)| list);
        let two = Ok(vec!["127.0.0.1:8030".to_owned(), "b:1".to_owned()]);
        assert_eq!(list(":8030, b:1,8030"), two);
        let numbers = |most| {
            (1..=most)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(
            list(&numbers(MAX_SERVERS)).map(|list| list.len()),
            Ok(MAX_SERVERS)
        );
        let too_many = numbers(MAX_SERVERS + 1);
        for wrong in ["", ",", "a:1,", "a:1,b", &too_many] {
            assert!(list(wrong).is_err(), "{wrong}");
        }
    }
}
