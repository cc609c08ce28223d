/**
 * Keeps the screen on while the phone is a camera: a locked phone has none.
 *
 * The system takes the lock away whenever the page is hidden, so it is asked for again.
 */

export class Wake {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  #onChange;

  /** @param {(held: boolean) => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    document.addEventListener("visibilitychange", () => void this.#renew());
    // Some browsers grant it only after a touch.
    document.addEventListener("pointerup", () => void this.#renew());
  }

  get held() {
    return this.#lock !== null;
  }

  /** Best called in the handler of a tap. */
  hold() {
    this.#wanted = true;
    return this.#renew();
  }

  release() {
    this.#wanted = false;
    void this.#lock?.release().catch(() => {});
  }

  async #renew() {
    if (!this.#wanted || this.#lock || document.visibilityState !== "visible") return;
    if (!("wakeLock" in navigator)) return this.#onChange(false);
    try {
      const lock = await navigator.wakeLock.request("screen");
      this.#lock = lock;
      lock.addEventListener("release", () => {
        this.#lock = null;
        if (this.#wanted && document.visibilityState === "visible") this.#onChange(false);
      });
      if (!this.#wanted) await lock.release();
      else this.#onChange(true);
    } catch {
      // Battery saver, or no touch yet: asked again at the next one.
      this.#onChange(false);
    }
  }
}
