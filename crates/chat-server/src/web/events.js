// Which event leads to what. PURE.

const refuse = (state, { error }, out) => {
  note(state, error.kind ? `No: ${sentence(error)}` : 'No answer: try again.', out);
};

// An attempt to come back is made now and not later.
function hurry(state, event, out) {
  if (state.stage === 'in' && state.way === 'waiting') enter(state, out);
}

// The page is seen again after this time. A call that waited meanwhile may wait for a connection
// that is gone, as phones drop it when they sleep.
function woke(state, { away }, out) {
  hurry(state, {}, out);
  if (state.way === 'attached' && away > POLL_WAIT_MS) {
    Object.assign(state, { isPolling: false, turn: state.turn + 1 });
    out.push({ do: 'hangUp' });
  }
  seen(state);
  look(state, out);
}

const HANDLERS = {
  // The page is here. `room` is that of its address.
  started(state, { room }, out) {
    state.wanted = room || (isPrivate(state.me.room) ? '' : state.me.room) || 'lobby';
    if (!state.me.inside) return;
    state.stage = 'in';
    for (const kept of state.me.rooms) state.rooms.set(kept.name, keptRoom(kept));
    if (room) state.me.room = room;
    enter(state, out);
  },
  entering(state, { nick, room }, out) {
    Object.assign(state.me, { nick, room });
    Object.assign(state, { why: '', free: '' });
    if (state.way === 'lost') enter(state, out);
  },
  line,
  join,
  whisper,
  leave,
  rename,
  quit,
  older,
  seen,
  hurry,
  woke,
  go,
  // Another tab has taken this session.
  takenOver(state, { session }, out) {
    const { room } = state.me;
    startAnew(state, session);
    state.me.room = room;
    goOut(state, 'The chat is open in another tab. Here you can come in as somebody else.', out);
  },
  // The goodbye is on its way.
  renewed(state, { session }, out) {
    const { room } = state.me;
    startAnew(state, session);
    state.me.room = isPrivate(room) ? '' : room;
    goOut(state, '', out);
  },
  looks: (state, event, out) => look(state, out),
  elapsed(state, { timer }, out) {
    if (timer === 'attach' && state.way === 'waiting') enter(state, out);
    if (timer === 'resend') sendAgain(state.delivery);
    if (timer === 'reread') state.isPolling = false;
    if (timer === 'look') look(state, out);
  },
  'enter answered': entered,
  'enter failed': notIn,
  'comeIn answered': cameIn,
  'comeIn failed': notIn,
  'poll answered': polled,
  'poll failed': notPolled,
  'send answered': sent,
  'send failed': notSent,
  'older answered': gotOlder,
  'older failed': noOlder,
  'people answered': (state, { call: { room }, result }) => {
    if (room === state.me.room) state.people = { room, ...result };
  },
  'others answered': (state, { result }) => {
    state.others = result.part;
  },
  'join answered': joined,
  'join failed': refuse,
  'private answered': opened,
  'private failed': refuse,
  'leave answered': left,
  'leave failed': refuse,
  'rename answered': renamed,
  'rename failed': notRenamed,
  'who answered': (state, { call: { title }, result }, out) => {
    note(
      state,
      listed(
        `In ${title}: `,
        result,
        ({ nick, is_registered: isOwn }) => nick + (isOwn ? '*' : ''),
      ),
      out,
    );
  },
  'who failed': refuse,
  'rooms answered': (state, { result }, out) => {
    note(
      state,
      listed('Rooms: ', result, ({ room, people }) => `#${room} (${people} here)`),
      out,
    );
  },
  'rooms failed': refuse,
  'search answered': found,
  'search failed': refuse,
};
