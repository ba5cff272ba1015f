//! The records of a sealed connection (RFC 8446, section 5): bytes to encrypted records and back.
//! PURE.
//!
//! rustls makes the handshake and all keys, and encrypts and decrypts each record. What is here is
//! what its [`kernel`](rustls::kernel) interface leaves to a program: the records' lengths, their
//! numbers, and the few messages that may come after a handshake.
//!
//! rustls's buffered connection would do this as well, but keeps 5 KB more for each connection. Its
//! unbuffered one keeps 1.3 KB more, and a ring makes 2 % fewer hops with it.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage,
};
use rustls::kernel::KernelConnection;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, Error, ExtractedSecrets,
    InvalidMessage, PeerMisbehaved, ProtocolVersion, SupportedCipherSuite, Tls13CipherSuite,
};

/// The most bytes in a record, before it is encrypted.
pub(super) const CONTENT: usize = 16 * 1024;

/// The longest record: its content, what encryption may add to it, and its header.
pub(super) const RECORD: usize = HEADER + CONTENT + 256;

/// The bytes before an encrypted content: a type, a version, and the content's length.
const HEADER: usize = 5;

/// The beginning of each header. In TLS 1.3 the true type is within, and the version is always that
/// of TLS 1.2.
const BEGINNING: [u8; 3] = [23, 3, 3];

/// A message that tells that the sender's next record has the next key (RFC 8446, section 4.6.3).
/// The last byte says whether the receiver shall do the same.
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];

/// Most records without content, one after the other: more of them are work for nothing. It is the
/// number of rustls and of BoringSSL.
const EMPTY: u8 = 32;

/// What a record held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened<'a> {
    /// These bytes of the peer.
    Bytes(&'a [u8]),
    /// Nothing for a reader.
    Nothing,
    /// The peer's last word: it sends nothing more.
    End,
}

/// Both directions of a sealed connection after its handshake.
pub(super) struct Records {
    encrypter: Box<dyn MessageEncrypter>,
    /// how many records were encrypted under its key
    sealed: u64,
    /// how many may be
    limit: u64,
    decrypter: Box<dyn MessageDecrypter>,
    /// how many records were decrypted under its key
    opened: u64,
    /// how many of them had no content, since the last that had
    empty: u8,
    /// whether the peer has asked for another key
    owes_key: bool,
    keys: Box<Keys>,
}

/// What makes the next keys.
pub(super) enum Keys {
    /// of the end that has called
    Caller(KernelConnection<ClientConnectionData>),
    /// of the end that was called
    Host(KernelConnection<ServerConnectionData>),
}

impl Keys {
    fn suite(&self) -> &'static Tls13CipherSuite {
        let SupportedCipherSuite::Tls13(suite) = match self {
            Self::Caller(keys) => keys.negotiated_cipher_suite(),
            Self::Host(keys) => keys.negotiated_cipher_suite(),
        };
        suite
    }

    fn next_to_seal(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Caller(keys) => keys.update_tx_secret(),
            Self::Host(keys) => keys.update_tx_secret(),
        }
    }

    fn next_to_open(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Caller(keys) => keys.update_rx_secret(),
            Self::Host(keys) => keys.update_rx_secret(),
        }
    }
}

impl Records {
    /// Returns the records of a caller whose handshake is done.
    ///
    /// # Errors
    /// If it is not done.
    pub(super) fn of_caller(handshake: UnbufferedClientConnection) -> Result<Self, Error> {
        let (secrets, keys) = handshake.dangerous_into_kernel_connection()?;
        Self::new(secrets, Keys::Caller(keys))
    }

    /// Returns the records of a host whose handshake is done.
    ///
    /// # Errors
    /// If it is not done.
    pub(super) fn of_host(handshake: UnbufferedServerConnection) -> Result<Self, Error> {
        let (secrets, keys) = handshake.dangerous_into_kernel_connection()?;
        Self::new(secrets, Keys::Host(keys))
    }

    fn new(secrets: ExtractedSecrets, keys: Keys) -> Result<Self, Error> {
        let suite = keys.suite();
        let ((sealed, to_seal), (opened, to_open)) = (secrets.tx, secrets.rx);
        let ((seal_key, seal_iv), (open_key, open_iv)) = (parts(to_seal)?, parts(to_open)?);
        Ok(Self {
            encrypter: suite.aead_alg.encrypter(seal_key, seal_iv),
            sealed,
            limit: suite.common.confidentiality_limit,
            decrypter: suite.aead_alg.decrypter(open_key, open_iv),
            opened,
            empty: 0,
            owes_key: false,
            keys: Box::new(keys),
        })
    }

    /// Returns a record that holds `bytes`, [`CONTENT`] at most. Before it comes a message about
    /// the next key if one is due, because a key is good for some millions of records only.
    ///
    /// # Errors
    /// If the bytes are too many, or rustls does not encrypt them.
    pub(super) fn seal(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        if bytes.len() > CONTENT {
            return Err(Error::EncryptError);
        }
        if self.sealed < self.limit && !self.owes_key {
            return self.encrypt(ContentType::ApplicationData, bytes);
        }
        let mut records = self.encrypt(ContentType::Handshake, &KEY_UPDATE)?;
        let (sealed, secrets) = self.keys.next_to_seal()?;
        let (key, iv) = parts(secrets)?;
        self.encrypter = self.keys.suite().aead_alg.encrypter(key, iv);
        (self.sealed, self.owes_key) = (sealed, false);
        records.extend(self.encrypt(ContentType::ApplicationData, bytes)?);
        Ok(records)
    }

    fn encrypt(&mut self, typ: ContentType, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let number = self.sealed;
        // Before it is used, so that no failure can have it used twice.
        self.sealed = number.checked_add(1).ok_or(Error::EncryptError)?;
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(bytes),
        };
        Ok(self.encrypter.encrypt(message, number)?.encode())
    }

    /// Decrypts a whole [record](length) in its place, and returns what it held.
    ///
    /// # Errors
    /// If the peer has not encrypted exactly this record as its next one, or says in it that it
    /// ends the connection or anything that has no place after a handshake.
    pub(super) fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Opened<'a>, Error> {
        let content = record.get_mut(HEADER..).unwrap_or_default();
        let (typ, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
        let content = InboundOpaqueMessage::new(typ, version, content);
        let content = self.decrypter.decrypt(content, self.opened)?;
        self.opened = self.opened.checked_add(1).ok_or(Error::DecryptError)?;
        let (typ, bytes) = (content.typ, content.payload);
        if typ == ContentType::ApplicationData && !bytes.is_empty() {
            self.empty = 0;
            return Ok(Opened::Bytes(bytes));
        }
        self.empty += 1;
        if self.empty > EMPTY {
            return Err(PeerMisbehaved::TooManyEmptyFragments.into());
        }
        match (typ, bytes) {
            (ContentType::ApplicationData, _) => Ok(Opened::Nothing),
            (ContentType::Handshake, &[24, 0, 0, 1, asks @ (0 | 1)]) => {
                let (opened, secrets) = self.keys.next_to_open()?;
                let (key, iv) = parts(secrets)?;
                self.decrypter = self.keys.suite().aead_alg.decrypter(key, iv);
                self.opened = opened;
                self.owes_key |= asks == 1;
                Ok(Opened::Nothing)
            }
            (ContentType::Alert, &[_, what]) => match AlertDescription::from(what) {
                AlertDescription::CloseNotify => Ok(Opened::End),
                what => Err(Error::AlertReceived(what)),
            },
            // Tickets as well: no host of ours sends one, and no caller of ours would keep it.
            _ => Err(InvalidMessage::UnexpectedMessage("after the handshake").into()),
        }
    }
}

/// Returns the length of the record at the beginning of `received`, if it is there as a whole.
///
/// # Errors
/// If it is none that may come after a handshake.
pub(super) fn length(received: &[u8]) -> Result<Option<usize>, Error> {
    let Some((&[typ, major, minor, high, low], rest)) = received.split_first_chunk::<HEADER>()
    else {
        return Ok(None);
    };
    if [typ, major, minor] != BEGINNING {
        return Err(InvalidMessage::InvalidContentType.into());
    }
    let content = usize::from(u16::from_be_bytes([high, low]));
    if HEADER + content > RECORD {
        return Err(Error::PeerSentOversizedRecord);
    }
    Ok((content <= rest.len()).then_some(HEADER + content))
}

fn parts(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv), Error> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        _ => Err(Error::General("a cipher that was not offered".into())),
    }
}

#[cfg(test)]
mod tests;
