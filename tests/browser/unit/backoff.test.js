import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff, LONGEST_MS, pause } from "../../../crates/web/assets/backoff.js";

test("the first retry is at once, later ones wait longer and never too long", () => {
  const backoff = new Backoff(() => 1);
  const waits = Array.from({ length: 20 }, () => backoff.next());
  assert.equal(waits[0], 0);
  assert.equal(waits[1], 250);
  for (let at = 1; at < waits.length; at += 1) assert.ok(Number(waits[at]) >= Number(waits[at - 1]));
  assert.equal(waits.at(-1), LONGEST_MS);
});

test("many phones that lost the same node do not come back in step", () => {
  const early = new Backoff(() => 0);
  const late = new Backoff(() => 1);
  early.next();
  late.next();
  assert.ok(early.next() < late.next());
});

test("while an interruption is young the next try is never a second away", () => {
  const backoff = new Backoff(() => 1);
  const young = [0, 1, 2, 3].map(() => backoff.next());
  assert.ok(Math.max(...young) < 1000, String(young));
});

test("after a success it begins anew", () => {
  const backoff = new Backoff();
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 0);
});

test("a wait ends when there is no need for it", async () => {
  const abort = new AbortController();
  const waited = pause(3_600_000, abort.signal);
  abort.abort();
  await waited;
});
