// What was typed and is not acknowledged yet. PURE.
//
// A message stays in `me.outbox`, and so in the browser's storage, until the server has answered
// its number: through lost connections, deaths of the server, reloads and closed tabs. It is sent
// again under the same id, so that the server stores it once. One call is out at a time, because
// two might swap.

// Most messages that wait: a person types no more while a server is away.
const MOST_WAITING = 256;

// Most messages in one call: a burst that the server's default limit lets pass at once.
const BATCH = 20;

// Most bytes in one call. A call that is lost halves it, down to 8 KiB, because on a thin line a
// large one takes longer than a call may, and would be lost again and again.
const BATCH_BYTES = 128 * 1024;
const HALVINGS = 4;

// How the messages are on their way. This is not kept: after a reload no call is out.
// `out`: how many of the first ones are in the call that is out; `careful`: how many go one by one.
const newDelivery = () => ({ out: 0, careful: 0, lost: 0 });

// Takes a message for a room that is read up to `after`.
function push(me, room, kind, body, after) {
  me.lastId += 1;
  me.outbox.push({ id: me.lastId, room, kind, body, after });
}

// Returns the next call, `{ room, posts }`: the oldest messages for one room. Nothing while a call
// is out.
function nextSend(me, delivery) {
  if (delivery.out || !me.outbox.length) return null;
  const { room } = me.outbox[0];
  const most = BATCH_BYTES >> delivery.lost;
  let bytes = 0;
  const batch = [];
  for (const post of me.outbox.slice(0, delivery.careful ? 1 : BATCH)) {
    bytes += sizeOf(post.body);
    if (post.room !== room || (batch.length && bytes > most)) break;
    batch.push(post);
  }
  delivery.out = batch.length;
  return { room, posts: batch.map(({ id, kind, body }) => ({ id, kind, body })) };
}

// Forgets the messages of the call that was out, and returns them, because they are stored.
function takeStored(me, delivery) {
  const stored = me.outbox.splice(0, delivery.out);
  delivery.careful = Math.max(0, delivery.careful - stored.length);
  delivery.out = 0;
  return stored;
}

// Keeps the messages of the call that was out, because it may not have arrived.
function sendAgain(delivery, isLost) {
  delivery.out = 0;
  if (isLost) delivery.lost = Math.min(delivery.lost + 1, HALVINGS);
}

// Drops the message of the call that was out, and returns it, because it is refused for good. If
// the call had several, returns nothing: they then go one by one, to find the refused one.
function takeRefused(me, delivery) {
  const { out } = delivery;
  delivery.out = 0;
  if (out > 1) {
    delivery.careful = out;
    return null;
  }
  delivery.careful = Math.max(0, delivery.careful - 1);
  return me.outbox.shift();
}

// Notes that a message of this session has come back that is not known to be stored yet. If one with
// this text waits, it is that one, and is not shown as waiting any more. Its acknowledgement is still
// to come.
function markLanded(me, room, entry) {
  const text = (body) => body.replaceAll('\0', '');
  const found = me.outbox.find(
    (post) =>
      !post.landed &&
      post.room === room &&
      post.kind === entry.kind &&
      text(post.body) === entry.body &&
      entry.number > post.after,
  );
  if (found) found.landed = true;
}
