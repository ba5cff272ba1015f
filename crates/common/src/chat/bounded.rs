//! Lists that have a longest length on the wire. PURE.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Error, Expected, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A list of at most `MOST` items. A longer one is an error before any memory is taken for it,
/// because an item of one byte on the wire can be fifty in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Bounded<T, const MOST: usize>(Vec<T>);

impl<T, const MOST: usize> Bounded<T, MOST> {
    /// Returns the items as a list of any length.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

/// Keeps the first `MOST` items.
impl<T, const MOST: usize> From<Vec<T>> for Bounded<T, MOST> {
    fn from(mut items: Vec<T>) -> Self {
        items.truncate(MOST);
        Self(items)
    }
}

impl<T, const MOST: usize> Deref for Bounded<T, MOST> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Bounded<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MOST: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Items<T, MOST> {
            type Value = Bounded<T, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MOST} items")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<Self::Value, S::Error> {
                Ok(Bounded(each(seq, MOST, &self, |item| item)?))
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// Returns what `make` makes of each item of a list of at most `most`.
pub(super) fn each<'de, S: SeqAccess<'de>, Item: Deserialize<'de>, T>(
    mut seq: S,
    most: usize,
    expected: &dyn Expected,
    mut make: impl FnMut(Item) -> T,
) -> Result<Vec<T>, S::Error> {
    let announced = seq.size_hint().unwrap_or(0);
    if announced > most {
        return Err(Error::invalid_length(announced, expected));
    }
    let mut items = Vec::with_capacity(announced);
    while let Some(item) = seq.next_element()? {
        if items.len() == most {
            return Err(Error::invalid_length(most + 1, expected));
        }
        items.push(make(item));
    }
    Ok(items)
}

/// Reads a plain list that has at most `MOST` items, for a field of a wire type.
pub(super) fn at_most<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Bounded::<T, MOST>::deserialize(deserializer).map(Bounded::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_too_many_is_an_error() {
        for (length, is_decoded) in [(0, true), (3, true), (4, false), (100_000, false)] {
            let wire = postcard::to_stdvec(&vec![7_u8; length]).expect("memory");
            let read: Result<Bounded<u8, 3>, _> = postcard::from_bytes(&wire);
            assert_eq!(read.is_ok(), is_decoded, "{length}");
        }
        // An announced length without items takes no memory either.
        let announced = postcard::to_stdvec(&u64::MAX).expect("memory");
        assert!(postcard::from_bytes::<Bounded<u8, 3>>(&announced).is_err());
    }
}
