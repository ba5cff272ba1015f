//! Bytes to messages: postcard in length-delimited frames.
//!
//! Postcard rather than bincode, which is unmaintained (RUSTSEC-2025-0141). It has no field names,
//! hence the version in the [greeting](super::greeting); and keep wire types plain: no untagged,
//! flattened or skipped fields.

use std::panic::catch_unwind;
use std::{io, marker::PhantomData, pin::Pin};

use serde::{Serialize, de::DeserializeOwned};
use tarpc::serde_transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_serde::{Deserializer, Serializer};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::LengthDelimitedCodec;

use super::MAX_FRAME;

/// So many waiting bytes are written before more are added. Less than tokio-util's 8 KiB, so that
/// the other side can begin with the first of many small calls while the rest are encoded.
const ENOUGH: usize = 2 * 1024;

/// The transport under tarpc: receives `In`, sends `Out`, over any byte stream.
pub type Wire<IO, In, Out> = serde_transport::Transport<IO, In, Out, Postcard<In, Out>>;

/// Frames `io`. A longer frame than [`MAX_FRAME`] ends the connection when received, and fails
/// the one call when sent by a client.
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
        // tarpc adds a request's time limit to the clock as it decodes it: a limit of half an
        // eternity overflows, and panics.
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
        // Most messages fit the first allocation; growing from nothing takes six.
        const ROOM: usize = 128;
        postcard::to_extend(message, Vec::with_capacity(ROOM))
            .map(Bytes::from)
            .map_err(io::Error::other)
    }
}
