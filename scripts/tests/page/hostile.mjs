// Hostile texts, names, links and answers run nothing and load nothing; a page of another origin
// cannot call.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { until } from './browser.mjs';
import { TEXTS, browser, comeIn, rpc, run, say, site, startServer, terminal } from './lab.mjs';

const HOSTILE = [
  '<img src=x onerror="document.title=1"><script>document.title="owned"</script>',
  '<svg onload=alert(1)><a href="javascript:alert(1)">x</a><style>*{display:none}</style>',
  'javascript:alert(1) data:text/html,<b>x vbscript:x https://bank.example@evil.example/',
  '"><iframe src=https://evil.example></iframe>',
  `z${'\u0300'.repeat(200)} \u202egpj.exe \u2066x`,
  'https://evil.example/<script>x</script> https://evil.example/"onmouseover="x',
];

// Everything that a page asked for, except what it carries itself.
const foreign = (page, own) =>
  page.requests.filter((url) => !url.startsWith(own) && !url.startsWith('data:'));

// The elements that only the page itself makes.
const OURS = 'li div span bdi time a button'.split(' ');
const strangers = `[...document.querySelectorAll('#log ol *')].map((it) => it.localName)
  .filter((name) => !${JSON.stringify(OURS)}.includes(name))`;

async function listen(answer) {
  const server = createServer(answer);
  await new Promise((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

async function textsAreText() {
  const page = await browser.open(site);
  await comeIn(page, 'ann');
  const eve = terminal('eve');
  for (const text of HOSTILE) eve.say(text);
  await page.until(`(${TEXTS}).length === ${HOSTILE.length}`);
  const texts = await page.eval(TEXTS);
  assert.equal(texts[0], HOSTILE[0]);
  assert.deepEqual(await page.eval(strangers), []);
  const links = "[...document.querySelectorAll('#log a')].map(({ href, rel }) => `${href} ${rel}`)";
  assert.deepEqual(
    await page.eval(links),
    Array(3).fill('https://evil.example/ noopener noreferrer nofollow'),
  );
  assert.ok(!(await page.eval('document.title')).includes('owned'));
  assert.deepEqual(foreign(page, site), []);
  assert.deepEqual(await page.eval('violations'), [], 'and nothing has even tried');
  await eve.leave();
  return page;
}

// The policy stops what gets into the page all the same, and the test can see it.
async function policyHolds(page) {
  const made = (tag, properties) =>
    `Object.assign(document.createElement('${tag}'), ${properties})`;
  const tries = [
    [
      'require-trusted-types-for',
      `document.body.append(${made('script', "{ textContent: 'owned = 1' }")})`,
    ],
    ['require-trusted-types-for', "document.body.setAttribute('onclick', 'owned = 1')"],
    ['require-trusted-types-for', "document.body.innerHTML = '<b>x</b>'"],
    ['img-src', "new Image().src = 'https://evil.example/x.png'"],
    ['style-src', "document.body.setAttribute('style', 'color: red')"],
    ['connect-src', "fetch('https://evil.example/').catch(() => {})"],
    ['frame-src', `document.body.append(${made('iframe', "{ src: 'https://evil.example/' }")})`],
    [
      'form-action',
      `(() => {
        const it = ${made('form', "{ action: 'https://evil.example/' }")};
        document.body.append(it);
        it.submit();
      })()`,
    ],
  ];
  for (const [name, attempt] of tries) {
    await page.eval('violations.length = 0');
    await page.eval(`void (${attempt})`).catch(() => {});
    await page.until(`violations.some((it) => it.startsWith('${name}'))`, 5).catch(async () => {
      assert.fail(`${attempt}: ${await page.eval('violations')}`);
    });
  }
  assert.equal(await page.eval('typeof owned'), 'undefined');
  await page.close();
}

// A server that lies: its own names, texts and numbers are hostile.
async function liesAreHarmless() {
  const html = await (await fetch(site)).text();
  const { headers } = await fetch(site);
  const name = '"><img src=x onerror=owned=1>\u202e';
  const entry = (number, kind) => ({
    number,
    kind,
    sender: '<b>',
    nick: name,
    body: HOSTILE[number % HOSTILE.length],
    at_ms: number === 3 ? 1e300 : 1,
  });
  const kinds = ['Said', 'Did', 'Joined', 'Left', 'Renamed', 'Said', '<b>'];
  const answers = {
    enter: { nick: name, sender: '<i>' },
    join: { room: 'lobby', after: 0, epoch: '<b>' },
    rooms: { part: [{ room: name, people: name, head: 1 }], more: 1 },
    who: {
      part: [name, '__proto__', 'constructor'].map((nick) => ({ nick, is_registered: nick })),
      more: 1e300,
    },
    poll: [
      {
        room: 'lobby',
        first: 1,
        head: 9,
        epoch: '<b>',
        damaged: 0,
        entries: kinds.map((kind, at) => entry(at + 1, kind)),
      },
      {
        room: `@${name}`,
        first: 1,
        head: 9,
        epoch: '<b>',
        damaged: 7,
        entries: [entry(1, 'Said')],
      },
    ],
  };
  const { server, url } = await listen((request, answer) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      if (request.method === 'GET') {
        answer.setHeader('content-type', 'text/html');
        answer.setHeader('content-security-policy', headers.get('content-security-policy'));
        // The nonce of the second answer of the real server belongs to its own policy.
        answer.end(
          html.replaceAll(
            html.match(/nonce="([^"]+)"/)[1],
            headers.get('content-security-policy').match(/nonce-([^']+)/)[1],
          ),
        );
        return;
      }
      const { id, method } = JSON.parse(text);
      const send = () =>
        answer.end(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method] }));
      if (method === 'poll' && !answers.poll.length) setTimeout(send, 1500);
      else send();
      if (method === 'poll') answers.poll = [];
    });
  });
  const page = await browser.open(url, { isOther: true });
  await comeIn(page, 'ann');
  await page.until("document.querySelectorAll('#said .message').length >= 3");
  await page.until("document.querySelectorAll('#privates li').length === 1");
  assert.deepEqual(await page.eval(strangers), []);
  assert.equal(
    await page.eval("document.querySelectorAll('#side img, #side b, header img').length"),
    0,
  );
  assert.equal(await page.eval('typeof owned'), 'undefined');
  assert.deepEqual([foreign(page, url), await page.eval('violations'), page.errors], [[], [], []]);
  await page.close();
  server.close();
}

// A page of another origin: its calls are refused, and leave nothing behind.
async function othersCannotCall() {
  const got = [];
  const { server, url } = await listen((request, answer) => {
    got.push(request.method);
    answer.setHeader('content-type', 'text/html');
    answer.end('<!doctype html><title>evil</title>');
  });
  const page = await browser.open(url.replace('127.0.0.1', 'localhost'), { isOther: true });
  const body = (nick) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'enter',
      params: { session: 'e'.repeat(32), nick },
    });
  const attempt = (to, nick, options) =>
    page.eval(`fetch('${to}rpc', { method: 'POST', body: ${JSON.stringify(body(nick))},
    ...${JSON.stringify(options)} }).then((it) => it.text()).catch(() => '')`);
  const ways = [{}, { headers: { 'content-type': 'application/json' } }, { mode: 'no-cors' }];
  for (const [at, options] of ways.entries()) {
    assert.equal(await attempt(site, `evil${at}`, options), '', 'it reads no answer');
  }
  await attempt(url, 'evil', { mode: 'no-cors' });
  assert.ok(got.includes('POST'), 'a server that does not look is called');
  const session = 'd'.repeat(32);
  await rpc('enter', { session, nick: 'witness' });
  for (const at of ways.keys()) {
    await assert.rejects(
      rpc('private', { session, nick: `evil${at}` }),
      /nobody is called that/,
      'none came in',
    );
  }
  // Nor is the page shown inside another one, where a click could be led to it.
  await page.eval(
    `document.body.append(Object.assign(document.createElement('iframe'), { src: '${site}' }))`,
  );
  await until('the frame is refused', () => page.refusedFrames > 0);
  await page.close();
  server.close();
}

await run(async () => {
  await startServer();
  await policyHolds(await textsAreText());
  await liesAreHarmless();
  await othersCannotCall();
});
