//! A text that a caller must show to be allowed more: the admin token of a chat, the key to the
//! premium tier.
//!
//! It is not the [key of the lab](crate::net::LabKey), which decides who may connect at all. A
//! credential goes over the wire as it is, so that it is sent over sealed connections and over
//! loopback only.

use std::fmt;
use std::hint::black_box;
use std::path::Path;

use crate::cli::Failure;
use crate::private_file;

/// A text that callers must show.
#[derive(Clone)]
pub struct Credential(String);

impl Credential {
    /// The credential that is exactly this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the credential in the file `path`: its only line, without the spaces around it.
    /// `what` names it in errors: `admin token`.
    ///
    /// # Errors
    /// If it is not a regular file, cannot be read, or does not hold one line of text.
    pub fn read(path: &Path, what: &str) -> Result<Self, Failure> {
        let shown = path.display();
        let text = private_file::read(path, what).map_err(|error| {
            Failure::new(format!("cannot read the {what} in {shown}: {error}")).help(format!(
                "put the {what} into a file of its own, which only you may read"
            ))
        })?;
        if text.is_empty() {
            return Err(Failure::new(format!(
                "{shown} is empty: expected the {what}"
            )));
        }
        Ok(Self(text))
    }

    /// The text. It may be sent to a server that asks for it, and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns whether `given` is this text. The time this takes depends on the lengths only,
    /// because otherwise a patient caller could find it byte by byte.
    pub fn fits(&self, given: &str) -> bool {
        let (text, given) = (self.0.as_bytes(), given.as_bytes());
        let differ = text
            .iter()
            .zip(given)
            .fold(text.len() ^ given.len(), |differ, (a, b)| {
                // `black_box`, because the optimiser must not learn that one difference decides.
                black_box(differ | usize::from(a ^ b))
            });
        differ == 0
    }
}

/// Does not show the text, because a configuration may end up in a log.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_fits() {
        let credential = Credential::new("open sesame".into());
        assert!(credential.fits("open sesame"));
        for wrong in [
            "",
            "o",
            "open sesamE",
            "open sesame!",
            "open sesam",
            "xpen sesame",
        ] {
            assert!(!credential.fits(wrong), "{wrong}");
        }
        assert_eq!(format!("{credential:?}"), "Credential(..)");
    }
}
