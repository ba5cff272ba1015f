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
use postcard::ser_flavors::Flavor;
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder, Framed};

use super::MAX_FRAME;

/// How many bytes may wait before they are written. Less than tokio-util's 8 KiB, so that the other
/// side can begin with the first of many small calls while the rest are encoded.
const ENOUGH: usize = 2 * 1024;

/// The size of a buffer at first, in bytes: some small calls. It doubles when it was too small, and
/// that of most connections never is.
const FIRST: usize = 512;

/// The bytes of a buffer that every connection may keep: two of tokio-util's first buffers.
const BUFFER: usize = 16 * 1024;

/// The bytes of a frame's length, which is a big-endian number.
const LENGTH: usize = 4;

/// The longest time limit that a request may carry, in seconds: 300 years. tarpc adds it to the
/// clock while it decodes, and panics if the sum is too large.
const MAX_TIME_LIMIT: u64 = 10_000_000_000;

/// A transport for tarpc: it receives `In` and sends `Out` over any byte stream.
pub struct Wire<IO, In, Out>(Framed<IO, Frames<In, Out>>);

/// Returns the transport over `io`. A frame longer than [`MAX_FRAME`] ends the connection when it
/// is received. A message that cannot be sent is an error of its own and leaves the connection
/// intact.
pub fn wire<IO: AsyncRead + AsyncWrite, In, Out>(io: IO) -> Wire<IO, In, Out>
where
    In: DeserializeOwned,
{
    let frames = Frames {
        received: 0,
        types: PhantomData,
    };
    let mut framed = Framed::with_capacity(io, frames, FIRST);
    framed.set_backpressure_boundary(ENOUGH);
    *framed.write_buffer_mut() = BytesMut::with_capacity(FIRST);
    Wire(framed)
}

impl<IO, In, Out> Wire<IO, In, Out> {
    /// Returns the length in bytes of the frame that was received last.
    pub(super) fn received(&self) -> usize {
        self.0.codec().received
    }

    /// Returns the bytes of its two buffers, as far as they are above what every connection has.
    pub(super) fn buffered(&self) -> usize {
        let read = self.0.read_buffer().capacity();
        let write = self.0.write_buffer().capacity();
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
        let message = Pin::new(&mut self.0).poll_next(cx);
        if message.is_pending() {
            give_back(self.0.read_buffer_mut());
        }
        message
    }
}

impl<IO, In, Out> Sink<Out> for Wire<IO, In, Out>
where
    IO: AsyncWrite + Unpin,
    Out: Serialize,
{
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<Out>::poll_ready(Pin::new(&mut self.0), cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Out) -> io::Result<()> {
        Pin::new(&mut self.0).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Sink::<Out>::poll_flush(Pin::new(&mut self.0), cx)?);
        give_back(self.0.write_buffer_mut());
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<Out>::poll_close(Pin::new(&mut self.0), cx)
    }
}

/// Doubles a buffer that the last read filled, up to what every connection may keep, because more
/// is waiting: with 64 small calls on their way, 512 bytes hold twenty of them.
fn grow_if_full(buffer: &mut BytesMut) {
    let capacity = buffer.capacity();
    if buffer.len() == capacity && capacity <= BUFFER / 2 {
        buffer.reserve(capacity);
    }
}

/// Frees a large buffer that is empty, because most connections never need it again.
fn give_back(buffer: &mut BytesMut) {
    if !buffer.is_empty() {
        return;
    }
    // The capacity does not count what was read from the front, until the buffer begins there anew.
    let _ = buffer.try_reclaim(buffer.capacity() + 1);
    if buffer.capacity() > BUFFER {
        *buffer = BytesMut::new();
    }
}

/// Frames of a length and a message. Instead of tokio-util's codec for frames of bytes, so that a
/// message is encoded into the buffer of the connection and decoded from it, and costs no
/// allocation of its own: a tenth of the instructions of a hop of the ring.
struct Frames<In, Out> {
    received: usize,
    types: PhantomData<fn(Out) -> In>,
}

impl<In: DeserializeOwned, Out> Decoder for Frames<In, Out> {
    type Item = In;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<In>> {
        grow_if_full(bytes);
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_FRAME {
            return Err(invalid("a frame that is too long"));
        }
        let Some(frame) = rest.get(..length) else {
            // And one more, because after a read that fills it tokio asks for the next bytes.
            bytes.reserve(LENGTH + length - bytes.len() + 1);
            return Ok(None);
        };
        let message = decode(frame)?;
        self.received = length;
        bytes.advance(LENGTH + length);
        Ok(Some(message))
    }
}

impl<In, Out: Serialize> Encoder<Out> for Frames<In, Out> {
    type Error = io::Error;

    fn encode(&mut self, message: Out, bytes: &mut BytesMut) -> io::Result<()> {
        let begin = bytes.len();
        bytes.put_bytes(0, LENGTH);
        let encoded = postcard::serialize_with_flavor(&message, End(bytes));
        let length = bytes.len() - begin - LENGTH;
        let encoded = encoded.map_err(io::Error::other).and_then(|()| {
            let error = || format!("a message of {length} bytes, above {MAX_FRAME}");
            let fits = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME);
            fits.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, error()))
        });
        match encoded {
            Ok(length) => bytes[begin..begin + LENGTH].copy_from_slice(&length.to_be_bytes()),
            Err(_) => bytes.truncate(begin),
        }
        encoded.map(drop)
    }
}

/// Lets postcard write to the end of a buffer.
struct End<'a>(&'a mut BytesMut);

impl Flavor for End<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.put_u8(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Returns the message in a whole frame.
///
/// # Errors
/// If the frame does not hold exactly one message, or a request's time limit is above
/// 300 years.
pub fn decode<In: DeserializeOwned>(frame: &[u8]) -> io::Result<In> {
    if has_endless_limit(frame) {
        return Err(invalid("a time limit of more than three hundred years"));
    }
    match postcard::take_from_bytes(frame) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(invalid("trailing bytes in a frame")),
        Err(error) => Err(invalid(&error.to_string())),
    }
}

fn invalid(error: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_is_given_back_once_it_was_read_whichever_way() {
        for reads in [1, 7, 100_000] {
            let mut buffer = BytesMut::with_capacity(ENOUGH);
            buffer.put_bytes(0, 100_000);
            while !buffer.is_empty() {
                give_back(&mut buffer);
                buffer.advance(reads.min(buffer.len()));
            }
            give_back(&mut buffer);
            let has_kept = buffer.try_reclaim(BUFFER + 1);
            assert!(!has_kept, "read in steps of {reads} bytes");
        }
    }

    #[test]
    fn a_buffer_doubles_when_a_read_fills_it_up_to_what_every_connection_keeps() {
        let mut buffer = BytesMut::with_capacity(FIRST);
        let mut sizes = Vec::new();
        for is_filled in [false, true, true, true, true, true, true, true] {
            let read = buffer.capacity() - usize::from(!is_filled);
            buffer.resize(read, 0);
            grow_if_full(&mut buffer);
            buffer.clear();
            sizes.push(buffer.capacity());
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 32, 32].map(|n| n * FIRST));
        assert_eq!(sizes.last(), Some(&BUFFER));
    }

    #[test]
    fn a_message_that_does_not_fit_leaves_the_ones_before_it_whole() {
        let mut frames = Frames::<String, String> {
            received: 0,
            types: PhantomData,
        };
        let mut bytes = BytesMut::new();
        frames.encode("one".into(), &mut bytes).expect("it fits");
        let error = frames.encode("x".repeat(MAX_FRAME), &mut bytes);
        assert_eq!(error.expect_err("too long").kind(), ErrorKind::InvalidInput);
        frames.encode("two".into(), &mut bytes).expect("it fits");
        let mut heard = || frames.decode(&mut bytes).expect("no error");
        assert_eq!(heard().as_deref(), Some("one"));
        assert_eq!(heard().as_deref(), Some("two"));
        assert_eq!(heard(), None);
    }
}
