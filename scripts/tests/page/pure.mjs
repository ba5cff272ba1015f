// The decisions of the chat page as transcripts, without a browser: `node --test pure.mjs`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const PURE = 'text outbox rooms command chat arrivals delivery person events'.split(' ');
const folder = new URL('../../../crates/chat-server/src/web/', import.meta.url);
const source = PURE.map((name) => readFileSync(new URL(`${name}.js`, folder), 'utf8')).join('\n');
const names = `clean wordsOf folded mentions hueOf newMe newState handle standing parse joins
  shownRoom newDelivery push nextSend takeStored sendAgain takeRefused`.split(/\s+/);
const page = new Function(`'use strict'; ${source}; return { ${names.join(', ')} };`)();
const SESSION = '0123456789abcdef0123456789abcdef';
const ANN = 'a'.repeat(32);

// A page that talks to a server which the test plays.
class Chat {
  constructor(me = page.newMe(SESSION, 'ann')) {
    this.state = page.newState(me);
    this.kept = null;
    this.timers = new Map();
    this.out = [];
  }

  event(event) {
    const session = 'f'.repeat(32);
    const effects = page.handle(this.state, {
      dice: 1,
      isWatching: true,
      isVisible: true,
      session,
      ...event,
    });
    for (const effect of effects) {
      if (effect.do === 'save') this.kept = structuredClone(this.state.me);
      if (effect.do === 'timer') this.timers.set(effect.name, effect.after);
      if (effect.do === 'call') this.out.push(effect);
    }
    return this;
  }

  // The oldest call of this name that is not answered yet.
  call(as) {
    const at = this.out.findIndex((call) => call.as === as);
    assert.ok(at >= 0, `no ${as} among ${this.out.map((call) => call.as)}`);
    return this.out.splice(at, 1)[0];
  }

  answer(as, result) {
    return this.event({ type: 'answered', call: this.call(as), result, took: 5000 });
  }

  refuse(as, kind, detail, words = kind ?? 'not reached') {
    return this.event({ type: 'failed', call: this.call(as), error: { kind, detail, words } });
  }

  isOut(as) {
    return this.out.filter((call) => call.as === as).length;
  }

  elapse(timer) {
    assert.ok(this.timers.delete(timer), `no timer ${timer}`);
    return this.event({ type: 'elapsed', timer });
  }

  texts() {
    return page.shownRoom(this.state).entries.map((entry) => entry.note ?? entry.body);
  }

  stands() {
    return page.standing(this.state).map((post) => `${post.body} ${post.stands}`);
  }
}

const cursor = (room, after = 0, epoch = 'e1') => ({ room, after, epoch });
const entry = (number, body, more) => ({
  number,
  body,
  kind: 'Said',
  nick: 'bob',
  sender: 'b'.repeat(32),
  at_ms: number * 1000,
  ...more,
});
const own = (number, body) => entry(number, body, { nick: 'ann', sender: ANN });
const pageOf = (entries, more) => ({
  room: 'lobby',
  entries,
  first: 1,
  head: entries.at(-1)?.number ?? 0,
  epoch: 'e1',
  damaged: 0,
  ...more,
});
function inLobby(me) {
  const chat = new Chat(me);
  chat.event({ type: 'started', room: '' });
  chat.event({ type: 'entering', nick: 'ann', room: 'lobby' });
  chat.answer('enter', { nick: 'ann', sender: ANN }).answer('comeIn', cursor('lobby'));
  return chat;
}

test('a person comes in and reads', () => {
  const chat = inLobby();
  assert.equal(chat.state.stage, 'in');
  assert.equal(chat.kept.inside, true, 'a reload comes back without the form');
  const { params } = chat.out.find((call) => call.as === 'poll');
  assert.deepEqual(params, { session: SESSION, cursors: [cursor('lobby')], wait_ms: 15000 });
  chat.answer('poll', [pageOf([entry(1, 'one'), entry(2, 'two')])]);
  chat.answer('poll', [pageOf([entry(2, 'two'), entry(3, 'three')])]);
  assert.deepEqual(chat.texts(), ['one', 'two', 'three'], 'each once, however pages overlap');
  assert.deepEqual(chat.out.find((call) => call.as === 'poll').params.cursors, [
    cursor('lobby', 3),
  ]);
  assert.equal(chat.isOut('poll'), 1, 'one poll is out at a time');
});

test('a name that is taken leads back to the form with one that is free', () => {
  const chat = new Chat();
  chat.event({ type: 'entering', nick: 'ann', room: 'lobby' });
  chat.refuse('enter', 'NickTaken', { by: 'Ann', free: 'ann2' }, 'Ann is here');
  assert.deepEqual(
    [chat.state.stage, chat.state.why, chat.state.free],
    ['door', 'Ann is here; ann2 is free.', 'ann2'],
  );
  chat.event({ type: 'entering', nick: 'ann2', room: 'lobby' });
  assert.equal(chat.call('enter').params.nick, 'ann2');
});

test('a class that comes in at once waits as it is told', () => {
  const chat = new Chat();
  chat.event({ type: 'entering', nick: 'ann', room: 'lobby' });
  chat.refuse('enter', 'TooFast', 700);
  assert.equal(chat.timers.get('attach'), 700);
  chat
    .elapse('attach')
    .answer('enter', { nick: 'ann', sender: ANN })
    .answer('comeIn', cursor('lobby'));
  assert.equal(chat.state.stage, 'in');
});

test('a message is kept before it goes out, and says where it stands', () => {
  const chat = inLobby();
  chat.event({ type: 'line', text: 'hello' });
  assert.deepEqual(
    chat.kept.outbox.map(({ id, body }) => [id, body]),
    [[1, 'hello']],
  );
  assert.deepEqual(chat.stands(), ['hello sent']);
  chat.event({ type: 'line', text: 'again' });
  assert.equal(chat.isOut('send'), 1, 'one at a time');
  chat.answer('send', [7]);
  assert.deepEqual(chat.stands(), ['hello stored', 'again sent'], 'until the poll brings it');
  chat.answer('poll', [pageOf([own(7, 'hello')])]);
  assert.deepEqual([chat.texts(), chat.stands()], [['hello'], ['again sent']]);
  chat.answer('poll', [pageOf([own(8, 'again')])]);
  assert.deepEqual(
    [chat.texts(), chat.stands()],
    [['hello', 'again'], []],
    'the poll may be first',
  );
  chat.answer('send', [8]);
  assert.deepEqual([chat.texts(), chat.stands()], [['hello', 'again'], []]);
  assert.deepEqual(chat.kept.outbox, []);
});

test('the server dies under a message: the same id goes out again', () => {
  const chat = inLobby();
  chat.event({ type: 'line', text: 'hello' });
  const first = chat.out.find((call) => call.as === 'send').params;
  chat.refuse('poll').refuse('send');
  assert.deepEqual(chat.stands(), ['hello waits']);
  assert.equal(chat.state.strip, '', 'a restart is not spoken of');
  chat.event({ type: 'line', text: 'typed meanwhile' });
  chat.elapse('attach').refuse('enter');
  assert.equal(chat.state.strip, 'Connection lost. Trying again.');
  chat.event({ type: 'hurry' });
  chat.answer('enter', { nick: 'ann', sender: ANN }).answer('comeIn', cursor('lobby', 99));
  assert.equal(chat.state.strip, '');
  const again = chat.call('send').params;
  assert.deepEqual(again.posts[0], first.posts[0]);
  assert.deepEqual(
    again.posts.map(({ id }) => id),
    [1, 2],
  );
  assert.deepEqual(chat.call('poll').params.cursors, [cursor('lobby')], 'and reading goes on');
});

test('a reload keeps the session, the ids and what was not acknowledged', () => {
  const before = inLobby();
  before.event({ type: 'line', text: 'ok' });
  before.answer('send', [1]);
  before.answer('poll', [pageOf([own(1, 'ok')])]);
  before.event({ type: 'line', text: 'ok' });
  const chat = new Chat(structuredClone(before.kept)).event({ type: 'started', room: '' });
  chat.event({ type: 'line', text: 'typed before the server has let us in' });
  assert.deepEqual(chat.stands(), ['ok waits', 'typed before the server has let us in waits']);
  chat.answer('enter', { nick: 'ann', sender: ANN }).answer('comeIn', cursor('lobby'));
  assert.deepEqual(
    chat.call('poll').params.cursors,
    [cursor('lobby')],
    'from where the server says',
  );
  chat.event({ type: 'elapsed', timer: 'reread' });
  chat.answer('poll', [pageOf([own(1, 'ok')])]);
  assert.equal(chat.stands()[0], 'ok sent', 'the old one with the same text is not this one');
  chat.answer('poll', [pageOf([own(2, 'ok')])]);
  assert.deepEqual([chat.texts(), chat.stands().length], [['ok', 'ok'], 1]);
  assert.deepEqual(
    chat.call('send').params.posts.map(({ id, body }) => `${id} ${body}`),
    ['2 ok', '3 typed before the server has let us in'],
  );
});

test('what is typed while the server is away is kept, and the same text twice is two messages', () => {
  const chat = inLobby();
  chat.event({ type: 'line', text: 'ok' }).answer('send', [7]).refuse('poll');
  chat.event({ type: 'line', text: 'ok' });
  assert.deepEqual(
    chat.kept.outbox.map(({ id, body }) => `${id} ${body}`),
    ['2 ok'],
  );
  assert.deepEqual(chat.stands(), ['ok stored', 'ok waits']);
  chat.elapse('attach').answer('enter', { nick: 'ann', sender: ANN });
  chat.answer('comeIn', cursor('lobby')).answer('poll', [pageOf([own(7, 'ok')])]);
  assert.deepEqual([chat.texts(), chat.stands()], [['ok'], ['ok sent']]);
});

test('a private talk that the server does not know any more is left', () => {
  const chat = inLobby();
  chat.answer('poll', [pageOf([entry(7, 'psst')], { room: '@1+2' })]).refuse('poll');
  chat.elapse('attach').answer('enter', { nick: 'ann', sender: ANN });
  chat.answer('comeIn', cursor('lobby')).refuse('comeIn', 'NotJoined');
  assert.deepEqual([chat.state.way, [...chat.state.rooms.keys()]], ['attached', ['lobby']]);
});

test('an answer to the one who was here before changes nothing', () => {
  const chat = inLobby();
  chat.event({ type: 'join', room: 'kitchen' }).event({ type: 'quit' }).event({ type: 'renewed' });
  chat.answer('join', cursor('kitchen'));
  assert.deepEqual([chat.state.stage, chat.state.rooms.size], ['door', 0]);
});

test('an answer to an earlier poll is not read', () => {
  const chat = inLobby();
  const old = chat.call('poll');
  chat.event({ type: 'line', text: 'x' }).refuse('send');
  chat.event({ type: 'answered', call: old, result: [pageOf([entry(1, 'late')])], took: 5 });
  assert.deepEqual(chat.texts(), []);
  chat
    .elapse('attach')
    .answer('enter', { nick: 'ann', sender: ANN })
    .answer('comeIn', cursor('lobby'));
  assert.equal(chat.isOut('poll'), 1);
});

test('a restarted server that does not know the room is entered again', () => {
  const chat = inLobby();
  chat.event({ type: 'line', text: 'x' });
  chat.refuse('send', 'NotJoined');
  assert.deepEqual(chat.stands(), ['x waits']);
  chat
    .elapse('attach')
    .answer('enter', { nick: 'ann', sender: ANN })
    .answer('comeIn', cursor('lobby'));
  assert.equal(chat.call('send').params.posts[0].id, 1);
});

test('too fast waits as told, and the one that is refused is found', () => {
  const chat = inLobby();
  for (const text of ['a', 'b', 'c']) chat.event({ type: 'line', text });
  chat.refuse('send', 'TooFast', 300);
  assert.equal(chat.isOut('send'), 0);
  assert.equal(chat.timers.get('resend'), 300);
  chat.elapse('resend').refuse('send', 'Unfit', undefined, 'no');
  assert.deepEqual(
    chat.out.filter((call) => call.as === 'send').map((call) => call.params.posts.length),
    [1],
  );
  chat.answer('send', [1]).refuse('send', 'Unfit', undefined, 'no such words');
  assert.ok(chat.texts().includes('Not delivered: “b”: no such words.'));
  chat.answer('send', [2]);
  assert.equal(chat.state.me.outbox.length, 0);
});

test('a call that is lost is tried again with less in it', () => {
  const me = page.newMe(SESSION, 'ann');
  const delivery = page.newDelivery();
  for (let n = 0; n < 20; n += 1) page.push(me, 'a', 'Said', 'x'.repeat(4096), 0);
  const sizes = [];
  for (let n = 0; n < 6; n += 1) {
    sizes.push(page.nextSend(me, delivery).posts.length);
    page.sendAgain(delivery, true);
  }
  assert.deepEqual(sizes, [20, 16, 8, 4, 2, 2]);
});

test('who was kicked begins anew, and who was banned is told', () => {
  const chat = inLobby();
  chat.event({ type: 'line', text: 'x' });
  chat.refuse('poll', 'Kicked', 'loud', 'an operator has put you out: loud');
  assert.deepEqual(
    [chat.state.stage, chat.state.why],
    ['door', 'An operator has put you out: loud. Not delivered: 1.'],
  );
  assert.notEqual(chat.state.me.session, SESSION, 'because the server refuses that one');
  assert.equal(chat.kept.outbox.length, 0);
  const send = chat.call('send');
  chat.event({ type: 'answered', call: send, result: [3], took: 1 });
  assert.equal(chat.state.stage, 'door', 'an answer to the old session changes nothing');

  const other = inLobby().event({ type: 'line', text: 'x' });
  other.refuse('poll', 'Banned', undefined, 'an operator has banned your address');
  assert.deepEqual(
    [other.state.stage, other.kept.outbox.length, other.kept.inside],
    ['door', 1, false],
  );
});

test('who finds the name taken on coming back takes another one, and what waits is delivered', () => {
  const chat = inLobby();
  chat.event({ type: 'join', room: 'kitchen' }).answer('join', cursor('kitchen'));
  chat.event({ type: 'line', text: 'x' }).refuse('send').elapse('attach');
  chat.refuse('enter', 'NickTaken', { by: 'Ann', free: 'ann2' }, 'Ann is here');
  assert.deepEqual(
    [chat.state.stage, chat.state.free, chat.state.wanted],
    ['door', 'ann2', 'kitchen'],
  );
  chat.event({ type: 'entering', nick: 'ann2', room: 'kitchen' });
  chat.answer('enter', { nick: 'ann2', sender: ANN });
  chat.answer('comeIn', cursor('lobby')).answer('comeIn', cursor('kitchen'));
  assert.equal(chat.state.me.room, 'kitchen');
  const { room, posts } = chat.call('send').params;
  assert.deepEqual([room, posts], ['kitchen', [{ id: 1, kind: 'Said', body: 'x' }]]);
});

test('private talk opens by itself, and its name is that of the other one', () => {
  const chat = inLobby();
  const room = '@1+2';
  chat.answer('poll', [pageOf([entry(7, 'psst')], { room })]);
  const talk = chat.state.rooms.get(room);
  assert.deepEqual([talk.label, talk.unread, talk.isCalled], ['bob', 1, true]);
  assert.deepEqual(chat.kept.rooms.at(-1), { name: room, label: 'bob', after: 7, epoch: 'e1' });
  chat.event({ type: 'go', room });
  chat.event({ type: 'line', text: 'yes?' });
  assert.equal(chat.call('send').params.room, room);
  assert.equal(talk.unread, 0);
});

test('/msg goes to one person only, and no line follows it there by mistake', () => {
  const chat = inLobby();
  chat.event({ type: 'line', text: '/msg bob see you' });
  assert.equal(chat.isOut('send'), 0);
  chat.answer('private', { cursor: cursor('@1+2'), nick: 'bob' });
  const { room, posts } = chat.call('send').params;
  assert.deepEqual([room, posts[0].body], ['@1+2', 'see you']);
  chat.event({ type: 'line', text: '/leave' });
  assert.ok(chat.texts().some((text) => text.includes('not delivered yet')));
  chat.event({ type: 'line', text: '/msg nobody-here x' });
  chat.refuse('private', 'Nobody', undefined, 'nobody is called that');
  assert.ok(chat.texts().includes('No: Nobody is called that.'));
});

test('what is new counts, and history does not', () => {
  const chat = inLobby();
  chat.event({ type: 'join', room: 'kitchen' }).answer('join', cursor('kitchen', 10));
  const said = [pageOf([entry(1, 'old'), entry(2, 'old')], { head: 3 })];
  chat.answer('poll', said);
  const lobby = chat.state.rooms.get('lobby');
  assert.equal(lobby.unread, 0);
  chat.answer('poll', [pageOf([entry(3, 'old'), entry(4, 'hi Ann!'), entry(5, 'planning')])]);
  assert.deepEqual([lobby.unread, lobby.isCalled], [2, true]);
});

test('another log, gone and damaged lines are spoken of', () => {
  const chat = inLobby();
  chat.answer('poll', [pageOf([entry(5, 'five')], { first: 5 })]);
  assert.deepEqual(chat.texts(), ['Older messages are gone.', 'five']);
  chat.answer('poll', [pageOf([entry(9, 'nine')], { damaged: 3 })]);
  assert.ok(chat.texts()[2].startsWith('Up to 3 lines cannot be read'));
  chat.answer('poll', [pageOf([entry(1, 'new')], { epoch: 'e2' })]);
  assert.deepEqual(chat.texts(), ['This room begins anew: the server has another log.', 'new']);
});

test('older entries come before the others, once', () => {
  const chat = inLobby();
  chat.state.rooms.get('lobby').hasOlder = true;
  chat.answer('poll', [pageOf([entry(50, 'fifty')], { first: 1 })]);
  chat.event({ type: 'older' }).event({ type: 'older' });
  assert.equal(chat.isOut('older'), 1);
  chat.answer('older', pageOf([entry(49, 'x'), entry(50, 'fifty')], { first: 49 }));
  assert.deepEqual(chat.texts(), ['x', 'fifty']);
  assert.equal(chat.state.rooms.get('lobby').hasOlder, false);
});

test('who leaves is asked to wait for what is not delivered', () => {
  const chat = inLobby();
  chat.event({ type: 'line', text: 'bye all' });
  chat.event({ type: 'quit' });
  assert.equal(chat.isOut('bye'), 0);
  assert.equal(chat.state.strip, 'One message is not delivered yet.');
  chat.answer('send', [1]);
  assert.equal(chat.isOut('bye'), 1);
  chat.event({ type: 'renewed' });
  assert.equal(chat.state.stage, 'door');
  assert.notEqual(chat.state.me.session, SESSION, 'the next person at this browser is another one');
});

test('a tab that lost its session to another one gives way', () => {
  const chat = inLobby().event({ type: 'takenOver' });
  assert.equal(chat.state.stage, 'door');
  assert.ok(chat.state.why.startsWith('The chat is open in another tab.'));
  assert.equal(chat.state.me.nick, 'ann');
});

test('who is ignored stays so under another nick', () => {
  const chat = inLobby();
  chat.answer('poll', [
    pageOf([entry(1, 'spam', { nick: 'eve', sender: 'e'.repeat(32) }), entry(2, 'hi')]),
  ]);
  chat.event({ type: 'line', text: '/ignore Eve' });
  chat.answer('poll', [
    pageOf([entry(3, 'spam', { nick: 'constructor', sender: 'e'.repeat(32) }), entry(4, 'hi')]),
  ]);
  assert.deepEqual(chat.texts().slice(0, 1).concat(chat.texts().slice(-1)), ['hi', 'hi']);
  assert.ok(!chat.texts().includes('spam'));
});

test('lines are commands or not', () => {
  assert.equal(page.parse('  \n'), null);
  assert.deepEqual(page.parse('//etc'), { say: ['Said', '/etc'] });
  assert.deepEqual(page.parse('/me sings\nloudly'), { say: ['Did', 'sings\nloudly'] });
  assert.deepEqual(page.parse('/join kitchen'), { command: 'join', rest: 'kitchen' });
  for (const bad of ['/constructor', '/nothing', '/msg bob', '/join', `${'ü'.repeat(2049)}`]) {
    assert.ok(page.parse(bad).no, bad);
  }
});

test('links are what they seem', () => {
  const links = (text) =>
    page
      .wordsOf(text)
      .filter((word) => word.href)
      .map(({ text: typed }) => typed);
  assert.deepEqual(links('see (https://a.example/b_(c)), or http://d.example.'), [
    'https://a.example/b_(c)',
    'http://d.example',
  ]);
  for (const none of [
    'javascript:alert(1)',
    'https://bank@evil.example/',
    'data:text/html,x',
    'https://',
    'ftp://x',
    '//evil.example',
    'xhttp://y',
  ]) {
    assert.deepEqual(links(none), [], none);
  }
  const text = 'a https://x.example/ b';
  assert.equal(
    page
      .wordsOf(text)
      .map((word) => word.text ?? word)
      .join(''),
    text,
  );
});

test('text is harmless, and otherwise as it was typed', () => {
  for (const same of ['a\n\tb', 'naïve', '日本語', 'שלום', '👨‍👩‍👧‍👦 🇬🇧', 'हिन्दी', '<b>&amp;']) {
    assert.equal(page.clean(same), same);
  }
  assert.equal(page.clean('a\u202eb\u0007c\r\nd\u2028e\ufeff'), 'a\ufffdb\ufffdc\nd\ne');
  assert.equal(page.clean(`z${'\u0300'.repeat(99)}`), `z${'\u0300'.repeat(4)}`);
  const [shown, rest] = page.folded('x\n'.repeat(100));
  assert.deepEqual([shown.split('\n').length, rest.split('\n').length], [24, 76]);
  for (const text of ['ann', 'hi, ANN!', 'planning with Ann', '@ann']) {
    assert.ok(page.mentions(text, 'ann'), text);
  }
  for (const text of ['planning', 'anna', 'ann_', '']) assert.ok(!page.mentions(text, 'ann'), text);
  assert.ok(page.mentions('sag Ünal Bescheid', 'ünal') && !page.mentions('anything', ''));
});

test('lines of one person stand together for five minutes', () => {
  const at = (ms, more) => entry(1, 'x', { at_ms: 1e12 + ms, ...more });
  assert.deepEqual(page.joins(null, at(0)), { isDay: true, goesOn: false });
  assert.equal(page.joins(at(0), at(1000)).goesOn, true);
  assert.equal(page.joins(at(0), at(1000, { nick: 'bobby' })).goesOn, false);
  assert.equal(page.joins(at(0), at(5 * 60 * 1000)).goesOn, false);
  assert.equal(page.joins(at(0, { kind: 'Joined' }), at(0, { kind: 'Left' })).goesOn, true);
  assert.equal(page.joins(at(0, { kind: 'Joined' }), at(0)).goesOn, false);
});
