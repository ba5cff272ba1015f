//! The cryptography of the [seal](super::seal): TLS 1.3 with raw public keys (RFC 7250), and one
//! algorithm for each purpose but one.
//!
//! There are no certificates, and so no names and no dates. Each end shows its public key, signs
//! the handshake with it, and accepts the one public key that it expects. What is not listed here
//! can neither be negotiated nor attacked, and is not linked into the programs: rustls's own
//! provider would add RSA and three more curves, 0.3 MB.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::ring::{cipher_suite, kx_group, sign::any_eddsa_type};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    PeerIncompatible, ServerConfig, SignatureScheme,
};

use super::lab_key::{Fingerprint, LabKey};

/// What a holder of `key` shows and accepts when it calls.
///
/// # Errors
/// If rustls refuses the key, which is true of no key that is known.
pub(super) fn caller(key: &LabKey) -> Result<ClientConfig, Error> {
    let pair = pair(&key.caller_seed())?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Only(key.fingerprint())))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(pair)));
    config.enable_sni = false;
    // A ticket would outlive a change of the key, and a whole handshake is cheap.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// What a holder of `key` shows and accepts when it is called. A guest key has nothing to show.
///
/// # Errors
/// Those of [`caller`].
pub(super) fn host(key: &LabKey) -> Result<Option<ServerConfig>, Error> {
    let Some(seed) = key.host_seed() else {
        return Ok(None);
    };
    let callers = Fingerprint::of(&pair(&key.caller_seed())?.cert[0]);
    let resolver = AlwaysResolvesServerRawPublicKeys::new(pair(&seed)?);
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Only(callers)))
        .with_cert_resolver(Arc::new(resolver));
    config.send_tls13_tickets = 0;
    Ok(Some(config))
}

fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            // For processors without AES instructions, such as that of a Raspberry Pi 4.
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![kx_group::X25519],
        signature_verification_algorithms: ALGORITHMS,
        secure_random: &SystemRandom,
        key_provider: &NoKeyFiles,
    }
}

static ED25519: &[&dyn SignatureVerificationAlgorithm] = &[webpki::ring::ED25519];

static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: ED25519,
    mapping: &[(SignatureScheme::ED25519, ED25519)],
};

/// Random bytes of the system.
#[derive(Debug)]
struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        fill_with_random(bytes).map_err(|_| GetRandomFailed)
    }
}

/// Fills `bytes` with random ones that are good enough for a secret.
///
/// # Errors
/// If the system has none.
pub(super) fn fill_with_random(bytes: &mut [u8]) -> io::Result<()> {
    use ring::rand::SecureRandom as _;
    let filled = ring::rand::SystemRandom::new().fill(bytes);
    filled.map_err(|_| io::Error::other("the system gives no random bytes"))
}

/// Loads no key, because keys are made of seeds here.
#[derive(Debug)]
struct NoKeyFiles;

impl KeyProvider for NoKeyFiles {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("keys are made of seeds".into()))
    }
}

/// What comes before the 32 bytes of a seed in a PKCS #8 file of an Ed25519 key (RFC 8410).
const PKCS8: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];

/// Returns the key pair of a seed. Its "certificate" is the bare public key.
fn pair(seed: &[u8; 32]) -> Result<Arc<CertifiedKey>, Error> {
    let der = PrivatePkcs8KeyDer::from([&PKCS8[..], seed].concat());
    let key = any_eddsa_type(&der)?;
    let no_public_half = || Error::General("a key pair without a public half".into());
    let public = key.public_key().ok_or_else(no_public_half)?.to_vec();
    let public = CertificateDer::from(public);
    Ok(Arc::new(CertifiedKey::new(vec![public], key)))
}

/// Accepts the public key of this fingerprint and no other.
#[derive(Debug)]
struct Only(Fingerprint);

/// The other end has shown this public key, which was not expected.
#[derive(Debug)]
pub(super) struct Unexpected(pub(super) Fingerprint);

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has another key, {}", self.0.name())
    }
}

impl std::error::Error for Unexpected {}

impl Only {
    fn check(&self, public: &CertificateDer<'_>) -> Result<(), Error> {
        let shown = Fingerprint::of(public);
        if shown == self.0 {
            return Ok(());
        }
        // `Other`, because only that carries the name of the key to the doctor.
        let unexpected = OtherError(Arc::new(Unexpected(shown)));
        Err(CertificateError::Other(unexpected).into())
    }
}

/// Checks that the other end has the secret half of the public key that it shows. Without this,
/// everybody would be let in who has seen the public key once.
fn check_signature(
    message: &[u8],
    public: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let public = SubjectPublicKeyInfoDer::from(public.as_ref());
    verify_tls13_signature_with_raw_key(message, &public, signed, &ALGORITHMS)
}

const NO_TLS12: Error =
    Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig);

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        public: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(public).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(NO_TLS12)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        public: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(message, public, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Only {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        public: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(public).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(NO_TLS12)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        public: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(message, public, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
