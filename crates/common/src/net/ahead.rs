//! Reads below a seal: as much at once as is there.
//!
//! rustls asks for 4 KiB at a time, whatever is there. A page of a chat under a key came in three
//! system calls so, where one does.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that are read at once: a record of 16 KiB, and what TLS adds to it (RFC 8446,
/// section 5.2).
const RECORD: usize = 16 * 1024 + 256 + 5;

/// A connection that is read a record at a time. It keeps what was not asked for yet, and nothing
/// while it waits, because most connections are idle.
#[derive(Debug)]
pub struct Ahead<IO> {
    io: IO,
    read: Vec<u8>,
    /// how much of `read` was handed out
    handed_out: usize,
}

impl<IO> Ahead<IO> {
    /// Returns a connection of which nothing was read ahead.
    pub(super) fn new(io: IO) -> Self {
        Self {
            io,
            read: Vec::new(),
            handed_out: 0,
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Ahead<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read.is_empty() {
            // On the stack, because most reads find nothing, and most records are smaller than what
            // was asked for.
            let mut space = [MaybeUninit::uninit(); RECORD];
            let mut read = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut read))?;
            let (now, later) = read
                .filled()
                .split_at(read.filled().len().min(buf.remaining()));
            buf.put_slice(now);
            (this.read, this.handed_out) = (later.to_vec(), 0);
            return Poll::Ready(Ok(()));
        }
        let rest = &this.read[this.handed_out..];
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        this.handed_out += count;
        if this.handed_out == this.read.len() {
            this.read = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Ahead<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_read_ahead_comes_in_order_and_nothing_is_kept_when_all_was_read() {
        let (mut theirs, ours) = duplex(3 * RECORD);
        let mut ours = Ahead::new(ours);
        let sent: Vec<u8> = (0..2 * RECORD).map(|n| (n % 251) as u8).collect();
        theirs.write_all(&sent).await.expect("room");
        drop(theirs);
        let (mut got, mut piece) = (Vec::new(), [0; 4096]);
        while let n @ 1.. = ours.read(&mut piece).await.expect("no error") {
            got.extend_from_slice(&piece[..n]);
        }
        assert_eq!(got, sent);
        assert_eq!(ours.read.capacity(), 0);
    }
}
