/**
 * Keeps the camera's pictures going to the node, whatever happens to the way there.
 *
 *   connecting → connected ⇄ interrupted → waiting → connecting …
 *
 * Owns the current session, and begins another when one ends. Knows nothing of the page: it tells how
 * far it is, and stops for good only at a refusal that would come again.
 */

import { Problem } from "./api.js";
import { Backoff, pause } from "./backoff.js";
import { Shaper } from "./sender.js";
import { Session } from "./session.js";

/** A session that lasted this long was a success, ms; one that ends sooner must not be hurried. */
const LASTING_MS = 3000;
/** Where the encoder begins at most, kbit/s: a local network carries it. */
const START_KBPS = 2500;

/**
 * @typedef {object} Progress
 * @property {"connecting" | "connected" | "interrupted" | "waiting"} phase
 * @property {number} retryAt while waiting, in Date.now() terms
 * @property {Problem | null} problem what went wrong last
 */

/**
 * @typedef {object} Listener
 * @property {(progress: Progress) => void} onProgress
 * @property {(problem: Problem) => void} onRefused for good
 */

export class Publisher {
  #bearer;
  #listener;
  #track;
  #shape;
  #shaper = new Shaper();
  #backoff = new Backoff();
  #life = new AbortController();
  #wait = new AbortController();
  /** @type {Session | null} */
  #session = null;

  /**
   * @param {string} bearer
   * @param {MediaStreamTrack} track
   * @param {import("./sender.js").Shape} shape
   * @param {Listener} listener
   */
  constructor(bearer, track, shape, listener) {
    this.#bearer = bearer;
    this.#track = track;
    this.#shape = shape;
    this.#listener = listener;
    void this.#run();
  }

  /** @param {import("./sender.js").Shape} shape */
  shape(shape) {
    this.#shape = shape;
    this.#applyShape();
  }

  /** Another camera: the stream goes on with its pictures. @param {MediaStreamTrack} track */
  async replaceTrack(track) {
    this.#track = track;
    await this.#session?.sender.replaceTrack(track).catch(() => {});
    this.#applyShape();
  }

  /** There is a reason to try again now, or to ask whether the node still knows us. */
  poke() {
    this.#backoff.reset();
    this.#wait.abort();
    this.#session?.poke();
  }

  /** Ends it for good, and tells the node. */
  stop() {
    this.#life.abort();
    this.#wait.abort();
    this.#session?.end();
  }

  /** The connection's figures. */
  stats() {
    return this.#session?.stats() ?? Promise.resolve(undefined);
  }

  #applyShape() {
    if (this.#session) void this.#shaper.apply(this.#session.sender, this.#shape);
  }

  async #run() {
    /** @type {Problem | null} */
    let problem = null;
    while (!this.#life.signal.aborted) {
      this.#tell("connecting", problem);
      problem = await this.#once();
      if (this.#life.signal.aborted) return;
      if (problem && !problem.passing) {
        this.#listener.onRefused(problem);
        return;
      }
      const delay = Math.max(this.#backoff.next(), problem?.waitMs ?? 0);
      this.#wait = new AbortController();
      this.#tell("waiting", problem, Date.now() + delay);
      await pause(delay, this.#wait.signal);
    }
  }

  /** One session from beginning to end. @returns {Promise<Problem | null>} why it ended */
  async #once() {
    let since = Infinity;
    /** @type {Session | null} */
    let session = null;
    try {
      session = new Session(this.#bearer, this.#track, this.#shape, (phase) => {
        if (phase === "connected") since = Math.min(since, Date.now());
        this.#tell(phase, null);
      });
      this.#session = session;
      await session.open(Math.min(START_KBPS, this.#shape.kbps || START_KBPS));
      // What was wished meanwhile.
      if (session.sender.track !== this.#track) await session.sender.replaceTrack(this.#track);
      this.#applyShape();
      return await session.ended;
    } catch (error) {
      if (error instanceof Problem) return error;
      return new Problem("browser", error instanceof Error ? error.message : "", 0);
    } finally {
      session?.close();
      this.#session = null;
      if (Date.now() - since > LASTING_MS) this.#backoff.reset();
    }
  }

  /**
   * @param {Progress["phase"]} phase
   * @param {Problem | null} problem
   * @param {number} [retryAt]
   */
  #tell(phase, problem, retryAt = 0) {
    if (!this.#life.signal.aborted) this.#listener.onProgress({ phase, retryAt, problem });
  }
}
