// A headless Chromium, driven by the DevTools protocol over a pipe: no driver and no library.
// https://chromedevtools.github.io/devtools-protocol/
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = `--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars
  --disable-background-networking --disable-component-update --disable-sync --disable-extensions
  --disable-features=Translate --remote-debugging-pipe`.split(/\s+/);

// Resolves when `is` returns something true, and with that. `what` is for the error.
export async function until(what, is, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await is();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((done) => {
      setTimeout(done, 50);
    });
  }
}

export class Browser {
  static async start(program) {
    const browser = new Browser();
    browser.profile = mkdtempSync(join(tmpdir(), 'chat-page-'));
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
    browser.process = spawn(program, [...FLAGS, `--user-data-dir=${browser.profile}`], { stdio });
    browser.waiting = new Map();
    browser.pages = new Map();
    browser.lastId = 0;
    let text = '';
    browser.process.stdio[4].setEncoding('utf8').on('data', (part) => {
      const messages = (text + part).split('\0');
      text = messages.pop();
      for (const message of messages) browser.hear(JSON.parse(message));
    });
    await browser.send('Browser.getVersion');
    return browser;
  }

  hear({ id, sessionId, method, params, result, error }) {
    if (id) {
      const { done, failed } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) failed(new Error(error.message));
      else done(result);
    } else {
      this.pages.get(sessionId)?.hear(method, params);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    this.lastId += 1;
    const id = this.lastId;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((done, failed) => {
      this.waiting.set(id, { done, failed });
    });
  }

  // Opens a page. `isOther`: of another person, who shares no storage with the others.
  async open(url, { isOther = false, width = 1280, height = 800, isDark = false } = {}) {
    const context = isOther ? await this.send('Target.createBrowserContext') : {};
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', ...context });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    this.pages.set(sessionId, page);
    for (const domain of ['Page', 'Runtime', 'Network']) await page.send(`${domain}.enable`);
    await page.size(width, height);
    await page.dark(isDark);
    if (url) await page.go(url);
    return page;
  }

  async end() {
    this.process.kill('SIGKILL');
    await new Promise((done) => {
      this.process.once('exit', done);
    });
    // Its children may write for a moment.
    await until('the profile is removed', () => {
      try {
        rmSync(this.profile, { recursive: true, force: true });
        return true;
      } catch {
        return false;
      }
    });
  }
}

const described = ({ exception, text }) => exception?.description ?? text;

// Counts what the policy of a page has forbidden, from before its first script.
const COUNT = `globalThis.violations = [];
  document.addEventListener('securitypolicyviolation', ({ violatedDirective }) => {
    violations.push(violatedDirective);
  });`;

class Page {
  constructor(browser, targetId, sessionId) {
    Object.assign(this, {
      browser,
      targetId,
      sessionId,
      requests: [],
      errors: [],
      loads: 0,
      refusedFrames: 0,
    });
  }

  hear(method, params) {
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
    if (method === 'Runtime.exceptionThrown') this.errors.push(described(params.exceptionDetails));
    if (method === 'Page.loadEventFired') this.loads += 1;
    if (method === 'Network.loadingFailed' && params.blockedReason) this.refusedFrames += 1;
  }

  send(method, params) {
    return this.browser.send(method, params, this.sessionId);
  }

  async go(url) {
    if (!this.isCounting)
      await this.send('Page.addScriptToEvaluateOnNewDocument', { source: COUNT });
    this.isCounting = true;
    const before = this.loads;
    await this.send('Page.navigate', { url });
    await until(`${url} is loaded`, () => this.loads > before);
  }

  async reload() {
    const before = this.loads;
    await this.send('Page.reload');
    await until('loaded again', () => this.loads > before);
  }

  // Returns the value of an expression, which is run outside of the page's policy.
  async eval(expression) {
    const options = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', options);
    if (exceptionDetails) throw new Error(described(exceptionDetails));
    return result.value;
  }

  until(expression, seconds) {
    const is = () => this.eval(expression).catch(() => false);
    return until(expression, is, seconds);
  }

  // Sends a key, with its text if it has one.
  async key(key, text) {
    const codes = { Enter: 13, Tab: 9, Escape: 27, ' ': 32 };
    const common = {
      key,
      code: key === ' ' ? 'Space' : key,
      windowsVirtualKeyCode: codes[key],
      text,
    };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...common });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...common });
  }

  // Types into what has the focus, as a keyboard does.
  type(text) {
    return this.send('Input.insertText', { text });
  }

  enter() {
    return this.key('Enter', '\r');
  }

  size(width, height, scale = 1) {
    const size = { width, height, deviceScaleFactor: scale, mobile: false };
    return this.send('Emulation.setDeviceMetricsOverride', size);
  }

  dark(isDark) {
    const features = [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }];
    return this.send('Emulation.setEmulatedMedia', { features });
  }

  async picture() {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  async close() {
    await this.browser.send('Target.closeTarget', { targetId: this.targetId });
  }
}
