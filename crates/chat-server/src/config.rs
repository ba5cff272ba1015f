//! What the owner of a server decides, and how it follows from the command line.

use std::path::{Path, PathBuf};

use common::cli::Failure;
use common::credential::Credential;
use common::net::{Limits, Seal};
use common::pen::Pen;

use crate::args::{Args, Store};
use crate::ban_file::BanFile;
use crate::company::Company;
use crate::log::{Bounds, Log};
use crate::memory::Memory;
use crate::owner_file::OwnerFile;
use crate::sqlite::Sqlite;

/// Shortest admin token in bytes: 16 random ones cannot be guessed.
const SHORTEST_TOKEN: usize = 16;

/// The settings of a server.
pub struct Config {
    /// Where messages are kept.
    pub log: Log,
    /// Messages a second that each session may send; 0 is no limit.
    pub rate: u32,
    /// The token whose holders may kick and ban. Without one, both are refused.
    pub admin: Option<Credential>,
    /// Whom operators keep out.
    pub bans: BanFile,
    /// Which nicks are registered.
    pub owners: OwnerFile,
    /// Who can connect at all.
    pub seal: Seal,
    /// What the network allows. An address may have as many sessions as connections.
    pub limits: Limits,
    /// What happens is written into this journal.
    pub journal: Pen,
    /// Who serves the same rooms.
    pub company: Company,
}

impl Config {
    /// Returns the settings of a server over `log`: no limit on sending, no admin token.
    pub fn new(log: Log) -> Self {
        Self {
            log,
            rate: 0,
            admin: None,
            bans: BanFile::default(),
            owners: OwnerFile::default(),
            seal: Seal::none(),
            limits: Limits::default(),
            journal: Pen::default(),
            company: Company::Alone,
        }
    }
}

/// Reads the token and opens the log.
impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> anyhow::Result<Self> {
        let seal = args.common.host_seal()?;
        let token = args.admin_token_file.as_deref();
        if token.is_some() {
            Credential::check_way("admin token", &args.ports.listen.to_string(), &seal)?;
        }
        let admin = token.map(admin_token).transpose()?;
        let bounds = Bounds {
            bytes: args.store_limit,
            ..Bounds::keeping(args.history)
        };
        let journal = args.common.journal("chat-server", None)?;
        let Opened {
            log,
            bans,
            owners,
            company,
        } = match args.store {
            Some(Store::Nats(url)) => shared(url, args.nats_creds, args.nats_ca, bounds, &journal)?,
            // An error, because nobody would look for the rooms in a file of this machine.
            _ if args.nats_creds.is_some() || args.nats_ca.is_some() => {
                return Err(no_nats().into());
            }
            store => open(store, bounds)?,
        };
        log.keep_journal(journal.clone());
        Ok(Self {
            journal,
            company,
            rate: args.rate,
            admin,
            bans,
            owners,
            seal,
            limits: Limits {
                per_address: args.per_address,
                ..Limits::default()
            },
            ..Self::new(log)
        })
    }
}

fn no_nats() -> Failure {
    Failure::new("--nats-creds and --nats-ca are for a store in NATS, and --store names none")
        .help("name the nats-servers: --store nats://HOST:PORT,HOST:PORT,HOST:PORT")
        .help("or leave the two out")
}

/// Reads the admin token. A short one is refused, because it could be guessed.
fn admin_token(path: &Path) -> anyhow::Result<Credential> {
    let token = Credential::read(path, "admin token")?;
    if token.reveal().len() >= SHORTEST_TOKEN {
        return Ok(token);
    }
    let path = path.display();
    let what = format!("the admin token in {path} is too short: it could be guessed");
    let help = format!("make a longer one: head -c {SHORTEST_TOKEN} /dev/urandom | base64");
    Err(Failure::new(what).help(help).into())
}

/// The log, and what is kept beside it.
struct Opened {
    log: Log,
    bans: BanFile,
    owners: OwnerFile,
    company: Company,
}

/// Joins the log in NATS.
#[cfg(feature = "nats")]
fn shared(
    url: String,
    creds: Option<PathBuf>,
    ca: Option<PathBuf>,
    bounds: Bounds,
    journal: &Pen,
) -> anyhow::Result<Opened> {
    let settings = crate::nats::Settings { url, creds, ca };
    let open = crate::nats::Nats::open(&settings, bounds, journal.clone());
    // The other threads go on meanwhile.
    let (log, others) =
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(open))?;
    Ok(Opened {
        log,
        bans: BanFile::default(),
        owners: OwnerFile::default(),
        company: Company::Together(Box::new(others)),
    })
}

/// Refuses a log in NATS, which is heavier than all the rest, and which few need.
#[cfg(not(feature = "nats"))]
fn shared(
    _: String,
    _: Option<PathBuf>,
    _: Option<PathBuf>,
    _: Bounds,
    _: &Pen,
) -> anyhow::Result<Opened> {
    // Without the URL, in which a password may be.
    Err(
        Failure::new("cannot open a log in NATS: this program was built without NATS")
            .help("build it with: cargo build --release -p chat-server --features nats")
            .into(),
    )
}

/// Opens the log, and reads what is beside it.
fn open(store: Option<Store>, bounds: Bounds) -> anyhow::Result<Opened> {
    let path = match store {
        Some(Store::Memory) => {
            return Ok(Opened {
                log: Memory::new(bounds),
                bans: BanFile::default(),
                owners: OwnerFile::default(),
                company: Company::Alone,
            });
        }
        Some(Store::Sqlite(path)) => path,
        Some(Store::Nats(_)) | None => default_path()?,
    };
    let log = Sqlite::open(&path, bounds).map_err(|error| {
        Failure::new(format!("cannot open {}: {error:#}", path.display()))
            .help("choose another file: --store sqlite:PATH")
            .help("or keep messages in memory only: --store memory")
    })?;
    let beside = |end: &str| {
        let mut beside = path.clone().into_os_string();
        beside.push(end);
        PathBuf::from(beside)
    };
    Ok(Opened {
        log,
        bans: BanFile::read(beside(".bans"))?,
        owners: OwnerFile::read(beside(".names"))?,
        company: Company::Alone,
    })
}

/// Returns the file in the user's state folder, by the XDG Base Directory Specification.
fn default_path() -> anyhow::Result<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // First, because systemd gives a service a folder of its own.
    let folder = var("STATE_DIRECTORY")
        .or_else(|| Some(var("XDG_STATE_HOME")?.join("chat-server")))
        .or_else(|| Some(var("HOME")?.join(".local/state/chat-server")));
    let folder = folder.ok_or_else(|| {
        Failure::new("nowhere to keep messages: HOME is not set")
            .help("name a file: --store sqlite:PATH")
    })?;
    Ok(folder.join("log.sqlite"))
}
