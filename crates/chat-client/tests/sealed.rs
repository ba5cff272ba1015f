//! A chat under the lab's key: what can be read on the way, and what is said of keys that do not
//! fit.

#[path = "../../common/tests/support/relay.rs"]
mod relay;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use chat_server::log::Bounds;
use chat_server::{Config, Memory};
use common::credential::Credential;
use common::net::{LabKey, Seal};
use relay::Relay;
use serde_json::Value;
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
    let table: [(&Server, &[&str], &str, &str, &str); 3] = [
        (
            &locked,
            &[],
            "locked",
            "it lets in holders of its key only",
            "help: or once in each terminal: export LAB_KEY=labkey1...",
        ),
        (
            &locked,
            &["--key", &two],
            "other_key",
            &other,
            "help: give all machines the same key file",
        ),
        (
            &open,
            &["--key", &one],
            "open",
            "it has no key, so anybody on the way could read along",
            "help: start chat-server with the same --key FILE",
        ),
    ];
    for (server, flags, name, says, help) in table {
        let flags = [&["--json"], flags].concat();
        let ended = run(&mut chat_client(&server.addr, &flags), "hello\n");
        let error = format!("{} answers, but {says}\n", server.addr);
        assert!(ended.stderr.contains(&error), "{ended:?}");
        assert!(ended.stderr.contains(help), "{ended:?}");
        assert_eq!(ended.code, Some(1));
        let object = ended.stderr.lines().last().expect("a line");
        let object: Value = serde_json::from_str(object).expect("JSON");
        assert_eq!(object["error"], name);
        let text = object["text"].as_str().expect("text");
        assert!(text.contains(says), "{text}");
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

#[test]
fn a_name_is_registered_with_an_identity_that_brings_it_back() {
    let folder = Folder::new("identity");
    let server = start(Some(key(1)));
    let (key_file, token) = (folder.path("1"), folder.path("token"));
    let client = |home: &str, flags: &[&str], input: &str| {
        let flags = [&["--key", &*key_file, "--commands"], flags].concat();
        let mut command = chat_client(&server.addr, &flags);
        let folder = folder.path(home);
        run(command.env("XDG_CONFIG_HOME", folder), input)
    };
    let ended = client("ann", &["--name", "ann"], "/register\n/who\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let file = folder.path("ann/distributed-lab/identity");
    let says = format!("ann is yours now; keep {file}: whoever has it is ann");
    assert!(ended.stderr.contains(&says), "{ended:?}");
    assert!(ended.stderr.contains("in lobby: ann*"), "{ended:?}");
    let secret = fs::read_to_string(&file).expect("a file");
    assert!(secret.starts_with("labself1") && !ended.stderr.contains(secret.trim()));
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let ended = client("eve", &["--name", "Ann"], "hello\n");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for says in [
        "does not let Ann in: ann is registered, and only its owner can have that name\n",
        "help: if the name is yours, show it: --identity FILE\n",
        "help: otherwise choose another name: --name NICK\n",
    ] {
        assert!(ended.stderr.contains(says), "{says} in {ended:?}");
    }
    let own = client("ann", &["--name", "ann"], "hello\n/register\n");
    assert_eq!(own.code, Some(0), "{own:?}");
    assert_eq!(fs::read_to_string(&file).expect("a file"), secret);
    let elsewhere = ["--name", "ann", "--identity", &file];
    let ended = client("bob", &elsewhere, "hello\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let operator = ["--name", "oscar", "--admin-token-file", &token];
    let ended = client("oscar", &operator, "/release ann\n");
    assert!(ended.stderr.contains("ann is anybody's again"), "{ended:?}");
    let ended = client("eve", &["--name", "ann"], "hello\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn an_identity_that_cannot_be_used_is_explained() {
    let folder = Folder::new("unused");
    let (file, key_file) = (folder.path("identity"), folder.path("1"));
    let sealed = ["--key", &key_file, "--identity", &file];
    let table: [(&str, &[&str], &str, &str); 3] = [
        (
            "labself1aaaa",
            &sealed,
            "is damaged",
            "help: a letter is missing, too much or another: copy it once more",
        ),
        (
            "hello",
            &sealed,
            "holds no identity",
            "help: an identity is one line that begins with labself1; /register makes one",
        ),
        (
            "hello",
            &["--identity", &file],
            "an identity is shown over sealed connections only",
            "help: add --key FILE, the server's too",
        ),
    ];
    for (text, flags, says, help) in table {
        fs::write(&file, text).expect("written");
        let ended = run(&mut chat_client("127.0.0.1:1", flags), "");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.stderr.contains(says) && ended.stderr.contains(help),
            "{ended:?}"
        );
    }
}
