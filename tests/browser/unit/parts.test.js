import assert from "node:assert/strict";
import { test } from "node:test";
import { problemOf } from "../../../crates/web/assets/api.js";
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
  interrupted: false, progress: { phase: /** @type {const} */ ("connected"), retryAt: 0, problem: null },
};

test("LIVE means that pictures go out to somebody", () => {
  const phase = (/** @type {any} */ change) => phaseOf({ ...FACTS, ...change });
  const progress = (/** @type {string} */ name) => ({ progress: { phase: name, retryAt: 0, problem: null } });
  assert.equal(phase({}), "live");
  assert.equal(phase({ wanted: false }), "paused");
  assert.equal(phase({ interrupted: true }), "paused");
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
  assert.match(noteOf("paused", { interrupted: true, awake: true }), /phone holds/);
  assert.match(noteOf("paused", { interrupted: false, awake: true }), /when somebody looks/);
  assert.match(noteOf("live", { interrupted: false, awake: false }), /Keep the screen on/);
  assert.equal(noteOf("live", { interrupted: false, awake: true }), "");
});

test("while reconnecting, silence counts down and a refusal says its reason", () => {
  const waiting = (/** @type {any} */ problem) =>
    againOf({ eventsRetryAt: 0, progress: { phase: "waiting", retryAt: 7, problem } });
  assert.equal(waiting(null).title, "");
  assert.equal(waiting(null).retryAt, 7);
  const limit = waiting(problemOf(429, '{"code":"limit","detail":"16 phones are here"}'));
  assert.match(limit.title, /No place/);
  assert.equal(limit.text, "16 phones are here.");
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
