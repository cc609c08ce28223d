/** From the scanned code to live, and every way in which that is refused. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { flowing, until, withPhone } from "../lib/rig.js";

test("a scanned code makes the phone a camera: one warning, one tap", () =>
  withPhone({}, async ({ phone, node, peer, look }) => {
    assert.equal(await phone.open(node.link), true, "the browser warns once");
    await phone.phase("ready");
    await look("ready");
    assert.equal(node.credential, "", "the code is not used up by looking");

    const tapped = Date.now();
    await phone.start("Kitchen");
    await phone.phase("live");
    await until(async () => (await peer.received()).frames > 0, "the first frame");
    console.log(`from the tap to the first frame: ${Date.now() - tapped} ms`);

    assert.equal(node.state.name, "Kitchen");
    assert.equal(await phone.page.evaluate(() => location.hash), "", "nobody can read the code any more");
    await flowing(peer);
    const [sent, ...more] = await phone.outgoing();
    assert.equal(more.length, 0, "one stream");
    assert.deepEqual([sent?.width, sent?.height], [720, 1280], "upright, and nothing cut off");
    await until(async () => (await phone.page.textContent("#figures")) !== "", "figures");
    assert.match((await phone.page.textContent("#figures")) ?? "", /^720×1280 · \d+ fps · \d+\.\d Mbit\/s$/);
    await look("live");
  }));

test("a reloaded page goes on as the same camera, without a tap", () =>
  withPhone({}, async ({ phone, node, peer }) => {
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");
    node.log.length = 0;
    const reloaded = Date.now();
    await phone.page.reload();
    await phone.phase("live");
    await until(async () => (await peer.received()).frames > 0, "a frame");
    console.log(`from the reload to the first frame: ${Date.now() - reloaded} ms`);
    assert.ok(!node.log.some((line) => line.includes("/api/join")), "the credential is enough");
  }));

test("only H.264 is offered, in a kind that everything decodes", () =>
  withPhone({}, async ({ phone, node, peer }) => {
    let offer = "";
    node.peer = { ...bound(peer), answer: (sdp) => ((offer = sdp), peer.answer(sdp)) };
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");
    const codecs = [...offer.matchAll(/^a=rtpmap:\d+ (\S+)/gm)].map((found) => found[1]);
    assert.deepEqual([...new Set(codecs)], ["H264/90000"]);
    assert.match(offer, /^a=fmtp:\d+ .*packetization-mode=1;profile-level-id=42/m);
    assert.match(offer, /^a=sendonly\r$/m);
    assert.doesNotMatch(offer, /^m=audio/m);
    assert.doesNotMatch(offer, /^a=candidate/m, "sent at once; candidates follow");
  }));

/** @param {import("../lib/peer.js").Peer} peer */
const bound = (peer) => ({
  answer: (/** @type {string} */ sdp) => peer.answer(sdp),
  trickle: (/** @type {string} */ fragment) => peer.trickle(fragment),
  restart: (/** @type {string} */ fragment) => peer.restart(fragment),
});

for (const code of ["token_used", "token_expired", "token_unknown", "too_many_tries", "wrong_scope"]) {
  test(`the page says it when the node says ${code}`, () =>
    withPhone({}, async ({ phone, node, look }) => {
      node.refuse = { path: "/api/join", status: 401, code };
      await phone.open(node.link);
      await phone.start();
      await phone.phase("trouble");
      assert.equal((await phone.trouble())?.code, code);
      const kept = await phone.page.evaluate(() => location.hash !== "");
      assert.equal(kept, !code.startsWith("token_"), "a code that is no good is forgotten");
      await look(code);
    }));
}

test("without a code the page says where to get one, and does not ask for the camera", () =>
  withPhone({ init: () => {
    navigator.mediaDevices.getUserMedia = () => { throw new Error("asked for the camera"); };
  } }, async ({ phone, node, look }) => {
    await phone.open(node.page);
    await phone.phase("trouble");
    assert.equal((await phone.trouble())?.code, "no_token");
    await look("no_token");
  }));

test("a removed phone is told so, and joins again by a new code", () =>
  withPhone({}, async ({ phone, node, look }) => {
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");

    node.refuse = { path: "/api/events", status: 401, code: "not_authorized" };
    node.cut();
    await phone.phase("trouble");
    assert.equal((await phone.trouble())?.code, "not_authorized");
    await look("revoked");

    // The code on the screen is a new one by now.
    node.refuse = null;
    node.credential = "";
    await phone.page.goto("about:blank");
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");
  }));

test("a phone that was removed while it was away is told so at once", () =>
  withPhone({}, async ({ phone, node }) => {
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");
    node.refuse = { path: "/api/", status: 401, code: "not_authorized" };
    await phone.page.reload();
    await phone.phase("trouble");
    assert.equal((await phone.trouble())?.code, "not_authorized");
  }));
