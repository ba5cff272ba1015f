//! The file with a person's identity, and how it is made.

use std::env;
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use common::chat::{Owner, Session};
use common::cli::Failure;
use common::identity::Identity;
use common::net::{Fingerprint, Flaw, Seal};
use common::private_file;

/// A person's identity, if there is one. It is shown over sealed connections only, because anybody
/// on the way could use the session otherwise. Clones share it.
#[derive(Clone, Debug)]
pub struct IdentityFile {
    path: Option<PathBuf>,
    host: Option<Fingerprint>,
    identity: Arc<OnceLock<Identity>>,
}

impl IdentityFile {
    /// Reads the identity in the file `named`, or in the usual one; there need not be any yet.
    /// Without a seal nothing is read.
    ///
    /// # Errors
    /// If there is a file, and it cannot be read or holds no identity; or if one is named without
    /// a seal.
    pub fn open(named: Option<PathBuf>, seal: &Seal) -> Result<Self, Failure> {
        let host = seal.fingerprint();
        if named.is_some() && host.is_none() {
            let what = "an identity is shown over sealed connections only";
            return Err(Failure::new(what).help("add --key FILE, the server's too"));
        }
        let file = Self {
            path: named.or_else(usual_path).filter(|_| host.is_some()),
            host,
            identity: Arc::default(),
        };
        if let Some(path) = &file.path {
            match private_file::read(path, "identity") {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                text => drop(file.identity.set(parse(path, text)?)),
            }
        }
        Ok(file)
    }

    /// Returns the proof that this person is `nick` in this `session`, if there is an identity.
    pub(crate) fn sign(&self, session: Session, nick: &str) -> Option<Owner> {
        let identity = self.identity.get()?;
        Some(identity.sign(self.host?, session, nick))
    }

    /// Makes an identity and writes it into the file, unless there is one. Returns the file.
    ///
    /// # Errors
    /// A sentence for the person, if it cannot be written.
    pub(crate) fn make(&self) -> Result<String, String> {
        let nowhere = || "there is no place for your identity: name one with --identity FILE";
        let path = self.path.as_ref().ok_or_else(nowhere)?;
        let shown = path.display().to_string();
        if self.identity.get().is_none() {
            let made = create(path).map_err(|error| format!("cannot write {shown}: {error}"))?;
            let identity = match made {
                Some(identity) => identity,
                // Another client of this person has made it meanwhile.
                None => parse(path, private_file::read(path, "identity"))
                    .map_err(|failure| failure.to_string())?,
            };
            let _ = self.identity.set(identity);
        }
        Ok(shown)
    }
}

/// Writes a new identity into the new file `path`. Returns it, or nothing if there is such a file.
fn create(path: &Path) -> io::Result<Option<Identity>> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let no_pair = || io::Error::other("no key pair can be made");
    let identity = Identity::new(rand::random()).ok_or_else(no_pair)?;
    match private_file::create(path, &identity.reveal()) {
        Ok(()) => Ok(Some(identity)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(path: &Path, text: io::Result<String>) -> Result<Identity, Failure> {
    let shown = path.display();
    let text = text.map_err(|error| {
        Failure::new(format!("cannot read your identity in {shown}: {error}"))
            .help("name another file: --identity FILE")
    })?;
    Identity::parse(&text).map_err(|flaw| match flaw {
        Flaw::Damaged => Failure::new(format!("your identity in {shown} is damaged"))
            .help("a letter is missing, too much or another: copy it once more")
            .help("if there is no other copy, delete it: an operator can free your name"),
        Flaw::NoKey => Failure::new(format!("{shown} holds no identity"))
            .help("an identity is one line that begins with labself1; /register makes one"),
    })
}

/// Returns the file in the user's configuration folder, by the XDG Base Directory Specification:
/// not the state folder, because it is to be copied to other machines.
fn usual_path() -> Option<PathBuf> {
    let var = |name| {
        let value = env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let folder = var("XDG_CONFIG_HOME").or_else(|| Some(var("HOME")?.join(".config")))?;
    Some(folder.join("distributed-lab/identity"))
}
