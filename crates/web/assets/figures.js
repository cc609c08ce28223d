/**
 * What is really being sent, from the connection's own counters.
 */

/** @typedef {{width: number, height: number, fps: number, kbps: number}} Figures */

export class Meter {
  #bytes = 0;
  #frames = 0;
  #at = 0;

  /**
   * @param {RTCStatsReport | undefined} report of the sender
   * @returns {Figures | null} of the time since the last reading; null without pictures
   */
  read(report) {
    /** @type {any} */
    let sent = null;
    report?.forEach((entry) => {
      if (entry.type === "outbound-rtp" && entry.kind === "video") sent = entry;
    });
    if (!sent) {
      this.#at = 0;
      return null;
    }
    const seconds = (sent.timestamp - this.#at) / 1000;
    const bytes = sent.bytesSent - this.#bytes;
    const frames = sent.framesEncoded - this.#frames;
    const first = this.#at === 0 || bytes < 0 || seconds <= 0;
    this.#at = sent.timestamp;
    this.#bytes = sent.bytesSent;
    this.#frames = sent.framesEncoded;
    if (first || frames <= 0 || !sent.frameWidth) return null;
    return {
      width: sent.frameWidth,
      height: sent.frameHeight,
      fps: frames / seconds,
      kbps: (bytes * 8) / 1000 / seconds,
    };
  }
}
