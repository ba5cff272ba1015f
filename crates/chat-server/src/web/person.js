// What the person wants, and what comes of it. PURE.

function line(state, { text }, out) {
  const meant = parse(text);
  if (!meant) return;
  if (meant.no) {
    note(state, meant.no, out);
    out.push({ do: 'putBack', text });
  } else if (meant.say) {
    say(state, meant.say, out);
  } else {
    ORDERS[meant.command](state, meant.rest, out);
  }
}

const ORDERS = {
  join: (state, rest, out) => join(state, { room: rest }, out),
  leave: (state, rest, out) => leave(state, { room: rest.replace(/^#/, '') || state.me.room }, out),
  msg: (state, rest, out) => {
    const [nick, text] = firstWord(rest);
    whisper(state, { nick: nick.replace(/^@/, ''), text }, out);
  },
  nick: (state, rest, out) => rename(state, { nick: rest }, out),
  who: (state, rest, out) => {
    const room = shownRoom(state);
    if (room === state.blank) return note(state, 'You are in no room.', out);
    return call(
      state,
      out,
      'who',
      'who',
      { room: room.name, after: rest },
      { title: titleOf(room) },
    );
  },
  rooms: (state, rest, out) => call(state, out, 'rooms', 'rooms', { after: rest }),
  search: (state, rest, out) => {
    const room = shownRoom(state);
    if (room === state.blank) return note(state, 'You are in no room.', out);
    return call(state, out, 'search', 'search', { room: room.name, text: rest, limit: 20 });
  },
  ignore: (state, rest, out) => ignore(state, rest, out),
  unignore: (state, rest, out) => {
    const others = state.me.ignored.filter(({ nick }) => nick !== rest.toLowerCase());
    const isKnown = others.length < state.me.ignored.length;
    state.me.ignored = others;
    note(state, isKnown ? `${rest} is shown again.` : `${rest} is not ignored.`, out);
    keep(state, out);
  },
  help: (state, rest, out) => note(state, HELP, out),
  quit: (state, rest, out) => quit(state, {}, out),
};

// Most nicks that are ignored, and most senders of each: more than a person would type.
const MOST_IGNORED = 100;

function ignore(state, nick, out) {
  const { ignored } = state.me;
  if (!nick) {
    const nicks = ignored.map((known) => known.nick).join(', ');
    note(state, nicks ? `Ignored: ${nicks}.` : 'You ignore no one.', out);
  } else if (ignored.length >= MOST_IGNORED) {
    note(state, 'Too many are ignored: /unignore some.', out);
  } else {
    ignored.push({ nick: nick.toLowerCase(), senders: [] });
    for (const room of state.rooms.values()) {
      const isShown = (entry) => entry.note || isMine(state, entry) || !hides(state.me, entry);
      room.entries = room.entries.filter(isShown);
      room.version += 1;
    }
    note(state, `${nick} is ignored: /unignore ${nick} undoes it.`, out);
    keep(state, out);
  }
}

// Shows another room of ours.
function go(state, { room: name }, out) {
  const room = state.rooms.get(name);
  if (!room) return;
  state.me.room = name;
  Object.assign(room, { unread: 0, isCalled: false });
  keep(state, out);
  out.push({ do: 'shown' });
  look(state, out);
}

function join(state, { room }, out) {
  if (isPrivate(room)) note(state, `To talk to ${room} alone, type /msg and the name.`, out);
  else if (state.rooms.has(room.replace(/^#/, '')))
    go(state, { room: room.replace(/^#/, '') }, out);
  else call(state, out, 'join', 'join', { room, history: SHOWN_ON_JOIN });
}

function joined(state, { result }, out) {
  openRoom(state.rooms, result);
  go(state, { room: result.room }, out);
}

const whisper = (state, { nick, text }, out) =>
  call(state, out, 'private', 'private', { nick }, { text });

function opened(state, { call: { text }, result }, out) {
  const room = openRoom(state.rooms, result.cursor, result.nick);
  room.base ??= room.after;
  go(state, { room: room.name }, out);
  // The name may only look like the one that was typed, which a person sees in the heading.
  if (text) sayIn(state, room, 'Said', text, out);
}

function leave(state, { room: name }, out) {
  const label = name.replace(/^@/, '');
  const room =
    state.rooms.get(name) ??
    [...state.rooms.values()].find((known) => isPrivate(known.name) && known.label === label);
  if (!room) return note(state, `You are not in ${name || 'a room'}.`, out);
  if (state.me.outbox.some((post) => post.room === room.name)) {
    return note(state, `You have messages there that are not delivered yet.`, out);
  }
  return call(state, out, 'leave', 'leave', { room: room.name });
}

function left(state, { result }, out) {
  state.rooms.delete(result);
  // Never a private one, because what is typed next is not for that person.
  const next = [...state.rooms.keys()].find((name) => !isPrivate(name)) ?? '';
  if (result !== state.me.room) keep(state, out);
  else if (next) go(state, { room: next }, out);
  else {
    state.me.room = '';
    keep(state, out);
    out.push({ do: 'shown' });
  }
}

const rename = (state, { nick, isInDialog }, out) => {
  call(state, out, 'rename', 'enter', { nick }, { isInDialog });
};

function renamed(state, { result }, out) {
  state.me.nick = result.nick;
  keep(state, out);
  out.push({ do: 'renamed', why: '' });
  look(state, out);
}

function notRenamed(state, event, out) {
  const {
    error,
    call: { isInDialog },
  } = event;
  if (!isInDialog) return refuse(state, event, out);
  const why = error.kind ? sentence(error) : 'No answer: try again.';
  return out.push({ do: 'renamed', why });
}

// Leaves the chat, as soon as all is delivered or at once.
function quit(state, { isNow }, out) {
  const waiting = state.me.outbox.length;
  if (!waiting || isNow) return sayBye(state, out);
  state.isLeaving = true;
  state.strip =
    waiting === 1
      ? 'One message is not delivered yet.'
      : `${waiting} messages are not delivered yet.`;
  return undefined;
}

function older(state, event, out) {
  const room = shownRoom(state);
  if (state.way !== 'attached' || !room.hasOlder || room.isLoading || room === state.blank) return;
  room.isLoading = true;
  const params = { room: room.name, before: oldestOf(room), limit: SHOWN_MORE };
  call(state, out, 'older', 'history', params, { room: room.name });
}

// The reader has seen the end of the room.
function seen(state) {
  const room = shownRoom(state);
  if (state.isWatching) Object.assign(room, { unread: 0, isCalled: false });
}

function listed(title, { part, more }, name) {
  const rest = more ? `\nand ${more} more` : '';
  return `${title}${part.map(name).join(', ') || 'nobody'}${rest}`;
}

function found(state, { call: { params }, result }, out) {
  const entries = result.entries.filter((entry) => !hides(state.me, entry));
  const title = entries.length
    ? `With “${params.text}”:`
    : `Nothing with “${params.text}” was found.`;
  append(shownRoom(state), [{ found: entries, note: title }], true);
  out.push({ do: 'toEnd' });
}
