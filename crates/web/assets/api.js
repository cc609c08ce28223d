/**
 * Requests to the node that served this page, and how its refusals are told apart.
 *
 * Knows HTTP and nothing of cameras or sessions. A request that gets no answer in time fails like
 * one that cannot be sent: for the person at the phone both are "the computer does not answer".
 */

/** How long an ordinary request may take, ms. */
const TIMEOUT_MS = 8000;

/** The longest wait that the node may ask for, s. */
const WAIT_MAX_S = 60;

/** Codes of refusals that the same request may outlive, whatever their status. */
const PASSING = new Set(["unreachable", "no_way", "timeout", "busy", "limit", "server", "internal"]);
/** Statuses below 500 that say the same: too slow, too early, too much. */
const PASSING_STATUSES = new Set([408, 425, 429]);

/** Why a request was refused, or got no answer. */
export class Problem extends Error {
  /**
   * @param {string} code one of the node's codes, or one of the page's own
   * @param {string} detail a sentence for people; may be empty
   * @param {number} status the HTTP status, 0 without an answer
   * @param {number} [waitMs] how long the node asks to wait
   */
  constructor(code, detail, status, waitMs = 0) {
    super(detail || code);
    this.name = "Problem";
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.waitMs = waitMs;
  }

  /** Whether trying the same again later makes sense. */
  get passing() {
    return PASSING.has(this.code) || PASSING_STATUSES.has(this.status) || this.status >= 500;
  }
}

/**
 * What a refusal says, from its status and body (RFC 9457).
 * @param {number} status
 * @param {string} body
 * @param {string | null} [retryAfter] the header, in seconds
 * @returns {Problem}
 */
export function problemOf(status, body, retryAfter = null) {
  let told = /** @type {{code?: unknown, detail?: unknown}} */ ({});
  try {
    told = JSON.parse(body) ?? {};
  } catch {
    // Not ours: a proxy's page, or nothing.
  }
  const detail = typeof told.detail === "string" ? told.detail.slice(0, 400) : "";
  const waitMs = Math.min(Math.max(Number(retryAfter) || 0, 0), WAIT_MAX_S) * 1000;
  // A body that came too slowly says nothing against what it would have said.
  if (status === 408) return new Problem("timeout", detail, status, waitMs);
  if (typeof told.code === "string") return new Problem(told.code, detail, status, waitMs);
  const code =
    status === 401 ? "not_authorized"
    : status === 404 ? "not_found"
    : status === 429 ? "limit"
    : status >= 500 ? "server"
    : "refused";
  return new Problem(code, detail, status, waitMs);
}

/**
 * @typedef {object} Asked
 * @property {string} [method]
 * @property {string} [bearer] the phone's credential
 * @property {unknown} [json] a body
 * @property {string} [body] a body of the type `type`
 * @property {string} [type]
 * @property {Record<string, string>} [headers]
 * @property {number} [timeoutMs]
 * @property {boolean} [streams] the answer's body has no end: only its head is waited for
 * @property {boolean} [keepalive] the request outlives the page
 * @property {AbortSignal} [signal]
 */

/**
 * Sends one request and waits for its answer, to the last byte.
 * @param {string} path on our own origin
 * @param {Asked} [asked]
 * @returns {Promise<Response>} an answer with a 2xx status
 * @throws {Problem}
 */
export async function request(path, asked = {}) {
  const headers = new Headers(asked.headers);
  if (asked.bearer) headers.set("Authorization", `Bearer ${asked.bearer}`);
  if (asked.json !== undefined) headers.set("Content-Type", "application/json");
  else if (asked.type) headers.set("Content-Type", asked.type);
  const abort = new AbortController();
  const cancel = () => abort.abort();
  // Stays: the body of an answer may stream, and ends with the caller's signal too.
  asked.signal?.addEventListener("abort", cancel, { once: true });
  const timer = setTimeout(cancel, asked.timeoutMs ?? TIMEOUT_MS);
  try {
    const response = await fetch(path, {
      method: asked.method ?? "GET",
      headers,
      body: asked.json === undefined ? asked.body : JSON.stringify(asked.json),
      keepalive: asked.keepalive ?? false,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: abort.signal,
    });
    if (response.ok && asked.streams) return response;
    const body = await response.text();
    if (response.ok) {
      const { status, headers: told } = response;
      return new Response(body || null, { status, headers: told });
    }
    throw problemOf(response.status, body, response.headers.get("Retry-After"));
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem("unreachable", "", 0);
  } finally {
    clearTimeout(timer);
  }
}
