/**
 * Makes the pictures of the page in docs/pictures: `npm run pictures`.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./lib/rig.js";
import { Node } from "./lib/node.js";
import { Peer } from "./lib/peer.js";
import { LANDSCAPE, Phone, PORTRAIT } from "./lib/phone.js";
import { scene } from "./lib/scene.js";

const DOCS = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));
mkdirSync(DOCS, { recursive: true });

/** What a phone has and a test browser has not. */
const LIKE_A_PHONE = () => {
  MediaStreamTrack.prototype.getCapabilities = () => /** @type {any} */ ({ torch: true });
  MediaStreamTrack.prototype.applyConstraints = async () => {};
  const lens = (/** @type {string} */ deviceId) => /** @type {any} */ ({ kind: "videoinput", deviceId });
  navigator.mediaDevices.enumerateDevices = async () => [lens("back"), lens("front")];
  const battery = Object.assign(new EventTarget(), { level: 0.76, charging: true });
  Object.assign(navigator, { getBattery: async () => battery });
};

/**
 * @param {import("./lib/phone.js").Options} options
 * @param {(phone: Phone, node: Node, keep: (name: string) => Promise<void>) => Promise<void>} run
 */
async function photograph(options, run) {
  const node = new Node();
  await node.listen();
  const phone = await Phone.launch(options);
  try {
    node.peer = await Peer.open(phone.context);
    await phone.page.bringToFront();
    await phone.page.addInitScript(LIKE_A_PHONE);
    await phone.open(node.link);
    await run(phone, node, (name) => phone.screenshot(join(DOCS, `phone-${name}.png`)));
  } finally {
    await phone.close();
    await node.close();
  }
}

/** @param {Phone} phone @param {Node} node */
async function live(phone, node) {
  await phone.start("Living room");
  await phone.phase("live");
  node.tell({ viewers: [{ name: "Studio desk" }, { name: "Kitchen tablet" }] });
  await until(async () => (await phone.page.textContent("#figures")) !== "", "figures");
  await phone.page.waitForTimeout(2500);
}

await photograph({ viewport: PORTRAIT, video: await scene(720, 1280) }, async (phone, node, keep) => {
  await phone.phase("ready");
  await phone.page.waitForTimeout(800);
  await keep("start");
  await live(phone, node);
  await keep("live");
  node.dead = true;
  node.cut();
  await phone.phase("reconnecting");
  await until(async () => /in \d s/.test((await phone.page.textContent("#again-title")) ?? ""), "seconds");
  await keep("reconnecting");
});

await photograph({ viewport: LANDSCAPE, video: await scene(1280, 720) }, async (phone, node, keep) => {
  await live(phone, node);
  await keep("live-landscape");
});

await photograph({ viewport: PORTRAIT }, async (phone, _, keep) => {
  await phone.page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("denied", "NotAllowedError"));
  });
  await phone.page.reload();
  await phone.phase("trouble");
  await keep("permission");
});
