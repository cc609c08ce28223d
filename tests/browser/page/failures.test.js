/** Every reason for which a browser is no camera, each with words and a next step. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPhone } from "../lib/rig.js";

/** @param {string} name @param {string} [message] */
const refused = (name, message = "") =>
  `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("${message}", "${name}"));`;

/** @type {Record<string, string>} */
const OBSTACLES = {
  permission: refused("NotAllowedError", "Permission denied"),
  permission_system: refused("NotAllowedError", "Permission denied by system"),
  no_camera: refused("NotFoundError", "Requested device not found"),
  camera_busy: refused("NotReadableError", "Could not start video source"),
  camera_failed: refused("TypeError"),
  insecure: "Object.defineProperty(window, 'isSecureContext', { value: false });",
  old_browser: "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });",
  no_h264: `
    const real = RTCRtpSender.getCapabilities;
    RTCRtpSender.getCapabilities = (kind) => {
      const all = real.call(RTCRtpSender, kind);
      return { ...all, codecs: all.codecs.filter((codec) => codec.mimeType !== "video/H264") };
    };`,
};

for (const [code, script] of Object.entries(OBSTACLES)) {
  test(`${code} is said in words, with what to do, and uses up no code`, () =>
    withPhone({}, async ({ phone, node, look }) => {
      await phone.page.addInitScript(script);
      await phone.open(node.link);
      await phone.phase("trouble");
      const trouble = await phone.trouble();
      assert.equal(trouble?.code, code);
      assert.ok((trouble?.next ?? "").length > 10);
      assert.equal(node.credential, "");
      await look(code);
    }));
}

test("after the camera was allowed, trying again goes on with the same code", () =>
  withPhone({ allow: false }, async ({ phone, node }) => {
    await phone.page.addInitScript(`
      if (!sessionStorage.getItem("allowed")) { ${refused("NotAllowedError", "Permission denied")} }`);
    await phone.open(node.link);
    await phone.phase("trouble");
    await phone.context.grantPermissions(["camera"], { origin: node.page.slice(0, -1) });
    await phone.page.evaluate(() => sessionStorage.setItem("allowed", "yes"));
    await phone.page.tap("[data-action=retry_permission]");
    await phone.start();
    await phone.phase("live");
  }));

const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

test("inside another app the page says which browser to open, and hands over its link", () =>
  withPhone({ userAgent: `${IPHONE} Mobile/22F76 Instagram 384.0.0.28.86 (iPhone15,4; iOS 18_5)` },
    async ({ phone, node, look }) => {
      await phone.open(node.link);
      await phone.phase("trouble");
      const trouble = await phone.trouble();
      assert.equal(trouble?.title, "Open this page in Safari");
      assert.match(trouble?.text ?? "", /Instagram/);
      await look("in_app");
      await phone.context.grantPermissions(["clipboard-read", "clipboard-write"]);
      await phone.page.tap("[data-action=copy]");
      await phone.page.waitForSelector("text=Link copied");
      assert.equal(await phone.page.evaluate(() => navigator.clipboard.readText()), node.link, "with its code");
      await phone.page.tap("[data-action=anyway]");
      await phone.start();
      await phone.phase("live");
    }));

test("an offer that the node does not take is explained", () =>
  withPhone({}, async ({ phone, node, look }) => {
    node.refuse = { path: "/whip", status: 406, code: "unsupported_profile", detail: "only High was offered" };
    await phone.open(node.link);
    await phone.start();
    await phone.phase("trouble");
    assert.equal((await phone.trouble())?.code, "unsupported_profile");
    await look("unsupported_profile");
    node.refuse = null;
    await phone.page.tap("[data-action=retry]");
    await phone.phase("live");
  }));

test("a tap that nobody answers is tried again, and the code is kept", () =>
  withPhone({}, async ({ phone, node, look }) => {
    await phone.open(node.link);
    await phone.phase("ready");
    node.dead = true;
    node.cut();
    await phone.start();
    await phone.phase("reconnecting");
    await look("unanswered");
    node.dead = false;
    await phone.phase("live");
  }));

test("while the browser asks for the camera, the page says what to answer", () =>
  withPhone({ init: () => { navigator.mediaDevices.getUserMedia = () => new Promise(() => {}); } },
    async ({ phone, node, look }) => {
      await phone.open(node.link);
      await phone.phase("opening");
      await phone.page.waitForTimeout(1500);
      await look("opening");
    }));

test("the pages about the certificate and about refusals read well", () =>
  withPhone({}, async ({ phone, node, look }) => {
    await phone.open(`${node.page}trust`);
    await phone.page.waitForSelector("h1");
    await look("trust");
    await phone.page.goto(`${node.page}refused`);
    await phone.page.waitForSelector("h1");
    await look("refused");
  }));
