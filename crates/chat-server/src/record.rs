//! What of the log is written into the journal. PURE.

use common::chat::Sender;
use common::journal::{Event, Hex, name, text};

/// Returns the line for one append to the log of this epoch: the posts with these bodies, of which
/// the first has this sender and id. Of each number it is said whether it is new.
pub(crate) fn stored<'a>(
    (room, epoch): (&str, u64),
    (sender, id): (Sender, u64),
    bodies: impl Iterator<Item = &'a str>,
    numbers: &[(u64, bool)],
) -> Event {
    let known = numbers.iter().filter(|(_, is_new)| !is_new);
    Event::Stored {
        room: room.to_owned(),
        id: name::post(sender, id),
        numbers: numbers.iter().map(|&(number, _)| number).collect(),
        texts: bodies.map(|body| text(body, epoch)).collect(),
        epoch: Hex(epoch.into()),
        known: known.map(|&(number, _)| number).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_known_by_its_sender_and_its_id() {
        let numbers = [(10, false), (11, true)];
        let line = stored(("lobby", 7), (0xab, 3), ["a", "bc"].into_iter(), &numbers);
        let Event::Stored {
            id,
            numbers,
            texts,
            known,
            ..
        } = line
        else {
            panic!("{line:?}");
        };
        assert_eq!((id.as_str(), texts[1].0), ("post:ab:3", 2));
        assert_eq!((numbers, known), (vec![10, 11], vec![10]));
    }
}
