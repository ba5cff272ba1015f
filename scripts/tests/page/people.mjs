// The page with the keyboard alone, in two tabs of one browser, of one who is put out, and with a
// server that has a key.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  TEXTS,
  browser,
  comeIn,
  rpc,
  run,
  say,
  site,
  startServer,
  stopServer,
  terminal,
} from './lab.mjs';

// Presses Tab until this has the focus, as soon as it is there.
async function tabTo(page, what, most = 30) {
  await page.until(`document.querySelector(${JSON.stringify(what)})`);
  const isThere = `document.activeElement.matches(${JSON.stringify(what)})`;
  for (let n = 0; n < most; n += 1) {
    if (await page.eval(isThere)) return;
    await page.key('Tab');
  }
  throw new Error(`Tab does not reach ${what}`);
}

// All of it without a mouse.
async function keyboardAlone(page, tom) {
  await page.until("!document.getElementById('door').hidden");
  await tabTo(page, '#name');
  await page.type('operator');
  await page.enter();
  await page.until("document.getElementById('why').textContent.includes('not for people')");
  await page.eval("document.getElementById('name').select()");
  await page.type('ann');
  await tabTo(page, '#enter .go');
  await page.enter();
  await page.until("document.activeElement.id === 'say'");
  await page.type('hello');
  await page.enter();
  await page.until("document.querySelector('#said .stored')");
  tom.say('hello ann, see https://example.org/a');
  await page.until(`(${TEXTS}).length === 2`);
  await tabTo(page, '#people button:not([title*=name])');
  await page.enter();
  await page.until("document.getElementById('title').textContent === 'tom'");
  await page.until("document.activeElement.id === 'say'");
  await page.type('only you');
  await page.enter();
  await page.until("document.querySelector('#said .stored')");
  await tabTo(page, '#rooms button[data-do*=lobby]');
  await page.enter();
  await page.until("document.getElementById('title').textContent === '#lobby'");
  await tabTo(page, '#rename');
  await page.enter();
  await page.until("document.activeElement.id === 'new-name'");
  await page.type('tom');
  await page.enter();
  await page.until("document.getElementById('naming-why').textContent.includes('tom2 is free')");
  await page.key('Escape');
  await page.until(
    "!document.getElementById('naming').open && document.activeElement.id === 'rename'",
  );
  await tabTo(page, '#log');
}

// A drawer, on a phone.
async function narrow(page) {
  await page.size(390, 844);
  await page.until("getComputedStyle(document.getElementById('side')).visibility === 'hidden'");
  await tabTo(page, '#menu');
  await page.enter();
  await page.until("document.activeElement.matches('#rooms [aria-current=true]')");
  await page.key('Escape');
  await page.until("document.activeElement.id === 'menu'");
  await page.size(1280, 800);
}

// A second tab of the same browser is a second person, who survives a reload as well.
async function secondTab(page) {
  await page.eval("document.querySelector('#rooms button[data-do*=lobby]').click()");
  const second = await browser.open(site);
  await comeIn(second, 'bob');
  await say(second, 'from bob');
  await second.until("document.querySelector('#said .stored')");
  await second.reload();
  await second.until("document.getElementById('my-name').textContent === 'bob'");
  await page.reload();
  await page.until("document.getElementById('my-name').textContent === 'ann'");
  for (const it of [page, second]) await it.until(`(${TEXTS}).includes('from bob')`);
  await second.close();
}

// Who is put out is told why, and may come in again as somebody else for the server.
async function putOut(page, token) {
  const session = 'd'.repeat(32);
  await rpc('enter', { session, nick: 'boss' });
  await say(page, '/join kitchen');
  await rpc('admin', { session, token, command: { Kick: { nick: 'ann', why: 'too loud' } } });
  await page.until("document.getElementById('why').textContent.includes('put you out: too loud')");
  await comeIn(page, 'ann');
}

// A server with a key wants its token, which comes with the address and does not stay in it.
async function withKey() {
  const [key, program] = [join(SCRATCH, 'key'), join(BIN, 'chat-server')];
  execFileSync(program, ['--new-key', key], { stdio: 'ignore' });
  const token = execFileSync(program, ['--http-token', '--key', key], { encoding: 'utf8' }).trim();
  await stopServer('SIGKILL');
  await startServer('--key', key);
  const page = await browser.open(site, { isOther: true });
  await page.until("!document.getElementById('door').hidden");
  await page.type('eve');
  await page.enter();
  await page.until("document.getElementById('why').textContent.includes('needs a key')");
  await page.go('about:blank');
  await page.go(`${site}#k=${token}&room=kitchen`);
  await comeIn(page, 'eve');
  assert.equal(await page.eval('location.hash'), '#kitchen');
  assert.equal(await page.eval("document.getElementById('title').textContent"), '#kitchen');
}

const { BIN, SCRATCH } = process.env;

await run(async () => {
  const token = 'a token of the operator';
  writeFileSync(join(SCRATCH, 'token'), token);
  await startServer('--admin-token-file', join(SCRATCH, 'token'));
  const tom = terminal('tom');
  const page = await browser.open(site);
  await keyboardAlone(page, tom);
  await narrow(page);
  await secondTab(page);
  await putOut(page, token);
  assert.deepEqual([await page.eval('violations'), page.errors], [[], []]);
  await tom.leave();
  await withKey();
});
