/** What can be done while the phone is a camera, and what it does by itself. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { flowing, framesIn, until, withPhone } from "../lib/rig.js";

/** @param {import("../lib/rig.js").Rig} rig */
async function live({ phone, node, peer }) {
  await phone.open(node.link);
  await phone.start("Kitchen");
  await phone.phase("live");
  await until(async () => (await peer.received()).frames > 0, "the first frame");
}

test("while nobody watches nothing is encoded, and the first viewer sees pictures at once", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node, peer, look } = rig;
    node.tell({ wanted: false, viewers: [] });
    await phone.phase("paused");
    assert.match((await phone.page.textContent("#watchers")) ?? "", /Nobody is watching/);
    await until(async () => (await phone.outgoing())[0]?.active === false, "the encoder pauses");
    await framesIn(peer, 300);
    assert.equal(await framesIn(peer, 1000), 0);
    await look("paused");

    const wanted = Date.now();
    const before = (await peer.received()).frames;
    node.tell({ wanted: true, viewers: [{ name: "Studio desk" }] });
    await until(async () => (await peer.received()).frames > before, "a frame");
    console.log(`from the first viewer to the first frame: ${Date.now() - wanted} ms`);
    await phone.phase("live");
    assert.equal((await phone.outgoing()).length, 1, "in the same stream");
  }));

test("the encoder gets the bits that the viewers need", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    rig.node.tell({ kbps: 700 });
    const most = () => rig.phone.page.evaluate(() => {
      const [connection] = /** @type {any} */ (window).lanlensConnections;
      return connection.getSenders()[0].getParameters().encodings[0].maxBitrate;
    });
    await until(async () => (await most()) === 700_000, "700 kbit/s at most");
  }));

test("a chosen quality is what arrives, and stays chosen", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, peer } = rig;
    await phone.page.selectOption("#quality", "360p");
    await until(async () => (await peer.received()).height === 640, "360×640");
    await phone.page.reload();
    await phone.phase("live");
    assert.equal(await phone.page.inputValue("#quality"), "360p");
    await until(async () => (await peer.received()).height === 640, "360×640 again");
  }));

test("the other camera takes over in the same stream, also after a reload", () =>
  withPhone({ cameras: 3, video: undefined }, async (rig) => {
    await live(rig);
    const { phone, peer } = rig;
    const device = () => phone.page.evaluate(() => {
      const video = /** @type {HTMLVideoElement} */ (document.getElementById("preview"));
      return /** @type {MediaStream} */ (video.srcObject).getVideoTracks()[0]?.getSettings().deviceId ?? "";
    });
    const before = await device();
    await phone.page.tap("#flip");
    await until(async () => !["", before].includes(await device()), "another camera");
    // Chromium's second stand-in measures depth, which no encoder takes; the third is a camera again.
    const second = await device();
    await phone.page.tap("#flip");
    await until(async () => !["", before, second].includes(await device()), "yet another");
    const after = await device();
    await flowing(peer);
    assert.equal((await phone.outgoing()).length, 1);
    await phone.page.reload();
    await phone.phase("live");
    assert.equal(await device(), after);
  }));

test("a turn of the phone is sent as a new size of the same stream", () =>
  withPhone({ canvas: { width: 1280, height: 720 } }, async (rig) => {
    await live(rig);
    const { phone, peer } = rig;
    await until(async () => (await peer.received()).width === 1280, "lying");
    await phone.turn(720, 1280);
    await until(async () => (await peer.received()).height === 1280, "standing");
    assert.equal((await peer.received()).width, 720);
    await flowing(peer);
    assert.equal((await phone.outgoing()).length, 1);
    assert.equal(rig.node.log.filter((line) => line.startsWith("POST /whip")).length, 1);
  }));

test("a phone with one camera, no torch and no zoom shows no buttons for them", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    for (const id of ["flip", "torch", "zoom-row"]) {
      assert.equal(await rig.phone.page.isVisible(`#${id}`), false, id);
    }
  }));

const TORCH_AND_ZOOM = () => {
  const applied = /** @type {any[]} */ ([]);
  Object.assign(window, { applied });
  MediaStreamTrack.prototype.getCapabilities = () =>
    /** @type {any} */ ({ torch: true, zoom: { min: 1, max: 8, step: 0.1 } });
  MediaStreamTrack.prototype.applyConstraints = async (/** @type {any} */ wish) => {
    applied.push(wish.advanced[0]);
  };
  const lens = (/** @type {string} */ deviceId) => /** @type {any} */ ({ kind: "videoinput", deviceId });
  navigator.mediaDevices.enumerateDevices = async () => [lens("back"), lens("front")];
};

test("torch and zoom are there where the camera has them", () =>
  withPhone({ init: TORCH_AND_ZOOM }, async (rig) => {
    await live(rig);
    const { phone, look } = rig;
    await phone.page.tap("#torch");
    assert.equal(await phone.page.getAttribute("#torch", "aria-pressed"), "true");
    await phone.page.fill("#zoom", "2.5");
    const applied = await phone.page.evaluate(() => /** @type {any} */ (window).applied);
    assert.deepEqual(applied, [{ torch: true }, { zoom: 2.5 }]);
    assert.equal(await phone.page.textContent("#zoom-value"), "2.5×");
    await look("all-controls");
    await phone.page.tap("#torch");
    assert.equal(await phone.page.getAttribute("#torch", "aria-pressed"), "false");
  }));

test("a new name reaches the node, and a name given there is shown here", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node } = rig;
    await phone.page.fill("#name", "거실");
    await phone.page.press("#name", "Enter");
    await until(() => node.state.name === "거실", "renamed");
    node.tell({ name: "Front door" });
    await until(async () => (await phone.page.inputValue("#name")) === "Front door", "shown");
  }));

test("Stop ends the session and leaves the phone ready to start again", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node, peer } = rig;
    await phone.page.tap("#stop");
    await phone.phase("ready");
    await until(() => node.log.some((line) => line.startsWith("DELETE /whip/")), "DELETE");
    assert.equal((await phone.outgoing()).length, 0);
    await phone.start();
    await phone.phase("live");
    await flowing(peer);
  }));

test("a closed page ends its session before it is gone", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const closed = Date.now();
    await rig.phone.page.goto("about:blank");
    // By DTLS for certain; by DELETE only where a connection was open, because a page that is gone
    // cannot open one past the warning.
    await until(() => rig.peer.ended(), "the way is closed");
    console.log(`from closing to the end of the session: ${Date.now() - closed} ms`);
  }));

const WAKE_LOCK = () => {
  const asked = { count: 0, held: false };
  Object.assign(window, { asked });
  class Sentinel extends EventTarget {
    async release() {
      asked.held = false;
      this.dispatchEvent(new Event("release"));
    }
  }
  /** @type {Sentinel[]} */
  const locks = [];
  Object.defineProperty(navigator, "wakeLock", { value: {
    async request() {
      asked.count += 1;
      asked.held = true;
      const lock = new Sentinel();
      locks.push(lock);
      return lock;
    },
  } });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) locks.splice(0).forEach((lock) => void lock.release());
  });
};

test("the screen stays on while it is a camera, and the node hears when the phone is locked", () =>
  withPhone({ init: WAKE_LOCK }, async (rig) => {
    const { phone, node, look } = rig;
    const asked = () => phone.page.evaluate(() => /** @type {any} */ (window).asked);
    await phone.open(node.link);
    await phone.phase("ready");
    assert.deepEqual(await asked(), { count: 0, held: false }, "not before it is a camera");
    await phone.start();
    await phone.phase("live");
    assert.equal((await asked()).held, true);

    await phone.hide(true);
    await until(() => node.reports.at(-1)?.hidden === true, "told");
    await phone.phase("paused");
    await look("locked");
    assert.equal((await asked()).held, false, "as the system does");
    await phone.hide(false);
    await until(() => node.reports.at(-1)?.hidden === false, "told");
    await until(async () => (await asked()).held, "asked for again");
    assert.deepEqual(Object.keys(node.reports.at(-1)).sort(), ["battery", "charging", "hidden"]);

    await phone.page.tap("#stop");
    await until(async () => !(await asked()).held, "given back");
  }));

test("a page that is really hidden says so to the node and to whoever unlocks the phone, and goes on by itself", () =>
  withPhone({ hides: true }, async (rig) => {
    await live(rig);
    const { phone, node, peer } = rig;
    const state = () => phone.page.evaluate(() => document.visibilityState);
    const note = () => phone.page.textContent("#note");
    assert.equal(await state(), "visible");
    await until(() => node.reports.at(-1)?.hidden === false, "in front");

    const other = await phone.context.newPage();
    await other.bringToFront();
    await until(async () => (await state()) === "hidden", "hidden by the browser itself");
    await until(() => node.reports.at(-1)?.hidden === true, "told");
    await phone.phase("paused");
    assert.match((await note()) ?? "", /locked, or shows something else.*goes on by itself/);

    const { key } = node.session ?? {};
    await phone.page.bringToFront();
    await until(() => node.reports.at(-1)?.hidden === false, "told");
    await phone.phase("live");
    assert.equal(await phone.page.isVisible("#note"), false);
    await flowing(peer);
    assert.equal(node.session?.key, key, "the same session");
  }));

const SHORT_PATIENCE = () => {
  const real = window.setTimeout;
  window.setTimeout = /** @type {any} */ (
    (/** @type {() => void} */ run, /** @type {number} */ ms) => real(run, ms === 30_000 ? 1500 : ms)
  );
};

test("untouched for 30 s the page gets dark, and the touch that wakes it presses nothing", () =>
  withPhone({ init: SHORT_PATIENCE }, async (rig) => {
    const { phone, node, peer, look } = rig;
    await live(rig);
    const stop = await phone.page.locator("#stop").boundingBox();
    assert.ok(stop);
    await phone.page.waitForSelector("#dark", { state: "visible" });
    await flowing(peer);
    await look("dark");
    await phone.page.touchscreen.tap(stop.x + stop.width / 2, stop.y + stop.height / 2);
    await phone.page.waitForSelector("#dark", { state: "hidden" });
    await phone.page.waitForTimeout(300);
    assert.equal(await phone.phase(["live", "ready"]), "live");
    assert.ok(node.session, "nothing was pressed");
  }));

test("in a bright room, with large letters, everything is still there", () =>
  withPhone({ colorScheme: "light", cameras: 2 }, async (rig) => {
    const { phone, node, look } = rig;
    await phone.open(node.link);
    await phone.phase("ready");
    await look("light-ready");
    await phone.page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
    await look("large-ready");
    await phone.start("Kitchen");
    await phone.phase("live");
    await look("large-live");
    node.tell({ wanted: false, viewers: [] });
    await phone.phase("paused");
    await look("large-paused");
  }));

test("a phone is a camera in one tab at a time, the newest", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node, look } = rig;
    const second = await phone.context.newPage();
    await second.goto(node.page);
    await second.tap("#start");
    await second.waitForSelector("body[data-phase=live]");
    await phone.phase("trouble");
    assert.equal((await phone.trouble())?.code, "other_tab");
    await phone.page.bringToFront();
    await look("other_tab");
    await phone.page.tap("[data-action=take_over]");
    await phone.phase("live");
    await second.waitForSelector("body[data-phase=trouble]");
  }));
