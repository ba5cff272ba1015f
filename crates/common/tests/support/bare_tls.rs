//! TLS 1.3 with the cipher of our own connections, for the baselines of benchmarks: tokio-rustls,
//! with a certificate of the tests.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The address for which the certificate is.
pub(crate) const NAME: &str = "127.0.0.1";

/// Returns what makes sealed connections to [`NAME`].
///
/// # Errors
/// If the certificate of the tests cannot be read.
pub(crate) fn connector() -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()?.0)?;
    let config = ClientConfig::builder_with_provider(provider());
    let config = config.with_protocol_versions(&[&TLS13])?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Returns what accepts them.
///
/// # Errors
/// Those of [`connector`].
pub(crate) fn acceptor() -> anyhow::Result<TlsAcceptor> {
    let (certificate, key) = certificate()?;
    let config = ServerConfig::builder_with_provider(provider());
    let config = config.with_protocol_versions(&[&TLS13])?;
    let config = config.with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
        ..default_provider()
    })
}

fn certificate() -> anyhow::Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = crates.join("chat-server/tests/support/certificates");
    let certificate = CertificateDer::from_pem_file(folder.join("here.pem"))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"))?;
    Ok((certificate, key))
}
