// How the entries of a room look. Everything that others typed is put in as text, never as markup.

const $ = (id) => document.getElementById(id);

// Makes an element with these properties and this inside. `isForEyes`: nothing to be read out.
function make(tag, { ariaLabel, isForEyes, ...properties }, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  if (ariaLabel) label(made, ariaLabel);
  if (isForEyes) made.setAttribute('aria-hidden', 'true');
  made.append(...inside);
  return made;
}

const label = (element, text) => element.setAttribute('aria-label', text);

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const longDate = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

const dayOf = (at) => new Date(at).toDateString();

// Returns whether this is a time. A lying server may send any number.
const isTime = (at) => !Number.isNaN(new Date(at).getTime());

function dayName(at) {
  if (!isTime(at)) return 'On an unknown day';
  if (dayOf(at) === dayOf(Date.now())) return 'Today';
  if (dayOf(at) === dayOf(Date.now() - 24 * 60 * 60 * 1000)) return 'Yesterday';
  return longDate.format(at);
}

function timeOf(at, format = clock) {
  const date = new Date(at);
  if (!isTime(at)) return make('time', { textContent: '--:--' });
  return make('time', {
    dateTime: date.toISOString(),
    title: whole.format(date),
    textContent: format.format(date),
  });
}

// A style attribute is forbidden to the page; a property that is set by a script is not.
function coloured(element, nick) {
  element.style.setProperty('--hue', hueOf(nick));
  return element;
}
const nickOf = (nick) =>
  coloured(make('bdi', { className: 'nick', textContent: clean(nick) }), nick);
function faceOf(nick) {
  const face = make('span', { className: 'face', isForEyes: true, textContent: letterOf(nick) });
  return coloured(face, nick);
}

function wordsIn(text) {
  return wordsOf(text).map((word) =>
    typeof word === 'string'
      ? word
      : make('a', {
          href: word.href,
          title: word.host,
          textContent: word.text,
          target: '_blank',
          rel: 'noopener noreferrer nofollow',
        }),
  );
}

// Puts a text into an element. What is too long waits behind a button.
function fill(element, text) {
  const [shown, rest] = folded(clean(text));
  element.append(...wordsIn(shown));
  if (!rest) return element;
  const count = rest.split('\n').length;
  const more = make('button', {
    type: 'button',
    className: 'more',
    textContent: `Show ${count} more lines`,
  });
  more.onclick = () => more.replaceWith(...wordsIn(`\n${rest}`));
  element.append('\n', more);
  return element;
}

const STANDS = { waits: 'waiting', sent: 'sent …', stored: '✓' };
const STANDS_LONG = {
  waits: 'waits for the server',
  sent: 'sent, not stored yet',
  stored: 'stored by the server',
};

// Where a message of this person stands.
function standOf(stands) {
  return make(
    'span',
    { className: `stands ${stands}`, title: STANDS_LONG[stands] },
    make('span', { isForEyes: true, textContent: STANDS[stands] }),
    make('span', { className: 'heard', textContent: ` ${STANDS_LONG[stands]}` }),
  );
}

// One message. `goesOn`: the line before has the name already, so it is only there for the ear.
function messageLine(entry, { goesOn, isMine, stands }) {
  const { kind, nick, body, at_ms: at, isForMe } = entry;
  const names = [
    'message',
    goesOn ? '' : 'first',
    isMine ? 'mine' : '',
    isForMe ? 'for-me' : '',
    stands && stands !== 'stored' ? 'unsure' : '',
  ];
  const line = make('li', { className: names.filter(Boolean).join(' ') });
  const times = at ? [timeOf(at)] : [];
  const text = make('div', { className: 'text', dir: 'auto' });
  if (kind === 'Did') text.append('* ', nickOf(nick), ' ');
  else if (goesOn)
    line.append(make('span', { className: 'heard', textContent: `${clean(nick)}: ` }));
  else line.append(faceOf(nick), make('div', { className: 'who' }, nickOf(nick), ...times));
  line.append(fill(text, body));
  if (kind === 'Did') line.append(...times);
  if (isMine) line.append(standOf(stands ?? 'stored'));
  return line;
}

function noticeOf({ kind, nick, body }) {
  if (kind === 'Joined') return [nickOf(nick), ' is here'];
  if (kind === 'Renamed') return [nickOf(nick), ' is now called ', nickOf(body)];
  return [nickOf(nick), body ? ` ${clean(body)}` : ' has left'];
}

function noteLine({ note: text, found: entries }) {
  const line = make('li', { className: 'notice', textContent: clean(text) });
  for (const entry of entries ?? []) {
    const body = make('bdi', {}, ...wordsIn(clean(entry.body)));
    line.append(
      make(
        'div',
        { className: 'found' },
        timeOf(entry.at_ms, whole),
        ' ',
        nickOf(entry.nick),
        ': ',
        body,
      ),
    );
  }
  return line;
}

// Puts an entry behind those that are shown. Returns it, for the next one; a note is between days.
function appendEntry(list, previous, entry, isMine) {
  if (entry.note) {
    list.append(noteLine(entry));
    return null;
  }
  const { isDay, goesOn } = joins(previous, entry);
  if (isDay && !(previous === null && list.dataset.day === dayOf(entry.at_ms))) {
    list.append(make('li', { className: 'day', textContent: dayName(entry.at_ms) }));
  }
  list.dataset.day = dayOf(entry.at_ms);
  if (isMessage(entry)) list.append(messageLine(entry, { goesOn, isMine }));
  else if (goesOn) list.lastElementChild.append(' · ', ...noticeOf(entry));
  else list.append(make('li', { className: 'notice' }, ...noticeOf(entry)));
  return entry;
}
