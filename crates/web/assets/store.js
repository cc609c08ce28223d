/**
 * What the phone keeps: its credential, and what was chosen at it.
 *
 * A browser that keeps nothing (private windows, storage turned off) still works until it is closed.
 */

/** @type {Map<string, string>} */
const memory = new Map();

/**
 * @param {Storage | null} storage
 * @param {string} key
 */
function slot(storage, key) {
  const name = `lanlens.${key}`;
  return {
    /** @returns {string} "" where there is nothing */
    get() {
      try {
        return storage?.getItem(name) ?? memory.get(name) ?? "";
      } catch {
        return memory.get(name) ?? "";
      }
    },
    /** @param {string} value "" forgets it */
    set(value) {
      memory.set(name, value);
      try {
        if (value) storage?.setItem(name, value);
        else storage?.removeItem(name);
      } catch {
        // Kept in memory.
      }
    },
  };
}

/** @param {"localStorage" | "sessionStorage"} kind */
function open(kind) {
  try {
    return window[kind];
  } catch {
    return null;
  }
}

const lasting = open("localStorage");

/** What this phone shows to the node that let it in. */
export const credential = slot(lasting, "credential");
/** A join that no answer confirmed yet: its token, a dot, and the credential that was drawn for it. */
export const attempt = slot(lasting, "attempt");
/** The camera's name. */
export const name = slot(lasting, "name");
/** Which way the camera looks. */
export const facing = slot(lasting, "facing");
/** Which of the cameras it is, where several look that way. */
export const device = slot(lasting, "device");
/** The quality that was chosen. */
export const quality = slot(lasting, "quality");
/** "yes" in a tab that is a camera: it goes on after a reload, without a tap. */
export const started = slot(open("sessionStorage"), "started");
