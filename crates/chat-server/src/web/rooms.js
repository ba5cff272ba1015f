// How far each room is read, and what is shown of it. PURE.
//
// The cursor is all that a reader remembers. An entry is shown if its number is above the cursor,
// which then moves there. So a page that comes twice, or overlaps another, shows nothing twice.

// Most entries that are held of the room that is shown, and of each other one. What was cut off
// can be had again: it is asked for when the reader scrolls up.
const MOST_SHOWN = 2000;
const MOST_HIDDEN = 200;

// Most private rooms, as MAX_PRIVATE of crates/common/src/chat.rs. With one more, the least
// recently used is left.
const MAX_PRIVATE = 64;

const isPrivate = (name) => name.startsWith('@');
const isMessage = (entry) => entry.kind === 'Said' || entry.kind === 'Did';
const titleOf = (room) => (isPrivate(room.name) ? room.label || 'private' : `#${room.name}`);

// `base`: the newest number when the first page came; what is above it was said just now.
// `acked`: own messages that are stored, but have not come back yet.
// `version` changes when the entries change otherwise than by more of them at the end.
function newRoom({ room, after, epoch }, label) {
  return {
    name: room,
    label: label ?? '',
    after,
    epoch,
    base: null,
    entries: [],
    acked: [],
    unread: 0,
    isCalled: false,
    isKept: false,
    hasOlder: after > 0,
    isLoading: false,
    version: 0,
  };
}

// Returns a room as it was kept through a reload. One can talk there at once; where to read it from
// is not known before the server has let us in.
const keptRoom = ({ name, label, after, epoch }) => {
  return { ...newRoom({ room: name, after, epoch }, label), isKept: true };
};

const cursorOf = ({ name, after, epoch }) => ({ room: name, after, epoch });

// Begins to read a room, unless it is read already. Returns it.
function openRoom(rooms, cursor, label) {
  const room = rooms.get(cursor.room) ?? newRoom(cursor, label);
  if (label) room.label = label;
  if (room.isKept) {
    const { after, epoch } = cursor;
    Object.assign(room, { after, epoch, hasOlder: after > 0, isKept: false });
  }
  rooms.delete(room.name);
  rooms.set(room.name, room); // the most recently used one is the last
  const privates = [...rooms.keys()].filter(isPrivate);
  if (privates.length > MAX_PRIVATE) rooms.delete(privates[0]);
  return room;
}

// Reads a page of a poll. Returns its room, what is new in it, entries and notes, and the numbers of
// own messages that were known to be stored. Returns nothing for a room that was just left.
function readPage(rooms, page) {
  const begin = page.entries.length ? page.entries[0].number - 1 : page.head;
  if (!rooms.has(page.room) && !isPrivate(page.room)) return null;
  const { room: name, epoch } = page;
  const isNew = !rooms.has(name);
  const room = rooms.get(name) ?? openRoom(rooms, { room: name, after: begin, epoch });
  if (isNew) room.base = begin; // another person has opened it, to say something now
  const news = [];
  if (room.epoch !== epoch) {
    Object.assign(room, { epoch, after: begin, base: begin, entries: [], acked: [] });
    room.version += 1;
    news.push({ note: 'This room begins anew: the server has another log.' });
  }
  room.base ??= page.head;
  if (page.first > room.after + 1) {
    news.push({ note: 'Older messages are gone.' });
    room.after = page.first - 1;
  }
  if (page.damaged > 0) {
    const lost = `Up to ${page.damaged} lines cannot be read: the server’s file is damaged there.`;
    news.push({ note: lost });
    room.after = Math.max(room.after, Math.min(begin, room.after + page.damaged));
  }
  for (const entry of page.entries) {
    if (entry.number > room.after) {
      room.after = entry.number;
      news.push(entry);
    }
  }
  const acked = new Set(room.acked.map(({ number }) => number));
  room.acked = room.acked.filter(({ number }) => number > room.after);
  return { room, news, acked };
}

// Puts entries and notes at the end of a room, which is the one shown or not.
function append(room, news, isShown) {
  room.entries.push(...news);
  const most = isShown ? MOST_SHOWN : MOST_HIDDEN;
  if (room.entries.length <= most * 1.2) return;
  room.entries.splice(0, room.entries.length - most);
  room.hasOlder = true;
  room.version += 1;
}

// Puts a page of older entries before those of its room.
function prepend(room, page) {
  const oldest = room.entries.find((entry) => entry.number)?.number ?? room.after + 1;
  const older = page.entries.filter((entry) => entry.number < oldest);
  const note = { note: `Up to ${page.damaged} lines here cannot be read.` };
  room.entries.unshift(...(page.damaged > 0 ? [note] : []), ...older);
  room.hasOlder = older.length > 0 && older[0].number > page.first;
  room.version += 1;
}

// Returns the number before which older entries are to be asked for.
const oldestOf = (room) => room.entries.find((entry) => entry.number)?.number ?? room.after + 1;

// Notes own messages that are stored under these numbers. One that has come back already is shown.
function acknowledge(room, posts, numbers) {
  posts.forEach(({ kind, body }, at) => {
    if (room && numbers[at] > room.after) room.acked.push({ number: numbers[at], kind, body });
  });
}

// How an entry stands to the one before: whether a new day begins, and whether it needs a name.
// A notice of comings and goings goes on in the line of the last one.
function joins(previous, entry) {
  const dayOf = (at) => new Date(at).toDateString();
  const isSameDay = previous && dayOf(previous.at_ms) === dayOf(entry.at_ms);
  if (!isSameDay) return { isDay: true, goesOn: false };
  const isNotice = !isMessage(entry);
  if (isNotice || !isMessage(previous))
    return { isDay: false, goesOn: isNotice && !isMessage(previous) };
  const isSame =
    previous.kind === 'Said' &&
    entry.kind === 'Said' &&
    previous.sender === entry.sender &&
    previous.nick === entry.nick;
  return { isDay: false, goesOn: isSame && entry.at_ms - previous.at_ms < 5 * 60 * 1000 };
}
