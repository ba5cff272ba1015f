// What other people typed, made harmless and cut into words and links. PURE.
//
// The page shows all of it by `textContent` only, so that nothing can become markup. What is left
// to do is here: characters that lie about what is read, and links that lie about where they go.

// Longest message in bytes, as MAX_BODY of crates/common/src/chat.rs.
const MAX_BODY = 4096;

// Most lines of one message that are shown at once: a screen.
const MOST_LINES = 24;

// Controls, and marks that reverse what follows. Line feeds and tabs are wanted.
const HARMFUL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

// Never drawn, but read by some programs: byte order marks, annotations, tags.
const UNSEEN = /[\ufeff\ufff9-\ufffb\u{e0001}\u{e0020}-\u{e007f}]/gu;

// More marks on one letter than any language uses. They would cover the lines above and below.
const TOWER = /([\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}\u200b-\u200d\u034f]+/gu;

// Returns `text` so that it does nothing but show itself.
function clean(text) {
  const lines = text.replace(/\r\n?|[\x85\u2028\u2029]/g, '\n');
  return lines.replace(HARMFUL, '\ufffd').replace(UNSEEN, '').replace(TOWER, '$1');
}

// Returns the size of a text in bytes, which is what the server counts.
const sizeOf = (text) => new TextEncoder().encode(text).length;

// Returns the beginning of a text: enough to know it again.
const quoted = (text) => (text.length > 40 ? `${[...text].slice(0, 40).join('')}…` : text);

// Returns the address behind a link as it was typed, or nothing if it is not one. A user name makes
// it none, because what a person reads before the @ is not where it goes.
function address(typed) {
  try {
    const url = new URL(typed);
    const isPlain = /^https?:$/.test(url.protocol) && !url.username && !url.password;
    return isPlain ? url : null;
  } catch {
    return null;
  }
}

// Returns a link without the sentence's own signs behind it.
function trimmed(link) {
  let end = link.replace(/[.,;:!?'’\]}*]+$/, '');
  while (end.endsWith(')') && end.split('(').length < end.split(')').length) end = end.slice(0, -1);
  return end;
}

// Returns a text as a list of strings and of links `{ text, href, host }`.
function wordsOf(text) {
  const words = [];
  let from = 0;
  for (const found of text.matchAll(/\bhttps?:\/\/[^\s<>"“”\ufffd]+/gi)) {
    const link = trimmed(found[0]);
    const url = address(link);
    if (url) {
      if (found.index > from) words.push(text.slice(from, found.index));
      words.push({ text: link, href: url.href, host: url.host });
      from = found.index + link.length;
    }
  }
  if (from < text.length || !words.length) words.push(text.slice(from));
  return words;
}

// Returns a text in two parts: what is shown at once, and the lines that are too many.
function folded(text) {
  const lines = text.trimEnd().split('\n');
  if (lines.length <= MOST_LINES) return [lines.join('\n'), ''];
  return [lines.slice(0, MOST_LINES).join('\n'), lines.slice(MOST_LINES).join('\n')];
}

// Returns the colour of a nick as an angle, always the same.
function hueOf(nick) {
  let sum = 7;
  for (const letter of nick) sum = (sum * 31 + letter.codePointAt(0)) % 3600;
  return sum / 10;
}

// Returns the letter that stands for a nick.
const letterOf = (nick) => [...clean(nick)][0]?.toLocaleUpperCase() ?? '';

// Returns whether `text` has `nick` as a word of its own, in any case. Without a regular expression
// that looks behind, because phones of 2022 refuse the whole page for one.
function mentions(text, nick) {
  const [all, word] = [text.toLowerCase(), nick.toLowerCase()];
  const isPart = (letter) => /[\p{L}\p{N}_]/u.test(letter ?? '');
  for (let at = all.indexOf(word); word && at >= 0; at = all.indexOf(word, at + 1)) {
    const [before] = [...all.slice(Math.max(0, at - 2), at)].slice(-1);
    const [after] = all.slice(at + word.length, at + word.length + 2);
    if (!isPart(before) && !isPart(after)) return true;
  }
  return false;
}
