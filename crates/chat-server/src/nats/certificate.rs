//! What is said about an encrypted connection to NATS that does not come about. PURE.

use async_nats::rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Returns what is wrong, and what a person can do about it. `has_ca` says whether `--nats-ca`
/// names a certificate to trust.
pub(super) fn told(cause: &Error, has_ca: bool) -> (String, String) {
    let (what, help) = match cause {
        Error::InvalidCertificate(wrong) => return about(wrong, has_ca),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => (
            "it does not speak TLS",
            "give nats-server a certificate (tls), or go without: nats:// and no --nats-ca",
        ),
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::HandshakeFailure,
        ) => (
            "it wants a certificate of this server, which has none",
            "in nats-server's tls block: verify: false; and let this server in by --nats-creds",
        ),
        other => {
            let help = "what do nats-server's log and its tls block say?".into();
            return (other.to_string(), help);
        }
    };
    (what.into(), help.into())
}

fn about(wrong: &CertificateError, has_ca: bool) -> (String, String) {
    let (what, help) = match wrong {
        CertificateError::UnknownIssuer | CertificateError::BadSignature if has_ca => (
            "its certificate was not made by the one in --nats-ca",
            "name the certificate of the authority that has made it: --nats-ca FILE",
        ),
        CertificateError::UnknownIssuer => (
            "its certificate is of an authority that this machine does not know",
            "name the certificate of that authority: --nats-ca FILE",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "its certificate has expired",
            "make nats-server a new one; or is the clock of this machine wrong?",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "its certificate is not valid yet",
            "is the clock of this machine wrong?",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let help = "call it by a name in its certificate, or make it one with this name";
            return (wrong.to_string(), help.into());
        }
        other => {
            let help = "make nats-server another certificate, and name its authority: --nats-ca";
            return (other.to_string(), help.into());
        }
    };
    (what.into(), help.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_its_own_sentence_and_next_step() {
        use CertificateError::*;
        let table = [
            (
                Error::from(UnknownIssuer),
                true,
                "not made by the one in --nats-ca",
                "--nats-ca",
            ),
            (
                UnknownIssuer.into(),
                false,
                "this machine does not know",
                "--nats-ca FILE",
            ),
            (Expired.into(), true, "has expired", "clock"),
            (NotValidYet.into(), true, "not valid yet", "clock"),
            (
                NotValidForName.into(),
                true,
                "name",
                "by a name in its certificate",
            ),
            (Revoked.into(), true, "revoked", "another certificate"),
            (
                InvalidMessage::InvalidContentType.into(),
                true,
                "does not speak TLS",
                "no --nats-ca",
            ),
            (
                Error::AlertReceived(AlertDescription::BadCertificate),
                true,
                "wants a certificate of this server",
                "--nats-creds",
            ),
            (Error::DecryptError, true, "decrypt", "log"),
        ];
        for (cause, has_ca, what, help) in table {
            let (said, next) = told(&cause, has_ca);
            assert!(
                said.to_lowercase().contains(&what.to_lowercase()),
                "{cause:?}: {said}"
            );
            assert!(next.contains(help), "{cause:?}: {next}");
        }
    }
}
