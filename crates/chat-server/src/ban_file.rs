//! The file in which bans outlive the server.

use std::fs::{File, OpenOptions, rename};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use common::cli::Failure;

use crate::bans::Bans;

/// The bans that a server begins with, and where it writes them when they change.
#[derive(Debug, Default)]
pub struct BanFile {
    path: Option<PathBuf>,
    pub(crate) bans: Bans,
}

impl BanFile {
    /// Reads the bans in the file at `path`; there are none if there is no file.
    ///
    /// # Errors
    /// If it cannot be read. A server without its bans would let people in who must stay out.
    pub fn read(path: PathBuf) -> Result<Self, Failure> {
        let shown = path.display();
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            text => text,
        };
        let help = "mend or delete that file; each line is a network, an end, a nick and a reason";
        let bans = text.map_err(|error| error.to_string()).and_then(|text| {
            Bans::read(&text).map_err(|line| format!("\"{}\" is not a ban", line.escape_debug()))
        });
        let bans = bans.map_err(|why| {
            Failure::new(format!("cannot read the bans in {shown}: {why}")).help(help)
        })?;
        let path = Some(path);
        Ok(Self { path, bans })
    }

    /// Returns where the bans are kept; `None` if they last as long as the server.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

/// Replaces the file at `path` by one with this text. A crash leaves the old or the new one.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // Only for its owner, because it names addresses of people.
    let mut file: File = options.mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rename(&new, path)
}
