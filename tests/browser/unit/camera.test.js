import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Camera } from "../../../crates/web/assets/camera.js";

/** A camera of a phone, as the browser hands it out. */
class Track {
  readyState = "live";
  muted = false;
  contentHint = "";
  /** @type {(() => void) | null} */
  onended = null;
  /** @param {string} facingMode */
  constructor(facingMode) {
    this.facingMode = facingMode;
  }

  getSettings() {
    return { facingMode: this.facingMode, deviceId: `the ${this.facingMode} one` };
  }

  stop() {
    this.readyState = "ended";
  }
}

/** @typedef {{facing: string, give: () => Promise<void>, refuse: (name: string) => Promise<void>}} Request */

/** @type {Request[]} requests that the browser has not answered */
let open = [];
/** @type {Track[]} */
let tracks = [];
let most = 0;

/** Lets everything happen that waits for nothing. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** @param {any} wished */
const getUserMedia = (wished) => new Promise((resolve, reject) => {
  const { facingMode, deviceId } = wished.video;
  const facing = facingMode?.ideal ?? deviceId.exact.split(" ")[1];
  const answered = (/** @type {() => void} */ answer) => {
    open = open.filter((one) => one !== request);
    answer();
    return settle().then(() => {});
  };
  const request = {
    facing,
    give: () => answered(() => {
      const track = new Track(facing);
      tracks.push(track);
      resolve({ getVideoTracks: () => [track] });
    }),
    refuse: (/** @type {string} */ name) => answered(() => reject(Object.assign(new Error(name), { name }))),
  };
  open.push(request);
  most = Math.max(most, open.length);
});

const input = { kind: "videoinput" };
const mediaDevices = { getUserMedia, enumerateDevices: async () => [input, input] };
Object.defineProperty(globalThis, "navigator", { configurable: true, value: { mediaDevices } });

const running = () => tracks.filter((track) => track.readyState === "live").map((track) => track.facingMode);
const camera = () => new Camera("environment", "", { onLost() {}, onInterrupted() {} });

/** The one request that is open now. */
async function asked() {
  await settle();
  assert.equal(open.length, 1, "one request is open");
  return /** @type {Request} */ (open[0]);
}

beforeEach(() => {
  [open, tracks, most] = [[], [], 0];
});

test("a camera that is wished for twice at once is asked for once", async () => {
  const phone = camera();
  const both = Promise.all([phone.open(), phone.open()]);
  await (await asked()).give();
  assert.deepEqual(await both, [true, true]);
  assert.equal(tracks.length, 1);
  assert.equal(phone.opening, false);
});

test("a flip while a camera opens waits for the browser, then wins", async () => {
  const phone = camera();
  const revived = phone.open();
  const flipped = phone.flip();
  const first = await asked();
  assert.equal(first.facing, "environment");
  await first.give();
  assert.deepEqual(running(), [], "the one that lost is stopped");
  await (await asked()).give();
  assert.deepEqual(await Promise.all([revived, flipped]), [true, true]);
  assert.deepEqual(running(), ["user"]);
  assert.equal(phone.facing, "user");
  assert.equal(most, 1, "never two at once");
});

test("a camera that is lost while it is flipped is not asked for beside the flip", async () => {
  const phone = camera();
  const opened = phone.open();
  await (await asked()).give();
  await opened;
  const flipped = phone.flip();
  const revived = phone.open();
  await (await asked()).give();
  assert.deepEqual(await Promise.all([flipped, revived]), [true, true]);
  assert.deepEqual([running(), most, tracks.length], [["user"], 1, 2]);
});

test("a failure that a newer wish has overtaken is nobody's trouble", async () => {
  const phone = camera();
  const revived = phone.open();
  const flipped = phone.flip();
  await (await asked()).refuse("NotReadableError");
  await (await asked()).give();
  assert.deepEqual(await Promise.all([revived, flipped]), [true, true]);
  assert.equal(running().length, 1);
});

test("where the other camera does not open, the old one does again", async () => {
  const phone = camera();
  const opened = phone.open();
  await (await asked()).give();
  await opened;
  const flipped = phone.flip();
  const other = await asked();
  assert.equal(other.facing, "user");
  await other.refuse("NotReadableError");
  await (await asked()).give();
  assert.equal(await flipped, true);
  assert.deepEqual([running(), phone.facing], [["environment"], "environment"]);
});

test("where neither opens, everybody who waits hears why, and the next wish is asked for", async () => {
  const phone = camera();
  const opened = phone.open();
  const flipped = phone.flip();
  const both = Promise.allSettled([opened, flipped]);
  for (const name of ["AbortError", "NotReadableError", "NotAllowedError"]) await (await asked()).refuse(name);
  for (const one of await both) {
    assert.equal(one.status, "rejected");
    assert.equal(/** @type {PromiseRejectedResult} */ (one).reason.name, "NotAllowedError");
  }
  const again = phone.open();
  await (await asked()).give();
  assert.equal(await again, true);
});

test("a camera that opens after it was closed is stopped at once", async () => {
  const phone = camera();
  const opened = phone.open();
  const late = await asked();
  phone.close();
  await late.give();
  assert.equal(await opened, false);
  assert.deepEqual([running(), phone.track], [[], null]);
});

test("closed and wished for again before the browser answered, it is there", async () => {
  const phone = camera();
  const first = phone.open();
  const late = await asked();
  phone.close();
  const second = phone.open();
  await late.give();
  await (await asked()).give();
  assert.deepEqual(await Promise.all([first, second]), [true, true]);
  assert.deepEqual([running(), most], [["environment"], 1]);
});
