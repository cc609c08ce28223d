/**
 * How long to wait before the next try: at once, then longer and longer, never quite the same.
 *
 * Begins short, because most interruptions on a home network last seconds, and ends at a pace that
 * costs neither battery nor the node anything.
 */

/** The wait after the first retry, ms. */
const BASE_MS = 250;
/** Each wait is this many times the one before. */
const GROWTH = 1.6;
/** No wait is longer, ms. */
export const LONGEST_MS = 8000;

export class Backoff {
  #tries = 0;
  #random;

  /** @param {() => number} [random] 0 to 1, for the jitter */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** The wait before the next try, ms: none for the first. */
  next() {
    const step = this.#tries;
    this.#tries += 1;
    if (step === 0) return 0;
    const whole = Math.min(LONGEST_MS, BASE_MS * GROWTH ** (step - 1));
    return Math.round(whole * (0.75 + this.#random() / 4));
  }

  /** How many tries there were since the last success. */
  get tries() {
    return this.#tries;
  }

  /** It worked, or there is a reason to hope again: the next try is at once. */
  reset() {
    this.#tries = 0;
  }
}

/**
 * Waits, unless `signal` says that there is no need any more.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
