/**
 * A phone for tests: Chromium with a camera that plays a file, driven as a person would.
 *
 * The certificate warning is clicked through for real; no flag makes the browser ignore it. Also used
 * by the end-to-end tests, so nothing here knows what serves the page.
 */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { CANVAS_CAMERA } from "./canvas.js";

export const PORTRAIT = { width: 390, height: 844 };
export const LANDSCAPE = { width: 844, height: 390 };

/** Chrome on a phone, as it names itself: the page chooses words by it. */
export const ANDROID =
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36";

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/**
 * @typedef {object} Options
 * @property {string} [video] a .y4m file that the camera plays; Chromium's own moving circle without
 * @property {{width: number, height: number}} [canvas] a drawn camera of that size, which `turn` turns
 * @property {number} [cameras] how many the phone has
 * @property {boolean} [allow] the camera is allowed without a question; else it is refused
 * @property {{width: number, height: number}} [viewport]
 * @property {string} [userAgent]
 * @property {"dark" | "light"} [colorScheme]
 * @property {number} [deviceScaleFactor]
 * @property {boolean} [hides] a page that is not in front is hidden, as in a browser of people; else
 *   every page believes to be in front, and what only drivers can do (sizes, touch) is there
 * @property {string[]} [args] more flags for the browser
 * @property {string} [executablePath]
 */

/** Keeps every peer connection of the page where tests can read its figures. */
const RECORD_CONNECTIONS = () => {
  const connections = /** @type {RTCPeerConnection[]} */ ([]);
  Object.assign(window, { lanlensConnections: connections });
  window.RTCPeerConnection = class extends RTCPeerConnection {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      connections.push(this);
    }
  };
};

export class Phone {
  #end;

  /**
   * @param {import("playwright-core").BrowserContext} context
   * @param {import("playwright-core").Page} page
   * @param {() => Promise<void>} end takes the browser down
   */
  constructor(context, page, end) {
    this.context = context;
    this.page = page;
    this.#end = end;
    /** @type {string[]} what the page complained about: errors, refused resources */
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  /**
   * @param {Options} [options]
   * @returns {Promise<Phone>}
   */
  static async launch(options = {}) {
    const folder = await mkdtemp(join(tmpdir(), "lanlens-phone-"));
    const file = options.video ? [`--use-file-for-fake-video-capture=${options.video}`] : [];
    const allow = options.allow === false ? [] : ["--use-fake-ui-for-media-stream"];
    const executablePath = options.executablePath ?? process.env.CHROMIUM ?? "/usr/bin/chromium";
    const args = [
      ...FLAGS,
      `--use-fake-device-for-media-stream=device-count=${options.cameras ?? 1}`,
      ...allow,
      ...file,
      ...(options.args ?? []),
    ];
    const { context, end } = options.hides
      ? await attached(executablePath, folder, [...args, `--user-agent=${options.userAgent ?? ANDROID}`])
      : await launched(executablePath, folder, args, options);
    await context.addInitScript(RECORD_CONNECTIONS);
    if (options.canvas) await context.addInitScript(CANVAS_CAMERA, options.canvas);
    const page = context.pages()[0] ?? (await context.newPage());
    return new Phone(context, page, async () => {
      await end();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  /**
   * Opens a link as after a scan, through the warning about the certificate.
   * @param {string} url
   * @returns {Promise<boolean>} whether there was a warning
   */
  async open(url) {
    const { page } = this;
    const failure = await page.goto(url, { waitUntil: "commit" }).then(() => "", (error) => String(error));
    if (failure === "") return false;
    if (!failure.includes("ERR_CERT_")) throw new Error(failure);
    // To the driver the warning is an error; the browser shows it a moment later.
    await page.click("#details-button", { timeout: 10_000 });
    this.complaints.length = 0;
    await Promise.all([page.waitForURL((now) => now.protocol === "https:"), page.click("#proceed-link")]);
    return true;
  }

  /**
   * Taps Start, once the camera shows its picture.
   * @param {string} [name] what the camera shall be called
   */
  async start(name) {
    await this.phase("ready");
    if (name !== undefined) await this.page.fill("#first-name", name);
    await this.page.click("#start");
  }

  /**
   * Waits until the page is in one of these states: opening, ready, joining, connecting, live, paused,
   * reconnecting, trouble.
   * @param {string | string[]} phases
   * @param {number} [timeout] ms
   * @returns {Promise<string>} the one it is in
   */
  async phase(phases, timeout = 15_000) {
    const wanted = [phases].flat();
    const read = () => this.page.evaluate(() => document.body?.dataset.phase ?? "");
    const deadline = Date.now() + timeout;
    let now = "";
    while (Date.now() < deadline) {
      now = await read().catch(() => "");
      if (wanted.includes(now)) return now;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const trouble = await this.trouble();
    const why = trouble ? ` (${trouble.code}: ${trouble.title})` : "";
    throw new Error(`the page is "${now}"${why}, not ${wanted.join(" or ")}, after ${timeout} ms`);
  }

  /** What the page says went wrong; null while nothing did. */
  trouble() {
    return this.page.evaluate(() => {
      const code = document.body?.dataset.trouble ?? "";
      const text = (/** @type {string} */ id) => document.getElementById(id)?.textContent ?? "";
      if (code === "") return null;
      return { code, title: text("trouble-title"), text: text("trouble-text"), next: text("trouble-next") };
    });
  }

  /**
   * What goes out, from the browser's own counters: one entry for each video stream of each open
   * connection.
   * @returns {Promise<Outgoing[]>}
   */
  outgoing() {
    return this.page.evaluate(async () => {
      const streams = [];
      for (const connection of /** @type {any} */ (window).lanlensConnections) {
        if (connection.connectionState === "closed") continue;
        for (const entry of (await connection.getStats()).values()) {
          if (entry.type !== "outbound-rtp" || entry.kind !== "video") continue;
          streams.push({
            state: connection.connectionState,
            active: entry.active !== false,
            width: entry.frameWidth ?? 0,
            height: entry.frameHeight ?? 0,
            fps: entry.framesPerSecond ?? 0,
            frames: entry.framesEncoded ?? 0,
            bytes: entry.bytesSent ?? 0,
            keyframes: entry.keyFramesEncoded ?? 0,
            packets: entry.packetsSent ?? 0,
            resent: entry.retransmittedPacketsSent ?? 0,
            encoder: entry.encoderImplementation ?? "",
            atMs: entry.timestamp,
          });
        }
      }
      return streams;
    });
  }

  /**
   * Turns a phone whose camera is a canvas.
   * @param {number} width
   * @param {number} height
   */
  async turn(width, height) {
    await this.page.evaluate(([wide, high]) => /** @type {any} */ (window).lanlensCanvas.turn(wide, high), [width, height]);
  }

  /**
   * The page goes to the background or the phone is locked, and comes back.
   * @param {boolean} hidden
   */
  async hide(hidden) {
    await this.page.evaluate((now) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => now });
      const state = now ? "hidden" : "visible";
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  }

  /** @param {string} path */
  async screenshot(path) {
    await this.page.screenshot({ path, animations: "disabled" });
  }

  close() {
    return this.#end();
  }
}

/**
 * @typedef {object} Browser
 * @property {import("playwright-core").BrowserContext} context
 * @property {() => Promise<void>} end
 */

/**
 * A browser that plays a phone: its size, its touch screen.
 * @param {string} executablePath
 * @param {string} folder
 * @param {string[]} args
 * @param {Options} options
 * @returns {Promise<Browser>}
 */
async function launched(executablePath, folder, args, options) {
  const context = await chromium.launchPersistentContext(folder, {
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args,
    viewport: options.viewport ?? PORTRAIT,
    userAgent: options.userAgent ?? ANDROID,
    colorScheme: options.colorScheme ?? "dark",
    deviceScaleFactor: options.deviceScaleFactor ?? 1,
    hasTouch: true,
    isMobile: true,
    ignoreHTTPSErrors: false,
  });
  return { context, end: () => context.close() };
}

/**
 * A browser as people start it, looked at from outside: nothing about its pages is pretended.
 * @param {string} executablePath
 * @param {string} folder
 * @param {string[]} args
 * @returns {Promise<Browser>}
 */
async function attached(executablePath, folder, args) {
  const own = ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", `--user-data-dir=${folder}`];
  const child = spawn(executablePath, [...own, ...args, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
  const exited = new Promise((resolve) => child.once("close", resolve));
  const end = async () => {
    child.kill();
    await exited;
  };
  try {
    const address = await new Promise((resolve, reject) => {
      let said = "";
      child.once("error", reject);
      child.once("close", () => reject(new Error(`the browser ended: ${said.slice(-500)}`)));
      child.stderr.on("data", (piece) => {
        said = (said + piece).slice(-10_000);
        const found = /DevTools listening on (ws:\S+)/.exec(said);
        if (found) resolve(found[1]);
      });
    });
    const browser = await chromium.connectOverCDP(address, { noDefaults: true });
    const [context] = browser.contexts();
    if (!context) throw new Error("the browser has no window");
    return { context, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/**
 * @typedef {object} Outgoing
 * @property {string} state of the connection
 * @property {boolean} active whether the encoder runs
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {number} frames encoded since the beginning
 * @property {number} bytes
 * @property {number} keyframes
 * @property {number} packets
 * @property {number} resent
 * @property {string} encoder
 * @property {number} atMs
 */
