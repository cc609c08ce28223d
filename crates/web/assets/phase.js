/**
 * Which of its states the page is in, and how the truth about that is told.
 *
 * Pure: from what the parts say.
 */

import { wordsFor } from "./words.js";

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
    return facts.wanted && !facts.interrupted ? "live" : "paused";
  }
  return progress.phase === "connecting" && !facts.before && !progress.problem ? "connecting" : "reconnecting";
}

/**
 * The line below the name, where there is something to say.
 * @param {Phase} phase
 * @param {{interrupted: boolean, awake: boolean}} facts `awake`: the screen is kept on
 */
export function noteOf(phase, { interrupted, awake }) {
  if (phase === "paused" && interrupted) return "The phone holds the camera back. It goes on by itself.";
  if (phase === "paused") return "The camera starts by itself when somebody looks.";
  if (phase === "live" && !awake) return "Keep the screen on: this browser may let the phone lock.";
  return "";
}

/**
 * What is said while the way to the node is being found again.
 * @param {Pick<Facts, "progress" | "eventsRetryAt">} facts
 */
export function againOf({ progress, eventsRetryAt }) {
  const code = progress?.problem?.code ?? "unreachable";
  const words = wordsFor(code, { detail: progress?.problem?.detail });
  const retryAt = progress?.phase === "waiting" ? progress.retryAt : eventsRetryAt;
  // A refusal that passes has words of its own; silence counts down.
  if (code === "unreachable") return { title: "", text: words.next, retryAt };
  return { title: words.title, text: code === "no_way" ? words.next : words.text, retryAt };
}
