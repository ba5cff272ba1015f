// Carries out effects: calls, timers, storage. Decides nothing about the chat.

const hex = (bytes) => {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return [...random].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};

// The address may carry a room and a key: #kitchen, or #k=KEY&room=kitchen. The key is taken out
// of it, so that it is not copied along with the address.
function readAddress() {
  const text = location.hash.slice(1);
  if (!text.includes('=')) return { room: decoded(text) };
  const parts = new URLSearchParams(text);
  return { key: parts.get('k'), room: parts.get('room') ?? '' };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

const stored = {
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(name));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(name, JSON.stringify(value));
    } catch {
      // A browser that keeps nothing for this page: then only a reload loses something.
    }
  },
};

let key = null;
let callNumber = 0;
let poll = null;
const timers = new Map();

const NO_KEY = {
  kind: 'NoKey',
  words: 'this server needs a key: open the whole address that you were given',
};

// Makes a call. Returns `{ result }` or `{ error }`, which has a kind if the server refuses it.
async function rpc(method, params, within, abort) {
  const late = setTimeout(() => abort.abort(), within);
  callNumber += 1;
  const headers = { 'Content-Type': 'application/json' };
  if (key) headers.Authorization = `Bearer ${key}`;
  const body = JSON.stringify({ jsonrpc: '2.0', id: callNumber, method, params });
  try {
    const answer = await fetch('rpc', { method: 'POST', headers, body, signal: abort.signal });
    if (answer.status === 401) return { error: NO_KEY };
    if (!answer.ok)
      return { error: { words: (await answer.text()).trim() || `status ${answer.status}` } };
    const { result, error } = await answer.json();
    if (!error) return { result };
    const words = error.message;
    if (error.code !== 1) return { error: { words } };
    return { error: { words, kind: error.data.refusal, detail: error.data.detail } };
  } catch {
    return { error: { words: abort.signal.aborted ? 'no answer in time' : 'it is not reached' } };
  } finally {
    clearTimeout(late);
  }
}

async function makeCall(effect) {
  const { as, method, params, within } = effect;
  const abort = new AbortController();
  if (as === 'poll') poll = abort;
  const began = performance.now();
  const { result, error } = await rpc(method, params, within, abort);
  const took = performance.now() - began;
  if (error) dispatch({ type: 'failed', call: effect, error });
  else dispatch({ type: 'answered', call: effect, result, took });
}

const EFFECTS = {
  call: makeCall,
  save() {
    if (!holds()) return giveWay();
    if (slot) stored.set(slot, { ...state.me, owner: tab });
    return true;
  },
  timer({ name, after }) {
    clearTimeout(timers.get(name));
    timers.set(
      name,
      setTimeout(() => dispatch({ type: 'elapsed', timer: name }), after),
    );
  },
  hangUp() {
    poll?.abort();
  },
  renew() {
    for (const timer of timers.values()) clearTimeout(timer);
    dispatch({ type: 'renewed' });
  },
  toEnd() {
    draw(state);
    toEnd();
  },
  shown() {
    draw(state); // because nothing hidden can have the focus
    showMenu(false);
    const { room } = state.me;
    if (!isPrivate(room))
      history.replaceState(null, '', room ? `#${encodeURIComponent(room)}` : '.');
    if (!isPhone()) $('say').focus();
  },
  putBack({ text }) {
    if (!$('say').value) $('say').value = text;
    fit();
  },
  renamed({ why }) {
    $('naming-why').textContent = why;
    if (!why) $('naming').close();
  },
};

// Hands an event to the conversation, carries out what it wants, and shows what has changed.
function dispatch(event) {
  const isVisible = !document.hidden;
  const isWatching = isVisible && isAtEnd();
  const known = { dice: Math.random(), session: hex(16), isVisible, isWatching };
  const effects = handle(state, { ...event, ...known });
  for (const effect of effects) {
    // What follows was decided for a session that is another tab's now.
    if (EFFECTS[effect.do](effect) === false) break;
  }
  draw(state);
  // A room that does not fill the page cannot be scrolled. Not after a refusal, which would come
  // again at once.
  const room = shownRoom(state);
  const isShort = log().scrollHeight - log().clientHeight < 200;
  if (event.type === 'answered' && isShort && room.after >= (room.base ?? Infinity)) wantOlder();
}
