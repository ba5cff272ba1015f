//! The seal on a connection: TLS 1.3 between two holders of one [key](LabKey).
//!
//! Whether a side wants a seal was decided by the person who started it. Nothing is negotiated, so
//! nothing can be stripped by somebody on the way: the [greetings](super::greeting) only let both
//! sides say in words what does not match.
//!
//! ```text
//! caller                                                 called
//!   greeting, 40 bytes in the clear  ◀──────────────▶  greeting
//!   ClientHello  ────────────────────────────────────▶
//!                ◀────────────────────────────────────  its public key, signed
//!   compares it with its own lab's
//!   the callers' public key, signed  ────────────────▶  compares it
//!   frames  ◀════════════════════════════════════════▶  frames
//! ```
//!
//! The caller finds a wrong key first, and so can say so: both public keys follow from one key.
//! Service and version are part of what is signed (as ALPN, RFC 7301). Without that, somebody on
//! the way could lead a caller to another service of the same key.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, ClientConfig, OtherError, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::crypto::{self, Unexpected};
use super::handshake::shake;
use super::lab_key::{Fingerprint, LabKey};
use super::pipe::Pipe;
use super::sealed::Sealed;
use super::tls_end::End;
use super::{GREETING_LIMIT, Trouble, VERSION, greeting};

/// How the connections of a program are protected: by a key, or not at all.
#[derive(Clone)]
pub struct Seal(Option<Arc<Keyed>>);

struct Keyed {
    caller: ClientConfig,
    /// what a guest key has not
    host: Option<ServerConfig>,
    fingerprint: Fingerprint,
    http_token: String,
}

impl Seal {
    /// No protection: whoever reaches the port can come in, and read along on the way.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Connections of holders of `key` only, which nobody else can read or change.
    ///
    /// # Errors
    /// If the crypto library refuses the key, which is true of no key that is known.
    pub fn new(key: &LabKey) -> io::Result<Self> {
        let keyed = Keyed {
            caller: crypto::caller(key).map_err(io::Error::other)?,
            host: crypto::host(key).map_err(io::Error::other)?,
            fingerprint: key.fingerprint(),
            http_token: key.http_token(),
        };
        Ok(Self(Some(Arc::new(keyed))))
    }

    /// Returns the name of the key, if there is one: six letters that people can compare.
    pub fn name(&self) -> Option<String> {
        self.fingerprint().map(|fingerprint| fingerprint.name())
    }

    /// Returns what the host of the key is known by, if there is one.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.0.as_ref().map(|keyed| keyed.fingerprint)
    }

    /// Returns the [token](LabKey::http_token) of the key, if there is one.
    pub fn http_token(&self) -> Option<&str> {
        self.0.as_ref().map(|keyed| &*keyed.http_token)
    }

    /// Returns the protocol of `service` under this seal.
    pub fn of(&self, service: &'static str) -> Protocol {
        let tls = self.0.as_ref().map(|keyed| {
            let alpn = format!("distributed-lab/{VERSION}/{service}").into_bytes();
            let mut caller = keyed.caller.clone();
            caller.alpn_protocols = vec![alpn.clone()];
            let host = keyed.host.clone().map(|mut host| {
                host.alpn_protocols = vec![alpn.clone()];
                Arc::new(host)
            });
            Arc::new(Tls {
                caller: Arc::new(caller),
                host,
                alpn,
                fingerprint: keyed.fingerprint,
            })
        });
        Protocol { service, tls }
    }
}

/// Shows no secret, because a configuration may end up in a log.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.name().as_deref().unwrap_or("none"))
    }
}

/// Returns a new host key, made of random bytes of the system.
///
/// # Errors
/// If the system gives none.
pub fn new_lab_key() -> io::Result<LabKey> {
    let mut secret = [0; 16];
    crypto::fill_with_random(&mut secret)?;
    LabKey::host(secret).ok_or_else(|| io::Error::other("no key pair can be made of it"))
}

/// What both ends of a connection must agree on: the service, its version, and the seal. The name
/// of a service alone is that service without a seal.
#[derive(Clone)]
pub struct Protocol {
    service: &'static str,
    tls: Option<Arc<Tls>>,
}

struct Tls {
    caller: Arc<ClientConfig>,
    host: Option<Arc<ServerConfig>>,
    alpn: Vec<u8>,
    fingerprint: Fingerprint,
}

impl From<&'static str> for Protocol {
    fn from(service: &'static str) -> Self {
        Self { service, tls: None }
    }
}

impl Protocol {
    /// The service, whose name is also that of its program.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Returns whether connections are sealed.
    pub(super) fn is_sealed(&self) -> bool {
        self.tls.is_some()
    }

    /// Returns how many round trips a caller waits for until it may make its first call: one for
    /// the greeting, and one for the handshake of a seal.
    pub(super) fn round_trips(&self) -> u32 {
        1 + u32::from(self.is_sealed())
    }

    /// Greets, and seals, a connection that this side has made. Exactly a greeting is read before
    /// the seal, so that nothing sent in the clear can slip in behind it.
    ///
    /// # Errors
    /// What does not fit, or that the other side is silent for [`GREETING_LIMIT`], twice at most.
    pub async fn call<IO>(&self, mut io: IO) -> Result<Pipe<IO>, Trouble>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        greeting::exchange(&mut io, self.service, self.is_sealed()).await?;
        let Some(tls) = &self.tls else {
            return Ok(Pipe::Plain(io));
        };
        tls.shake(End::caller(&tls.caller), io).await
    }

    /// Greets, and seals, a connection that was accepted.
    ///
    /// # Errors
    /// Those of [`call`](Self::call).
    pub async fn answer<IO>(&self, mut io: IO) -> Result<Pipe<IO>, Trouble>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        greeting::exchange(&mut io, self.service, self.is_sealed()).await?;
        let Some(tls) = &self.tls else {
            return Ok(Pipe::Plain(io));
        };
        let no_host = || Trouble::Other("a guest key cannot let anybody in".into());
        let host = tls.host.as_ref().ok_or_else(no_host)?;
        tls.shake(End::host(host), io).await
    }
}

impl Tls {
    /// Returns the sealed connection that begins at `end` over `io`, or why there is none.
    async fn shake<IO>(
        &self,
        end: Result<End, rustls::Error>,
        mut io: IO,
    ) -> Result<Pipe<IO>, Trouble>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let end = end.map_err(|error| Trouble::Other(error.to_string()))?;
        let shaken = timeout(GREETING_LIMIT, shake(end, &mut io)).await;
        let shaken = shaken.map_err(|_| Trouble::Silent)?;
        let shaken = shaken.map_err(|error| self.trouble(&error))?;
        // An end that names no service at all would not be refused by rustls.
        if shaken.end.protocol() != Some(&self.alpn) {
            return Err(Trouble::Disguised);
        }
        Ok(Pipe::Sealed(Box::new(Sealed::new(io, shaken))))
    }

    fn trouble(&self, error: &io::Error) -> Trouble {
        let Some(cause) = cause(error) else {
            return match error.kind() {
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe => Trouble::CutOff,
                _ => Trouble::Other(error.to_string()),
            };
        };
        let own = self.fingerprint.name();
        match cause {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
                match why.downcast_ref() {
                    Some(Unexpected(theirs)) => Trouble::OtherKey(theirs.name(), own),
                    None => Trouble::Garbled(why.to_string()),
                }
            }
            rustls::Error::InvalidCertificate(CertificateError::BadSignature) => {
                Trouble::Unproven(own)
            }
            rustls::Error::NoApplicationProtocol
            | rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                Trouble::Disguised
            }
            _ if is_refusal(error) => Trouble::NotLetIn,
            _ => Trouble::Garbled(cause.to_string()),
        }
    }
}

/// Returns whether the other end says in `error` that it does not accept our key. In TLS 1.3 a
/// caller hears this only after the handshake, with the first bytes that it reads.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        cause(error),
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::AccessDenied
        ))
    )
}

fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
