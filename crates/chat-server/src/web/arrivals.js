// What the server brings: its answers to attempts to come in, what was said, who is here. PURE.

// The person, or the page after a reload, wants to come in.
function enter(state, out) {
  state.way = 'entering';
  call(state, out, 'enter', 'enter', { nick: state.me.nick });
}

function entered(state, { result }, out) {
  state.me.nick = result.nick;
  state.sender = result.sender;
  const known = state.rooms.size ? [...state.rooms.keys()] : state.me.rooms.map(({ name }) => name);
  const all = known.includes(state.me.room) || !state.me.room ? known : [...known, state.me.room];
  state.way = 'joining';
  state.queue = all.length ? all : ['lobby'];
  joinNext(state, out);
}

function joinNext(state, out) {
  if (state.queue.length) {
    const params = { room: state.queue[0], history: SHOWN_ON_JOIN };
    call(state, out, 'comeIn', 'join', params);
    return;
  }
  const { me } = state;
  const isFirst = !state.hasArrived;
  Object.assign(state, { way: 'attached', stage: 'in', tries: 0, backoff: 0, why: '', strip: '' });
  state.hasArrived = true;
  me.inside = true;
  if (!state.rooms.has(me.room))
    me.room = [...state.rooms.keys()].find((name) => !isPrivate(name)) ?? '';
  keep(state, out);
  look(state, out);
  if (isFirst) out.push({ do: 'shown' });
}

function cameIn(state, { result }, out) {
  const asked = state.queue.shift();
  const label = state.me.rooms.find(({ name }) => name === asked)?.label;
  openRoom(state.rooms, result, label);
  if (state.me.room === asked) state.me.room = result.room;
  joinNext(state, out);
}

// Not let in, or not into a room. At the form the person is told; later another attempt is made.
function notIn(state, event, out) {
  const { error } = event;
  const [asked] = state.queue;
  if (error.kind === 'NotJoined' && isPrivate(asked ?? '')) {
    state.queue.shift(); // the server has another log, and does not know this private room
    state.rooms.delete(asked);
    joinNext(state, out);
    return;
  }
  if (error.kind === 'TooFast') {
    state.way = 'waiting';
    state.why = 'Many are coming in: one moment.';
    out.push({ do: 'timer', name: 'attach', after: error.detail });
    return;
  }
  if (state.stage === 'in') {
    lose(state, error, out, event.session);
    return;
  }
  const told = error.kind
    ? sentence(error)
    : `The server cannot be asked: ${error.words}. Try again.`;
  if (error.kind === 'Kicked') startAnew(state, event.session);
  Object.assign(state, { way: 'lost', queue: [], why: told, free: error.detail?.free ?? '' });
}

function polled(state, { result, took }, out) {
  state.isPolling = false;
  state.backoff = 0;
  result.forEach((page) => take(state, page, out));
  // Polls that end at once and are empty would be asked for without end.
  state.quick = result.length || took > 1000 ? 0 : state.quick + 1;
  if (state.quick > 3) rest(state, 1000, out);
}

function rest(state, after, out) {
  state.isPolling = true;
  out.push({ do: 'timer', name: 'reread', after });
}

function notPolled(state, { error, session }, out) {
  state.isPolling = false;
  const isOver = ['NoSession', 'NotJoined', 'Kicked', 'Banned'].includes(error.kind);
  if (!error.kind || isOver) {
    lose(state, error, out, session);
    return;
  }
  if (!state.backoff) note(state, sentence(error), out);
  rest(state, error.kind === 'TooFast' ? error.detail : grow(state), out);
}

// Shows what a page brings.
function take(state, page, out) {
  const read = readPage(state.rooms, page);
  if (!read) return;
  const { room, acked } = read;
  const news = read.news.filter((entry) => {
    return entry.note || isMine(state, entry) || !hides(state.me, entry);
  });
  const isShown = room.name === state.me.room;
  let isMoving = false;
  for (const entry of news.filter(({ number }) => number)) {
    isMoving ||= isShown && !isMessage(entry);
    if (isMine(state, entry)) {
      if (!acked.has(entry.number)) markLanded(state.me, room.name, entry);
    } else if (isMessage(entry)) {
      heard(state, room, entry, out);
    }
  }
  append(room, news, isShown);
  if (isMoving) out.push({ do: 'timer', name: 'look', after: 400 });
}

// Another person has said something.
function heard(state, room, entry, out) {
  if (isPrivate(room.name) && room.label !== entry.nick) {
    room.label = entry.nick;
    keep(state, out);
  }
  entry.isForMe = mentions(entry.body, state.me.nick);
  const isSeen = room.name === state.me.room && state.isWatching;
  if (isSeen || entry.number <= room.base) return;
  room.unread += 1;
  room.isCalled ||= entry.isForMe || isPrivate(room.name);
}

// Returns whether an entry is of a person who is ignored. Learns the senders, so that another nick
// does not help.
function hides(me, entry) {
  const named = me.ignored.find(({ nick }) => nick === entry.nick.toLowerCase());
  if (named && named.senders.length < MOST_IGNORED && !named.senders.includes(entry.sender)) {
    named.senders.push(entry.sender);
  }
  return Boolean(named) || me.ignored.some(({ senders }) => senders.includes(entry.sender));
}

// Asks who is in the room that is shown, and which rooms there are.
function look(state, out) {
  if (state.way !== 'attached' || !state.isVisible) return;
  if (state.rooms.has(state.me.room) && !isPrivate(state.me.room)) {
    call(state, out, 'people', 'who', { room: state.me.room, after: '' }, { room: state.me.room });
  }
  call(state, out, 'others', 'rooms', { after: '' });
}

function gotOlder(state, { call: { room: name }, result }, out) {
  const room = state.rooms.get(name);
  if (!room) return;
  room.isLoading = false;
  if (result.epoch !== room.epoch) return;
  prepend(room, { ...result, entries: result.entries.filter((entry) => !hides(state.me, entry)) });
}

function noOlder(state, { call: { room: name } }) {
  const room = state.rooms.get(name);
  if (room) room.isLoading = false;
}
