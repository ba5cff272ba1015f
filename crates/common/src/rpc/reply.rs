//! What a caller gets: a result or an error, as text. PURE.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The codes of the specification, then that of all servers for their own trouble, then ours for a
/// service that refuses: which refusal it is, says the data.
const NO_JSON: i32 = -32700;
const NO_CALL: i32 = -32600;
const NO_METHOD: i32 = -32601;
const PARAMS: i32 = -32602;
const WRITING: i32 = -32603;
const SERVER: i32 = -32000;
const REFUSED: i32 = 1;

const EXAMPLE: &str = "such as {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"M\",\"params\":{}}";

/// Why a call has no result.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    code: i32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

impl Fault {
    fn new(code: i32, message: String) -> Self {
        Self {
            code,
            message,
            data: None,
        }
    }

    pub(super) fn no_json(error: &serde_json::Error) -> Self {
        Self::new(NO_JSON, format!("this is no JSON: {error}"))
    }

    pub(super) fn no_call(what: &str) -> Self {
        Self::new(NO_CALL, format!("this is no call: {what}; {EXAMPLE}"))
    }

    pub(super) fn no_method(names: &str) -> Self {
        Self::new(
            NO_METHOD,
            format!("there is no such method; there are {names}"),
        )
    }

    pub(super) fn params(what: &str) -> Self {
        Self::new(PARAMS, what.to_owned())
    }

    /// The server itself could not answer.
    pub(super) fn server(what: String) -> Self {
        Self::new(SERVER, what)
    }

    fn writing(error: &serde_json::Error) -> Self {
        Self::new(WRITING, format!("the answer cannot be written: {error}"))
    }

    /// The service refuses, by this JSON of its error type. The message is the sentence of that
    /// type, for people; the data has its kind, for programs.
    fn refused<Refusal>(refusal: &RawValue) -> Self
    where
        Refusal: DeserializeOwned + std::error::Error,
    {
        let sentence = match serde_json::from_str::<Refusal>(refusal.get()) {
            Ok(refusal) => refusal.to_string(),
            Err(error) => return Self::writing(&error),
        };
        #[derive(Serialize)]
        struct Data<'a> {
            refusal: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a RawValue>,
        }
        let kind = serde_json::from_str::<String>(refusal.get());
        let single = serde_json::from_str::<Single<'_>>(refusal.get());
        let data = match (&kind, &single) {
            (Ok(kind), _) => Data {
                refusal: kind,
                detail: None,
            },
            (_, Ok(single)) => Data {
                refusal: &single.key,
                detail: Some(single.value),
            },
            (_, Err(error)) => return Self::writing(error),
        };
        Self {
            data: serde_json::value::to_raw_value(&data).ok(),
            ..Self::new(REFUSED, sentence)
        }
    }
}

/// Returns the JSON of what a method returns. The variant of the response is left off, because the
/// caller knows what it has called; and `Ok`, because what comes with `Err` is an error here.
///
/// No method of ours returns an object whose only key is `Ok` or `Err`.
pub(super) fn result_of<Resp, Refusal>(response: &Resp) -> Result<String, Fault>
where
    Resp: Serialize,
    Refusal: DeserializeOwned + std::error::Error,
{
    let text = serde_json::to_string(response).map_err(|e| Fault::writing(&e))?;
    let variant: Single<'_> = serde_json::from_str(&text).map_err(|e| Fault::writing(&e))?;
    let inner = variant.value.get();
    match serde_json::from_str::<Single<'_>>(inner) {
        Ok(Single { key, value }) if key == "Ok" => Ok(value.get().to_owned()),
        Ok(Single { key, value }) if key == "Err" => Err(Fault::refused::<Refusal>(value)),
        _ => Ok(inner.to_owned()),
    }
}

/// Returns the answer to the call of this id, with this JSON as its result.
pub(super) fn result(id: &str, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}")
}

/// Returns the answer to the call of this id, which has failed.
pub(super) fn error(id: &str, fault: &Fault) -> String {
    // A number and two texts can always be written.
    let fault = serde_json::to_string(fault).unwrap_or_else(|_| "null".into());
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{fault}}}")
}

/// A JSON object of one member, which is how serde writes a variant that holds something.
struct Single<'a> {
    key: Cow<'a, str>,
    value: &'a RawValue,
}

impl<'de> Deserialize<'de> for Single<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Single<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of one member")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let member = map.next_entry()?;
                let (key, value) = member.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                if map.next_key::<Cow<'de, str>>()?.is_some() {
                    return Err(A::Error::invalid_length(2, &self));
                }
                Ok(Single { key, value })
            }
        }

        from.deserialize_map(Members)
    }
}
