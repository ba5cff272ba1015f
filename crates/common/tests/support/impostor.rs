//! A server that shows one public key and signs with any pair: what a guest, or somebody who has
//! seen a handshake, could try.

use std::sync::Arc;

use common::net::{self, greeting};
use common::secret::SERVICE;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Asks callers for a raw public key, because ours would not go on otherwise, and takes any.
#[derive(Debug)]
struct Anybody;

impl ClientCertVerifier for Anybody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Speaks to one caller as a host with this public key that signs with the pair of `seed`.
pub(crate) async fn pose(public: Vec<u8>, seed: [u8; 32]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("bound").to_string();
    let certified = CertifiedKey::new(vec![CertificateDer::from(public)], pair(&seed));
    let resolver = AlwaysResolvesServerRawPublicKeys::new(Arc::new(certified));
    let provider = rustls::crypto::ring::default_provider();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("known")
        .with_client_cert_verifier(Arc::new(Anybody))
        .with_cert_resolver(Arc::new(resolver));
    let alpn = format!("distributed-lab/{}/{SERVICE}", net::VERSION);
    config.alpn_protocols = vec![alpn.into_bytes()];
    tokio::spawn(async move {
        let (mut io, _) = listener.accept().await.expect("a caller");
        let greeted = greeting::exchange(&mut io, SERVICE, true).await;
        greeted.expect("greeted");
        if let Ok(mut io) = TlsAcceptor::from(Arc::new(config)).accept(io).await {
            let _ = io.read(&mut [0; 1]).await;
        }
    });
    addr
}

fn pair(seed: &[u8; 32]) -> Arc<dyn SigningKey> {
    const PKCS8: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    let der = PrivatePkcs8KeyDer::from([&PKCS8[..], seed].concat());
    rustls::crypto::ring::sign::any_eddsa_type(&der).expect("any seed will do")
}

pub(crate) fn public(seed: &[u8; 32]) -> Vec<u8> {
    let public: Option<SubjectPublicKeyInfoDer<'static>> = pair(seed)
        .public_key()
        .map(SubjectPublicKeyInfoDer::into_owned);
    public.expect("a public half").to_vec()
}
