// How the page looks: wide and narrow, light and dark, at 200 % and 400 %, with letters of twice
// the size. Nothing may need to be moved sideways. With the file of axe-core as an argument, a checker
// of accessibility looks as well; with PICTURES=FOLDER, there is a picture of each for a person.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { browser, comeIn, run, say, site, startServer, stopServer, terminal } from './lab.mjs';

const axe = process.argv[2] ? readFileSync(process.argv[2], 'utf8') : null;
const pictures = process.env.PICTURES;
if (pictures) mkdirSync(pictures, { recursive: true });

const sideways = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const hasField = `(({ bottom, width }) => bottom <= innerHeight && width > 100)(
  document.getElementById('say').getBoundingClientRect())`;

// Looks at what is shown now.
async function look(page, what) {
  if (pictures) writeFileSync(`${pictures}/${what}.png`, await page.picture());
  assert.equal(await page.eval(sideways), 0, what);
  if (!axe) return;
  await page.eval(axe);
  const found = await page.eval(`axe.run(document, { resultTypes: ['violations'] }).then((all) =>
    all.violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html.slice(0, 200))]))`);
  assert.deepEqual(found, [], what);
}

async function both(page, what) {
  for (const isDark of [true, false]) {
    await page.dark(isDark);
    await look(page, `${what}-${isDark ? 'dark' : 'light'}`);
  }
}

const click = (page, what) => page.eval(`document.querySelector(${JSON.stringify(what)}).click()`);

// A room with all kinds of lines, and a private talk.
async function fill(page, tom) {
  await say(page, 'Good morning! Who brings the cable for the second laptop?');
  await page.until("document.querySelector('#said .stored')");
  for (const line of [
    'I have one, in the red bag.',
    'See https://www.rust-lang.org/learn (it works), ann.',
    '/me starts the song',
    `long ${'word'.repeat(60)}`,
    '/join kitchen',
    'is anybody here?',
    '/msg ann yes?',
  ]) {
    tom.say(line);
  }
  await page.until("document.querySelector('#privates .badge')");
  await say(page, '/join kitchen');
  await page.until("document.getElementById('title').textContent === '#kitchen'");
  await say(page, '/help');
  await click(page, '#rooms button[data-do*=lobby]');
  await page.until("document.getElementById('title').textContent === '#lobby'");
  await say(page, 'Nice. The ring runs on three machines now:\nlaptop, EC2 one, EC2 two');
  await page.until("document.querySelectorAll('#said .stored').length === 2");
}

await run(async () => {
  await startServer();
  const tom = terminal('tom');
  const page = await browser.open(site);
  await page.until("!document.getElementById('door').hidden");
  await both(page, 'door');
  await comeIn(page, 'ann');
  await fill(page, tom);
  await both(page, 'wide');
  await click(page, '#rename');
  await look(page, 'rename');
  await click(page, '#naming-no');
  await page.size(390, 844, 2);
  await both(page, 'narrow');
  await click(page, '#menu');
  await page.until("getComputedStyle(document.getElementById('side')).transform === 'none'");
  await both(page, 'drawer');
  await click(page, '#veil');
  await page.until("getComputedStyle(document.getElementById('side')).visibility === 'hidden'");
  for (const [width, height] of [
    [640, 400],
    [320, 256],
  ]) {
    await page.size(width, height, 2);
    await look(page, `zoom-${128000 / width}`);
    await page.until(hasField); // one can still type
  }
  await page.size(390, 844, 2);
  await page.eval("document.documentElement.style.setProperty('font-size', '32px')");
  await look(page, 'letters-200');
  await page.eval("document.documentElement.style.removeProperty('font-size')");
  await tom.leave();
  await stopServer('SIGKILL');
  await say(page, 'Is the server gone?');
  await page.until("!document.getElementById('strip').hidden");
  await both(page, 'lost');
});
