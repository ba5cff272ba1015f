//! A sealed connection after its handshake: bytes in, [records] out, and back.

use std::fmt;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::handshake::{Shaken, garbled};
use super::records::{self, CONTENT, Opened, RECORD, Records};

/// A connection whose bytes go through [`Records`]. It keeps no buffer while nothing is on its way,
/// because most connections are idle.
///
/// What it can be made to hold: one record that is sealed and waits for a peer that does not read,
/// a record of which a part was received, and the bytes of those that were received with it.
pub struct Sealed<IO> {
    io: IO,
    records: Records,
    /// the beginning of a record
    received: Vec<u8>,
    /// opened bytes, and how many of them were handed out
    opened: Vec<u8>,
    handed_out: usize,
    /// sealed bytes, and how many of them were sent
    sealed: Vec<u8>,
    sent: usize,
    has_ended: bool,
}

impl<IO> fmt::Debug for Sealed<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

impl<IO> Sealed<IO> {
    /// Returns the connection whose handshake has led to this.
    pub(super) fn new(io: IO, shaken: Shaken) -> Self {
        Self {
            io,
            records: shaken.records,
            // Without the room for more that a handshake needs.
            received: shaken.received[..].to_vec(),
            opened: shaken.opened,
            handed_out: 0,
            sealed: Vec::new(),
            sent: 0,
            has_ended: false,
        }
    }

    /// Fills `buf` with opened bytes, as far as there are some.
    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = &self.opened[self.handed_out..];
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        self.handed_out += count;
        if self.handed_out == self.opened.len() {
            (self.opened, self.handed_out) = (Vec::new(), 0);
        }
    }
}

impl<IO: AsyncRead + Unpin> Sealed<IO> {
    /// Reads once, and opens the records that are whole. Ready also if none is.
    fn receive(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // On the stack, because most reads find nothing, and most others small records.
        let mut space = [MaybeUninit::uninit(); RECORD];
        let mut space = ReadBuf::uninit(&mut space);
        space.put_slice(&self.received);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut space))?;
        let mut received = space.filled_mut();
        self.has_ended = received.len() == self.received.len();
        while let Some(length) = records::length(received).map_err(garbled)? {
            let (record, after) = received.split_at_mut(length);
            match self.records.open(record).map_err(garbled)? {
                Opened::Bytes(bytes) => {
                    let (now, later) = bytes.split_at(bytes.len().min(buf.remaining()));
                    buf.put_slice(now);
                    self.opened.extend_from_slice(later);
                }
                Opened::Nothing => {}
                Opened::End => {
                    self.has_ended = true;
                    return Poll::Ready(Ok(()));
                }
            }
            received = after;
        }
        self.received = received.to_vec();
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> Sealed<IO> {
    /// Sends what is sealed; ready when nothing is left.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.sealed.len() {
            let rest = &self.sealed[self.sent..];
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        (self.sealed, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Sealed<IO> {
    /// An end within a record is an end as well, because our programs end by closing TCP, without a
    /// farewell of TLS. Nothing is lost: whether a frame was whole is known from its length, and
    /// the network can cut a TCP connection at any time as well.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        this.hand_out(buf);
        while buf.filled().len() == before && buf.remaining() > 0 && !this.has_ended {
            ready!(this.receive(cx, buf))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Sealed<IO> {
    /// Ready when the bytes are sealed. What the peer does not take of them now is sent before the
    /// next ones, or by a flush.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_sent(cx))?;
        let bytes = &buf[..buf.len().min(CONTENT)];
        this.sealed = this.records.seal(bytes).map_err(garbled)?;
        match this.poll_sent(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_sent(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_sent(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
