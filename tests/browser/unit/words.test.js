import assert from "node:assert/strict";
import { test } from "node:test";
import { figuresOf, watchedBy, wordsFor } from "../../../crates/web/assets/words.js";

/** Everything that the node or the page can come up with. */
const CODES = [
  "no_token", "token_used", "token_expired", "token_unknown", "too_many_tries", "not_authorized", "revoked",
  "wrong_scope", "forbidden_host", "forbidden_origin", "limit", "busy", "server", "internal", "permission",
  "permission_system", "no_camera", "camera_busy", "camera_failed", "camera_lost", "insecure", "old_browser",
  "no_h264", "unsupported_profile", "in_app", "other_tab", "no_way", "timeout", "unreachable", "browser",
  "refused",
];

test("every failure has words of its own, and a next step", () => {
  const titles = new Map();
  for (const code of CODES) {
    const words = wordsFor(code);
    for (const part of [words.title, words.text, words.next]) assert.ok(part.length > 3, code);
    assert.match(words.text, /[.!]$/, code);
    assert.match(words.next, /[.!]$/, code);
    assert.doesNotMatch(words.title + words.text + words.next, /[{}]/, code);
    titles.set(code, words.title);
  }
  const same = [["not_authorized", "revoked"], ["busy", "server"], ["busy", "internal"]];
  assert.equal(new Set(titles.values()).size, CODES.length - same.length);
});

test("a failure nobody thought of says what the node says of it", () => {
  const words = wordsFor("bad_sdp", { detail: "the offer has no video" });
  assert.equal(words.text, "The offer has no video.");
  assert.deepEqual(words.actions, ["retry"]);
});

test("the node says what is full; what is known better here stays", () => {
  assert.equal(wordsFor("limit", { detail: "16 phones are here already" }).text, "16 phones are here already.");
  assert.doesNotMatch(wordsFor("token_used", { detail: "the token is used" }).text, /token/);
});

test("the way to the permission is the phone's own", () => {
  assert.match(wordsFor("permission", { platform: "ios" }).next, /Website Settings/);
  assert.match(wordsFor("permission", { platform: "android" }).next, /Permissions/);
});

test("a page inside an app names the app and the browser to use instead", () => {
  const words = wordsFor("in_app", { platform: "ios", app: "Instagram" });
  assert.equal(words.title, "Open this page in Safari");
  assert.match(words.text, /inside Instagram/);
  assert.equal(wordsFor("in_app", { platform: "android", app: "WeChat" }).title, "Open this page in Chrome");
});

test("who watches fits into a line", () => {
  const named = (/** @type {string[]} */ ...names) => watchedBy(names.map((name) => ({ name })));
  assert.equal(named(), "Nobody is watching");
  assert.equal(named("Studio desk"), "Watched by Studio desk");
  assert.equal(named("Desk", "거실"), "Watched by Desk, 거실");
  assert.equal(named("A", "B", "C", "D"), "Watched by A, B and 2 more");
  assert.equal(named("", " "), "2 viewers");
  assert.equal(named("A", ""), "Watched by A and 1 more");
});

test("figures read as in the viewer", () => {
  assert.equal(figuresOf({ width: 1280, height: 720, fps: 29.7, kbps: 1900 }), "1280×720 · 30 fps · 1.9 Mbit/s");
});
