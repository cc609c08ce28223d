/**
 * One session: a peer connection that sends the camera's pictures, and its WHIP resource.
 *
 *   offer ──POST──▶ answer    candidates ──PATCH──▶    way lost: new ICE credentials ──PATCH──▶ theirs
 *
 * Saves itself while the node knows it, and ends when it cannot be saved; whether another follows is
 * not its business.
 */

import { Problem } from "./api.js";
import { Backoff, pause } from "./backoff.js";
import { attribute, fragment, h264Only, restartedAnswer, withStartBitrate } from "./sdp.js";
import { encodingFor } from "./sender.js";
import { Whip } from "./whip.js";

/** A session that has no way for its pictures by then is given up, ms. */
const CONNECT_MS = 8000;
/** A restart that has not helped by then, ms. */
const RESTART_MS = 4000;
/** Candidates that come within this are told together, ms. */
const GATHER_MS = 20;

export class Session {
  #bearer;
  #onPhase;
  #pc;
  #abort = new AbortController();
  /** @type {Whip | null} */
  #whip = null;
  /** @type {string[]} */
  #candidates = [];
  #complete = false;
  #flushTimer = 0;
  #restarting = false;
  #retry = new AbortController();
  #seen = false;
  #settled = new AbortController();
  /** @type {(problem: Problem | null) => void} */
  #finish = () => {};
  /** @type {Promise<Problem | null>} */
  ended = new Promise((resolve) => { this.#finish = resolve; });
  sender;

  /**
   * @param {string} bearer
   * @param {MediaStreamTrack} track
   * @param {import("./sender.js").Shape} shape
   * @param {(phase: "connected" | "interrupted") => void} onPhase
   */
  constructor(bearer, track, shape, onPhase) {
    this.#bearer = bearer;
    this.#onPhase = onPhase;
    this.#pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const transceiver = this.#pc.addTransceiver(track, {
      direction: "sendonly",
      sendEncodings: [encodingFor(shape, track.getSettings())],
    });
    const codecs = h264Only(RTCRtpSender.getCapabilities("video")?.codecs ?? []);
    if (codecs.length === 0) throw new Problem("no_h264", "", 0);
    transceiver.setCodecPreferences?.(codecs);
    this.sender = transceiver.sender;
    this.#pc.onicecandidate = ({ candidate }) => this.#gathered(candidate);
    this.#pc.onconnectionstatechange = () => this.#changed();
  }

  /** @param {number} startKbps */
  async open(startKbps) {
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    const offer = this.#pc.localDescription?.sdp ?? "";
    const whip = await Whip.open(this.#bearer, offer, this.#abort.signal);
    if (this.#abort.signal.aborted) return whip.end();
    this.#whip = whip;
    await this.#pc.setRemoteDescription({ type: "answer", sdp: withStartBitrate(whip.answer, startKbps) });
    this.#flush();
    setTimeout(() => {
      if (!this.#seen) this.#finish(new Problem("no_way", "", 0));
    }, CONNECT_MS);
  }

  /** Looks at the way again: the network changed, or the page came back. */
  poke() {
    this.#retry.abort();
    if (this.#pc.connectionState === "disconnected") void this.#restart();
    else void this.#probe();
  }

  /** Whether the node still has the session; ends it here if not. */
  async #probe() {
    if (!this.#restarting) await this.#trickle([], this.#pc.iceGatheringState === "complete");
  }

  stats() {
    return this.sender.getStats();
  }

  end() {
    this.#whip?.end();
    this.#whip = null;
    this.close();
  }

  close() {
    this.#abort.abort();
    this.#retry.abort();
    this.#settled.abort();
    clearTimeout(this.#flushTimer);
    this.#pc.onicecandidate = null;
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
    this.#finish(null);
  }

  get #up() {
    return this.#pc.connectionState === "connected";
  }

  #changed() {
    const state = this.#pc.connectionState;
    if (state === "connected") {
      this.#seen = true;
      this.#settled.abort();
      this.#onPhase("connected");
    } else if (state === "disconnected") {
      this.#onPhase("interrupted");
      void this.#restart();
    } else if (state === "failed") {
      this.#finish(null);
    }
  }

  /**
   * Restarts ICE, again and again until the node answers, one way or the other. Each try offers the
   * same new credentials: the node may have taken them already and its answer been lost. Should the
   * old way come back by itself, pictures flow meanwhile.
   */
  async #restart() {
    if (this.#restarting || !this.#whip) return;
    this.#restarting = true;
    const backoff = new Backoff();
    try {
      this.#candidates = [];
      this.#complete = false;
      await this.#pc.setLocalDescription(await this.#pc.createOffer({ iceRestart: true }));
      while (!this.#abort.signal.aborted && !(await this.#offerRestart(this.#whip))) {
        this.#retry = new AbortController();
        await pause(backoff.next(), this.#retry.signal);
      }
    } catch (error) {
      this.#refused(error);
      return;
    } finally {
      this.#restarting = false;
    }
    this.#flush();
    await this.#settle();
  }

  /**
   * @param {Whip} whip
   * @returns {Promise<boolean>} the node took it
   */
  async #offerRestart(whip) {
    const told = this.#candidates.splice(0);
    try {
      const theirs = await whip.restart(this.#fragment(told, this.#complete));
      if (this.#abort.signal.aborted) return true;
      const answer = restartedAnswer(whip.answer, theirs);
      await this.#pc.setRemoteDescription({ type: "answer", sdp: answer });
      return true;
    } catch (error) {
      this.#candidates.unshift(...told);
      if (error instanceof Problem && error.passing) return false;
      throw error;
    }
  }

  /** Gives a restart time to help; a new session is the next remedy. */
  async #settle() {
    this.#settled = new AbortController();
    if (!this.#up) await pause(RESTART_MS, this.#settled.signal);
    if (this.#abort.signal.aborted) return;
    if (this.#up) this.#onPhase("connected");
    else this.#finish(null);
  }

  /** @param {RTCIceCandidate | null} candidate */
  #gathered(candidate) {
    if (candidate?.candidate) this.#candidates.push(candidate.candidate);
    else this.#complete = true;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = window.setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Tells the candidates that wait; a restart tells its own. */
  #flush() {
    const nothing = this.#candidates.length === 0 && !this.#complete;
    if (!this.#whip || this.#restarting || nothing) return;
    void this.#trickle(this.#candidates.splice(0), this.#complete);
    this.#complete = false;
  }

  /**
   * @param {string[]} candidates
   * @param {boolean} complete
   */
  async #trickle(candidates, complete) {
    const told = this.#fragment(candidates, complete);
    try {
      await this.#whip?.trickle(told);
    } catch (error) {
      // Overtaken by a restart: nobody needs those candidates any more.
      const overtaken = attribute(told, "ice-ufrag") !== attribute(this.#fragment([], false), "ice-ufrag");
      if (!(overtaken && error instanceof Problem && error.status === 412)) this.#refused(error);
    }
  }

  /**
   * @param {string[]} candidates
   * @param {boolean} complete
   */
  #fragment(candidates, complete) {
    return fragment(this.#pc.localDescription?.sdp ?? "", candidates, complete);
  }

  /** @param {unknown} error */
  #refused(error) {
    // No answer: the way is watched by ICE. A session that is gone, or an ICE session that is not
    // the node's any more, is replaced; other refusals would come again.
    if (error instanceof Problem && error.passing) return;
    const lasting = error instanceof Problem && ["not_authorized", "wrong_scope"].includes(error.code);
    this.#finish(lasting ? error : null);
  }
}
