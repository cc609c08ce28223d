import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem, problemOf } from "../../../crates/web/assets/api.js";
import { cameraTrouble, constraints } from "../../../crates/web/assets/camera.js";
import { pageState } from "../../../crates/web/assets/events.js";
import { Meter } from "../../../crates/web/assets/figures.js";
import { tokenIn } from "../../../crates/web/assets/join.js";
import { againOf, noteOf, phaseOf } from "../../../crates/web/assets/phase.js";
import { encodingFor, qualityOf } from "../../../crates/web/assets/sender.js";

test("why a camera does not open is told apart", () => {
  const code = (/** @type {string} */ name, message = "") => cameraTrouble({ name, message });
  assert.equal(code("NotAllowedError", "Permission denied"), "permission");
  assert.equal(code("NotAllowedError", "Permission denied by system"), "permission_system");
  assert.equal(code("NotFoundError"), "no_camera");
  assert.equal(code("NotReadableError"), "camera_busy");
  assert.equal(code("AbortError"), "camera_busy");
  assert.equal(code("TypeError"), "camera_failed");
  assert.equal(cameraTrouble(undefined), "camera_failed");
});

test("a camera is asked for what viewers can use, and never cropped", () => {
  const { video, audio } = /** @type {any} */ (constraints({ facing: "user" }));
  assert.equal(audio, false);
  assert.deepEqual(video.facingMode, { ideal: "user" });
  assert.deepEqual([video.width.ideal, video.height.ideal, video.frameRate.ideal], [1280, 720, 30]);
  assert.deepEqual(video.resizeMode, { ideal: "none" });
});

test("a picture is never larger than 1280×720, upright or not", () => {
  const scale = (/** @type {any} */ quality, /** @type {number} */ width, /** @type {number} */ height) =>
    encodingFor({ wanted: true, kbps: 0, quality }, { width, height }).scaleResolutionDownBy;
  assert.equal(scale("auto", 1280, 720), 1);
  assert.equal(scale("auto", 720, 1280), 1);
  assert.equal(scale("auto", 1920, 1080), 1.5);
  assert.equal(scale("auto", 960, 1280), 1.333);
  assert.equal(scale("540p", 1280, 720), 1.333);
  assert.equal(scale("360p", 720, 1280), 2);
  assert.equal(scale("360p", 320, 240), 1);
  assert.equal(scale("auto", 0, 0), 1);
});

test("what the viewers need and what a size makes sense with limit the bits", () => {
  const bits = (/** @type {any} */ quality, /** @type {number} */ kbps) =>
    encodingFor({ wanted: true, kbps, quality }, {}).maxBitrate;
  assert.equal(bits("auto", 2000), 2_000_000);
  assert.equal(bits("360p", 2000), 1_200_000);
  assert.equal(bits("auto", 0), 6_000_000);
  assert.equal(bits("auto", 1), 150_000);
  // A camera that has no more than that needs no more, upright or not; what the path made of it is nowhere here.
  const camera = (/** @type {number} */ width, /** @type {number} */ height) =>
    encodingFor({ wanted: true, kbps: 2500, quality: "auto" }, { width, height }).maxBitrate;
  assert.deepEqual([camera(640, 360), camera(360, 640), camera(1280, 720)], [884_000, 884_000, 2_500_000]);
  assert.equal(camera(160, 120), 300_000);
  assert.equal(encodingFor({ wanted: false, kbps: 0, quality: "auto" }, {}).active, false);
  assert.equal(qualityOf("8k"), "auto");
});

test("a token is taken from the address, and nothing else is", () => {
  assert.equal(tokenIn("#k7Qp2Aks-_91xAWq5T0nMg"), "k7Qp2Aks-_91xAWq5T0nMg");
  for (const hash of ["", "#", "#short", "#<script>alert(1)</script>", `#${"x".repeat(129)}`]) {
    assert.equal(tokenIn(hash), "");
  }
});

test("a refusal is read from its problem document, or from its status alone", () => {
  const told = problemOf(401, '{"code":"token_used","detail":"used already"}');
  assert.deepEqual([told.code, told.detail, told.passing], ["token_used", "used already", false]);
  assert.equal(problemOf(401, "<html>").code, "not_authorized");
  assert.equal(problemOf(502, "").code, "server");
  assert.equal(problemOf(502, "").passing, true);
  assert.equal(problemOf(400, "null").code, "refused");
  assert.equal(problemOf(429, '{"code":"limit"}', "5").waitMs, 5000);
  assert.equal(problemOf(429, '{"code":"limit"}', "86400").waitMs, 60_000);
});

test("too slow, too early, too much and out of order are passing, whatever code they come with", () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    assert.equal(problemOf(status, '{"code":"bad_request"}').passing, true, String(status));
    assert.equal(problemOf(status, '{"code":"token_used"}').passing, true, String(status));
  }
  for (const status of [400, 401, 403, 404, 406, 412, 413, 415]) {
    assert.equal(problemOf(status, '{"code":"bad_request"}').passing, false, String(status));
  }
  assert.equal(problemOf(408, '{"code":"bad_request","detail":"too slow"}').code, "timeout");
  assert.equal(problemOf(408, "").code, "timeout");
});

test("a state of the node is read whatever its form", () => {
  assert.deepEqual(pageState('{"camera":"c1","name":"A","wanted":true,"kbps":900,"viewers":[{"name":"B"}]}'), {
    camera: "c1", name: "A", wanted: true, kbps: 900, viewers: [{ name: "B" }],
  });
  assert.deepEqual(pageState('{"viewers":[null,{"name":5}],"kbps":"x","later":1}'), {
    camera: null, name: "", wanted: false, kbps: 0, viewers: [{ name: "" }, { name: "5" }],
  });
  assert.equal(pageState("null"), undefined);
  assert.equal(pageState("{"), undefined);
});

const FACTS = {
  trouble: false, open: true, started: true, joining: false, before: true, eventsRetryAt: 0, wanted: true,
  interrupted: false, away: false, progress: { phase: /** @type {const} */ ("connected"), retryAt: 0, problem: null },
};

test("LIVE means that pictures go out to somebody", () => {
  const phase = (/** @type {any} */ change) => phaseOf({ ...FACTS, ...change });
  const progress = (/** @type {string} */ name) => ({ progress: { phase: name, retryAt: 0, problem: null } });
  assert.equal(phase({}), "live");
  assert.equal(phase({ wanted: false }), "paused");
  assert.equal(phase({ interrupted: true }), "paused");
  assert.equal(phase({ away: true }), "paused");
  assert.equal(phase({ away: true, ...progress("waiting") }), "reconnecting");
  assert.equal(phase({ eventsRetryAt: 1 }), "reconnecting");
  assert.equal(phase({ trouble: true }), "trouble");
  assert.equal(phase(progress("interrupted")), "reconnecting");
  assert.equal(phase(progress("waiting")), "reconnecting");
  assert.equal(phase(progress("connecting")), "reconnecting");
  assert.equal(phase({ ...progress("connecting"), before: false }), "connecting");
  assert.equal(phase({ progress: null }), "joining");
  assert.equal(phase({ started: false }), "ready");
  assert.equal(phase({ started: false, open: false }), "opening");
});

test("what holds the pictures back is said below the name", () => {
  const here = { away: false, interrupted: false, awake: true };
  assert.match(noteOf("paused", { ...here, away: true, interrupted: true }), /locked/);
  assert.match(noteOf("paused", { ...here, interrupted: true }), /call or another app/);
  assert.match(noteOf("paused", here), /when somebody looks/);
  assert.match(noteOf("live", { ...here, awake: false }), /screen may turn off/);
  assert.equal(noteOf("live", here), "");
});

test("while reconnecting, silence counts down and a refusal says its reason", () => {
  const waiting = (/** @type {any} */ problem) =>
    againOf({ eventsRetryAt: 0, progress: { phase: "waiting", retryAt: 7, problem } });
  assert.equal(waiting(null).title, "");
  assert.equal(waiting(null).retryAt, 7);
  const limit = waiting(problemOf(429, '{"code":"limit","detail":"16 phones are here"}'));
  assert.match(limit.title, /No place/);
  assert.match(limit.text, /^16 phones are here\. .*by itself/);
  assert.equal(limit.long, false);
  assert.equal(waiting(problemOf(429, '{"code":"too_many_tries"}', "30")).long, true);
  assert.match(waiting(problemOf(503, '{"code":"of a later version"}')).title, /busy/);
});

test("whatever the page tries again by itself, it says that it does", () => {
  for (const code of ["unreachable", "timeout", "limit", "busy", "server", "internal", "too_many_tries", "unheard_of"]) {
    const problem = new Problem(code, "", 503);
    const { text } = againOf({ eventsRetryAt: 0, progress: { phase: "waiting", retryAt: 0, problem } });
    assert.match(text, /by itself/, code);
  }
});

test("figures are of the time since the last reading", () => {
  const meter = new Meter();
  const report = (/** @type {number} */ timestamp, /** @type {number} */ bytesSent, /** @type {number} */ framesEncoded) =>
    /** @type {any} */ (new Map([["a", {
      type: "outbound-rtp", kind: "video", timestamp, bytesSent, framesEncoded, frameWidth: 1280, frameHeight: 720,
    }]]));
  assert.equal(meter.read(report(1000, 0, 0)), null);
  assert.deepEqual(meter.read(report(3000, 500_000, 60)), { width: 1280, height: 720, fps: 30, kbps: 2000 });
  assert.equal(meter.read(report(5000, 500_000, 60)), null, "no frames, no figures");
  assert.equal(meter.read(report(7000, 100, 3)), null, "another connection");
  assert.equal(meter.read(undefined), null);
});
