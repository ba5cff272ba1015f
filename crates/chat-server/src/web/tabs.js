// Which tab is which person. Two tabs must not share a session: each would end the other's poll,
// and would use the other's ids, which the server takes for messages that it has already.
//
// What is remembered is in slots. A tab takes the slot that it had before, or the first one that no
// other tab answers for. So a second tab is a second person, who survives a reload as well. Whoever
// took a slot last owns it: a tab that was frozen meanwhile finds another owner, and gives way.

const SLOTS = 8;

// How long another tab has to answer: a busy laptop. In a slot that was never used, nobody is asked.
const ANSWER_MS = 250;
const tab = hex(8);
const channel = 'BroadcastChannel' in window ? new BroadcastChannel('chat') : null;
let slot = '';
let asked = '';
let isTaken = false;

if (channel) {
  channel.onmessage = ({ data }) => {
    // Of two tabs that ask at the same time, one has the smaller name.
    const isOurs = data.ask && (data.ask === slot || (data.ask === asked && tab < data.tab));
    if (isOurs) channel.postMessage({ taken: data.ask, tab });
    if (data.taken === asked) isTaken = true;
  };
}

const sleep = (ms) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });

// Returns whether a slot is free, and takes it then.
async function takes(name, kept) {
  asked = name;
  isTaken = false;
  channel?.postMessage({ ask: name, tab });
  if (channel && kept) await sleep(ANSWER_MS);
  asked = '';
  if (isTaken) return false;
  slot = name;
  return true;
}

// Takes a slot, and returns what is remembered there. `isUnused`: only one in which nothing is.
async function takeSlot(isUnused) {
  const names = Array.from({ length: SLOTS }, (_, at) => `chat-${at}`);
  const before = names.filter((name) => name === slotBefore());
  for (const name of new Set([...before, ...names])) {
    const kept = stored.get(name);
    if (!(isUnused && kept) && (await takes(name, kept))) {
      const me = { ...newMe(hex(16)), ...stored.get(name) };
      stored.set(name, { ...me, owner: tab });
      rememberSlot(name);
      return me;
    }
  }
  return newMe(hex(16));
}

// The tab's own storage outlives a reload. A duplicate of the tab has it as well, and asks.
function slotBefore() {
  try {
    return sessionStorage.getItem('slot');
  } catch {
    return null;
  }
}

function rememberSlot(name) {
  try {
    sessionStorage.setItem('slot', name);
  } catch {
    // A browser that keeps nothing for this page.
  }
}

// Returns whether this tab still owns its slot. One without a slot has nothing to lose.
function holds() {
  if (!slot) return true;
  const kept = stored.get(slot);
  return !kept || kept.owner === tab;
}

// Another tab has taken our slot, while this one was frozen. Returns false: nothing may go out.
function giveWay() {
  slot = '';
  dispatch({ type: 'takenOver' });
  takeSlot(true);
  return false;
}

const looksForOwner = () => {
  if (!holds()) giveWay();
};
