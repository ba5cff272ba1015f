//! The file in which bans outlive the server.

use std::fs::{OpenOptions, remove_file, rename};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use common::cli::Failure;

use crate::bans::Bans;

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
}

/// Replaces the file at `path` by one with this text. A crash leaves the old or the new one.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    // Always a new file, because a link of that name could lead to another file of ours.
    let _ = remove_file(&new);
    let mut options = OpenOptions::new();
    // Only for its owner, because it names addresses of people.
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

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
