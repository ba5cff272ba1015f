//! One end of a sealed connection: bytes in, encrypted records (RFC 8446, section 5) out, and back.
//!
//! All of it is the *unbuffered* connection of rustls, which keeps no bytes. A buffered one keeps
//! 4 KB more.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, Error, ServerConfig};

/// The most bytes in a record, before it is encrypted.
pub(super) const CONTENT: usize = 16 * 1024;

/// The longest record that rustls reads: a header, a content, and what encryption may add to it.
pub(super) const RECORD: usize = 5 + CONTENT + 2048;

/// What encryption adds to a record of ours: a header, a type and a tag.
const ADDED: usize = 5 + 1 + 16;

/// One end of a connection.
pub(super) enum End {
    Caller(UnbufferedClientConnection),
    Host(UnbufferedServerConnection),
}

/// What must be done before the next step.
pub(super) enum Need {
    Nothing,
    /// The same, and the content of records was opened.
    Opened,
    /// The bytes of the handshake that are sealed must be sent.
    Send,
    /// More bytes must be received for the handshake.
    Receive,
    /// Nothing more: the handshake is done, and all that was received is opened.
    Done,
    /// Nothing more: the other end has said that it sends nothing more.
    Ended,
}

impl End {
    /// Returns the end that calls.
    ///
    /// # Errors
    /// If rustls refuses to, which it does for no configuration of ours.
    pub(super) fn caller(config: &Arc<ClientConfig>) -> Result<Self, Error> {
        // The name is neither sent nor looked at, because the key says who it is.
        let name = IpAddr::from(Ipv4Addr::UNSPECIFIED).into();
        UnbufferedClientConnection::new(config.clone(), name).map(Self::Caller)
    }

    /// Returns the end that is called.
    ///
    /// # Errors
    /// Those of [`caller`](Self::caller).
    pub(super) fn host(config: &Arc<ServerConfig>) -> Result<Self, Error> {
        UnbufferedServerConnection::new(config.clone()).map(Self::Host)
    }

    /// Goes one step on with what was received and not used yet. What is to be sent is put behind
    /// `sealed`, and `open` is given the content of a record. Returns how many of the received
    /// bytes were used, and what is needed next.
    ///
    /// After an error nothing may be called but this, as long as there
    /// [is a word](Self::has_a_word).
    pub(super) fn step(
        &mut self,
        received: &mut [u8],
        sealed: &mut Vec<u8>,
        open: &mut dyn FnMut(&[u8]),
    ) -> (usize, Result<Need, Error>) {
        self.react(received, &[], sealed, open)
    }

    /// Puts the records that hold `bytes` behind `sealed`. `received` is what [`step`](Self::step)
    /// has left of the received bytes, because rustls has its places in it, and panics where it is
    /// missing: a message of the handshake may come in parts, each in a record of its own.
    ///
    /// # Errors
    /// If the handshake is not done, or rustls does not encrypt them.
    pub(super) fn seal(
        &mut self,
        received: &mut [u8],
        bytes: &[u8],
        sealed: &mut Vec<u8>,
    ) -> Result<(), Error> {
        loop {
            match self.react(received, bytes, sealed, &mut |_| ()).1? {
                Need::Done => return Ok(()),
                // A message about the next key, which goes before, or a farewell.
                Need::Nothing | Need::Opened | Need::Send | Need::Ended => {}
                Need::Receive => return Err(Error::HandshakeNotComplete),
            }
        }
    }

    /// Returns whether something is to be said, also after an error.
    pub(super) fn has_a_word(&self) -> bool {
        match self {
            Self::Caller(end) => end.wants_write(),
            Self::Host(end) => end.wants_write(),
        }
    }

    /// Returns what both ends have agreed on, if they have.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Caller(end) => end.alpn_protocol(),
            Self::Host(end) => end.alpn_protocol(),
        }
    }

    fn react(
        &mut self,
        received: &mut [u8],
        bytes: &[u8],
        sealed: &mut Vec<u8>,
        open: &mut dyn FnMut(&[u8]),
    ) -> (usize, Result<Need, Error>) {
        match self {
            Self::Caller(end) => react(end.process_tls_records(received), bytes, sealed, open),
            Self::Host(end) => react(end.process_tls_records(received), bytes, sealed, open),
        }
    }
}

/// Does what rustls asks for, and encrypts `bytes` when it can.
fn react<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    bytes: &[u8],
    sealed: &mut Vec<u8>,
    open: &mut dyn FnMut(&[u8]),
) -> (usize, Result<Need, Error>) {
    let mut used = status.discard;
    let need = status.state.and_then(|state| match state {
        ConnectionState::EncodeTlsData(mut message) => {
            let begin = sealed.len();
            // The first try says how long it is.
            if let Err(EncodeError::InsufficientSize(size)) = message.encode(&mut []) {
                sealed.resize(begin + size.required_size, 0);
            }
            let encoded = message.encode(&mut sealed[begin..]);
            encoded.map_err(|error| Error::General(error.to_string()))?;
            Ok(Need::Nothing)
        }
        ConnectionState::TransmitTlsData(message) => {
            message.done();
            Ok(Need::Send)
        }
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                open(record.payload);
                used += record.discard;
            }
            Ok(Need::Opened)
        }
        ConnectionState::BlockedHandshake => Ok(Need::Receive),
        ConnectionState::WriteTraffic(traffic) => {
            encrypt(traffic, bytes, sealed)?;
            Ok(Need::Done)
        }
        ConnectionState::PeerClosed => Ok(Need::Ended),
        // Data before the handshake, which we never allow, or an end that we never say.
        _ => Err(Error::HandshakeNotComplete),
    });
    (used, need)
}

fn encrypt<Data>(
    mut traffic: WriteTraffic<'_, Data>,
    bytes: &[u8],
    sealed: &mut Vec<u8>,
) -> Result<(), Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    let begin = sealed.len();
    let records = bytes.len().div_ceil(CONTENT);
    sealed.resize(begin + bytes.len() + records * ADDED, 0);
    let mut encrypted = traffic.encrypt(bytes, &mut sealed[begin..]);
    // More than one record, because a message about the next key goes before.
    if let Err(EncryptError::InsufficientSize(size)) = encrypted {
        sealed.resize(begin + size.required_size, 0);
        encrypted = traffic.encrypt(bytes, &mut sealed[begin..]);
    }
    let length = encrypted.map_err(|_| Error::EncryptError)?;
    sealed.truncate(begin + length);
    Ok(())
}
