/**
 * A phone, a stand-in node and what receives the pictures, set up for one test and taken down after it.
 */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Node } from "./node.js";
import { Peer } from "./peer.js";
import { LANDSCAPE, Phone, PORTRAIT } from "./phone.js";
import { scene } from "./scene.js";

/** Pictures of every state. Not kept. */
export const OUT = fileURLToPath(new URL("../out/", import.meta.url));

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/**
 * @typedef {object} Rig
 * @property {Phone} phone
 * @property {Node} node
 * @property {Peer} peer
 * @property {(name: string) => Promise<void>} look takes pictures of the state, upright and not
 */

/**
 * @param {import("./phone.js").Options & {init?: () => void, peer?: boolean}} options `init` runs before
 *   the page's own scripts; without `peer` nothing answers offers
 * @param {(rig: Rig) => Promise<void>} run
 */
export async function withPhone(options, run) {
  const { init, ...launch } = options;
  const node = new Node();
  await node.listen();
  const video = await scene(720, 1280);
  const phone = await Phone.launch({ video, ...launch });
  try {
    const peer = await Peer.open(phone.context);
    node.peer = peer;
    await phone.page.bringToFront();
    if (init) await phone.page.addInitScript(init);
    await run({ phone, node, peer, look: (name) => look(phone, name) });
    assert.deepEqual(phone.complaints.filter(unexpected), [], "the page complained");
  } catch (error) {
    mkdirSync(OUT, { recursive: true });
    await phone.screenshot(join(OUT, "failed.png")).catch(() => {});
    console.error(node.log.filter((line) => !line.includes("/assets/")).join("\n"));
    throw error;
  } finally {
    await phone.close();
    await node.close();
  }
}

/** Refusals and cut connections are what the tests are about; browsers write them down. */
const unexpected = (/** @type {string} */ complaint) => !complaint.startsWith("Failed to load resource");

/**
 * @param {Phone} phone
 * @param {string} name
 */
async function look(phone, name) {
  mkdirSync(OUT, { recursive: true });
  const before = phone.page.viewportSize() ?? PORTRAIT;
  for (const [shape, size] of /** @type {const} */ ([["portrait", PORTRAIT], ["landscape", LANDSCAPE]])) {
    await phone.page.setViewportSize(size);
    await phone.page.waitForTimeout(150);
    await phone.screenshot(join(OUT, `${name}-${shape}.png`));
    await overflow(phone, `${name}, ${shape}`);
    await accessible(phone, `${name}, ${shape}`);
  }
  await phone.page.setViewportSize(before);
}

/** Nothing sticks out at the side. @param {Phone} phone @param {string} where */
async function overflow(phone, where) {
  const width = await phone.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(Number(width[0]) <= Number(width[1]), `wider than the screen: ${width} (${where})`);
}

/**
 * Finds no fault with it, in the words of axe: names, roles, contrast, touch targets.
 * @param {Phone} phone
 * @param {string} where
 */
async function accessible(phone, where) {
  await phone.page.evaluate(readFileSync(AXE, "utf8"));
  const faults = await phone.page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return violations.map((/** @type {any} */ { id, nodes }) =>
      `${id}: ${nodes.map((/** @type {any} */ node) => node.html.slice(0, 120)).join(" | ")}`);
  });
  assert.deepEqual(faults, [], where);
}

/**
 * Waits until something holds.
 * @param {() => Promise<boolean> | boolean} holds
 * @param {string} what
 * @param {number} [timeout] ms
 */
export async function until(holds, what, timeout = 10_000) {
  const deadline = Date.now() + timeout;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeout} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/**
 * How many more frames arrive in a time.
 * @param {Peer} peer
 * @param {number} ms
 */
export async function framesIn(peer, ms) {
  const before = (await peer.received()).frames;
  await new Promise((resolve) => setTimeout(resolve, ms));
  return (await peer.received()).frames - before;
}

/** Waits until pictures arrive, one after another. @param {Peer} peer */
export async function flowing(peer) {
  const { frames } = await peer.received();
  await until(async () => {
    const now = (await peer.received()).frames;
    // A new session counts from the beginning.
    return now > frames + 15 || (now < frames && now > 15);
  }, "pictures");
}
