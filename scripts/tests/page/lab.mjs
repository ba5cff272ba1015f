// What the browser tests share: a chat-server that may be killed, a terminal client, calls.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Browser, until } from './browser.mjs';

const { BIN, CHROMIUM, SCRATCH, CHAT_PORT, HTTP_PORT } = process.env;
export const journals = join(SCRATCH, 'journals');
export const site = `http://127.0.0.1:${HTTP_PORT}/`;
export const browser = await Browser.start(CHROMIUM);

let server = null;
const terminals = [];

// Starts the server, always with the same ports and the same file, and waits until it listens.
export async function startServer(...more) {
  const flags = [
    '--listen',
    `127.0.0.1:${CHAT_PORT}`,
    '--http',
    `127.0.0.1:${HTTP_PORT}`,
    '--rate',
    '0',
    '--store',
    `sqlite:${join(SCRATCH, 'log.sqlite')}`,
    '--journal',
    journals,
    ...more,
  ];
  server = spawn(join(BIN, 'chat-server'), flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = [];
  createInterface(server.stderr).on('line', (line) => said.push(line));
  await until('the server listens', () => {
    if (server.exitCode !== null) throw new Error(`the server ended: ${said.join('\n')}`);
    return said.some((line) => line.startsWith('chat in a browser'));
  });
}

export async function stopServer(signal) {
  const gone = once(server, 'exit');
  server.kill(signal);
  await gone;
}

// A person in a terminal. `heard` has what the others have said, in order.
export function terminal(name) {
  const flags = [
    '--server',
    `127.0.0.1:${CHAT_PORT}`,
    '--name',
    name,
    '--json',
    '--commands',
    '--journal',
    journals,
  ];
  const client = spawn(join(BIN, 'chat-client'), flags, { stdio: ['pipe', 'pipe', 'ignore'] });
  terminals.push(client);
  const heard = [];
  createInterface(client.stdout).on('line', (line) => heard.push(JSON.parse(line)));
  const gone = once(client, 'exit');
  return {
    heard,
    say: (line) => client.stdin.write(`${line}\n`),
    async leave() {
      client.stdin.end();
      const [code] = await gone;
      return code;
    },
  };
}

// One call, as any program makes it.
export async function rpc(method, params) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const answer = await fetch(`${site}rpc`, { method: 'POST', body });
  const { result, error } = await answer.json();
  if (error) throw new Error(error.message);
  return result;
}

// Comes in as a person does: with the keyboard.
export async function comeIn(page, name) {
  await page.until("!document.getElementById('door').hidden");
  await page.eval("document.getElementById('name').select()");
  await page.type(name);
  await page.enter();
  await page.until("document.getElementById('count').textContent.includes('here')");
}

// Says something with the keyboard.
export async function say(page, text) {
  await page.eval("document.getElementById('say').focus()");
  await page.type(text);
  await page.enter();
}

// The messages that a page shows, in order.
export const TEXTS =
  "[...document.querySelectorAll('#said .message .text')].map((it) => it.textContent)";

// Ends everything, whatever the test has come to.
export async function run(test) {
  try {
    await test();
  } finally {
    for (const process of [server, ...terminals]) process?.kill('SIGKILL');
    await browser.end();
  }
}
