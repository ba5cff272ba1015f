//! Registered nicks: whose they are, over restarts, and against callers that want them all the
//! same.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chat_server::log::Bounds;
use chat_server::{Config, Memory, OwnerFile, Sqlite, run};
use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Owner, Refusal, Result, SERVICE, Session, sender,
};
use common::cli::Interrupted;
use common::credential::Credential;
use common::identity::Identity;
use common::net::{Fingerprint, LabKey, Limits, Redial, Seal};
use futures::FutureExt;
use tarpc::context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TOKEN: &str = "sixteen bytes or";
const ANN: Session = Session(1 << 100);
const EVE: Session = Session(2 << 100);

fn key() -> LabKey {
    LabKey::host([7; 16]).expect("a key pair")
}

fn identity(n: u16) -> Identity {
    let mut seed = [9; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    Identity::new(seed).expect("a key pair")
}

fn host() -> Fingerprint {
    key().fingerprint()
}

struct Server {
    client: ChatClient<Redial<ChatRequest, ChatResponse>>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Server {
    /// A server that has shares for loopback addresses, too.
    async fn start(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr: SocketAddr = listener.local_addr().expect("bound");
        let protocol = config.seal.of(SERVICE);
        let redial = Redial::new(&*addr.to_string(), protocol);
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = stopped.map(|_| Interrupted::Term);
        let done = tokio::spawn(run(listener, config, shutdown));
        let client = redial.within(Duration::from_secs(30)).into();
        Self { client, stop, done }
    }

    async fn sealed(owners: OwnerFile) -> Self {
        let log = Memory::new(Bounds::keeping(100));
        Self::start(config(log, owners)).await
    }

    async fn enter(&self, session: Session, nick: &str, owner: Option<Owner>) -> Result<String> {
        let here = context::current();
        let entered = self.client.enter(here, session, nick.into(), owner);
        entered.await.expect("answered").map(|entered| entered.nick)
    }

    async fn register(&self, session: Session, owner: Owner) -> Result<String> {
        let registered = self.client.register(context::current(), session, owner);
        registered.await.expect("answered")
    }

    async fn bye(&self, session: Session) {
        let bye = self.client.bye(context::current(), session);
        bye.await.expect("answered");
    }

    async fn release(&self, session: Session, token: &str) -> Result<()> {
        let command = Admin::Release { nick: "Ann".into() };
        let here = context::current();
        let done = self.client.admin(here, session, token.into(), command);
        done.await.expect("answered").map(drop)
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.done.await.expect("no panic");
    }
}

fn config(log: chat_server::log::Log, owners: OwnerFile) -> Config {
    Config {
        rate: 100,
        admin: Some(Credential::new(TOKEN.into())),
        seal: Seal::new(&key()).expect("a usable key"),
        owners,
        limits: Limits {
            frees_loopback: false,
            ..Limits::default()
        },
        ..Config::new(log)
    }
}

fn registered(nick: &str) -> Result<String> {
    Err(Refusal::Registered(nick.into()))
}

/// Registers `ann`, and leaves.
async fn ann_registers(server: &Server) {
    let proof = identity(1).sign(host(), ANN, "ann");
    server.enter(ANN, "ann", None).await.expect("free");
    let kept = server.register(ANN, proof).await;
    assert_eq!(kept, Ok("ann".into()));
    server.bye(ANN).await;
}

#[tokio::test]
async fn a_registered_nick_is_kept_for_its_owner_over_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.sqlite.names");
    let owners = || OwnerFile::read(path.clone()).expect("readable");
    let log = Sqlite::open(&folder.path().join("log.sqlite"), Bounds::keeping(9));
    let server = Server::start(config(log.expect("a store"), owners())).await;
    ann_registers(&server).await;
    server.stop().await;
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let server = Server::sealed(owners()).await;
    for name in ["ann", "Ann", "аnn"] {
        let entered = server.enter(EVE, name, None).await;
        assert_eq!(entered, registered("ann"), "{name}");
    }
    // In her own spelling, with a session of another life of hers.
    let again = Session(ANN.0 + 1);
    let proof = identity(1).sign(host(), again, "ＡＮＮ");
    let entered = server.enter(again, "ＡＮＮ", Some(proof)).await;
    assert_eq!(entered, Ok("ANN".into()), "the proof is for what was sent");
    // A session that has the nick needs no proof to come back to it.
    assert!(server.enter(again, "ANN", None).await.is_ok());
    server.bye(again).await;

    server.enter(EVE, "eve", None).await.expect("free");
    let wrong = server.release(EVE, "a wrong token, but long").await;
    assert_eq!(wrong, Err(Refusal::WrongToken));
    assert_eq!(server.release(EVE, TOKEN).await, Ok(()));
    let twice = server.release(EVE, TOKEN).await;
    let why = Refusal::Unfit("Ann is not registered".into());
    assert_eq!(twice, Err(why));
    server.stop().await;
    let server = Server::sealed(owners()).await;
    assert!(server.enter(EVE, "ann", None).await.is_ok(), "released");
    server.stop().await;
}

#[tokio::test]
async fn a_proof_of_another_session_host_key_or_nick_opens_nothing() {
    let server = Server::sealed(OwnerFile::default()).await;
    ann_registers(&server).await;
    let (ann, eve) = (identity(1), identity(2));
    let elsewhere = LabKey::host([8; 16]).expect("a key pair").fingerprint();
    // What a dishonest server, a neighbour or a journal could have of her.
    let recorded = ann.sign(host(), ANN, "ann");
    let own = eve.sign(host(), EVE, "ann");
    let table = [
        ("sent again", recorded),
        ("of her own", own),
        (
            "under another's name",
            Owner {
                public: recorded.public,
                ..own
            },
        ),
        (
            "of a public half",
            Owner {
                public: own.public,
                ..recorded
            },
        ),
        ("of another server", ann.sign(elsewhere, EVE, "ann")),
        ("of another nick", ann.sign(host(), EVE, "anna")),
        ("of another spelling", ann.sign(host(), EVE, "Ann")),
        (
            "of zeros",
            Owner {
                public: [0; 32],
                r: [0; 32],
                s: [0; 32],
            },
        ),
    ];
    for (what, proof) in table {
        let entered = server.enter(EVE, "ann", Some(proof)).await;
        assert_eq!(entered, registered("ann"), "a proof {what}");
    }
    // And with what belongs together: the session is the secret then, as without a proof.
    let entered = server.enter(ANN, "ann", Some(recorded)).await;
    assert_eq!(entered, Ok("ann".into()));
    // Nor can a nick be taken by registering one that looks like it.
    server.enter(EVE, "eve", None).await.expect("free");
    let table = [
        (eve.sign(host(), EVE, "ann"), "this is no proof for eve"),
        (eve.sign(host(), ANN, "eve"), "this is no proof for eve"),
        (recorded, "this is no proof for eve"),
    ];
    for (proof, why) in table {
        let refused = server.register(EVE, proof).await;
        assert_eq!(refused, Err(Refusal::Unfit(why.into())));
    }
    let unknown = server.register(Session(3), recorded).await;
    assert_eq!(unknown, Err(Refusal::NoSession));
    assert_ne!(sender(ANN), ANN.0, "a session cannot be seen by others");
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_registrations_ends_at_the_share_of_an_address() {
    let server = Server::sealed(OwnerFile::default()).await;
    let mut kept = 0;
    let refusal = loop {
        let (n, session) = (kept, Session(EVE.0 + u128::from(kept)));
        let nick = format!("e{n}x");
        server.enter(session, &nick, None).await.expect("free");
        // A new key pair for each, because one of them may have three nicks only.
        let proof = identity(n).sign(host(), session, &nick);
        let registered = server.register(session, proof).await;
        server.bye(session).await;
        match registered {
            Ok(_) => kept += 1,
            Err(refusal) => break refusal,
        }
        assert!(kept < 1000, "no end");
    };
    let why = "too many names were registered from your address: an operator can free some";
    assert_eq!(refusal, Refusal::Share(why.into()));
    assert_eq!(kept, 64);
    server.stop().await;
}

#[tokio::test]
async fn without_a_seal_no_nick_is_registered_and_none_is_given_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("names");
    let owners = || OwnerFile::read(path.clone()).expect("readable");
    let server = Server::sealed(owners()).await;
    ann_registers(&server).await;
    server.stop().await;
    let plain = Config {
        seal: Seal::none(),
        ..config(Memory::new(Bounds::keeping(9)), owners())
    };
    let server = Server::start(plain).await;
    server.enter(ANN, "anna", None).await.expect("free");
    let proof = identity(1).sign(host(), ANN, "anna");
    let why = "names are registered on a server with a key only (--key FILE)";
    let refused = server.register(ANN, proof).await;
    assert_eq!(refused, Err(Refusal::Unfit(why.into())));
    assert_eq!(server.enter(EVE, "ann", None).await, registered("ann"));
    server.stop().await;
    fs::write(&path, "ann\twhat?\n").expect("written");
    let error = OwnerFile::read(path).expect_err("damaged").to_string();
    assert!(
        error.contains("\"ann\\twhat?\" is not a registered name"),
        "{error}"
    );
}
