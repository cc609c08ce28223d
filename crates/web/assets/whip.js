/**
 * The HTTP side of a WHIP session (RFC 9725): POST an offer, PATCH candidates and restarts, DELETE.
 *
 * Knows nothing of peer connections; keeps the session's address and the tag of its ICE session.
 */

import { request } from "./api.js";

const FRAGMENT = "application/trickle-ice-sdpfrag";
/** A try on a connection that may be dead, ms: short, so that the next opens a new one. */
const PATCH_MS = 1500;

export class Whip {
  #bearer;
  #address;
  #tag;
  /** The node's answer, as it stood at the beginning. */
  answer;

  /**
   * @param {string} bearer
   * @param {string} address
   * @param {string} tag
   * @param {string} answer
   */
  constructor(bearer, address, tag, answer) {
    this.#bearer = bearer;
    this.#address = address;
    this.#tag = tag;
    this.answer = answer;
  }

  /**
   * Opens a session.
   * @param {string} bearer
   * @param {string} offer
   * @param {AbortSignal} signal
   * @throws {import("./api.js").Problem}
   */
  static async open(bearer, offer, signal) {
    const response = await request("/whip", {
      method: "POST",
      bearer,
      type: "application/sdp",
      headers: { Accept: "application/sdp" },
      body: offer,
      timeoutMs: 5000,
      signal,
    });
    const answer = await response.text();
    const address = new URL(response.headers.get("Location") ?? "", location.href);
    if (address.origin !== location.origin) throw new TypeError("the session is elsewhere");
    return new Whip(bearer, address.pathname, response.headers.get("ETag") ?? "", answer);
  }

  /**
   * Tells more candidates of the current ICE session.
   * @param {string} fragment
   * @throws {import("./api.js").Problem} `not_found` when the session has ended
   */
  async trickle(fragment) {
    await this.#patch(fragment, this.#tag);
  }

  /**
   * Restarts ICE with our new credentials.
   * @param {string} fragment
   * @returns {Promise<string>} the node's, as a fragment
   * @throws {import("./api.js").Problem}
   */
  async restart(fragment) {
    const response = await this.#patch(fragment, "*");
    const theirs = await response.text();
    this.#tag = response.headers.get("ETag") ?? this.#tag;
    return theirs;
  }

  /** Ends it; also while the page is being closed. */
  end() {
    request(this.#address, { method: "DELETE", bearer: this.#bearer, keepalive: true }).catch(() => {});
  }

  /**
   * @param {string} fragment
   * @param {string} tag
   */
  #patch(fragment, tag) {
    return request(this.#address, {
      method: "PATCH",
      bearer: this.#bearer,
      type: FRAGMENT,
      headers: { "If-Match": tag },
      body: fragment,
      timeoutMs: PATCH_MS,
    });
  }
}
