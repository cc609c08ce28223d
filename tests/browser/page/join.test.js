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

test("only H.264 is offered, in a kind that everything decodes, with a stream of its own for what is sent again", () =>
  withPhone({}, async ({ phone, node, peer }) => {
    let offer = "";
    node.peer = { ...bound(peer), answer: (sdp) => ((offer = sdp), peer.answer(sdp)) };
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");
    const codecs = [...offer.matchAll(/^a=rtpmap:\d+ (\S+)/gm)].map((found) => found[1]);
    assert.deepEqual([...new Set(codecs)].sort(), ["H264/90000", "rtx/90000"]);
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

for (const code of ["token_used", "token_expired", "token_unknown", "wrong_scope"]) {
  test(`the page says it when the node says ${code}`, () =>
    withPhone({}, async ({ phone, node, look }) => {
      node.refuse = { path: "/api/join", status: code === "wrong_scope" ? 403 : 401, code };
      await phone.open(node.link);
      await phone.start();
      await phone.phase("trouble");
      assert.equal((await phone.trouble())?.code, code);
      const hash = await phone.page.evaluate(() => location.hash !== "");
      assert.equal(hash, !code.startsWith("token_"), "a code that is no good is forgotten");
      assert.equal((await kept(phone)).attempt, null, "and so is what was drawn for it");
      await look(code);
    }));
}

/** What the phone keeps of its way in. @param {import("../lib/phone.js").Phone} phone */
const kept = (phone) => phone.page.evaluate(() => ({
  credential: localStorage.getItem("lanlens.credential"),
  attempt: localStorage.getItem("lanlens.attempt"),
}));

test("an answer that is lost costs no code: the phone joins once, by itself", () =>
  withPhone({}, async ({ phone, node }) => {
    node.losesJoins = 2;
    await phone.open(node.link);
    await phone.start("Kitchen");
    await phone.phase("live");
    assert.equal(node.losesJoins, 0, "two answers were lost");
    assert.equal(node.joined, 1, "one phone");
    assert.deepEqual(await kept(phone), { credential: node.credential, attempt: null });
  }));

test("a page that is loaded again while it joins goes on with the same join", () =>
  withPhone({}, async ({ phone, node }) => {
    node.losesJoins = Infinity;
    await phone.open(node.link);
    await phone.start();
    await phone.phase("reconnecting");
    const token = new URL(node.link).hash.slice(1);
    assert.deepEqual(await kept(phone), { credential: null, attempt: `${token}.${node.credential}` });
    const first = node.credential;
    // From the history, say: without the code.
    await phone.page.goto("about:blank");
    await phone.open(node.page);
    node.losesJoins = 0;
    await phone.start();
    await phone.phase("live");
    assert.equal(node.joined, 1);
    assert.deepEqual(await kept(phone), { credential: first, attempt: null });
  }));

test("a phone whose code ran out before an answer came through is in all the same", () =>
  withPhone({}, async ({ phone, node }) => {
    node.losesJoins = Infinity;
    await phone.open(node.link);
    await phone.start();
    await phone.phase("reconnecting");
    node.tokenIsOld = true;
    await phone.phase("live");
    assert.equal(node.joined, 1);
    assert.deepEqual(await kept(phone), { credential: node.credential, attempt: null });
  }));

test("a phone that got no answer and scans another code is one phone", () =>
  withPhone({}, async ({ phone, node }) => {
    node.losesJoins = Infinity;
    await phone.open(node.link);
    await phone.start();
    await phone.phase("reconnecting");
    await phone.page.goto("about:blank");
    node.losesJoins = 0;
    node.renew();
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");
    assert.equal(node.joined, 1);
  }));

test("a node that draws the credential itself is taken at its word", () =>
  withPhone({}, async ({ phone, node }) => {
    node.drawsCredentials = true;
    await phone.open(node.link);
    await phone.start();
    await phone.phase("live");
    assert.deepEqual(await kept(phone), { credential: node.credential, attempt: null });
  }));

test("a code that is scanned while an old one is still tried takes its place", () =>
  withPhone({}, async ({ phone, node }) => {
    node.refuse = { path: "/api/join", status: 503, code: "busy" };
    await phone.open(`${node.page}#an-older-code-of-the-node`);
    await phone.start();
    await phone.phase("reconnecting");
    node.refuse = null;
    await phone.page.evaluate((link) => { location.href = link; }, node.link);
    await phone.phase("live");
    assert.equal(node.joined, 1);
  }));

for (const [status, code] of /** @type {[number, string][]} */ ([
  [408, "bad_request"], [429, "too_many_tries"], [503, "of a later version"],
])) {
  test(`a join that is answered with ${status} (${code}) is tried again, and told as passing`, () =>
    withPhone({}, async ({ phone, node, look }) => {
      node.refuse = { path: "/api/join", status, code };
      await phone.open(node.link);
      await phone.start();
      await phone.phase("reconnecting");
      await until(() => node.log.filter((line) => line.includes("/api/join")).length > 1, "tried again");
      const said = (await phone.page.textContent("#again")) ?? "";
      assert.match(said, /by itself/);
      await look(`passing-${status}`);
      node.refuse = null;
      await phone.phase("live");
      assert.equal(node.joined, 1);
    }));

  test(`a phone that is known stays known through a ${status} (${code})`, () =>
    withPhone({}, async ({ phone, node }) => {
      await phone.open(node.link);
      await phone.start();
      await phone.phase("live");
      node.refuse = { path: "/api/me", status, code };
      await phone.page.reload();
      await phone.phase("live");
      assert.equal((await kept(phone)).credential, node.credential);
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
    node.renew();
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
