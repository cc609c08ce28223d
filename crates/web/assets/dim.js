/**
 * Darkens the page when nobody has touched it for a while: the screen is the warmest part of a phone.
 */

/** Untouched for this long, ms. */
const AFTER_MS = 30_000;

/** From a touch to the press that browsers make of it, at most, ms. */
const TOUCH_MS = 120;

export class Dim {
  #onChange;
  #allowed = false;
  #dark = false;
  #timer = 0;

  /** @param {(dark: boolean) => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    for (const type of ["pointerdown", "pointerup", "keydown"]) {
      document.addEventListener(type, () => this.#touched(), { capture: true });
    }
  }

  /**
   * Whether it may get dark: not while there is something to read.
   * @param {boolean} allowed
   */
  allow(allowed) {
    if (allowed === this.#allowed) return;
    this.#allowed = allowed;
    this.#restart();
  }

  #touched() {
    // The touch that brings light presses nothing: what covers the buttons outlasts it.
    if (this.#dark) setTimeout(() => this.#restart(), TOUCH_MS);
    else this.#restart();
  }

  #restart() {
    clearTimeout(this.#timer);
    this.#set(false);
    if (this.#allowed) this.#timer = window.setTimeout(() => this.#set(true), AFTER_MS);
  }

  /** @param {boolean} dark */
  #set(dark) {
    if (dark === this.#dark) return;
    this.#dark = dark;
    this.#onChange(dark);
  }
}
