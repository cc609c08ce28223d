/** The smallest phones that are still about, and phones whose browser takes a part of the screen. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPhone } from "../lib/rig.js";

const SCREENS = [
  { width: 320, height: 568 },
  { width: 360, height: 560 },
  { width: 568, height: 320 },
  { width: 667, height: 331 },
  { width: 844, height: 340 },
  { width: 844, height: 390 },
];

/** A camera with everything that has a button. */
const EVERYTHING = () => {
  MediaStreamTrack.prototype.getCapabilities = () =>
    /** @type {any} */ ({ torch: true, zoom: { min: 1, max: 8, step: 0.1 } });
  const lens = (/** @type {string} */ deviceId) => /** @type {any} */ ({ kind: "videoinput", deviceId });
  navigator.mediaDevices.enumerateDevices = async () => [lens("back"), lens("front")];
};

/**
 * What is cut off, and what lies on what.
 * @param {import("../lib/phone.js").Phone} phone
 * @returns {Promise<string[]>}
 */
const faults = (phone) => phone.page.evaluate(() => {
  const parts = [...document.querySelectorAll("#badge, #battery, #name, #figures, #watchers, #note, #zoom-row, .round, #begin, #again")]
    .filter((part) => part.getClientRects().length > 0 && part.textContent + /** @type {any} */ (part).value !== "")
    .map((part) => {
      // Text as wide as it is, not as its line is.
      const range = document.createRange();
      range.selectNodeContents(part);
      const text = part.matches("#figures, #watchers, #note");
      return { name: part.id || (part.textContent ?? "").trim(), box: (text ? range : part).getBoundingClientRect() };
    });
  const found = parts
    .filter(({ box }) => box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight)
    .map(({ name }) => `${name} is cut off`);
  parts.forEach((one, at) => parts.slice(at + 1).forEach((other) => {
    const apart = one.box.right <= other.box.left || other.box.right <= one.box.left ||
      one.box.bottom <= other.box.top || other.box.bottom <= one.box.top;
    if (!apart) found.push(`${other.name} lies on ${one.name}`);
  }));
  return found;
});

test("on the smallest phones nothing is cut off, and nothing lies on anything else", () =>
  withPhone({ init: EVERYTHING }, async ({ phone, node, look }) => {
    const fits = async (/** @type {string} */ state) => {
      for (const screen of SCREENS) {
        await phone.page.setViewportSize(screen);
        await phone.page.waitForTimeout(100);
        assert.deepEqual(await faults(phone), [], `${state}, ${screen.width}×${screen.height}`);
      }
    };
    await phone.open(node.link);
    await phone.phase("ready");
    await fits("ready");
    node.refuse = { path: "/api/join", status: 429, code: "limit", detail: "16 phones and encoders are cameras here already" };
    await phone.start("Kitchen");
    await phone.phase("reconnecting");
    await fits("full");
    node.refuse = null;
    await phone.phase("live");
    await phone.page.waitForFunction(() => document.getElementById("figures")?.textContent !== "");
    await fits("live");
    node.tell({ viewers: ["Studio desk", "Mum’s laptop in the bedroom", "Tablet"].map((name) => ({ name })) });
    await phone.hide(true);
    await phone.phase("paused");
    await fits("locked");
    await look("locked-all-controls");
    await phone.hide(false);
    node.dead = true;
    node.cut();
    await phone.phase("reconnecting");
    await fits("reconnecting");
  }));
