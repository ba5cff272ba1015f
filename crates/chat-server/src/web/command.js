// What a typed line means. PURE.
//
// The commands are those of chat-client, without those of operators, which need the admin token.

const HELP = `/join ROOM: go to a room
/leave: leave this room, or this private talk
/msg NICK TEXT: tell one person only
/me TEXT: say what you do
/nick NICK: take another name
/who: who is in this room
/rooms: which rooms there are
/search TEXT: the last messages of this room with that text
/ignore NICK, /unignore NICK: see nothing of a person; see that person again
/quit: leave the chat
//text: sends /text`;

// What each command needs after its name: 1 a word, 2 a word and a text, 0 nothing or anything.
const COMMANDS = {
  join: 1,
  leave: 0,
  msg: 2,
  me: 1,
  nick: 1,
  who: 0,
  rooms: 0,
  search: 1,
  ignore: 0,
  unignore: 1,
  help: 0,
  quit: 0,
};

// Returns what a line means, as `{ say: [kind, body] }`, `{ command, rest }` or `{ no: why }`.
// Nothing if the line is empty.
function parse(line) {
  const text = line.replace(/\r\n?/g, '\n').trimEnd();
  if (!text.trim()) return null;
  const size = sizeOf(text);
  if (size > MAX_BODY) {
    return { no: `Not sent: a message has at most ${MAX_BODY} bytes, this has ${size}.` };
  }
  if (!text.startsWith('/')) return { say: ['Said', text] };
  if (text.startsWith('//')) return { say: ['Said', text.slice(1)] };
  const [, command, rest] = text.match(/^\/(\S*)\s*([^]*)$/);
  // `hasOwn`, because every object has a "constructor".
  if (!Object.hasOwn(COMMANDS, command)) {
    return { no: `There is no command /${command}: /help lists them; //${command} sends it.` };
  }
  const words = rest.split(/\s+/).filter(Boolean).length;
  if (words < COMMANDS[command]) {
    const usage = HELP.split('\n').find((known) => known.includes(`/${command} `));
    return { no: `Usage: ${usage}` };
  }
  return command === 'me' ? { say: ['Did', rest] } : { command, rest };
}

// Returns the first word of a text, and the rest.
function firstWord(text) {
  const [, first, rest] = text.match(/^(\S+)\s*([^]*)$/);
  return [first, rest];
}
