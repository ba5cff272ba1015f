// The conversation with the server: what is called, kept, shown and waited for. PURE.
//
//   line ──▶ outbox ──▶ send ──▶ server          enter, join ──▶ ┐
//                         ▲  └─ lost: again       after a loss   ├─ then poll and send go on
//   shown ◀── rooms  ◀── poll ◀── server          or NoSession ──┘
//
// `handle` takes the state and an event, changes the state and returns effects, which are plain
// data. The shell carries them out, and the view shows the state. So every decision can be tested
// without a browser, a server and a clock. It is chat-client's conversation, in another language.

// Earlier messages shown on coming into a room, and how many more at a time.
const SHOWN_ON_JOIN = 50;
const SHOWN_MORE = 100;

// How long the server waits for news, and how long we wait for the server: POLL_WAIT of chat.rs
// and a line that is slow.
const POLL_WAIT_MS = 15000;
const POLL_MS = 24000;
const CALL_MS = 8000;

// The first wait before the server is tried again, and the longest: a restart is not noticed, and a
// class does not hinder a server that comes back.
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

// What is kept in the browser's storage.
const newMe = (session, nick) => ({
  session,
  lastId: 0,
  outbox: [],
  rooms: [],
  room: '',
  nick: nick ?? '',
  inside: false,
  ignored: [],
});

// `way`: lost, waiting, entering, joining or attached. `life` numbers the sessions and `turn` the
// polls, so that an answer to an earlier one is known.
function newState(me) {
  const blank = newRoom({ room: '', after: 0, epoch: '' });
  return {
    me,
    sender: '',
    stage: 'door',
    why: '',
    free: '',
    way: 'lost',
    queue: [],
    tries: 0,
    life: 0,
    turn: 0,
    isPolling: false,
    quick: 0,
    delivery: newDelivery(),
    rooms: new Map(),
    blank,
    people: { room: '', part: [], more: 0 },
    others: [],
    strip: '',
    isLeaving: false,
    backoff: 0,
    isWatching: false,
    isVisible: true,
    dice: 0.5,
    wanted: '',
    hasArrived: false,
  };
}

// Returns the room that is shown. There is always one to which something can be noted.
const shownRoom = (state) => state.rooms.get(state.me.room) ?? state.blank;
const isMine = (state, entry) => entry.sender === state.sender;

function note(state, text, out) {
  append(shownRoom(state), [{ note: text }], true);
  out.push({ do: 'toEnd' });
}

// Writes into storage what a reload needs. Always before the call that depends on it.
function keep(state, out) {
  const rooms = [...state.rooms.values()].map(({ name, label, after, epoch }) => ({
    name,
    label,
    after,
    epoch,
  }));
  if (state.stage === 'in' && state.way === 'attached') state.me.rooms = rooms;
  out.push({ do: 'save' });
}

function call(state, out, as, method, params, more) {
  out.push({
    do: 'call',
    as,
    method,
    params: { session: state.me.session, ...params },
    within: CALL_MS,
    life: state.life,
    ...more,
  });
}

function grow(state) {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** state.backoff);
  state.backoff += 1;
  return wait * (0.5 + state.dice / 2);
}

// A sentence about a call that failed.
function sentence(error) {
  const free =
    error.kind === 'NickTaken' && error.detail?.free ? `; ${error.detail.free} is free` : '';
  const text = `${error.words}${free}`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

// Begins as somebody with a new session. What was not delivered is given up.
function startAnew(state, session) {
  const { nick, ignored } = state.me;
  state.me = { ...newMe(session, nick), ignored };
  Object.assign(state, { sender: '', life: state.life + 1, delivery: newDelivery() });
}

// Goes back to the form, with the reason.
function goOut(state, why, out) {
  Object.assign(state, { stage: 'door', way: 'lost', why, strip: '', isLeaving: false, free: '' });
  Object.assign(state, {
    isPolling: false,
    turn: state.turn + 1,
    queue: [],
    tries: 0,
    hasArrived: false,
  });
  state.wanted = isPrivate(state.me.room) ? '' : state.me.room;
  state.rooms.clear();
  state.blank = newRoom({ room: '', after: 0, epoch: '' });
  state.me.inside = false;
  out.push({ do: 'hangUp' });
  keep(state, out);
}

// The server was lost, or does not know us: comes back, unless it was an operator's doing.
function lose(state, error, out, session) {
  if (error.kind === 'Kicked') {
    const undelivered = state.me.outbox.length;
    startAnew(state, session);
    const lost = undelivered ? ` Not delivered: ${undelivered}.` : '';
    return goOut(state, sentence(error) + lost, out);
  }
  if (['Banned', 'NickTaken', 'Registered'].includes(error.kind)) {
    goOut(state, sentence(error), out);
    state.free = error.detail?.free ?? '';
    return undefined;
  }
  Object.assign(state, { way: 'lost', isPolling: false, turn: state.turn + 1 });
  out.push({ do: 'hangUp' });
  if (state.tries > 0) {
    const isRefused = error.kind && error.kind !== 'TooFast' && error.kind !== 'NoSession';
    state.strip = isRefused
      ? `Cannot come back: ${error.words}.`
      : 'Connection lost. Trying again.';
  }
  return undefined;
}

// Starts whatever can be started now.
function goOn(state, out) {
  if (state.stage !== 'in') return;
  if (state.way === 'lost') {
    const wait = state.tries ? grow(state) : state.dice * FIRST_WAIT_MS;
    state.tries += 1;
    state.way = 'waiting';
    out.push({ do: 'timer', name: 'attach', after: wait });
  }
  if (state.way !== 'attached') return;
  if (state.isLeaving && !state.me.outbox.length) {
    sayBye(state, out);
    return;
  }
  if (!state.isPolling) {
    state.isPolling = true;
    state.turn += 1;
    const cursors = [...state.rooms.values()].map(cursorOf);
    const more = { turn: state.turn, within: POLL_MS };
    call(state, out, 'poll', 'poll', { cursors, wait_ms: POLL_WAIT_MS }, more);
  }
  const send = nextSend(state.me, state.delivery);
  if (send) {
    keep(state, out);
    call(state, out, 'send', 'send', send);
  }
}

function sayBye(state, out) {
  call(state, out, 'bye', 'bye', {}, { within: 1500 });
  out.push({ do: 'renew' });
}

// Handles an event. `dice` is a fresh random number between 0 and 1, `session` a fresh session.
function handle(state, event) {
  const out = [];
  const { dice, isWatching, isVisible } = event;
  Object.assign(state, {
    dice: dice ?? 0.5,
    isWatching: isWatching ?? true,
    isVisible: isVisible ?? true,
  });
  const isStale =
    event.call &&
    (event.call.life !== state.life ||
      (event.call.as === 'poll' && event.call.turn !== state.turn));
  if (!isStale) {
    const name = event.call ? `${event.call.as} ${event.type}` : event.type;
    (HANDLERS[name] ?? (() => {}))(state, event, out);
    goOn(state, out);
  }
  return out;
}
