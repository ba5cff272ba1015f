//! The methods of a service and the names of their parameters. PURE. They are read off the enum of
//! requests that tarpc derives, by handing it a deserializer that has nothing and only looks: serde
//! shows it the variants and, offered one of them, the fields.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::reply::Fault;

/// The methods of a service, by their names in the trait.
#[derive(Clone, Debug)]
pub struct Methods(BTreeMap<String, Method>);

/// One method, as tarpc writes it: `FastReverse` with the fields `text` and `key`.
#[derive(Clone, Copy, Debug)]
struct Method {
    variant: &'static str,
    params: &'static [&'static str],
}

/// A method that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    name: &'a str,
    pub(super) variant: &'static str,
    pub(super) params: &'static [&'static str],
}

impl Methods {
    /// The methods of the service whose requests `Req` are.
    pub fn of<Req: DeserializeOwned>() -> Self {
        let methods = look::<Req>(None).variants.iter().map(|variant| {
            let params = look::<Req>(Some(variant)).fields;
            (snake_case(variant), Method { variant, params })
        });
        Self(methods.collect())
    }

    /// The same without a method, as if there were none of this `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    pub(super) fn find(&self, name: &str) -> Result<Found<'_>, Fault> {
        let found = self.0.get_key_value(name);
        let (name, method) = found.ok_or_else(|| {
            let names: Vec<_> = self.0.keys().map(String::as_str).collect();
            Fault::no_method(&names.join(", "))
        })?;
        let Method { variant, params } = *method;
        Ok(Found {
            name,
            variant,
            params,
        })
    }
}

/// A line for each method, such as `fast_reverse(text, key)`.
impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in self.0.keys() {
            if let Ok(found) = self.find(name) {
                writeln!(f, "{found}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.params.join(", "))
    }
}

/// Returns the name of a method by that of its variant: tarpc has made the one from the other.
fn snake_case(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// What serde has shown.
#[derive(Default)]
struct Seen {
    variants: &'static [&'static str],
    fields: &'static [&'static str],
}

/// Looks at the variants of `T`, and at the fields of one of them.
fn look<T: DeserializeOwned>(variant: Option<&'static str>) -> Seen {
    let mut seen = Seen::default();
    let looking = Look {
        variant,
        seen: &mut seen,
    };
    // Always an error, because there is nothing to read.
    let _ = T::deserialize(looking);
    seen
}

struct Look<'a> {
    variant: Option<&'static str>,
    seen: &'a mut Seen,
}

fn nothing<T>() -> Result<T, Error> {
    Err(Error::custom("there is nothing to read"))
}

impl<'de> Deserializer<'de> for Look<'_> {
    type Error = Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.seen.variants = variants;
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        nothing()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Look<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let Some(variant) = self.variant else {
            return nothing();
        };
        let variant: StrDeserializer<'_, Error> = variant.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> VariantAccess<'de> for Look<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        nothing()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Error> {
        nothing()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        nothing()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.seen.fields = fields;
        nothing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatRequest;
    use crate::secret::SecretRequest;

    #[test]
    fn the_lists_say_what_the_traits_say() {
        let secret = "fast_reverse(text, key)\noffer()\nreverse(text)\nreverse_words(tier, text)\n";
        assert_eq!(Methods::of::<SecretRequest>().to_string(), secret);
        let chat = "admin(session, token, command)\nbye(session)\nenter(session, nick, owner)\n\
                    follow(session, wait_ms)\nhistory(session, room, before, limit)\n\
                    join(session, room, history)\n\
                    leave(session, room)\npoll(session, cursors, wait_ms)\n\
                    private(session, nick)\nregister(session, owner)\nrooms(session, after)\n\
                    search(session, room, text, limit)\nsend(session, room, posts)\n\
                    who(session, room, after)\n";
        let methods = Methods::of::<ChatRequest>();
        assert_eq!(methods.to_string(), chat);
        let hidden = methods.without("admin");
        assert_eq!(hidden.to_string(), chat.split_once('\n').expect("lines").1);
        assert!(hidden.find("admin").is_err());
    }
}
