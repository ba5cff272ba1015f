// Two browsers and a terminal talk while the server is killed: nothing that was typed is lost, and
// nothing is there twice, on any of the three. One browser is reloaded in the middle.
//
//   talk.mjs KILLS
import assert from 'node:assert/strict';
import { until } from './browser.mjs';
import {
  TEXTS,
  browser,
  comeIn,
  run,
  say,
  site,
  startServer,
  stopServer,
  terminal,
} from './lab.mjs';

const KILLS = Number(process.argv[2]);
// Most messages that a page shows of a room before one scrolls up.
const SHOWN_ON_JOIN = 50;

// Says three things on each side, and kills the server under them.
async function round(n, [ann, bob], tom) {
  const typed = [];
  for (const part of ['a', 'b', 'c']) {
    const texts = ['ann', 'bob', 'tom'].map((who) => `${who} ${n}${part}`);
    await Promise.all([say(ann, texts[0]), say(bob, texts[1]), tom.say(texts[2])]);
    typed.push(...texts);
    if (part === 'b') await stopServer('SIGKILL');
  }
  assert.ok(
    (await ann.eval("document.querySelectorAll('#standing .unsure').length")) > 0,
    'what waits is shown',
  );
  await startServer();
  if (n % 3 === 1) {
    await ann.reload();
    await ann.until("document.getElementById('my-name').textContent === 'ann'");
  }
  return typed;
}

await run(async () => {
  await startServer();
  const ann = await browser.open(site);
  const bob = await browser.open(site, { isOther: true });
  const tom = terminal('tom');
  await Promise.all([comeIn(ann, 'ann'), comeIn(bob, 'bob')]);
  const typed = [];
  for (let n = 0; n < KILLS; n += 1) typed.push(...(await round(n, [ann, bob], tom)));

  for (const page of [ann, bob]) {
    await page.until("document.querySelectorAll('#standing li').length === 0");
  }
  const theirs = typed.filter((text) => !text.startsWith('tom'));
  await until('the terminal has all', () => tom.heard.length >= theirs.length);
  assert.deepEqual(
    tom.heard.map(({ text }) => text).sort(),
    [...theirs].sort(),
    'the terminal: each once',
  );
  for (const page of [ann, bob]) {
    await page.until(`(${TEXTS}).length >= ${Math.min(typed.length, SHOWN_ON_JOIN)}`);
  }
  const shown = [];
  for (const page of [ann, bob]) {
    await until('all is shown', async () => {
      await page.eval("document.getElementById('log').scrollTop = 0");
      return (await page.eval(TEXTS)).length >= typed.length;
    });
    shown.push(await page.eval(TEXTS));
    assert.deepEqual([...shown.at(-1)].sort(), [...typed].sort(), 'a browser: each once');
    assert.deepEqual(await page.eval('violations'), []);
    assert.deepEqual(page.errors, []);
  }
  assert.deepEqual(shown[0], shown[1], 'both in the same order');
  assert.deepEqual(
    tom.heard.map(({ text }) => text),
    shown[0].filter((text) => theirs.includes(text)),
  );
  for (const who of ['ann', 'bob', 'tom']) {
    const own = (texts) => texts.filter((text) => text.startsWith(who));
    assert.deepEqual(own(shown[0]), own(typed), `${who}'s own order`);
  }
  assert.equal(await tom.leave(), 0);
  await stopServer('SIGTERM');
  console.log(`${typed.length} messages, ${KILLS} kills`);
});
