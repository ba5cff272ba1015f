//! Bytes to messages: postcard in length-delimited frames.
//!
//! The format is postcard instead of bincode, because bincode is unmaintained (RUSTSEC-2025-0141).
//! Postcard writes no field names. So the [greeting](super::greeting) carries a version, and wire
//! types must be plain: no untagged, flattened or skipped fields.

use std::panic::catch_unwind;
use std::{io, marker::PhantomData, pin::Pin};

use serde::{Serialize, de::DeserializeOwned};
use tarpc::serde_transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_serde::{Deserializer, Serializer};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::LengthDelimitedCodec;

use super::MAX_FRAME;

/// How many bytes may wait before they are written. Less than tokio-util's 8 KiB, so that the other
/// side can begin with the first of many small calls while the rest are encoded.
const ENOUGH: usize = 2 * 1024;

/// The transport under tarpc: it receives `In` and sends `Out` over any byte stream.
pub type Wire<IO, In, Out> = serde_transport::Transport<IO, In, Out, Postcard<In, Out>>;

/// Returns the transport over `io`. A frame longer than [`MAX_FRAME`] ends the connection when it
/// is received, and fails its call when a client sends it.
pub fn wire<IO, In, Out>(io: IO) -> Wire<IO, In, Out>
where
    IO: AsyncRead + AsyncWrite,
    In: DeserializeOwned,
    Out: Serialize,
{
    let mut framed = LengthDelimitedCodec::builder()
        .max_frame_length(MAX_FRAME)
        .new_framed(io);
    framed.set_backpressure_boundary(ENOUGH);
    serde_transport::new(framed, Postcard(PhantomData))
}

/// Encodes `Out` and decodes `In`, whole frames at a time.
pub struct Postcard<In, Out>(PhantomData<fn(Out) -> In>);

impl<In: DeserializeOwned, Out> Deserializer<In> for Postcard<In, Out> {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> io::Result<In> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        // `catch_unwind`, because tarpc adds the time limit of a request to the clock as it decodes
        // it. A very large limit overflows the clock and panics.
        match catch_unwind(|| postcard::take_from_bytes(frame)) {
            Ok(Ok((message, []))) => Ok(message),
            Ok(Ok(_)) => Err(invalid("trailing bytes in a frame".into())),
            Ok(Err(error)) => Err(invalid(error.to_string())),
            Err(_) => Err(invalid("a frame that cannot be decoded".into())),
        }
    }
}

impl<In, Out: Serialize> Serializer<Out> for Postcard<In, Out> {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, message: &Out) -> io::Result<Bytes> {
        // Enough for most messages, because growing from nothing takes six allocations.
        const ROOM: usize = 128;
        postcard::to_extend(message, Vec::with_capacity(ROOM))
            .map(Bytes::from)
            .map_err(io::Error::other)
    }
}
