//! The key of the lab on the command line: where it comes from, and how one is made.
//!
//! The key itself is never an argument, because other users of the machine see arguments. It is in
//! the file of `--key`, otherwise in the variable `LAB_KEY`, and nowhere else: nothing is
//! remembered or looked for. Naming a key leads to that key or to an error, never to a connection
//! without one.

use std::env;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::args::Common;
use super::end::Failure;
use crate::net::{Flaw, LabKey, Seal, new_lab_key};
use crate::private_file;

/// The variable with the text of the key.
const VARIABLE: &str = "LAB_KEY";

/// What a person is told whose file is something else.
const A_KEY_IS: &str = "a key is one line that begins with labkey1 or labguest1";

impl Common {
    /// Returns the lab's key, if the person has named one.
    ///
    /// # Errors
    /// If there is none in the file or in the variable: also if that is empty.
    pub fn lab_key(&self) -> Result<Option<LabKey>, Failure> {
        let (text, place) = match (&self.key, env::var_os(VARIABLE)) {
            (Some(path), _) => (read(path)?, path.display().to_string()),
            (None, Some(text)) => (text.to_string_lossy().into_owned(), VARIABLE.to_owned()),
            (None, None) => return Ok(None),
        };
        LabKey::parse(&text).map(Some).map_err(|flaw| match flaw {
            Flaw::Damaged => Failure::new(format!("the key in {place} is damaged"))
                .named("damaged_key")
                .help("a letter is missing, too much or another: copy it once more"),
            Flaw::NoKey => {
                let failure = Failure::new(format!("{place} holds no key of a lab"))
                    .named("no_key")
                    .help(A_KEY_IS);
                if self.key.is_some() {
                    return failure.help("make one: chat-server --new-key FILE");
                }
                failure.help(format!(
                    "{VARIABLE} holds the key itself: a file is named by --key FILE; unset \
                     {VARIABLE} to go without"
                ))
            }
        })
    }

    /// Returns the seal for a program that only calls.
    ///
    /// # Errors
    /// Those of [`lab_key`](Self::lab_key).
    pub fn seal(&self) -> Result<Seal, Failure> {
        match self.lab_key()? {
            Some(key) => seal(&key),
            None => Ok(Seal::none()),
        }
    }

    /// Returns the seal for a program that listens.
    ///
    /// # Errors
    /// Those of [`lab_key`](Self::lab_key); or if it is a guest key.
    pub fn host_seal(&self) -> Result<Seal, Failure> {
        match self.lab_key()? {
            Some(key) if key.is_host() => seal(&key),
            Some(_) => Err(self.guest()),
            None => Ok(Seal::none()),
        }
    }

    /// Writes the guest key of the lab's key into the new file `path`, and says so.
    ///
    /// # Errors
    /// If there is no host key, or the file cannot be written.
    pub fn write_guest_key(&self, path: &Path) -> Result<(), Failure> {
        let key = self.lab_key()?.ok_or_else(|| {
            Failure::new("a guest key is made of a host key, and there is none")
                .help("name it: --key FILE")
        })?;
        if !key.is_host() {
            return Err(self.guest());
        }
        write(path, &key.guest())?;
        let (shown, name) = (path.display(), key.fingerprint().name());
        say(&format!(
            "{shown} holds the guest key of {name}: for clients; keep {} with the server",
            self.place()
        ));
        Ok(())
    }

    fn guest(&self) -> Failure {
        let place = self.place();
        Failure::new(format!(
            "{place} is a guest key: with it one can call, not listen"
        ))
        .help("use the host key that it was made of: the file of --new-key")
    }

    fn place(&self) -> String {
        match &self.key {
            Some(path) => path.display().to_string(),
            None => VARIABLE.to_owned(),
        }
    }
}

/// Makes a new key, writes it into the new file `path`, and says so.
pub(super) fn write_new_key(path: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("cannot make a key: {error}"));
    let key = new_lab_key().map_err(failed)?;
    write(path, &key)?;
    let (shown, name) = (path.display(), key.fingerprint().name());
    say(&format!(
        "{shown} holds the new key {name}: copy it to every machine, and add --key {shown}"
    ));
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    private_file::read(path, "key").map_err(|error| {
        let failure = Failure::new(format!(
            "cannot read the key in {}: {error}",
            path.display()
        ))
        .named("unreadable_key");
        match error.kind() {
            ErrorKind::NotFound => failure
                .help("make one: chat-server --new-key FILE")
                .help("or copy it from the machine that has it"),
            ErrorKind::PermissionDenied => failure.help("a key belongs to the person who uses it"),
            _ => failure.help(A_KEY_IS),
        }
    })
}

fn write(path: &Path, key: &LabKey) -> Result<(), Failure> {
    private_file::create(path, &key.reveal()).map_err(|error| {
        let failure = Failure::new(format!("cannot write {}: {error}", path.display()));
        failure.help(match error.kind() {
            ErrorKind::AlreadyExists => "a key is never written over another: choose another name",
            _ => "name a file in a folder that is there, and that you can write to",
        })
    })
}

fn seal(key: &LabKey) -> Result<Seal, Failure> {
    Seal::new(key).map_err(|error| Failure::new(format!("cannot use the key: {error}")))
}

/// Prints one line on stderr, in one write.
fn say(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
