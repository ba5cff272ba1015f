//! A sealed connection after its handshake.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::handshake::{Shaken, garbled};
use super::tls_end::{CONTENT, End, Need, RECORD};

/// The most bytes that are sealed and sent at once: three records, as long as the pages of a busy
/// chat with many readers, because each part of one costs a system call on either side. No more,
/// because a peer that does not read makes a connection keep them: see the sum in
/// [`Limits`](super::Limits).
const AT_ONCE: usize = 3 * CONTENT;

thread_local! {
    /// Where bytes are sealed on their way out. One for all connections of a thread, because memory
    /// that was just written to is faster than new memory for every record, and an idle connection
    /// keeps none.
    static SEALED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };

    /// Where bytes are received: one record, and one for all connections of a thread. Not on the
    /// stack, because all that is called below a frame of 18 KB would use lines of the cache that
    /// nothing else touches.
    static RECEIVED: RefCell<Vec<u8>> = RefCell::new(vec![0; RECORD]);
}

/// A connection whose bytes go through an [`End`]. It keeps no buffer while nothing is on its way,
/// because most connections are idle.
///
/// What it can be made to hold: [`AT_ONCE`] bytes that are sealed and wait for a peer that does not
/// read, a record of which a part was received, and the bytes of those that were received with it.
pub struct Sealed<IO> {
    io: IO,
    end: End,
    /// the beginning of a record
    received: Vec<u8>,
    /// opened bytes, and how many of them were handed out
    opened: Vec<u8>,
    handed_out: usize,
    /// sealed bytes that the peer did not take at once, and how many of them were sent
    sealed: Vec<u8>,
    sent: usize,
    has_ended: bool,
    /// why nothing more can be read, after the bytes before it, or written
    failed: Option<rustls::Error>,
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
            end: shaken.end,
            // Without the room for more that a handshake needs.
            received: shaken.received[..].to_vec(),
            opened: shaken.opened,
            handed_out: 0,
            sealed: Vec::new(),
            sent: 0,
            has_ended: false,
            failed: None,
        }
    }

    /// Returns how many bytes it keeps: received, opened and sealed ones.
    #[cfg(any(test, fuzzing))]
    pub(super) fn held(&self) -> [usize; 3] {
        [&self.received, &self.opened, &self.sealed].map(Vec::capacity)
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
        RECEIVED.with_borrow_mut(|space| self.receive_into(space, cx, buf))
    }

    fn receive_into(
        &mut self,
        space: &mut [u8],
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut space = ReadBuf::new(space);
        space.put_slice(&self.received);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut space))?;
        let mut received = space.filled_mut();
        self.has_ended = received.len() == self.received.len();
        let mut open = |bytes: &[u8]| {
            let (now, later) = bytes.split_at(bytes.len().min(buf.remaining()));
            buf.put_slice(now);
            self.opened.extend_from_slice(later);
        };
        loop {
            let (used, need) = self.end.step(received, &mut self.sealed, &mut open);
            received = &mut received[used..];
            match need {
                // Content, and no more bytes: rustls need not be asked what comes next.
                Ok(Need::Opened) if received.is_empty() => break,
                Ok(Need::Nothing | Need::Opened | Need::Send) => {}
                Ok(Need::Done | Need::Receive) => break,
                Ok(Need::Ended) => {
                    self.has_ended = true;
                    break;
                }
                Err(error) => {
                    (self.has_ended, self.failed) = (true, Some(error));
                    break;
                }
            }
        }
        self.opened.shrink_to_fit(); // two records of one read have doubled it
        self.received = received.to_vec();
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> Sealed<IO> {
    /// Sends what is sealed; ready when nothing is left.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sent += send(&mut self.io, cx, &self.sealed[self.sent..])?;
        if self.sent < self.sealed.len() {
            return Poll::Pending;
        }
        (self.sealed, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

/// Sends what the peer takes of `bytes` now. Returns how many.
fn send(
    io: &mut (impl AsyncWrite + Unpin),
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match Pin::new(&mut *io).poll_write(cx, &bytes[sent..]) {
            Poll::Ready(Ok(0)) => return Err(ErrorKind::WriteZero.into()),
            Poll::Ready(count) => sent += count?,
            Poll::Pending => break,
        }
    }
    Ok(sent)
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
        if buf.filled().len() == before
            && buf.remaining() > 0
            && let Some(error) = &this.failed
        {
            return Poll::Ready(Err(garbled(error.clone())));
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Sealed<IO> {
    /// Ready when the bytes are sealed. What the peer does not take of them now is sent before the
    /// next ones, or by a flush. After a bad record nothing is sealed any more.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_sent(cx))?;
        if let Some(error) = &this.failed {
            return Poll::Ready(Err(garbled(error.clone())));
        }
        let bytes = &buf[..buf.len().min(AT_ONCE)];
        let sent = SEALED.with_borrow_mut(|sealed| {
            sealed.clear();
            let done = this.end.seal(&mut this.received, bytes, sealed);
            done.map_err(garbled)?;
            let sent = send(&mut this.io, cx, sealed)?;
            this.sealed.extend_from_slice(&sealed[sent..]);
            Ok(bytes.len())
        });
        Poll::Ready(sent)
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
