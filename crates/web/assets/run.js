/**
 * What runs between Start and Stop: joining, the stream of pictures, the stream of events, the tab.
 *
 * Owns the way to the node and says how it is; what is shown, and what the camera does, is decided
 * by whoever started it.
 */

import { Problem } from "./api.js";
import { Backoff, pause } from "./backoff.js";
import { Events } from "./events.js";
import { forgetAttempt, forgetToken, join, tokenHere } from "./join.js";
import { Publisher } from "./publisher.js";
import * as store from "./store.js";
import { claimTab } from "./tab.js";

/**
 * @typedef {object} Listener
 * @property {() => void} onChange something below is different
 * @property {(name: string) => void} onName the node calls the camera so
 * @property {() => void} onJoined the node knows this phone, and nothing of it yet
 * @property {(code: string, detail: string) => void} onEnd it is over, and why
 */

export class Run {
  joining = true;
  /** @type {import("./publisher.js").Progress | null} */
  progress = null;
  /** It was connected before. */
  before = false;
  /** When the node is asked again for events, 0 while it talks to us. */
  eventsRetryAt = 0;
  /** @type {import("./events.js").PageState | null} */
  told = null;
  #track;
  #quality;
  #listener;
  #over = false;
  #wait = new AbortController();
  /** @type {Events | null} */
  #events = null;
  /** @type {Publisher | null} */
  #publisher = null;
  #releaseTab = () => {};

  /**
   * @param {MediaStreamTrack} track
   * @param {import("./sender.js").Quality} quality
   * @param {string} name what the camera shall be called, where it is not known yet
   * @param {Listener} listener
   */
  constructor(track, quality, name, listener) {
    this.#track = track;
    this.#quality = quality;
    this.#listener = listener;
    void this.#begin(name);
  }

  /** Another camera. @param {MediaStreamTrack} track */
  replaceTrack(track) {
    this.#track = track;
    void this.#publisher?.replaceTrack(track);
  }

  /** @param {import("./sender.js").Quality} quality */
  setQuality(quality) {
    this.#quality = quality;
    this.#publisher?.shape(this.#shape());
  }

  /** There is a reason to try again now. */
  poke() {
    this.#wait.abort();
    this.#publisher?.poke();
    this.#events?.poke();
  }

  /** Ends it, and tells the node. */
  stop() {
    this.#over = true;
    this.#wait.abort();
    this.#publisher?.stop();
    this.#events?.stop();
    this.#releaseTab();
  }

  /** The connection's counters. @returns {Promise<RTCStatsReport | undefined>} */
  async stats() {
    return this.#publisher?.stats();
  }

  /** @param {string} name */
  async #begin(name) {
    const refused = store.credential.get() ? null : await this.#join(name);
    if (this.#over) return;
    if (refused) {
      // A code that is no good stays no good.
      if (refused.code.startsWith("token_")) forgetToken();
      return this.#end(refused);
    }
    this.joining = false;
    this.progress = null;
    this.#publish(store.credential.get());
    this.#listener.onJoined();
    this.#listener.onChange();
  }

  /**
   * Exchanges the code for a credential, again and again until the node answers, one way or the other.
   * @param {string} name
   * @returns {Promise<Problem | null>} why it does not take the code
   */
  async #join(name) {
    const backoff = new Backoff();
    while (!this.#over) {
      try {
        store.credential.set(await join(tokenHere(), name));
        forgetAttempt();
        forgetToken();
        return null;
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem("server", "", 0);
        if (!problem.passing) {
          forgetAttempt();
          return problem;
        }
        const delay = Math.max(backoff.next(), problem.waitMs);
        this.progress = { phase: "waiting", retryAt: Date.now() + delay, problem };
        this.#listener.onChange();
        this.#wait = new AbortController();
        await pause(delay, this.#wait.signal);
      }
    }
    return null;
  }

  /** @param {string} credential */
  #publish(credential) {
    store.started.set("yes");
    this.#releaseTab = claimTab(() => this.#end(new Problem("other_tab", "", 0)));
    this.#publisher = new Publisher(credential, this.#track, this.#shape(), {
      onProgress: (progress) => this.#hearProgress(progress),
      onRefused: (problem) => this.#end(problem),
    });
    this.#events = new Events(credential, {
      onState: (told) => this.#hear(told),
      // It may be another run of the node, which knows no session of ours.
      onUp: () => {
        this.#publisher?.poke();
        this.#listener.onJoined();
      },
      onDown: (retryAt) => {
        // The first try is at once, and mostly enough.
        if (retryAt > Date.now()) this.eventsRetryAt = retryAt;
        this.#listener.onChange();
      },
      onRefused: (problem) => this.#end(problem),
    });
  }

  /** @param {import("./publisher.js").Progress} progress */
  #hearProgress(progress) {
    this.progress = progress;
    if (progress.phase === "connected") {
      this.before = true;
      // The way is there again, whatever the stream of events still waits for.
      if (this.eventsRetryAt > 0) this.#events?.poke();
    }
    this.#listener.onChange();
  }

  /** @param {import("./events.js").PageState} told */
  #hear(told) {
    this.eventsRetryAt = 0;
    this.told = told;
    this.#publisher?.shape(this.#shape());
    if (told.name) this.#listener.onName(told.name);
    this.#listener.onChange();
  }

  /** @param {Problem} problem */
  #end(problem) {
    if (this.#over) return;
    this.stop();
    if (problem.code === "not_authorized") store.credential.set("");
    this.#listener.onEnd(problem.code, problem.detail);
  }

  /** @returns {import("./sender.js").Shape} */
  #shape() {
    const { wanted = true, kbps = 0 } = this.told ?? {};
    return { wanted, kbps, quality: this.#quality };
  }
}
