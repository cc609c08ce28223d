import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Problem } from "../../../crates/web/assets/api.js";
import { forgetAttempt, join } from "../../../crates/web/assets/join.js";

const TOKEN = "k7Qp2Aks-_91xAWq5T0nMg";

/** @type {{token: string, name: string, scope: string, credential: string}[]} what was asked */
const asked = [];
/** @type {() => Promise<Response>} */
let answer = () => Promise.reject(new TypeError("nobody answers"));

/** @type {() => Promise<Response>} what `/api/me` answers */
let me = answer;
/** @type {(string | null)[]} which credentials it was shown */
const shown = [];

/** The node, as far as it is reached. @type {(path: unknown, asked: any) => Promise<Response>} */
const reach = (path, { body, headers }) => {
  if (path === "/api/me") {
    shown.push(headers.get("Authorization"));
    return me();
  }
  asked.push(JSON.parse(body));
  return answer();
};
globalThis.fetch = /** @type {any} */ (reach);

const lost = () => Promise.reject(new TypeError("Failed to fetch"));
const says = (/** @type {unknown} */ told, status = 200) => () => Promise.resolve(Response.json(told, { status }));

/** @param {string} token */
const fails = async (token) => {
  const failed = await join(token, "Kitchen").then(() => null, (error) => error);
  assert.ok(failed instanceof Problem);
  return failed;
};

beforeEach(() => {
  forgetAttempt();
  asked.length = 0;
  shown.length = 0;
});

test("a join that is asked for again is the same join", async () => {
  answer = lost;
  assert.equal((await fails(TOKEN)).passing, true);
  answer = says({ code: "busy" }, 503);
  assert.equal((await fails(TOKEN)).passing, true);
  answer = () => Promise.resolve(Response.json({ credential: asked[0]?.credential, id: "1", name: "Kitchen" }));
  assert.equal(await join(TOKEN, "Kitchen"), asked[0]?.credential);
  assert.equal(asked.length, 3);
  for (const one of asked) assert.deepEqual(one, asked[0]);
  assert.deepEqual({ ...asked[0], credential: "" }, { token: TOKEN, name: "Kitchen", scope: "publish", credential: "" });
});

test("a phone draws 256 bits, as 43 characters of base64url", async () => {
  answer = lost;
  const drawn = new Set();
  for (let at = 0; at < 200; at += 1) {
    forgetAttempt();
    await fails(TOKEN);
    const credential = asked.at(-1)?.credential ?? "";
    assert.match(credential, /^[A-Za-z0-9_-]{43}$/);
    const bytes = Buffer.from(credential, "base64url");
    assert.equal(bytes.length, 32);
    assert.equal(bytes.toString("base64url"), credential, "in the one way to write them");
    drawn.add(credential);
  }
  assert.equal(drawn.size, 200, "another at each join");
});

test("a phone is the same with another code, until it was answered", async () => {
  answer = lost;
  await fails(TOKEN);
  await fails("the-next-code-of-the-screen");
  assert.equal(asked[0]?.credential, asked[1]?.credential);
  assert.notEqual(asked[0]?.token, asked[1]?.token);
  forgetAttempt();
  await fails(TOKEN);
  assert.notEqual(asked[0]?.credential, asked[2]?.credential);
});

test("a code that is used is asked about only by a phone that may have used it", async () => {
  const used = says({ code: "token_used" }, 401);
  answer = used;
  assert.equal((await fails(TOKEN)).code, "token_used");
  assert.deepEqual(shown, [], "somebody else used it");
  const { credential = "" } = asked[0] ?? {};
  me = says({ id: "1", name: "Kitchen", scope: "publish" });
  assert.equal(await join(TOKEN, "Kitchen"), credential);
  me = says({ code: "not_authorized" }, 401);
  assert.equal((await fails(TOKEN)).code, "token_used");
  me = lost;
  assert.equal((await fails(TOKEN)).passing, true, "nobody knows yet");
  assert.deepEqual(shown, [credential, credential, credential].map((one) => `Bearer ${one}`));
});

test("the node has the last word on the credential", async () => {
  answer = says({ credential: "drawn-by-an-older-node", id: "1", name: "Kitchen" });
  assert.equal(await join(TOKEN, "Kitchen"), "drawn-by-an-older-node");
});

test("an answer that makes no sense is asked for again", async () => {
  for (const told of [{}, null, { credential: 5 }, { credential: "" }]) {
    answer = says(told);
    assert.equal((await fails(TOKEN)).passing, true, JSON.stringify(told));
  }
  answer = () => Promise.resolve(new Response("<html>"));
  assert.equal((await fails(TOKEN)).passing, true);
});
