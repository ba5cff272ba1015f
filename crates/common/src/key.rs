//! A key that callers must know: for the premium tier, for the administration of a chat.

use std::fmt;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::cli::Failure;

/// Longest key in bytes: a line that a person can still compare.
const MAX_KEY: u64 = 1024;

/// A key that callers must know.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// The key that is exactly this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the key in the file `path`: its only line, without the spaces around it. Warns if
    /// other users may read it.
    ///
    /// # Errors
    /// If it is not a regular file, cannot be read, or does not hold one line of text.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = text_of(path).map_err(|error| {
            Failure::new(format!("cannot read the key in {shown}: {error}"))
                .help("put the key into a file of its own, which only you may read")
        })?;
        let key = text.trim();
        if key.is_empty() || key.lines().count() > 1 || text.len() as u64 > MAX_KEY {
            let what = format!("{shown} is no key: expected one line of at most {MAX_KEY} bytes");
            return Err(Failure::new(what));
        }
        Ok(Self(key.to_owned()))
    }

    /// The text of the key. It may be sent to a server that asks for the key, and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns whether `given` is the key. The time this takes depends on the lengths only,
    /// because otherwise a patient caller could find the key byte by byte.
    pub fn fits(&self, given: &str) -> bool {
        let (key, given) = (self.0.as_bytes(), given.as_bytes());
        let differ = key
            .iter()
            .zip(given)
            .fold(key.len() ^ given.len(), |differ, (a, b)| {
                // `black_box`, because the optimiser must not learn that one difference decides.
                black_box(differ | usize::from(a ^ b))
            });
        differ == 0
    }
}

/// The text of at most one byte more than a key may have.
fn text_of(path: &Path) -> io::Result<String> {
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
        tracing::warn!("other users may read the key in {path}; to stop them: chmod 600 {path}");
    }
    let mut text = String::new();
    file.take(MAX_KEY + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Does not show the key, because a configuration may end up in a log.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_fits() {
        let key = Key::new("open sesame".into());
        assert!(key.fits("open sesame"));
        for wrong in [
            "",
            "o",
            "open sesamE",
            "open sesame!",
            "open sesam",
            "xpen sesame",
        ] {
            assert!(!key.fits(wrong), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "Key(..)");
    }

    #[test]
    fn a_key_is_in_a_regular_file() {
        let fifo = std::env::temp_dir().join(format!("key-fifo-{}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.is_ok_and(|status| status.success()));
        for path in [&fifo, Path::new("/dev/zero"), Path::new("/")] {
            let error = Key::read(path).map_err(|error| error.to_string());
            let text = error.map(drop).expect_err("not a file");
            assert!(text.contains("it is not a regular file"), "{text}");
        }
        std::fs::remove_file(&fifo).expect("there");
    }
}
