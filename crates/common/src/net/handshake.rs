//! The handshake of a seal: from the first byte after the greeting to the first record.
//!
//! rustls decides all of it, without sockets. What is here carries its messages.

use std::io::{self, ErrorKind};

use rustls::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::tls_end::{End, Need, RECORD};

/// The bytes of a message in a handshake at most: some hundred are usual, because no certificates
/// are sent.
const MESSAGE: usize = RECORD;

/// Room for the first read: what the other end says at once.
const FIRST: usize = 2 * 1024;

/// What a handshake has led to.
pub(super) struct Shaken {
    pub(super) end: End,
    /// the beginning of a record that came right behind
    pub(super) received: Vec<u8>,
    /// the bytes of records that came right behind
    pub(super) opened: Vec<u8>,
}

/// Shakes hands over `io`. It does not read while it writes, because what one end says in a
/// handshake fits into any socket.
///
/// # Errors
/// Of kind `InvalidData` with a [`rustls::Error`] if the other end does not fit; otherwise those of
/// `io`.
pub(super) async fn shake<IO>(mut end: End, io: &mut IO) -> io::Result<Shaken>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (mut received, mut opened) = (Vec::with_capacity(FIRST), Vec::new());
    let mut to_send = Vec::new();
    loop {
        let mut open = |bytes: &[u8]| opened.extend_from_slice(bytes);
        let (used, need) = end.step(&mut received, &mut to_send, &mut open);
        received.drain(..used);
        match need {
            Ok(Need::Nothing | Need::Opened) => {}
            Ok(Need::Send) => {
                io.write_all(&to_send).await?;
                to_send.clear();
            }
            Ok(Need::Receive) => receive(&mut received, io).await?,
            Ok(Need::Done) => break,
            Ok(Need::Ended) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) => {
                // So that the other end hears why. Without a word rustls must not go on.
                while end.has_a_word() && end.step(&mut [], &mut to_send, &mut |_| ()).1.is_ok() {}
                let _ = io.write_all(&to_send).await;
                return Err(garbled(error));
            }
        }
    }
    Ok(Shaken {
        end,
        received,
        opened,
    })
}

async fn receive(received: &mut Vec<u8>, io: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    if received.len() >= MESSAGE {
        return Err(garbled(Error::PeerSentOversizedRecord));
    }
    match io.read_buf(received).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Returns the error of a connection whose other end does not fit, or of which somebody on the way
/// has changed a byte.
pub(super) fn garbled(error: Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
