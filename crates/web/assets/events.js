/**
 * Follows what the node tells this phone: whether pictures are wanted, how many bits, who watches.
 *
 * Owns one request that never ends and its renewal. The node sends something every 5 s, so silence
 * means that the way is gone, whatever the operating system still believes.
 */

import { Problem, request } from "./api.js";
import { Backoff, pause } from "./backoff.js";
import { EventParser } from "./sse.js";

/** Silence that means the stream is dead, ms. */
const SILENCE_MS = 8000;
/** A stream that lasted this long was a success, ms; one that ends sooner must not be hurried. */
const LASTING_MS = 3000;
/** How long the node may take to begin, ms: short, a stale connection is best replaced. */
const OPEN_MS = 1500;

/**
 * @typedef {object} PageState
 * @property {string | null} camera
 * @property {string} name
 * @property {boolean} wanted
 * @property {number} kbps
 * @property {{name: string}[]} viewers
 */

/**
 * Reads one state, trusting nothing about its form.
 * @param {string} data
 * @returns {PageState | undefined}
 */
export function pageState(data) {
  try {
    const told = JSON.parse(data);
    const viewers = Array.isArray(told.viewers) ? told.viewers.slice(0, 64) : [];
    return {
      camera: typeof told.camera === "string" ? told.camera : null,
      name: typeof told.name === "string" ? told.name : "",
      wanted: told.wanted === true,
      kbps: Number.isFinite(told.kbps) ? Math.max(0, told.kbps) : 0,
      viewers: viewers.map((/** @type {any} */ viewer) => ({ name: String(viewer?.name ?? "") })),
    };
  } catch {
    return undefined;
  }
}

/**
 * @typedef {object} Listener
 * @property {(state: PageState) => void} onState
 * @property {() => void} onUp the stream stands again, after a break
 * @property {(retryAt: number) => void} onDown it broke; when the next try is, in Date.now() terms
 * @property {(problem: Problem) => void} onRefused for good
 */

export class Events {
  #bearer;
  #listener;
  #backoff = new Backoff();
  #life = new AbortController();
  #try = new AbortController();
  #wait = new AbortController();
  #heard = 0;

  /**
   * @param {string} bearer
   * @param {Listener} listener
   */
  constructor(bearer, listener) {
    this.#bearer = bearer;
    this.#listener = listener;
    void this.#run();
  }

  /** There is a reason to look again now: the network is back, the page is visible. */
  poke() {
    this.#backoff.reset();
    this.#wait.abort();
    if (Date.now() - this.#heard > SILENCE_MS / 2) this.#try.abort();
  }

  /** Ends it for good. */
  stop() {
    this.#life.abort();
    this.#try.abort();
    this.#wait.abort();
  }

  async #run() {
    let broken = false;
    while (!this.#life.signal.aborted) {
      this.#try = new AbortController();
      const begun = Date.now();
      try {
        await this.#follow(() => {
          if (broken) this.#listener.onUp();
          broken = false;
        });
      } catch (error) {
        if (error instanceof Problem && !error.passing && !this.#life.signal.aborted) {
          this.#listener.onRefused(error);
          return;
        }
      }
      if (this.#life.signal.aborted) return;
      broken = true;
      if (Date.now() - begun > LASTING_MS) this.#backoff.reset();
      const delay = this.#backoff.next();
      this.#wait = new AbortController();
      this.#listener.onDown(Date.now() + delay);
      await pause(delay, this.#wait.signal);
    }
  }

  /** @param {() => void} onOpen */
  async #follow(onOpen) {
    const current = this.#try;
    const response = await request("/api/events", {
      streams: true,
      bearer: this.#bearer,
      headers: { Accept: "text/event-stream" },
      timeoutMs: OPEN_MS,
      signal: current.signal,
    });
    const reader = response.body?.getReader();
    if (!reader) return;
    const parser = new EventParser();
    const decoder = new TextDecoder();
    let silence = setTimeout(() => current.abort(), SILENCE_MS);
    let open = false;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#heard = Date.now();
        clearTimeout(silence);
        silence = setTimeout(() => current.abort(), SILENCE_MS);
        for (const { event, data } of parser.push(decoder.decode(value, { stream: true }))) {
          const state = event === "state" ? pageState(data) : undefined;
          if (!state) continue;
          if (!open) onOpen();
          open = true;
          this.#listener.onState(state);
        }
      }
    } finally {
      clearTimeout(silence);
      current.abort();
    }
  }
}
