//! The file in which registered nicks outlive the server.

use std::path::PathBuf;

use common::cli::Failure;

use crate::owners::Owners;
use crate::side_file;

/// The registrations that a server begins with, and where it writes them when they change.
#[derive(Debug, Default)]
pub struct OwnerFile {
    /// `None` if they last as long as the server
    pub(crate) path: Option<PathBuf>,
    pub(crate) owners: Owners,
}

impl OwnerFile {
    /// Reads the registrations in the file at `path`; there are none if there is no file.
    ///
    /// # Errors
    /// If it cannot be read. A server without them would give a name to another person.
    pub fn read(path: PathBuf) -> Result<Self, Failure> {
        let words = [
            "registered names",
            "a registered name",
            "a name, a public key, an address and two times",
        ];
        let owners = side_file::read(&path, words, Owners::read)?;
        let path = Some(path);
        Ok(Self { path, owners })
    }
}
