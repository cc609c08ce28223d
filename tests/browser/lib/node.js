/**
 * A stand-in for the node that serves the page: its HTTP surface over a self-signed certificate, as
 * little behind it as the page needs, and a handle to make it misbehave.
 *
 * Speaks HTTP/1.1 like the real one. What answers offers is given from outside: `peer.js` does.
 */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ASSETS = fileURLToPath(new URL("../../../crates/web/assets/", import.meta.url));

const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
});

/** Pages, and what stands in for what the node writes into them. */
const PAGES = /** @type {Record<string, {name: string, filled?: Record<string, string>}>} */ ({
  "/": { name: "index.html" },
  "/trust": {
    name: "trust.html",
    filled: { fingerprint: Array.from({ length: 32 }, (_, at) => ((at * 37 + 11) % 256).toString(16).padStart(2, "0").toUpperCase()).join(":") },
  },
  "/refused": {
    name: "refused.html",
    filled: {
      title: "This address is not the computer’s",
      detail: "The page was opened under a name that the computer does not know itself by.",
      next: "Scan the code on its screen: it has the right address.",
    },
  },
});

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "media-src 'self' blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

/** @typedef {import("node:http").IncomingMessage} Asked */
/** @typedef {import("node:http").ServerResponse} Answer */

/**
 * @typedef {object} Peer
 * @property {(offer: string) => Promise<{sdp: string, ice: string}>} answer
 * @property {(fragment: string) => Promise<void>} trickle
 * @property {(fragment: string) => Promise<{fragment: string, ice: string}>} restart
 */

export class Node {
  /** What the phone was told last. */
  state = { camera: null, name: "", wanted: true, kbps: 4000, viewers: [{ name: "Studio desk" }] };
  /** @type {{path: string, code: string, status: number, detail?: string} | null} refuses a path */
  refuse = null;
  /** Answers nothing at all: connections are cut. */
  dead = false;
  /** How many answers to joins are lost on their way: what was asked for is done. */
  losesJoins = 0;
  /** The five minutes of the code are over. */
  tokenIsOld = false;
  /** An older node, which does not know that a phone can draw its credential itself. */
  drawsCredentials = false;
  /** @type {any[]} */
  reports = [];
  /** @type {string[]} what was asked, as "METHOD path → status" */
  log = [];
  /** @type {Peer | null} */
  peer = null;
  credential = "";
  /** How many phones came in by the code. */
  joined = 0;
  /** @type {{key: string, tag: string} | null} */
  session = null;
  #token = randomBytes(16).toString("base64url");
  #used = false;
  /** @type {Set<Answer>} */
  #streams = new Set();
  /** @type {Set<import("node:stream").Duplex>} */
  #sockets = new Set();
  #server;
  #beat;
  port = 0;

  /** @param {string} [host] the address to be found at */
  constructor(host = "127.0.0.1") {
    this.host = host;
    const { key, cert } = selfSigned(host);
    this.#server = https.createServer({ key, cert }, (asked, answer) => {
      this.#serve(asked, answer).catch(() => answer.destroy());
    });
    this.#server.on("connection", (socket) => {
      if (this.dead) return socket.destroy();
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#beat = setInterval(() => this.#streams.forEach((stream) => stream.write(":\n\n")), 2000);
  }

  async listen(port = this.port) {
    await new Promise((resolve) => this.#server.listen(port, this.host, () => resolve(null)));
    this.port = /** @type {import("node:net").AddressInfo} */ (this.#server.address()).port;
  }

  /** The link with the token, as in the code. */
  get link() {
    return `https://${this.host}:${this.port}/#${this.#token}`;
  }

  /** The page without a token. */
  get page() {
    return `https://${this.host}:${this.port}/`;
  }

  /** @param {Partial<Node["state"]>} change */
  tell(change) {
    Object.assign(this.state, change);
    for (const stream of this.#streams) this.#event(stream);
  }

  /** Shows another code. */
  renew() {
    this.#token = randomBytes(16).toString("base64url");
    this.#used = false;
  }

  /** Another run of the node: sessions are forgotten, credentials are not. */
  restart() {
    this.session = null;
    this.state.camera = null;
    this.cut();
  }

  /** Cuts every connection. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
    this.#streams.clear();
  }

  async close() {
    clearInterval(this.#beat);
    this.cut();
    await new Promise((resolve) => this.#server.close(() => resolve(null)));
  }

  /** @param {Asked} asked @param {Answer} answer */
  async #serve(asked, answer) {
    const path = new URL(asked.url ?? "/", "https://node").pathname;
    answer.on("finish", () => this.log.push(`${asked.method} ${path} → ${answer.statusCode}`));
    const refuse = this.refuse;
    if (refuse && path.startsWith(refuse.path)) {
      return problem(answer, refuse.status, refuse.code, refuse.detail);
    }
    if (PAGES[path] || path.startsWith("/assets/")) return file(path, answer);
    const body = await text(asked);
    if (path === "/api/join") return this.#join(JSON.parse(body), answer);
    if (!this.credential || asked.headers.authorization !== `Bearer ${this.credential}`) {
      return problem(answer, 401, "not_authorized");
    }
    if (path === "/api/me") return json(answer, { id: "1", name: this.state.name, scope: "publish" });
    if (path === "/api/events") return this.#follow(answer);
    if (path === "/api/name") this.tell({ name: JSON.parse(body).name });
    else if (path === "/api/report") this.reports.push(JSON.parse(body));
    else if (path === "/whip") return this.#publish(body, answer);
    else if (path.startsWith("/whip/")) return this.#session(asked, path.slice(6), body, answer);
    else return problem(answer, 404, "not_found");
    answer.writeHead(204).end();
  }

  /** @param {{token: string, name: string, scope: string, credential: string}} wish @param {Answer} answer */
  #join({ token, name, scope, credential }, answer) {
    if (token !== this.#token) return problem(answer, 401, "token_unknown");
    if (scope !== "publish" || !/^[A-Za-z0-9_-]{43}$/.test(credential)) return problem(answer, 400, "bad_request");
    const known = credential === this.credential && !this.drawsCredentials;
    if (this.#used && (!known || this.tokenIsOld)) return problem(answer, 401, "token_used");
    this.#used = true;
    if (!known) this.joined += 1;
    this.credential = this.drawsCredentials ? randomBytes(32).toString("base64url") : credential;
    this.state.name = name;
    if (this.losesJoins > 0) {
      this.losesJoins -= 1;
      this.log.push("POST /api/join → lost");
      return answer.destroy();
    }
    return json(answer, { credential: this.credential, id: "1", name });
  }

  /** @param {Answer} answer */
  #follow(answer) {
    answer.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    this.#streams.add(answer);
    answer.on("close", () => this.#streams.delete(answer));
    this.#event(answer);
  }

  /** @param {Answer} stream */
  #event(stream) {
    stream.write(`event: state\ndata: ${JSON.stringify(this.state)}\n\n`);
  }

  /** @param {string} offer @param {Answer} answer */
  async #publish(offer, answer) {
    if (!this.peer) return problem(answer, 503, "busy");
    const { sdp, ice } = await this.peer.answer(offer);
    this.session = { key: randomBytes(16).toString("hex"), tag: `"${ice}"` };
    answer.writeHead(201, {
      "Content-Type": "application/sdp",
      Location: `/whip/${this.session.key}`,
      ETag: this.session.tag,
      "Accept-Patch": "application/trickle-ice-sdpfrag",
    });
    answer.end(sdp);
  }

  /** @param {Asked} asked @param {string} key @param {string} body @param {Answer} answer */
  async #session(asked, key, body, answer) {
    const { session, peer } = this;
    if (!session || session.key !== key || !peer) return problem(answer, 404, "not_found");
    if (asked.method === "DELETE") {
      this.session = null;
      return answer.writeHead(200).end();
    }
    if (asked.headers["if-match"] === "*") {
      const { fragment, ice } = await peer.restart(body);
      session.tag = `"${ice}"`;
      answer.writeHead(200, { "Content-Type": "application/trickle-ice-sdpfrag", ETag: session.tag });
      return answer.end(fragment);
    }
    if (!asked.headers["if-match"]) return problem(answer, 428, "bad_request");
    if (asked.headers["if-match"] !== session.tag) return problem(answer, 412, "bad_request");
    await peer.trickle(body);
    return answer.writeHead(204).end();
  }
}

/** @param {Answer} answer @param {unknown} value */
function json(answer, value) {
  answer.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
}

/** @param {Answer} answer @param {number} status @param {string} code @param {string} [detail] */
function problem(answer, status, code, detail = "") {
  answer.writeHead(status, { "Content-Type": "application/problem+json" });
  answer.end(JSON.stringify({ type: "about:blank", title: code, status, detail, code }));
}

/** @param {string} path @param {Answer} answer */
function file(path, answer) {
  const { name, filled } = PAGES[path] ?? { name: path.slice(8) };
  let body;
  try {
    if (!/^[a-z0-9-]+\.[a-z0-9]+$/.test(name)) throw new RangeError(name);
    body = readFileSync(join(ASSETS, name));
    for (const [key, text] of Object.entries(filled ?? {})) {
      body = Buffer.from(body.toString().replaceAll(`{{${key}}}`, text));
    }
  } catch {
    return problem(answer, 404, "not_found");
  }
  answer.writeHead(200, {
    "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
  });
  answer.end(body);
}

/** @param {Asked} asked */
async function text(asked) {
  let body = "";
  for await (const piece of asked) body += piece;
  return body;
}

/** A certificate that no browser trusts, made for the run. */
function selfSigned(/** @type {string} */ host) {
  const folder = mkdtempSync(join(tmpdir(), "lanlens-certificate-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "30", "-subj", "/CN=lanlens test", "-addext", `subjectAltName=IP:${host}`,
        "-addext", "extendedKeyUsage=serverAuth", "-keyout", key, "-out", cert,
      ],
      { stdio: "pipe" },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
