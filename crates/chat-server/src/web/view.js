// Shows the state. `draw` may be called after every event, because it changes only what is new.

// What is on the screen now.
const shown = { room: null, version: 0, count: 0, previous: null, stage: '', side: '', day: '' };
const drafts = new Map();

const log = () => $('log');
const isAtEnd = () => log().scrollHeight - log().scrollTop - log().clientHeight < 60;
// On a phone, a focus would bring the keyboard.
const isPhone = () => matchMedia('(pointer: coarse)').matches;

function toEnd() {
  log().scrollTop = log().scrollHeight;
  $('fresh').hidden = true;
}

function draw(state) {
  drawStage(state);
  if (state.stage !== 'in') return;
  drawLog(state);
  drawStanding(state);
  drawHead(state);
  drawSide(state);
}

// Puts a text into an element, if it is another one: what stays is not read out again. Returns
// whether it was another one.
function tell(id, text) {
  const isNew = $(id).textContent !== text;
  if (isNew) $(id).textContent = text;
  return isNew;
}

// The form or the chat.
function drawStage(state) {
  const isIn = state.stage === 'in';
  const why = isIn ? '' : state.why;
  if (tell('why', why) && why) $('name').select();
  $('free').hidden = isIn || !state.free;
  tell('free', `Come in as ${state.free}`);
  $('enter').querySelector('.go').disabled = state.way !== 'lost';
  if (shown.stage === state.stage) return;
  shown.stage = state.stage;
  $('door').hidden = isIn;
  $('chat').hidden = !isIn;
  Object.assign(shown, { room: null, side: '' });
  if (isIn) return;
  showMenu(false);
  $('naming').close();
  drafts.clear();
  $('say').value = '';
  $('name').value = state.me.nick;
  $('first').value = state.wanted || 'lobby';
  $('name').focus();
}

// The entries: all of them anew for another room, otherwise only those that have come.
function drawLog(state) {
  const room = shownRoom(state);
  const today = dayOf(Date.now());
  const isOther = shown.room !== room;
  if (isOther || shown.version !== room.version || shown.day !== today) {
    const below = log().scrollHeight - log().scrollTop;
    const wasAtEnd = isAtEnd();
    // What is old is not read out.
    log().setAttribute('aria-live', 'off');
    setTimeout(() => log().setAttribute('aria-live', 'polite'), 500);
    if (isOther) keepDraft(room);
    delete $('said').dataset.day;
    $('said').replaceChildren();
    Object.assign(shown, { room, version: room.version, count: 0, previous: null, day: today });
    appendNew(state, room);
    if (isOther || wasAtEnd) toEnd();
    else log().scrollTop = log().scrollHeight - below;
  } else if (room.entries.length > shown.count) {
    const wasAtEnd = isAtEnd();
    const news = room.entries.slice(shown.count);
    appendNew(state, room);
    if (wasAtEnd) toEnd();
    else if (news.some((entry) => entry.number && isMessage(entry))) $('fresh').hidden = false;
  }
  $('empty').hidden = room.entries.length > 0 || state.way !== 'attached' || room === state.blank;
}

function appendNew(state, room) {
  for (const entry of room.entries.slice(shown.count)) {
    shown.previous = appendEntry($('said'), shown.previous, entry, isMine(state, entry));
  }
  shown.count = room.entries.length;
}

// What was begun for one room is not sent to another.
function keepDraft(room) {
  if (!shown.room?.name) return;
  drafts.set(shown.room.name, $('say').value);
  $('say').value = drafts.get(room.name) ?? '';
  fit();
}

// Own messages that have not come back yet.
function drawStanding(state) {
  const { nick } = state.me;
  const posts = standing(state);
  const before = shown.previous;
  const goesOn = Boolean(before && before.kind === 'Said' && isMine(state, before));
  const stands = posts.map((post) => [post.id, post.number, post.stands]);
  const key = JSON.stringify([nick, goesOn, stands]);
  if ($('standing').dataset.key === key) return;
  $('standing').dataset.key = key;
  const wasAtEnd = isAtEnd();
  const lineOf = (post, at) =>
    messageLine({ ...post, nick }, { goesOn: at > 0 || goesOn, isMine: true, stands: post.stands });
  $('standing').replaceChildren(...posts.map(lineOf));
  if (wasAtEnd) toEnd();
}

function drawHead(state) {
  const room = shownRoom(state);
  const title = room === state.blank ? 'No room' : titleOf(room);
  const { people } = state;
  const others = [...state.rooms.values()].filter((other) => other !== room && other.unread);
  const unread = [...state.rooms.values()].reduce((sum, other) => sum + other.unread, 0);
  tell('title', clean(title));
  let count = '';
  if (isPrivate(room.name)) count = 'only you two';
  else if (people.room === room.name) count = `${people.part.length + people.more} here`;
  tell('count', count);
  $('menu').classList.toggle('new', others.length > 0);
  label($('menu'), others.length ? 'Rooms and people, with new messages' : 'Rooms and people');
  $('strip').hidden = !state.strip;
  tell('strip-text', state.strip);
  tell('strip-now', state.isLeaving ? 'Leave all the same' : 'Try now');
  const isNowhere = room === state.blank;
  $('say').placeholder = isNowhere ? 'Join a room to talk' : `Message ${title}`;
  label($('say'), $('say').placeholder);
  label(log(), `Messages in ${title}`);
  document.title = `${unread ? `(${unread}) ` : ''}${room === state.blank ? '' : `${title} · `}chat`;
}

function drawSide(state) {
  const all = [...state.rooms.values()];
  const publics = all
    .filter(({ name }) => !isPrivate(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const privates = all.filter(({ name }) => isPrivate(name)).reverse();
  const others = state.others.filter(({ room }) => !state.rooms.has(room)).slice(0, 50);
  const people = state.people.room === state.me.room ? state.people : { part: [], more: 0 };
  const known = ({ name, label, unread, isCalled }) => [name, label, unread, isCalled];
  const key = JSON.stringify([
    state.me.nick,
    state.me.room,
    publics.map(known),
    privates.map(known),
    others,
    people,
  ]);
  if (shown.side === key) return;
  shown.side = key;
  const current = state.me.room;
  replace($('rooms'), [
    ...publics.map((room) => roomItem(room, current)),
    ...others.map(otherItem),
  ]);
  replace(
    $('privates'),
    privates.map((room) => roomItem(room, current)),
  );
  replace($('people'), peopleItems(people, state.me.nick));
  $('privates-title').hidden = $('privates').hidden = !privates.length;
  $('people-title').hidden = $('people').hidden = !people.part.length;
  $('my-name').textContent = clean(state.me.nick);
  $('my-face').textContent = letterOf(state.me.nick);
  coloured($('my-face'), state.me.nick);
}

function item(action, inside, more) {
  const button = make('button', { type: 'button' }, ...inside);
  button.dataset.do = JSON.stringify(action);
  return make('li', {}, button, ...(more ?? []));
}

function roomItem(room, current) {
  const { name, unread, isCalled } = room;
  const label = clean(titleOf(room));
  const badge = make(
    'span',
    { className: `badge new ${isCalled ? 'called' : ''}`, textContent: unread },
    make('span', { className: 'heard', textContent: ' new' }),
  );
  const inside = [
    ...(isPrivate(name) ? [faceOf(room.label)] : []),
    make('span', { className: 'label', textContent: label }),
    ...(unread ? [badge] : []),
  ];
  const cross = make(
    'button',
    { type: 'button', className: 'cross', ariaLabel: `Leave ${label}` },
    make('span', { isForEyes: true, textContent: '×' }),
  );
  cross.dataset.do = JSON.stringify({ type: 'leave', room: name });
  const made = item({ type: 'go', room: name }, inside, [cross]);
  if (name === current) made.firstChild.setAttribute('aria-current', 'true');
  return made;
}

function otherItem({ room, people }) {
  return item({ type: 'join', room }, [
    make('span', { className: 'label', textContent: clean(`#${room}`) }),
    make(
      'span',
      { className: 'badge', title: `${people} here`, textContent: people },
      make('span', { className: 'heard', textContent: ' here; join' }),
    ),
  ]);
}

function peopleItems({ part, more }, me) {
  const items = part.map((person) => personItem(person, person.nick === me));
  const rest = `and ${more} more: /who lists them`;
  return more ? [...items, make('li', { className: 'rest', textContent: rest })] : items;
}

function personItem({ nick, is_registered: isRegistered }, isMe) {
  const name = make('span', { className: 'label' }, nickOf(nick), isMe ? ' (you)' : '');
  const mark = make('span', { className: 'badge', textContent: 'registered' });
  const action = isMe ? { type: 'naming' } : { type: 'whisper', nick };
  const made = item(action, [faceOf(nick), name, ...(isRegistered ? [mark] : [])]);
  made.firstChild.title = isMe ? 'Take another name' : `Talk to ${nick} alone`;
  return made;
}

// Puts other items into a list. A button that has the focus keeps it.
function replace(list, items) {
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.do : null;
  list.replaceChildren(...items);
  const again =
    held && [...list.querySelectorAll('button')].find((button) => button.dataset.do === held);
  (again || (held && list.querySelector('button')))?.focus();
}

// The drawer of a narrow page.
function showMenu(isOpen) {
  document.body.classList.toggle('menu', isOpen);
  $('menu').setAttribute('aria-expanded', isOpen);
  $('room').inert = isOpen;
  if (isOpen) ($('side').querySelector('[aria-current=true]') ?? $('rename')).focus();
  else if ($('side').contains(document.activeElement)) $('menu').focus();
}

// The field is as high as its text, also where the style alone cannot do it.
function fit() {
  if (CSS.supports('field-sizing', 'content')) return;
  $('say').style.setProperty('height', 'auto');
  $('say').style.setProperty('height', `${$('say').scrollHeight + 2}px`);
}
