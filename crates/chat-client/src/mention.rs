//! Whether a text names a person. PURE.

/// Returns whether `text` has `nick` as a word of its own, in any case.
pub(crate) fn mentions(text: &str, nick: &str) -> bool {
    let (text, nick) = (text.to_lowercase(), nick.to_lowercase());
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    !nick.is_empty()
        && text.match_indices(&nick).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + nick.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_of_its_own() {
        for text in ["ann", "Ann: hi", "hi, ANN!", "planning with ann", "@ann"] {
            assert!(mentions(text, "ann"), "{text}");
        }
        for text in ["planning", "anna", "ann_", "an n", ""] {
            assert!(!mentions(text, "ann"), "{text}");
        }
        assert!(mentions("ich sage Ünal Bescheid", "ünal"));
        assert!(!mentions("anything", ""));
    }
}
