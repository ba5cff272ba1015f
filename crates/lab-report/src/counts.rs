//! A count in a sentence. PURE.

use std::fmt::Display;

/// Returns a count with its noun: `1 word`, `2 words`.
pub(crate) fn count<N>(number: N, one: &str, many: &str) -> String
where
    N: Display + PartialEq + From<u8>,
{
    let noun = if number == N::from(1) { one } else { many };
    format!("{number} {noun}")
}
