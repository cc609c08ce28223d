/** The way to the node is lost, and comes back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { flowing, until, withPhone } from "../lib/rig.js";

/** @param {import("../lib/rig.js").Rig} rig */
async function live({ phone, node, peer }) {
  await phone.open(node.link);
  await phone.start("Kitchen");
  await phone.phase("live");
  await until(async () => (await peer.received()).frames > 0, "the first frame");
  node.log.length = 0;
}

test("a node that was started anew is found by itself, with the same credential", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node, peer } = rig;
    const { credential } = node;
    node.restart();
    await until(() => node.session !== null, "a new session");
    await phone.phase("live");
    await flowing(peer);
    assert.equal(node.credential, credential);
    assert.ok(!node.log.some((line) => line.includes("/api/join")));
  }));

test("a node that is gone is looked for, with the seconds to the next try", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node, look } = rig;
    node.dead = true;
    node.cut();
    await phone.phase("reconnecting");
    await until(async () => /in \d s/.test((await phone.page.textContent("#again-title")) ?? ""), "seconds");
    await look("reconnecting");
    // Long enough for a tap to come before the page's own next try.
    await until(async () => /in [4-8] s/.test((await phone.page.textContent("#again-title")) ?? ""), "a long wait", 20_000);
    node.dead = false;
    await phone.page.tap("#again-now");
    await phone.phase("live", 3000);
  }));

test("a lost way is found again by new credentials in the same session", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node, peer } = rig;
    const session = node.session?.key;
    const before = node.session?.tag;
    await phone.page.evaluate(() => {
      const [connection] = /** @type {any} */ (window).lanlensConnections;
      Object.defineProperty(connection, "connectionState", { configurable: true, get: () => "disconnected" });
      connection.dispatchEvent(new Event("connectionstatechange"));
      delete connection.connectionState;
    });
    await phone.phase("live");
    await until(() => node.session?.tag !== before, "another ICE session");
    assert.equal(node.session?.key, session);
    assert.ok(node.log.some((line) => /^PATCH .* 200$/.test(line)));
    await flowing(peer);
    assert.equal((await phone.outgoing()).length, 1);
  }));

test("while nothing answers the restart is tried again, and the session is kept", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, node, peer } = rig;
    const session = node.session?.key;
    node.dead = true;
    node.cut();
    await phone.page.evaluate(() => {
      const [connection] = /** @type {any} */ (window).lanlensConnections;
      Object.defineProperty(connection, "connectionState", { configurable: true, get: () => "disconnected" });
      connection.dispatchEvent(new Event("connectionstatechange"));
      setTimeout(() => { delete connection.connectionState; }, 2500);
    });
    await phone.phase("reconnecting");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    node.dead = false;
    const back = Date.now();
    await until(() => node.log.some((line) => /^PATCH .* 200$/.test(line)), "the restart");
    console.log(`from the node's return to the restart: ${Date.now() - back} ms`);
    await phone.phase("live");
    assert.equal(node.session?.key, session);
    await flowing(peer);
  }));

test("a full node is asked again, and says why it is full", () =>
  withPhone({}, async ({ phone, node, look }) => {
    node.refuse = { path: "/whip", status: 429, code: "limit", detail: "16 phones are cameras here already" };
    await phone.open(node.link);
    await phone.start();
    await phone.phase("reconnecting");
    await until(async () => /No place/.test((await phone.page.textContent("#again-title")) ?? ""), "said");
    assert.match((await phone.page.textContent("#again-text")) ?? "", /16 phones.*by itself/);
    await look("full");
    node.refuse = null;
    await phone.phase("live");
  }));

test("pictures that are held up on the way are told from a node that does not answer", () =>
  withPhone({}, async ({ phone, node, peer, look }) => {
    // An answer whose candidates lead nowhere, as behind a firewall.
    node.peer = {
      answer: async (offer) => {
        const { sdp, ice } = await peer.answer(offer);
        return { sdp: sdp.replace(/^a=ice-pwd:.*$/m, "a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa"), ice };
      },
      trickle: async () => {},
      restart: (fragment) => peer.restart(fragment),
    };
    await phone.open(node.link);
    await phone.start();
    await phone.phase("reconnecting", 20_000);
    await until(async () => /do not get through/.test((await phone.page.textContent("#again-title")) ?? ""), "said");
    await look("no_way");
  }));

test("a camera that is taken away comes back by itself, or the page says who has it", () =>
  withPhone({}, async (rig) => {
    await live(rig);
    const { phone, peer, look } = rig;
    const lose = () => phone.page.evaluate(() => {
      const video = /** @type {HTMLVideoElement} */ (document.getElementById("preview"));
      const track = /** @type {MediaStream} */ (video.srcObject).getVideoTracks()[0];
      track?.stop();
      track?.dispatchEvent(new Event("ended"));
    });
    await lose();
    await flowing(peer);
    assert.equal((await phone.outgoing()).length, 1);

    await phone.page.evaluate(() => {
      const devices = navigator.mediaDevices;
      const real = devices.getUserMedia.bind(devices);
      devices.getUserMedia = () => Promise.reject(new DOMException("in use", "NotReadableError"));
      Object.assign(window, { giveBack: () => { devices.getUserMedia = real; } });
    });
    await lose();
    await phone.phase("trouble");
    assert.equal((await phone.trouble())?.code, "camera_busy");
    await look("camera_busy_live");
    await phone.page.evaluate(() => /** @type {any} */ (window).giveBack());
    await phone.page.tap("[data-action=retry]");
    await phone.phase("live");
    await flowing(peer);
  }));

/** A camera that takes its time, as those of phones do, and counts. */
const SLOW_CAMERA = () => {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  const count = { asked: 0, most: 0, tracks: /** @type {MediaStreamTrack[]} */ ([]) };
  Object.assign(window, { count });
  devices.getUserMedia = async (wished) => {
    count.asked += 1;
    count.most = Math.max(count.most, count.asked);
    await new Promise((resolve) => setTimeout(resolve, 400));
    const stream = await real(wished).finally(() => { count.asked -= 1; });
    count.tracks.push(...stream.getTracks());
    return stream;
  };
};

test("a flip while a lost camera is taken back asks for one camera at a time, and leaves one running", () =>
  withPhone({ init: SLOW_CAMERA, cameras: 2, video: undefined }, async (rig) => {
    await live(rig);
    const { phone } = rig;
    const device = () => phone.page.evaluate(() => {
      const video = /** @type {HTMLVideoElement} */ (document.getElementById("preview"));
      return /** @type {MediaStream | null} */ (video.srcObject)?.getVideoTracks()[0]?.getSettings().deviceId ?? "";
    });
    const before = await device();
    await phone.page.evaluate(() => {
      const [track] = /** @type {any} */ (window).count.tracks;
      track.stop();
      track.dispatchEvent(new Event("ended"));
      document.getElementById("flip")?.click();
    });
    await until(async () => !["", before].includes(await device()), "the other camera");
    await phone.phase("live");
    const counted = await phone.page.evaluate(() => {
      const { most, tracks } = /** @type {any} */ (window).count;
      return { most, running: tracks.filter((/** @type {any} */ track) => track.readyState === "live").length };
    });
    assert.deepEqual(counted, { most: 1, running: 1 });
    assert.equal((await phone.outgoing()).length, 1);
  }));
