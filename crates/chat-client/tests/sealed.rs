//! A chat under the lab's key: what can be read on the way, and what is said of keys that do not
//! fit.

#[path = "../../common/tests/support/relay.rs"]
mod relay;
mod support;

use std::fs;
use std::path::PathBuf;

use chat_server::log::Bounds;
use chat_server::{Config, Memory};
use common::credential::Credential;
use common::net::{LabKey, Seal};
use relay::Relay;
use support::{Server, chat_client, listener, run};

const TOKEN: &str = "the token of an operator";

/// A folder with two key files and a token, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("chat-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("a new folder");
        for n in [1, 2] {
            fs::write(folder.join(n.to_string()), key(n).reveal()).expect("written");
        }
        fs::write(folder.join("token"), TOKEN).expect("written");
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("letters").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key(number: u8) -> LabKey {
    LabKey::host([number; 16]).expect("a key pair")
}

fn config(key: Option<LabKey>) -> Config {
    let seal = key.map(|key| Seal::new(&key).expect("a usable key"));
    Config {
        admin: Some(Credential::new(TOKEN.into())),
        seal: seal.unwrap_or(Seal::none()),
        ..Config::new(Memory::new(Bounds::keeping(100)))
    }
}

fn start(key: Option<LabKey>) -> Server {
    Server::run("127.0.0.1:0", config(key))
}

#[test]
fn nothing_that_is_said_can_be_read_on_the_way() {
    let folder = Folder::new("way");
    for is_sealed in [true, false] {
        let server = start(is_sealed.then(|| key(1)));
        let relay = Relay::to(&server.addr);
        let key_file = folder.path("1");
        let token_file = folder.path("token");
        let mut flags = vec!["--name", "annabel", "--admin-token-file", &token_file];
        flags.push("--commands");
        if is_sealed {
            flags.extend(["--key", &key_file]);
        }
        let input = "the plan is ready\n/bans\n";
        let ended = run(&mut chat_client(&relay.addr, &flags), input);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("nobody is banned"), "{ended:?}");
        // In plain all of it can be read, so the test looks for the right things.
        for said in ["the plan is ready", "annabel", "lobby", TOKEN] {
            assert_eq!(relay.has_passed(said), !is_sealed, "{said}");
        }
        let key = fs::read_to_string(&key_file).expect("text");
        assert!(!relay.has_passed(&key));
    }
}

#[test]
fn keys_that_do_not_fit_are_explained() {
    let folder = Folder::new("explained");
    let (locked, open) = (start(Some(key(1))), start(None));
    let names = [1, 2].map(|n| key(n).fingerprint().name());
    let (one, two) = (folder.path("1"), folder.path("2"));
    let other = format!("it has the key {}, and you have {}", names[0], names[1]);
    let table: [(&Server, &[&str], &str, &str); 3] = [
        (
            &locked,
            &[],
            "it lets in holders of its key only",
            "help: or once in each terminal: export LAB_KEY=labkey1...",
        ),
        (
            &locked,
            &["--key", &two],
            &other,
            "help: give all machines the same key file",
        ),
        (
            &open,
            &["--key", &one],
            "it has no key, so anybody on the way could read along",
            "help: start chat-server with the same --key FILE",
        ),
    ];
    for (server, flags, says, help) in table {
        let ended = run(&mut chat_client(&server.addr, flags), "hello\n");
        let error = format!("{} answers, but {says}\n", server.addr);
        assert!(ended.stderr.contains(&error), "{ended:?}");
        assert!(ended.stderr.contains(help), "{ended:?}");
        assert_eq!(ended.code, Some(1));
    }
}

#[test]
fn a_server_that_comes_back_with_another_key_is_named_once_and_waited_for() {
    let folder = Folder::new("back");
    let server = start(Some(key(1)));
    let addr = server.addr.clone();
    let key_file = folder.path("1");
    let mut client = listener(&addr, &["--name", "ann", "--key", &key_file]);
    let mut hears = |words: &str| {
        let found = client.stderr.by_ref().find(|line| line.contains(words));
        assert!(found.is_some(), "no {words:?} in {}", client.stderr.heard);
    };
    // Until it is in the lobby, because a client that was never there does not come back.
    let who = ["--name", "bob", "--commands", "--key", &key_file];
    while !run(&mut chat_client(&addr, &who), "/who\n")
        .stderr
        .contains("ann")
    {}
    drop(server);
    hears("lost: trying again");
    let other = Server::run(&addr, config(Some(key(2))));
    hears("cannot come back: ");
    drop(other);
    let _server = Server::run(&addr, config(Some(key(1))));
    hears("connected again");
    let times = client.stderr.heard.matches("cannot come back: ").count();
    assert_eq!(times, 1, "{}", client.stderr.heard);
}
