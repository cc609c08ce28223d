import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser } from "../../../crates/web/assets/sse.js";

const STREAM = "event: state\ndata: {\"a\":1}\n\n:\n\nevent: state\r\ndata: one\r\ndata: two\r\n\r\ndata:bare\r\r";
const EVENTS = [
  { event: "state", data: '{"a":1}' },
  { event: "state", data: "one\ntwo" },
  { event: "message", data: "bare" },
];

test("events come out whole, however the stream is cut", () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) {
      events.push(...parser.push(STREAM.slice(at, at + size)));
    }
    // A return at the very end may be half of a line's end.
    events.push(...parser.push("\n"));
    assert.deepEqual(events, EVENTS, `in pieces of ${size}`);
  }
});

test("heartbeats and unknown fields are no events", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push(":\n\n: still here\n\nid: 7\nretry: 10\n\n"), []);
});

test("a mark at the beginning of the stream is skipped", () => {
  assert.deepEqual(new EventParser().push("\uFEFFdata: x\n\n"), [{ event: "message", data: "x" }]);
});

test("an event that does not end is refused at the limit and not before", () => {
  const exactly = new EventParser(16);
  assert.deepEqual(exactly.push(`data:${"x".repeat(11)}\n\n`), [{ event: "message", data: "x".repeat(11) }]);
  assert.throws(() => new EventParser(16).push(`data:${"x".repeat(12)}`), RangeError);
  const many = new EventParser(16);
  many.push("data:1234567\n");
  assert.throws(() => many.push("data:12345678\n"), RangeError);
});
