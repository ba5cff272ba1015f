//! How a sender looks on the wire: as its 16 bytes. Being a hash, it would take 19 as a number of
//! variable length; and a server that lies could make an entry of 96 bytes in memory from 6.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Sender;

pub(super) fn serialize<S: Serializer>(sender: &Sender, serializer: S) -> Result<S::Ok, S::Error> {
    sender.to_be_bytes().serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sender, D::Error> {
    <[u8; 16]>::deserialize(deserializer).map(Sender::from_be_bytes)
}
