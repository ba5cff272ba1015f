//! What a person is told about a NATS that is none, or that cannot be trusted. The certificates are
//! of these tests: for this machine, for another one, and one that ended in 2021.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::spawn;

use async_nats::rustls::crypto::ring::default_provider;
use async_nats::rustls::pki_types::PrivateKeyDer;
use async_nats::rustls::version::TLS13;
use async_nats::rustls::{ServerConfig, ServerConnection};

use super::*;

const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/certificates");

fn pem(name: &str) -> PathBuf {
    Path::new(CERTIFICATES).join(name).with_extension("pem")
}

/// What comes after the first line of a nats-server.
#[derive(Clone, Copy)]
enum Then {
    Certificate(&'static str),
    Line(&'static str),
}

/// Starts what seems to be a nats-server. It takes one connection only, so that who tries again is
/// refused, and then says that.
fn liar(then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("bound");
    spawn(move || {
        let (mut io, _) = listener.accept().expect("a caller");
        drop(listener);
        let info = r#"INFO {"server_id":"x","version":"2.10.23","max_payload":1048576}"#;
        let _ = write!(io, "{info}\r\n");
        match then {
            Then::Line(line) => {
                let _ = io.read(&mut [0; 1]);
                let _ = write!(io, "{line}\r\n");
            }
            Then::Certificate(name) => {
                let mut tls = tls(name);
                while tls.is_handshaking() && tls.complete_io(&mut io).is_ok() {}
            }
        }
        let _ = io.read_to_end(&mut Vec::new());
    });
    addr
}

fn tls(name: &str) -> ServerConnection {
    let certificate = CertificateDer::from_pem_file(pem(name)).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(pem("key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("offered")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    ServerConnection::new(Arc::new(config.expect("a pair"))).expect("begun")
}

/// Returns what is said to the person who has named this NATS, with a password.
async fn said(scheme: &str, then: Then, ca: Option<PathBuf>) -> String {
    let url = format!("{scheme}://u:correcthorse@{}", liar(then));
    let settings = Settings {
        creds: None,
        ca,
        url,
    };
    let url = Url::new(&settings.url).expect("a url");
    let error = connect(&settings, &url).await.expect_err("no NATS");
    let failure = error.downcast::<Failure>().expect("with advice");
    assert!(!failure.report().contains("correcthorse"));
    failure.report()
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_named_at_once_with_the_next_step() {
    for (shown, ca, what, help) in [
        ("here", None, "this machine does not know", "--nats-ca FILE"),
        (
            "here",
            Some("elsewhere"),
            "was not made by the one in",
            "--nats-ca FILE",
        ),
        (
            "elsewhere",
            Some("elsewhere"),
            "nats.example.org",
            "call it by a name",
        ),
        ("expired", Some("expired"), "has expired", "clock"),
    ] {
        let said = said("tls", Then::Certificate(shown), ca.map(pem)).await;
        let (first, rest) = said.split_once('\n').expect("advice");
        assert!(
            first.starts_with("cannot trust NATS at 127.0.0.1"),
            "{said}"
        );
        assert!(
            first.contains(what) && rest.contains(help),
            "{shown}: {said}"
        );
    }
}

#[tokio::test]
async fn who_asks_for_tls_is_told_that_it_is_not_spoken() {
    for (scheme, ca) in [("tls", None), ("nats", Some(pem("here")))] {
        let said = said(scheme, Then::Line("PING"), ca).await;
        assert!(said.contains("it does not speak TLS"), "{said}");
    }
}

#[tokio::test]
async fn a_line_at_which_the_library_panics_is_an_error_with_advice() {
    let said = said("nats", Then::Line("-ERR"), None).await;
    assert!(said.contains("is no NATS"), "{said}");
}

#[tokio::test]
async fn a_file_without_a_certificate_and_one_that_is_not_there_are_named() {
    let missing = said("tls", Then::Line(""), Some(pem("nowhere"))).await;
    assert!(missing.contains("nowhere.pem: No such file"), "{missing}");
    let other = said("tls", Then::Line(""), Some(pem("key"))).await;
    assert!(other.contains("key.pem holds no certificate"), "{other}");
}

#[test]
fn a_login_is_one_line() {
    assert_eq!(login("chat:se:cret\n"), Some(("chat", "se:cret")));
    assert_eq!(login("-----BEGIN NATS USER JWT-----\na:b\n"), None);
    assert_eq!(login("chat\n"), None);
}
