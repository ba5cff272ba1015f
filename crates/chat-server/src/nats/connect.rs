//! Connecting to NATS: with which credentials, and why it failed.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::rustls::pki_types::CertificateDer;
use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, rustls};
use common::cli::Failure;
use tokio::time::{Instant, sleep};

use super::certificate;
use super::url::Url;

/// How long a start tries: a fresh cluster needs seconds until it makes a stream.
pub(super) const START: Duration = Duration::from_secs(15);

/// How often NATS is asked whether it is there, and how long a connection may take. By default a
/// dead machine would be noticed after two minutes.
const PING: Duration = Duration::from_secs(2);

/// Most messages that wait for a lost connection. Their writers give up soon.
const BUFFERED: usize = 256;

/// Where the log is, and how to get there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `nats://HOST:PORT,HOST:PORT/NAME`, or `tls://...`.
    pub url: String,
    /// The file with the credentials.
    pub creds: Option<PathBuf>,
    /// The file with the certificates to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

/// Returns a connection to one of the servers of `url`.
///
/// # Errors
/// If there is none within 15 s, or what is wrong does not end by waiting, with advice.
pub(super) async fn connect(settings: &Settings, url: &Url) -> anyhow::Result<Client> {
    let until = Instant::now() + START;
    loop {
        let (options, servers) = (options(settings).await?, url.servers.clone());
        // On a task of its own, because the library panics at some lines that no nats-server sends.
        let connected = tokio::spawn(async move { options.connect(servers).await }).await;
        let error = match connected {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error,
            Err(_) => {
                let what = format!("what answers at {} is no NATS", url.shown());
                return Err(Failure::new(what)
                    .help("give its port: 4222 by default")
                    .into());
            }
        };
        let may_come = matches!(
            error.kind(),
            ConnectErrorKind::Io | ConnectErrorKind::TimedOut | ConnectErrorKind::Dns
        );
        if let Some(cause) = tls(&error) {
            // Not again, because a person has to do something.
            return Err(untrusted(cause, settings, url).into());
        }
        if !may_come || Instant::now() > until {
            return Err(unreached(&error, settings, url).into());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Returns why there is no encrypted connection, if that is the reason.
fn tls(error: &ConnectError) -> Option<&rustls::Error> {
    let mut next = Some(error as &(dyn Error + 'static));
    while let Some(error) = next {
        // What an input error carries is not its source.
        let carried = error.downcast_ref().and_then(io::Error::get_ref);
        let found = carried.and_then(|carried| carried.downcast_ref());
        if found.is_some() {
            return found;
        }
        next = error.source();
    }
    None
}

fn untrusted(cause: &rustls::Error, settings: &Settings, url: &Url) -> Failure {
    let (what, help) = certificate::told(cause, settings.ca.is_some());
    Failure::new(format!("cannot trust NATS at {}: {what}", url.shown())).help(help)
}

fn unreached(error: &ConnectError, settings: &Settings, url: &Url) -> Failure {
    let failure = Failure::new(format!("cannot reach NATS at {}: {error}", url.shown()));
    match (error.kind(), &settings.creds) {
        (
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication,
            Some(path),
        ) => failure.help(format!(
            "does nats-server know the user in {}, and the same password?",
            path.display()
        )),
        (ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication, None) => {
            failure.help("name a file with credentials: --nats-creds FILE")
        }
        (ConnectErrorKind::ServerParse, _) => {
            failure.help("for example: --store nats://n1:4222,n2:4222,n3:4222")
        }
        _ => failure.help("is nats-server running there? start one with: nats-server -js"),
    }
}

async fn options(settings: &Settings) -> anyhow::Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name("chat-server")
        .connection_timeout(PING)
        .ping_interval(PING)
        .client_capacity(BUFFERED)
        .reconnect_delay_callback(|tries| Duration::from_millis(if tries < 4 { 50 } else { 500 }));
    if let Some(path) = &settings.creds {
        let text = read(
            path,
            "--nats-creds names the file that lets this server into NATS",
        )?;
        options = match login(&text) {
            Some((user, password)) => {
                options.user_and_password(user.to_owned(), password.to_owned())
            }
            None => options.credentials(&text).map_err(|_| {
                Failure::new(format!("{} has no credentials of NATS", path.display()))
                    .help("it has one line USER:PASSWORD, or is what nsc writes")
            })?,
        };
    }
    if let Some(path) = &settings.ca {
        let text = read(
            path,
            "--nats-ca names the file with the certificate to trust, in PEM",
        )?;
        check_certificates(path, &text)?;
        options = options
            .add_root_certificates(path.clone())
            .require_tls(true);
    }
    Ok(options)
}

fn read(path: &Path, help: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", path.display())).help(help)
    })
}

/// Refuses a file without a certificate, because the library would trust nobody and not say why.
fn check_certificates(path: &Path, text: &str) -> Result<(), Failure> {
    let mut certificates = CertificateDer::pem_slice_iter(text.as_bytes()).peekable();
    if certificates.peek().is_some() && certificates.all(|one| one.is_ok()) {
        return Ok(());
    }
    let what = format!("{} holds no certificate in PEM", path.display());
    Err(Failure::new(what).help("it begins with -----BEGIN CERTIFICATE-----"))
}

/// Returns user and password, if `text` is one line with both.
fn login(text: &str) -> Option<(&str, &str)> {
    let line = text.trim();
    line.split_once(':').filter(|_| !line.contains('\n'))
}

#[cfg(test)]
mod tests;
