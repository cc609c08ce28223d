/**
 * What a person can press, and what that means.
 */

import { at } from "./view.js";

/**
 * @typedef {object} Wishes
 * @property {(name: string) => void} start
 * @property {() => void} stop
 * @property {() => void} flip
 * @property {() => void} torch
 * @property {(zoom: number) => void} zoom
 * @property {(quality: string) => void} quality
 * @property {(name: string) => void} rename
 * @property {() => void} retry
 * @property {(action: string, button: HTMLElement) => void} act a button of the card about trouble
 */

/** @param {Wishes} wishes */
export function listen(wishes) {
  const value = (/** @type {string} */ id) => /** @type {HTMLInputElement | HTMLSelectElement} */ (at(id)).value;
  const on = (/** @type {string} */ id, /** @type {string} */ type, /** @type {() => void} */ run) =>
    at(id).addEventListener(type, run);

  at("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    wishes.start(value("first-name"));
  });
  on("stop", "click", wishes.stop);
  on("flip", "click", wishes.flip);
  on("torch", "click", wishes.torch);
  on("zoom", "input", () => wishes.zoom(Number(value("zoom"))));
  on("quality", "change", () => wishes.quality(value("quality")));
  on("name", "change", () => wishes.rename(value("name")));
  on("again-now", "click", wishes.retry);
  at("name").addEventListener("keydown", (event) => {
    if (event.key === "Enter") at("name").blur();
  });
  at("trouble-actions").addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (button) wishes.act(button.dataset.action ?? "", button);
  });
}
