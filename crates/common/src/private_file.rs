//! Files with one line that only their owner should read: the lab's key, an admin token, a premium
//! key.
//!
//! Such a file is created readable for its owner only. One that others may read is used all the
//! same, with a warning, because there are disks on which no rights can be set (FAT, some network
//! shares).

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Longest content in bytes: a line that a person can still compare.
pub const MAX_BYTES: usize = 1024;

/// Returns the line in `path` without the spaces around it; it may be empty. `what` names it in the
/// warning to an owner whose file others may read.
///
/// # Errors
/// If it is not a regular file, cannot be read, is longer than [`MAX_BYTES`], or has several lines.
pub fn read(path: &Path, what: &str) -> io::Result<String> {
    // Without waiting, because opening a pipe would wait for a writer, perhaps for ever.
    let no_wait = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_wait)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        tracing::warn!("other users may read the {what} in {path}; to stop them: chmod 600 {path}");
    }
    let mut text = String::new();
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut text)?;
    if text.len() > MAX_BYTES || text.trim().lines().count() > 1 {
        let expected = format!("expected one line of at most {MAX_BYTES} bytes");
        return Err(io::Error::other(expected));
    }
    Ok(text.trim().to_owned())
}

/// Writes `line` into the new file `path`, which only its owner may read.
///
/// # Errors
/// If it cannot be written, or there is a file, or a link, of this name already: a secret is never
/// written over another. A file that could be written only in part is removed again.
pub fn create(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = writeln!(file, "{line}").and_then(|()| file.sync_all());
    written.inspect_err(|_| drop(std::fs::remove_file(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that no other test uses.
    fn path(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("private-file-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_secret_is_in_a_regular_file() {
        let fifo = path("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.is_ok_and(|status| status.success()));
        for path in [&fifo, Path::new("/dev/zero"), Path::new("/")] {
            let error = read(path, "key").expect_err("not a file").to_string();
            assert!(error.contains("it is not a regular file"), "{error}");
        }
        std::fs::remove_file(&fifo).expect("there");
    }

    #[test]
    fn what_is_created_is_read_again_and_never_written_over() {
        let (file, link) = (path("file"), path("link"));
        create(&file, "open sesame").expect("a new file");
        let mode = std::fs::metadata(&file).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(read(&file, "key").expect("one line"), "open sesame");
        std::os::unix::fs::symlink(path("missing"), &link).expect("a new link");
        for taken in [&file, &link] {
            let error = create(taken, "other").expect_err("there already");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(read(&file, "key").expect("unchanged"), "open sesame");
        for text in ["one\ntwo", &"x".repeat(MAX_BYTES + 1)] {
            std::fs::write(&file, text).expect("writable");
            assert!(read(&file, "key").is_err(), "{text}");
        }
        std::fs::remove_file(&link).expect("there");
        std::fs::remove_file(&file).expect("there");
    }
}
