//! Bytes to messages: postcard in length-delimited frames.
//!
//! The format is postcard instead of bincode, because bincode is unmaintained (RUSTSEC-2025-0141).
//! Postcard writes no field names. So the [greeting](super::greeting) carries a version, and wire
//! types must be plain: no untagged, flattened or skipped fields.

use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::MAX_FRAME;

/// How many bytes may wait before they are written, and the size of a buffer at first. Less than
/// tokio-util's 8 KiB, so that the other side can begin with the first of many small calls while
/// the rest are encoded, and because most connections never need more.
const ENOUGH: usize = 2 * 1024;

/// The bytes of a buffer that every connection may keep: two of tokio-util's first buffers.
const BUFFER: usize = 16 * 1024;

/// The longest time limit that a request may carry, in seconds: 300 years. tarpc adds it to the
/// clock while it decodes, and panics if the sum is too large.
const MAX_TIME_LIMIT: u64 = 10_000_000_000;

/// A transport for tarpc: it receives `In` and sends `Out` over any byte stream.
pub struct Wire<IO, In, Out> {
    framed: Framed<IO, LengthDelimitedCodec>,
    received: usize,
    types: PhantomData<fn(Out) -> In>,
}

/// Returns the transport over `io`. A frame longer than [`MAX_FRAME`] ends the connection when it
/// is received. A message that cannot be sent is an error of its own and leaves the connection
/// intact.
pub fn wire<IO: AsyncRead + AsyncWrite, In, Out>(io: IO) -> Wire<IO, In, Out> {
    let mut framed = LengthDelimitedCodec::builder()
        .max_frame_length(MAX_FRAME)
        .new_framed(io);
    framed.set_backpressure_boundary(ENOUGH);
    *framed.read_buffer_mut() = BytesMut::with_capacity(ENOUGH);
    *framed.write_buffer_mut() = BytesMut::with_capacity(ENOUGH);
    Wire {
        framed,
        received: 0,
        types: PhantomData,
    }
}

impl<IO, In, Out> Wire<IO, In, Out> {
    /// Returns the length in bytes of the frame that was received last.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// Returns the bytes of its two buffers, as far as they are above what every connection has.
    pub(super) fn buffered(&self) -> usize {
        let read = self.framed.read_buffer().capacity();
        let write = self.framed.write_buffer().capacity();
        read.saturating_sub(BUFFER) + write.saturating_sub(BUFFER)
    }
}

impl<IO, In, Out> Stream for Wire<IO, In, Out>
where
    IO: AsyncRead + Unpin,
    In: DeserializeOwned,
{
    type Item = io::Result<In>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<In>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.framed).poll_next(cx) else {
            give_back(self.framed.read_buffer_mut());
            return Poll::Pending;
        };
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            self.received = frame.len();
            decode(&frame)
        }))
    }
}

impl<IO, In, Out> Sink<Out> for Wire<IO, In, Out>
where
    IO: AsyncWrite + Unpin,
    Out: Serialize,
{
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<Bytes>::poll_ready(Pin::new(&mut self.framed), cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Out) -> io::Result<()> {
        let frame = encode(&message)?;
        Pin::new(&mut self.framed).start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Sink::<Bytes>::poll_flush(Pin::new(&mut self.framed), cx)?);
        give_back(self.framed.write_buffer_mut());
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<Bytes>::poll_close(Pin::new(&mut self.framed), cx)
    }
}

/// Frees a large buffer that is empty, because most connections never need it again.
fn give_back(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() > BUFFER {
        *buffer = BytesMut::new();
    }
}

/// Returns the message in a whole frame.
///
/// # Errors
/// If the frame does not hold exactly one message, or a request's time limit is above
/// 300 years.
pub fn decode<In: DeserializeOwned>(frame: &[u8]) -> io::Result<In> {
    let invalid = |error: &str| Err(io::Error::new(ErrorKind::InvalidData, error));
    if has_endless_limit(frame) {
        return invalid("a time limit of more than three hundred years");
    }
    match postcard::take_from_bytes(frame) {
        Ok((message, [])) => Ok(message),
        Ok(_) => invalid("trailing bytes in a frame"),
        Err(error) => invalid(&error.to_string()),
    }
}

/// Returns whether the frame is a request whose time limit tarpc could not decode. A request is
/// message 0 of a client, and begins with the seconds of its limit. A server's message never looks
/// like that, because the second number of an answer is 0 or 1.
fn has_endless_limit(frame: &[u8]) -> bool {
    matches!(
        postcard::take_from_bytes::<(u32, u64)>(frame),
        Ok(((0, seconds), _)) if seconds > MAX_TIME_LIMIT
    )
}

fn encode<Out: Serialize>(message: &Out) -> io::Result<Bytes> {
    // Enough for most messages, because growing from nothing takes six allocations.
    const ROOM: usize = 128;
    let bytes = postcard::to_extend(message, Vec::with_capacity(ROOM)).map_err(io::Error::other)?;
    if bytes.len() > MAX_FRAME {
        let error = format!("a message of {} bytes, above {MAX_FRAME}", bytes.len());
        return Err(io::Error::new(ErrorKind::InvalidInput, error));
    }
    Ok(bytes.into())
}
