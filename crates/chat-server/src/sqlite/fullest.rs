//! Which room's newest keys go into the file, so that those in memory have a bound. PURE.
//!
//! A key is cheaper to write with many others, because more of them share a page. So a busy room
//! may have many in memory, and the rooms together no more than if each had two hundred.

/// Most keys of one room in memory, before those of one more call. With 64 senders a page that is
/// written has two dozen new keys then. After a crash they are read again with the first message,
/// which takes some milliseconds.
const ROOM: usize = 1536;

/// Most keys of all rooms in memory, before those of one more batch, which has 131,072 at most. In
/// the map of a room a key takes 112 bytes at worst, just after it has grown, so that all together
/// are 35 MiB.
pub(super) const ALL: usize = 192 * 1024;

/// Returns whether `count` keys are as many as one room may have.
pub(super) fn is_full(count: usize) -> bool {
    count >= ROOM
}

/// Returns the room with the most keys if all together have more than `most`.
pub(super) fn fullest<R>(
    rooms: impl Iterator<Item = (R, usize)> + Clone,
    most: usize,
) -> Option<R> {
    let all: usize = rooms.clone().map(|(_, count)| count).sum();
    let fullest = || rooms.max_by_key(|(_, count)| *count);
    (all > most).then(fullest)?.map(|(room, _)| room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_room_makes_place_for_many_idle_ones() {
        let mut rooms = [5, 80, 9, 20];
        let mut saved = Vec::new();
        while let Some(room) = fullest(rooms.iter().copied().enumerate(), 30) {
            saved.push(room);
            rooms[room] = 0;
        }
        assert_eq!(saved, [1, 3]);
        assert_eq!(rooms, [5, 0, 9, 0], "as many as may stay");
        assert_eq!(fullest([(0, 30)].into_iter(), 30), None);
    }

    #[test]
    fn one_room_does_not_take_the_places_of_all() {
        assert!(is_full(ROOM) && !is_full(ROOM - 1));
        const { assert!(ROOM < ALL / 100) };
    }
}
