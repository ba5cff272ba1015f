//! Where an entry stands among those of all rooms: its room and its number in one integer. PURE.
//!
//! It is the row's own number in SQLite, because such a row needs no other key. A new entry of a
//! room that is last in the table then goes to the end of the last page, which is filled before
//! another one begins; with a key of two columns, neighbours would be filled again by half.

/// The bits of a number. With a thousand messages a second a room has them for 35 years. The room
/// has the other 23 bits, because its id is the lowest that is free.
pub(super) const BITS: u32 = 40;

/// The last number that a room can have.
pub(super) const LAST: u64 = (1 << BITS) - 1;

/// Returns the place of number `number` in the room with this id. All numbers above [`LAST`] have
/// the place of that one, so that they are never in another room.
pub(super) fn place(room: i64, number: u64) -> i64 {
    room << BITS | number.min(LAST).cast_signed()
}

/// Returns the number of the entry at a place.
pub(super) fn number(place: i64) -> u64 {
    place.cast_unsigned() & LAST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_keeps_its_numbers_together_and_in_order() {
        let mut last = i64::MIN;
        for room in [1, 2, 1000, (1 << 23) - 1] {
            for here in [0, 1, 2, 1 << 20, LAST] {
                let place = place(room, here);
                assert!(place > last, "{room} {here}");
                assert_eq!(number(place), here);
                last = place;
            }
            assert_eq!(place(room, u64::MAX), last, "not in the next room");
        }
    }
}
