//! A text that a caller must show to be allowed more: the admin token of a chat, the key to the
//! premium tier.
//!
//! It is not the [key of the lab](crate::net::LabKey), which decides who may connect at all. A
//! credential goes over the wire as it is, so that it is sent over sealed connections and over
//! loopback only.

use std::fmt;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;

use crate::cli::Failure;
use crate::net::Seal;
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

    /// Checks that a credential, named `what` in errors, may be sent over, or accepted from,
    /// connections to this `host`: everybody on the way can read an unsealed connection, unless it
    /// stays on this machine. `host` is a name or an address, with or without a port.
    ///
    /// # Errors
    /// If it may not, with advice.
    pub fn check_way(what: &str, host: &str, seal: &Seal) -> Result<(), Failure> {
        if seal.name().is_some() || is_loopback(host) {
            return Ok(());
        }
        let what = format!("the {what} would cross the network for all to read");
        Err(Failure::new(what)
            .named("in_the_clear")
            .help("add --key FILE, here and at the server")
            .help(
                "or go through ssh, with --listen 127.0.0.1:8030 at the server: \
                 ssh -L 8030:127.0.0.1:8030 HOST, and then --server :8030",
            ))
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

/// Returns whether `host` is this machine. Names are not looked up, because what a name server says
/// may change until the connection is made; but RFC 6761 keeps `localhost` for this.
fn is_loopback(host: &str) -> bool {
    let without_port = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_ours = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ip = host.parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
    };
    is_ours(without_port) || is_ours(host)
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
    use crate::net::LabKey;

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

    #[test]
    fn it_leaves_the_machine_under_a_seal_only() {
        let key = LabKey::host([1; 16]).expect("a key pair");
        let (none, seal) = (Seal::none(), Seal::new(&key).expect("a usable key"));
        let here = "127.0.0.1:8030 [::1]:8030 localhost:8030 127.9.9.9:1 [::ffff:127.0.0.1]:1 ::1";
        for host in here.split(' ') {
            assert!(Credential::check_way("x", host, &none).is_ok(), "{host}");
        }
        let away = "10.0.0.1:8030 0.0.0.0:8030 [::]:8030 lab.example.org:8030 localhost.evil:1 \
                    127.0.0.1.evil:1 2130706433:1 [fe80::1%2]:1";
        for host in away.split(' ') {
            let error = Credential::check_way("admin token", host, &none);
            let error = error.expect_err(host).report();
            assert!(error.starts_with("the admin token would cross"), "{error}");
            assert!(Credential::check_way("x", host, &seal).is_ok(), "{host}");
        }
    }
}
