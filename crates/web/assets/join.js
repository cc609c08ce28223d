/**
 * How a phone comes in: the token of a scanned code, once, for a credential of its own.
 */

import { request } from "./api.js";

/**
 * The token of the scanned code.
 * @param {string} hash location.hash
 */
export function tokenIn(hash) {
  const token = hash.slice(1);
  return /^[A-Za-z0-9_-]{8,128}$/.test(token) ? token : "";
}

/** Takes the token out of the address bar and the history: nobody can read it there, or send it on. */
export function forgetToken() {
  history.replaceState(null, "", location.pathname + location.search);
}

/**
 * Exchanges the token. It is used up by that.
 * @param {string} token
 * @param {string} name what the camera shall be called
 * @returns {Promise<{credential: string, name: string}>}
 * @throws {import("./api.js").Problem}
 */
export async function join(token, name) {
  const response = await request("/api/join", { method: "POST", json: { token, name } });
  return response.json();
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
