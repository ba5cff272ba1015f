//! The handshake of a seal: from the first byte after the greeting to the first [record](Records).
//!
//! rustls decides all of it, without sockets. What is here carries its messages.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{ClientConfig, Error, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::records::{RECORD, Records};

/// The bytes of a message in a handshake at most: some hundred are usual, because no certificates
/// are sent.
const MESSAGE: usize = RECORD;

/// Room for the first read: what the other end says at once.
const FIRST: usize = 2 * 1024;

/// One end of a handshake.
pub(super) enum Handshake {
    Caller(UnbufferedClientConnection),
    Host(UnbufferedServerConnection),
}

/// What a handshake has led to.
pub(super) struct Shaken {
    /// what both ends have agreed on, if they have
    pub(super) protocol: Option<Vec<u8>>,
    pub(super) records: Records,
    /// the beginning of a record that came right behind
    pub(super) received: Vec<u8>,
    /// the bytes of records that came right behind
    pub(super) opened: Vec<u8>,
}

/// What is on its way during a handshake.
struct Way {
    received: Vec<u8>,
    to_send: Vec<u8>,
    opened: Vec<u8>,
}

/// What must be done before the next step.
enum Need {
    Nothing,
    Send,
    Receive,
    /// Nothing more: the handshake is done.
    Done,
}

impl Handshake {
    /// Begins a handshake as the end that calls.
    ///
    /// # Errors
    /// If rustls refuses to, which it does for no configuration of ours.
    pub(super) fn caller(config: &Arc<ClientConfig>) -> Result<Self, Error> {
        // The name is neither sent nor looked at, because the key says who it is.
        let name = IpAddr::from(Ipv4Addr::UNSPECIFIED).into();
        UnbufferedClientConnection::new(config.clone(), name).map(Self::Caller)
    }

    /// Begins a handshake as the end that is called.
    ///
    /// # Errors
    /// Those of [`caller`](Self::caller).
    pub(super) fn host(config: &Arc<ServerConfig>) -> Result<Self, Error> {
        UnbufferedServerConnection::new(config.clone()).map(Self::Host)
    }

    /// Shakes hands over `io`. It does not read while it writes, because what one end says in a
    /// handshake fits into any socket.
    ///
    /// # Errors
    /// Of kind `InvalidData` with a [`rustls::Error`] if the other end does not fit; otherwise
    /// those of `io`.
    pub(super) async fn shake<IO>(mut self, io: &mut IO) -> io::Result<Shaken>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let mut way = Way {
            received: Vec::with_capacity(FIRST),
            to_send: Vec::new(),
            opened: Vec::new(),
        };
        loop {
            match self.step(&mut way) {
                Ok(Need::Nothing) => {}
                Ok(Need::Send) => {
                    io.write_all(&way.to_send).await?;
                    way.to_send.clear();
                }
                Ok(Need::Receive) => way.receive(io).await?,
                Ok(Need::Done) => break,
                Err(error) => {
                    // So that the other end hears why. Without a word rustls must not go on.
                    while self.has_a_word() && self.step(&mut way).is_ok() {}
                    let _ = io.write_all(&way.to_send).await;
                    return Err(garbled(error));
                }
            }
        }
        let protocol = self.protocol().map(<[u8]>::to_vec);
        Ok(Shaken {
            protocol,
            records: self.into_records().map_err(garbled)?,
            received: way.received,
            opened: way.opened,
        })
    }

    fn step(&mut self, way: &mut Way) -> Result<Need, Error> {
        let Way {
            received,
            to_send,
            opened,
        } = way;
        let (discard, need) = match self {
            Self::Caller(end) => react(end.process_tls_records(received), to_send, opened),
            Self::Host(end) => react(end.process_tls_records(received), to_send, opened),
        };
        received.drain(..discard);
        need
    }

    fn has_a_word(&self) -> bool {
        match self {
            Self::Caller(end) => end.wants_write(),
            Self::Host(end) => end.wants_write(),
        }
    }

    fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Caller(end) => end.alpn_protocol(),
            Self::Host(end) => end.alpn_protocol(),
        }
    }

    fn into_records(self) -> Result<Records, Error> {
        match self {
            Self::Caller(end) => Records::of_caller(end),
            Self::Host(end) => Records::of_host(end),
        }
    }
}

impl Way {
    async fn receive(&mut self, io: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        if self.received.len() >= MESSAGE {
            return Err(garbled(Error::PeerSentOversizedRecord));
        }
        match io.read_buf(&mut self.received).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Does what rustls asks for. Returns how many received bytes were used, and what is needed next.
fn react<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    to_send: &mut Vec<u8>,
    opened: &mut Vec<u8>,
) -> (usize, Result<Need, Error>) {
    let mut discard = status.discard;
    let need = status.state.and_then(|state| match state {
        ConnectionState::EncodeTlsData(mut message) => {
            let begin = to_send.len();
            // The first try says how long it is.
            if let Err(EncodeError::InsufficientSize(size)) = message.encode(&mut []) {
                to_send.resize(begin + size.required_size, 0);
            }
            let encoded = message.encode(&mut to_send[begin..]);
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
                opened.extend_from_slice(record.payload);
                discard += record.discard;
            }
            Ok(Need::Nothing)
        }
        ConnectionState::BlockedHandshake => Ok(Need::Receive),
        ConnectionState::WriteTraffic(_) => Ok(Need::Done),
        // An end before the beginning, or data before the handshake, which we never allow.
        _ => Err(Error::HandshakeNotComplete),
    });
    (discard, need)
}

/// Returns the error of a connection whose other end does not fit, or of which somebody on the way
/// has changed a byte.
pub(super) fn garbled(error: Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
