/**
 * Which of its states the page is in, and how the truth about that is told.
 *
 * Pure: from what the parts say.
 */

import { wordsFor } from "./words.js";

/** A wait of which the seconds are told, beside its reason, ms. */
const LONG_MS = 5000;

/** @typedef {"opening" | "ready" | "joining" | "connecting" | "live" | "paused" | "reconnecting" | "trouble"} Phase */

/**
 * @typedef {object} Facts
 * @property {boolean} trouble something only a person can solve
 * @property {boolean} open the camera is
 * @property {boolean} started by a tap
 * @property {boolean} joining the token is being exchanged
 * @property {import("./publisher.js").Progress | null} progress of joining, then of publishing
 * @property {boolean} before it was connected since Start
 * @property {number} eventsRetryAt when the node is asked again, 0 while it talks to us
 * @property {boolean} wanted somebody watches
 * @property {boolean} interrupted the system holds the camera back
 * @property {boolean} away the phone is locked, or shows something else
 */

/** @param {Facts} facts @returns {Phase} */
export function phaseOf(facts) {
  const { progress } = facts;
  if (facts.trouble) return "trouble";
  if (!facts.started) return facts.open ? "ready" : "opening";
  if (!progress) return "joining";
  if (facts.joining) return "reconnecting";
  if (progress.phase === "connected") {
    // The pictures may still arrive, but whoever ends or pauses them cannot say so.
    if (facts.eventsRetryAt > 0) return "reconnecting";
    return facts.wanted && !facts.interrupted && !facts.away ? "live" : "paused";
  }
  return progress.phase === "connecting" && !facts.before && !progress.problem ? "connecting" : "reconnecting";
}

const NOTES = {
  away: "The phone is locked, or shows something else. With this page in front it goes on by itself.",
  interrupted: "A call or another app has the camera. When that ends it goes on by itself.",
  unwatched: "The camera starts by itself when somebody looks.",
  asleep: "The screen may turn off, and stop the picture. Turn off battery saving, or touch it now and then.",
};

/**
 * The line below the name, where there is something to say.
 * @param {Phase} phase
 * @param {{away: boolean, interrupted: boolean, awake: boolean}} facts `awake`: the screen is kept on
 */
export function noteOf(phase, { away, interrupted, awake }) {
  if (phase === "paused" && away) return NOTES.away;
  if (phase === "paused") return interrupted ? NOTES.interrupted : NOTES.unwatched;
  return phase === "live" && !awake ? NOTES.asleep : "";
}

/**
 * What is said while the way to the node is being found again.
 * @param {Pick<Facts, "progress" | "eventsRetryAt">} facts
 */
export function againOf({ progress, eventsRetryAt }) {
  const code = progress?.problem?.code ?? "unreachable";
  const words = wordsFor(code, { detail: progress?.problem?.detail, passing: true });
  const retryAt = progress?.phase === "waiting" ? progress.retryAt : eventsRetryAt;
  // A refusal that passes has words of its own; silence counts down, and so does a long wait.
  if (code === "unreachable") return { title: "", text: words.next, retryAt, long: false };
  const long = (progress?.problem?.waitMs ?? 0) >= LONG_MS;
  return { title: words.title, text: words.again || words.next, retryAt, long };
}
