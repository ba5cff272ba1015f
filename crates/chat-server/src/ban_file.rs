//! The file in which bans outlive the server.

use std::path::PathBuf;

use common::cli::Failure;

use crate::bans::Bans;
use crate::side_file;

/// The bans that a server begins with, and where it writes them when they change.
#[derive(Debug, Default)]
pub struct BanFile {
    /// `None` if they last as long as the server
    pub(crate) path: Option<PathBuf>,
    pub(crate) bans: Bans,
}

impl BanFile {
    /// Reads the bans in the file at `path`; there are none if there is no file.
    ///
    /// # Errors
    /// If it cannot be read. A server without its bans would let people in who must stay out.
    pub fn read(path: PathBuf) -> Result<Self, Failure> {
        let words = ["bans", "a ban", "a network, an end, a nick and a reason"];
        let bans = side_file::read(&path, words, Bans::read)?;
        let path = Some(path);
        Ok(Self { path, bans })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::side_file::write;

    #[test]
    fn a_link_beside_the_file_is_replaced_and_others_cannot_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("bans"), folder.path().join("precious"));
        fs::write(&other, "precious").expect("written");
        symlink(&other, folder.path().join("bans.new")).expect("a link");
        write(&path, "10.0.0.7/32\t0\teve\t\n").expect("written");
        assert_eq!(fs::read_to_string(&other).expect("still there"), "precious");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = BanFile::read(path.clone()).expect("bans");
        assert_eq!(read.bans.text(), "10.0.0.7/32\t0\teve\t\n");
        fs::write(&path, "what?").expect("written");
        let error = BanFile::read(path).expect_err("no ban").to_string();
        assert!(error.contains("\"what?\" is not a ban"), "{error}");
    }
}
