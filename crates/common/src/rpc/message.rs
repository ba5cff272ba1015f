//! What a caller sends: one call, or a batch of them. PURE.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::reply::Fault;
use crate::chat::Bounded;

/// Most calls in a batch: more than a client has to do at once when it starts.
pub const MAX_BATCH: usize = 32;

/// A message, divided but not looked at.
pub(super) enum Message<'a> {
    One(&'a RawValue),
    Batch(Bounded<&'a RawValue, MAX_BATCH>),
}

/// Returns the message in this text.
pub(super) fn read(text: &[u8]) -> Result<Message<'_>, Fault> {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        let one = serde_json::from_slice(text).map_err(|e| Fault::no_json(&e))?;
        return Ok(Message::One(one));
    }
    let batch: Bounded<&RawValue, MAX_BATCH> =
        serde_json::from_slice(text).map_err(|error| match error.classify() {
            Category::Data => Fault::no_call(&format!("a batch has at most {MAX_BATCH} calls")),
            _ => Fault::no_json(&error),
        })?;
    if batch.is_empty() {
        return Err(Fault::no_call("a batch has at least one call"));
    }
    Ok(Message::Batch(batch))
}

/// One call.
pub(super) struct Call<'a> {
    /// the JSON of its id; a notification has none
    pub(super) id: Option<&'a str>,
    pub(super) method: Cow<'a, str>,
    pub(super) params: Option<&'a RawValue>,
}

/// The members of a call. They are read later, because the id is wanted of a wrong call as well.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// Reads a member that is there, also a `null`: a call with the id `null` is no notification.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Returns the call in this text.
///
/// # Errors
/// The JSON of its id, or `null` if it has none that can be repeated, and what is wrong.
pub(super) fn call(text: &RawValue) -> Result<Call<'_>, (&str, Fault)> {
    let members: Members<'_> = serde_json::from_str(text.get())
        .map_err(|_| ("null", Fault::no_call("expected an object")))?;
    let id = members.id.map(RawValue::get);
    if id.is_some_and(|id| id.starts_with(['{', '[', 't', 'f'])) {
        return Err(("null", Fault::no_call("an id is a string or a number")));
    }
    let wrong = |what| (id.unwrap_or("null"), Fault::no_call(what));
    if string(members.jsonrpc).as_deref() != Some("2.0") {
        return Err(wrong("expected \"jsonrpc\":\"2.0\""));
    }
    let method = string(members.method).ok_or_else(|| wrong("a method is a string"))?;
    // Many client libraries write `null` where there are none.
    let params = members.params.filter(|params| params.get() != "null");
    Ok(Call { id, method, params })
}

fn string(json: Option<&RawValue>) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let text: Text<'_> = serde_json::from_str(json?.get()).ok()?;
    Some(text.0)
}
