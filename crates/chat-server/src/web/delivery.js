// What becomes of the messages of this person. PURE.

// Sends a message to the room that is shown.
function say(state, [kind, body], out) {
  const room = shownRoom(state);
  if (room === state.blank)
    return note(state, 'Not sent: you are in no room. Join one first.', out);
  return sayIn(state, room, kind, body, out);
}

function sayIn(state, room, kind, body, out) {
  if (state.me.outbox.length >= MOST_WAITING) {
    note(state, `Not sent: ${MOST_WAITING} messages wait already.`, out);
    out.push({ do: 'putBack', text: body });
    return;
  }
  push(state.me, room.name, kind, body, room.after);
  keep(state, out);
  out.push({ do: 'toEnd' });
}

function sent(state, { call: { params }, result }, out) {
  state.backoff = 0;
  const posts = takeStored(state.me, state.delivery);
  acknowledge(state.rooms.get(params.room), posts, result);
  keep(state, out);
}

function notSent(state, event, out) {
  const {
    error,
    call: { params },
  } = event;
  const { delivery } = state;
  if (error.kind === 'NotJoined' && state.rooms.has(params.room)) {
    // This came after a restarted server had let us in, but not yet into the room.
    sendAgain(delivery);
    if (state.way === 'attached') lose(state, error, out, event.session);
  } else if (error.kind === 'Unfit' || error.kind === 'NotJoined') {
    const post = takeRefused(state.me, delivery);
    if (post) note(state, `Not delivered: “${quoted(post.body)}”: ${error.words}.`, out);
    keep(state, out);
  } else if (error.kind === 'TooFast') {
    out.push({ do: 'timer', name: 'resend', after: error.detail });
  } else if (error.kind === 'Full' || error.kind === 'Unavailable') {
    out.push({ do: 'timer', name: 'resend', after: grow(state) });
  } else {
    sendAgain(delivery, !error.kind);
    if (state.way === 'attached') lose(state, error, out, event.session);
  }
}

// Returns where own messages of a room stand that are not among its entries: first those that are
// stored and have not come back yet, then those that are sent, then those that wait.
function standing(state) {
  const room = shownRoom(state);
  const stored = room.acked.map((post) => ({ ...post, stands: 'stored' }));
  const out = new Set(state.me.outbox.slice(0, state.delivery.out));
  const isConnected = state.way === 'attached';
  const waiting = state.me.outbox.filter((post) => post.room === room.name && !post.landed);
  return [
    ...stored,
    ...waiting.map((post) => ({
      ...post,
      stands: out.has(post) && isConnected ? 'sent' : 'waits',
    })),
  ];
}
