//! Secret strings under the lab's key: what can be read on the way, and keys that do not fit.

#[path = "../../common/tests/support/program.rs"]
mod program;
#[path = "../../common/tests/support/relay.rs"]
mod relay;
mod support {
    pub(crate) mod place;
}

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::credential::Credential;
use common::net::{LabKey, Seal};
use program::{Ended, run};
use relay::Relay;
use secret_server::Config;
use support::place::{Place, QUICK, numbers};

const PREMIUM_KEY: &str = "sixteen letters!";

/// The files of one test, removed at its end.
struct Files(Vec<PathBuf>);

impl Files {
    /// Files with these texts.
    fn with(name: &str, texts: &[&str]) -> Self {
        let file = |(n, text): (usize, &&str)| {
            let file = format!("secret-{name}-{n}-{}", std::process::id());
            let path = std::env::temp_dir().join(file);
            fs::write(&path, text).expect("written");
            path
        };
        Self(texts.iter().enumerate().map(file).collect())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

fn key(number: u8) -> LabKey {
    LabKey::host([number; 16]).expect("a key pair")
}

fn config(key: Option<&LabKey>) -> Config {
    let seal = key.map(|key| Seal::new(key).expect("a usable key"));
    Config {
        seal: seal.unwrap_or(Seal::none()),
        premium_key: Some(Credential::new(PREMIUM_KEY.into())),
        ..QUICK
    }
}

async fn client(args: &[&str], input: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secret-client"));
    command.args(args);
    let input = input.to_owned();
    let ended = tokio::task::spawn_blocking(move || run(&mut command, &input));
    ended.await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_can_be_read_on_the_way_nor_its_answer_nor_a_key() {
    let lab_key = key(1).reveal();
    let files = Files::with("way", &[&lab_key, PREMIUM_KEY]);
    let [key_file, premium_file] = [0, 1].map(|n| files.0[n].to_str().expect("letters"));
    let (_, reversed) = numbers(3000);
    for is_sealed in [true, false] {
        let place = Place::with(config(is_sealed.then(|| key(1)).as_ref())).await;
        let relay = Relay::to(&place.addr());
        let mut args = vec!["--server", &relay.addr, "--premium-key-file", premium_file];
        if is_sealed {
            args.extend(["--key", key_file]);
        }
        let one = client(&[&args[..], &["--string", "lagerregal?"]].concat(), "").await;
        assert_eq!(one.stdout, "?lagerregal\n", "{one:?}");
        let list = client(&[&args[..], &["-"]].concat(), &numbers(3000).0).await;
        assert_eq!(list.stdout, reversed, "{list:?}");
        // In plain all of it can be read, so the test looks for the right things.
        for said in ["lagerregal?", "?lagerregal", "2345", "5432", PREMIUM_KEY] {
            assert_eq!(relay.has_passed(said), !is_sealed, "{said}");
        }
        assert!(!relay.has_passed(&lab_key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_do_not_fit_are_explained() {
    let texts = [1, 2].map(|n| key(n).reveal());
    let files = Files::with("fit", &[&texts[0], &texts[1]]);
    let file = |n: usize| files.0[n].to_str().expect("letters");
    let locked = Place::with(config(Some(&key(1)))).await.addr();
    let open = Place::with(config(None)).await.addr();
    let names = [1, 2].map(|n| key(n).fingerprint().name());
    let other = format!("it has the key {}, and you have {}", names[0], names[1]);
    let table: [(&str, &[&str], &str); 3] = [
        (&locked, &[], "it lets in holders of its key only"),
        (&locked, &["--key", file(1)], &other),
        (
            &open,
            &["--key", file(0)],
            "it has no key, so anybody on the way",
        ),
    ];
    for (addr, flags, says) in table {
        for work in [&["--string", "word"][..], &["-"]] {
            let args = [&["--server", addr], flags, work].concat();
            let ended = client(&args, "word\n").await;
            assert_eq!(ended.code, Some(1), "{ended:?}");
            let error = format!("{addr} answers, but {says}");
            assert!(ended.stderr.contains(&error), "no {error:?} in {ended:?}");
            assert!(ended.stderr.contains("\nhelp: "), "{ended:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_key_leaves_the_work_to_the_others() {
    let files = Files::with("others", &[&key(1).reveal()]);
    let (good, bad) = (config(Some(&key(1))), config(Some(&key(2))));
    let (good, bad) = (Place::with(good).await, Place::with(bad).await);
    let servers = format!("{},{}", bad.addr(), good.addr());
    let key_file = files.0[0].to_str().expect("letters");
    let args = ["--server", &servers, "--key", key_file, "-"];
    let (list, reversed) = numbers(100);
    let ended = client(&args, &list).await;
    assert_eq!(ended.stdout, reversed, "{ended:?}");
    assert_eq!(ended.code, Some(0));
}
