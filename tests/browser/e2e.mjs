// A phone's browser, as the end-to-end tests drive it: one Chromium with one page.
//
//   node e2e.mjs [--film FILE.y4m] [--portrait] [-- CHROMIUM ARGUMENTS]
//
// Reads one command a line from standard input, {"id": 1, "do": "open", …}, and answers each in turn with
// a line {"event": "answer", "id": 1, …}. What the page says, what it asks of others than its own host and
// what goes wrong in it are lines of their own. Ends with its input; Chromium ends with it.
//
// Certificates are never ignored: a page that the browser warns of is opened as a person opens it, by
// clicking through the warning.

import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const PORTRAIT = { width: 390, height: 780 };
const LANDSCAPE = { width: 780, height: 390 };
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const SETTINGS = [
  '--no-first-run',
  '--disable-quic',
  '--disable-gpu',
  '--disable-sync',
  '--disable-background-networking',
  '--disable-component-update',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

const say = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

function settings(args) {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const film = own.includes('--film') ? own[own.indexOf('--film') + 1] : null;
  const more = end < 0 ? [] : args.slice(end + 1);
  if (film) more.push(`--use-file-for-fake-video-capture=${film}`);
  return { viewport: own.includes('--portrait') ? PORTRAIT : LANDSCAPE, args: [...SETTINGS, ...more] };
}

async function installed() {
  const { access } = await import('node:fs/promises');
  for (const path of CHROMIUM) {
    if (await access(path).then(() => true, () => false)) return path;
  }
  throw new Error('Chromium is not installed (Debian: chromium)');
}

// One page of a phone, and what can be done with it.
class Phone {
  constructor(context) {
    this.context = context;
  }

  async turnOn() {
    this.page = await this.context.newPage();
    this.page.on('console', (message) => say('console', { kind: message.type(), text: message.text() }));
    this.page.on('pageerror', (error) => say('page_error', { text: String(error) }));
    this.page.on('request', (request) => this.sawRequest(request.url()));
  }

  sawRequest(url) {
    const { protocol, host } = new URL(url);
    if (protocol.startsWith('http') && host !== this.host) say('foreign_request', { url });
  }

  // Opens a page; says whether the browser warned of its certificate.
  async open({ url }) {
    this.host = new URL(url).host;
    try {
      await this.page.goto(url);
      return { warned: false };
    } catch (error) {
      if (!String(error).includes('ERR_CERT_')) throw error;
    }
    await this.page.locator('#details-button').click();
    await Promise.all([this.page.waitForURL(`${new URL(url).origin}/**`), this.page.locator('#proceed-link').click()]);
    await this.page.waitForLoadState();
    return { warned: true };
  }

  // Runs a script in every page before its own scripts.
  async prepare({ script }) {
    await this.context.addInitScript({ content: script });
  }

  // Taps what a person would tap: by a selector, or by the accessible name of a button. Says how long ago
  // the finger came down, in ms.
  async tap({ selector, button }) {
    const target = selector ? this.page.locator(selector) : this.page.getByRole('button', { name: button });
    await target.first().waitFor({ state: 'visible' });
    const at = performance.now();
    await target.first().click();
    return { ago_ms: performance.now() - at };
  }

  // Starts the camera page, if it asks for that: it may be a camera already, or say why it cannot be one.
  async start_if_asked() {
    const start = this.page.locator('#start');
    const other = this.page.locator('#trouble, #stop').filter({ visible: true });
    await start.or(other).filter({ visible: true }).first().waitFor();
    if (await start.isVisible()) await start.click();
  }

  async fill({ selector, text }) {
    await this.page.locator(selector).fill(text);
  }

  // Waits until something can be seen.
  async see({ selector, text }) {
    const target = selector ? this.page.locator(selector) : this.page.getByText(text);
    await target.first().waitFor({ state: 'visible' });
  }

  async text() {
    return { text: await this.page.locator('body').innerText(), url: this.page.url() };
  }

  async evaluate({ expression }) {
    return { value: (await this.page.evaluate(expression)) ?? null };
  }

  async reload() {
    await this.page.reload();
  }

  // As a person closes a tab.
  async close() {
    await this.page.close({ runBeforeUnload: false });
  }

  // As a system ends a browser that takes too much memory: no script hears of it.
  async crash() {
    const devtools = await this.context.newCDPSession(this.page);
    await Promise.race([devtools.send('Page.crash').catch(() => {}), this.page.waitForEvent('crash')]);
  }

  // Another tab of the same browser; what the origin stored is still there.
  async another() {
    await this.turnOn();
  }

  async resize({ width, height }) {
    await this.page.setViewportSize({ width, height });
  }

  async screenshot({ path }) {
    await this.page.screenshot({ path });
  }
}

const { viewport, args } = settings(process.argv.slice(2));
const browser = await chromium.launch({ executablePath: await installed(), chromiumSandbox: false, args });
const context = await browser.newContext({ viewport, hasTouch: true });
context.setDefaultTimeout(30_000);
const phone = new Phone(context);
await phone.turnOn();
say('ready', { version: browser.version() });

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: action, ...options } = JSON.parse(line);
  try {
    say('answer', { id, ...(await phone[action](options)) });
  } catch (error) {
    say('answer', { id, error: String(error) });
  }
}
await browser.close();
