/**
 * How a phone comes in: the token of a scanned code, once, for a credential of its own.
 *
 * The phone draws that credential itself and keeps it from before it asks. An answer that is lost
 * costs nothing then: the same credential is the same phone, however often it asks, also after a
 * reload or with another code.
 */

import { Problem, request } from "./api.js";
import * as store from "./store.js";

/** How long one try may take, ms. */
const JOIN_MS = 5000;

const TOKEN = /^[A-Za-z0-9_-]{8,128}$/;
/** 256 random bits in base64url. */
const CREDENTIAL = /^[A-Za-z0-9_-]{43}$/;

/**
 * The token of the scanned code.
 * @param {string} hash location.hash
 */
export function tokenIn(hash) {
  const token = hash.slice(1);
  return TOKEN.test(token) ? token : "";
}

/** The token to join with: of the code that was scanned last, or else of a join that nobody answered. */
export function tokenHere() {
  return tokenIn(location.hash) || attempted().token;
}

/** Takes the token out of the address bar and the history: nobody can read it there, or send it on. */
export function forgetToken() {
  history.replaceState(null, "", location.pathname + location.search);
}

/**
 * Exchanges the token, which is used up by that for everybody else. To be called again after a problem
 * that passes: it is the same join then.
 * @param {string} token
 * @param {string} name what the camera shall be called
 * @returns {Promise<string>} the credential from now on: what the node says it is
 * @throws {Problem}
 */
export async function join(token, name) {
  const asked = attempted().credential !== "";
  const credential = credentialFor(token);
  const json = { token, name, scope: "publish", credential };
  try {
    const response = await request("/api/join", { method: "POST", json, timeoutMs: JOIN_MS });
    const joined = await response.json().catch(() => null);
    if (!joined?.credential || typeof joined.credential !== "string") throw new Problem("server", "", 0);
    return joined.credential;
  } catch (error) {
    const refused = error instanceof Problem && error.code.startsWith("token_");
    // The code ran out before an answer came through; the phone may be in all the same.
    if (refused && asked && (await isIn(credential))) return credential;
    throw error;
  }
}

/**
 * Whether the node let in whoever shows this.
 * @param {string} credential
 * @throws {Problem} that passes: nobody knows yet
 */
async function isIn(credential) {
  try {
    return (await whoAmI(credential)).scope === "publish";
  } catch (error) {
    if (error instanceof Problem && !error.passing) return false;
    throw error;
  }
}

/** A definite answer came: the next join is another one. */
export function forgetAttempt() {
  store.attempt.set("");
}

/** @returns {{token: string, credential: string}} both "" where no join is under way */
function attempted() {
  const [token = "", credential = ""] = store.attempt.get().split(".");
  const whole = TOKEN.test(token) && CREDENTIAL.test(credential);
  return whole ? { token, credential } : { token: "", credential: "" };
}

/**
 * What this phone shall show from now on if the token is taken: the same at each try, and with each
 * code until the node has answered.
 * @param {string} token
 */
function credentialFor(token) {
  const credential = attempted().credential || drawn();
  store.attempt.set(`${token}.${credential}`);
  return credential;
}

/** 256 random bits in base64url, without padding. */
function drawn() {
  const bytes = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}

/**
 * Who the node takes us for.
 * @param {string} credential
 * @returns {Promise<{id: string, name: string, scope: "publish" | "watch"}>}
 * @throws {import("./api.js").Problem}
 */
export async function whoAmI(credential) {
  const response = await request("/api/me", { bearer: credential, timeoutMs: 3000 });
  return response.json();
}

/**
 * @param {string} credential
 * @param {string} name
 */
export async function rename(credential, name) {
  await request("/api/name", { method: "PUT", bearer: credential, json: { name } });
}

/**
 * Tells how the phone is. Outlives the page, because it is mostly sent when the page goes.
 * @param {string} credential
 * @param {{hidden: boolean, battery: number | null, charging: boolean | null}} report
 */
export async function report(credential, report) {
  await request("/api/report", { method: "POST", bearer: credential, json: report, keepalive: true })
    .catch(() => {});
}
