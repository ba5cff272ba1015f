//! From the parameters of a call to the request of a service. PURE. serde reads them as the variant
//! of the enum of requests that belongs to the method.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Error;
use serde_json::value::RawValue;

use super::methods::Found;
use super::reply::Fault;

/// Returns the request that is a call of `method` with these parameters. They come by name or by
/// position, and those of an optional type may be left out.
pub(super) fn request<Req: DeserializeOwned>(
    method: &Found<'_>,
    params: Option<&RawValue>,
) -> Result<Req, Fault> {
    let wrong = |error: Error| {
        // The place of an error is counted in one parameter, so it would only mislead.
        let error = error.to_string();
        let what = error.split(" at line ").next().unwrap_or_default();
        Fault::params(&format!("{method}: {what}"))
    };
    let given = match params {
        Some(params) => given(method.params, params).map_err(wrong)?,
        None => Vec::new(),
    };
    let variant = method.variant;
    Req::deserialize(Chosen { variant, given }).map_err(wrong)
}

/// Returns the parameters by name. A name that the method does not have is an error: serde would
/// ignore it, and a mistyped optional parameter would be a riddle.
fn given<'a>(
    names: &'static [&'static str],
    params: &'a RawValue,
) -> Result<Vec<(&'static str, &'a RawValue)>, Error> {
    let mut from = serde_json::Deserializer::from_str(params.get());
    from.deserialize_any(Given(names))
}

struct Given(&'static [&'static str]);

impl<'de> Visitor<'de> for Given {
    type Value = Vec<(&'static str, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parameters in an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut given: Self::Value = Vec::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let Some(name) = self.0.iter().find(|name| **name == key) else {
                // The name is not repeated whole, because it may be as long as a message.
                let start: String = key.chars().take(32).collect();
                let error = format!("there is no parameter {start:?}");
                return Err(A::Error::custom(error));
            };
            if given.iter().any(|(known, _)| known == name) {
                return Err(A::Error::duplicate_field(name));
            }
            given.push((name, map.next_value()?));
        }
        Ok(given)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut given: Self::Value = Vec::new();
        while let Some(value) = seq.next_element()? {
            let Some(name) = self.0.get(given.len()) else {
                return Err(A::Error::custom("too many parameters"));
            };
            given.push((name, value));
        }
        Ok(given)
    }
}

/// A variant and its fields, as a deserializer.
struct Chosen<'a> {
    variant: &'static str,
    given: Vec<(&'static str, &'a RawValue)>,
}

fn other<T>() -> Result<T, Error> {
    Err(Error::custom("not the request of a service"))
}

impl<'de> Deserializer<'de> for Chosen<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> EnumAccess<'de> for Chosen<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let variant: StrDeserializer<'_, Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        other()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Error> {
        other()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        other()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(MapDeserializer::new(self.given.into_iter()))
    }
}
