/**
 * The receiving end of the stand-in node: a peer connection in a second page of the browser.
 *
 * Real ICE, DTLS and H.264, so the page under test cannot tell it from the node's.
 */

/** What runs inside the second page. */
const INSIDE = () => {
  /** @type {RTCPeerConnection | null} */
  let pc = null;
  const video = document.createElement("video");
  video.muted = true;
  document.documentElement.append(video);

  const line = (/** @type {string} */ sdp, /** @type {string} */ name) =>
    new RegExp(`^a=${name}:(.*?)\\r?$`, "m").exec(sdp)?.[1] ?? "";

  const gathered = async () => {
    const connection = /** @type {RTCPeerConnection} */ (pc);
    while (connection.iceGatheringState !== "complete") {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const sdp = connection.localDescription?.sdp ?? "";
    return { sdp, ice: line(sdp, "ice-ufrag") };
  };

  const take = async (/** @type {string} */ fragment) => {
    const mid = line(fragment, "mid");
    for (const found of fragment.match(/^a=candidate:.*$/gm) ?? []) {
      const candidate = found.slice(2).trim();
      await pc?.addIceCandidate({ candidate, sdpMid: mid, usernameFragment: line(fragment, "ice-ufrag") });
    }
  };

  let offered = "";
  Object.assign(window, {
    peer: {
      async answer(/** @type {string} */ offer) {
        pc?.close();
        pc = new RTCPeerConnection();
        pc.ontrack = ({ track }) => {
          video.srcObject = new MediaStream([track]);
          void video.play();
        };
        offered = offer;
        await pc.setRemoteDescription({ type: "offer", sdp: offer });
        await pc.setLocalDescription(await pc.createAnswer());
        return gathered();
      },
      trickle: take,
      async restart(/** @type {string} */ fragment) {
        const offer = offered
          .replace(/^a=ice-ufrag:.*$/m, `a=ice-ufrag:${line(fragment, "ice-ufrag")}`)
          .replace(/^a=ice-pwd:.*$/m, `a=ice-pwd:${line(fragment, "ice-pwd")}`)
          .replace(/^a=candidate:.*\r\n/gm, "");
        await pc?.setRemoteDescription({ type: "offer", sdp: offer });
        await pc?.setLocalDescription(await pc.createAnswer());
        await take(fragment);
        const { sdp, ice } = await gathered();
        const kept = sdp.split("\r\n").filter((text) => /^a=(ice-|candidate:|end-of)/.test(text));
        return { fragment: `${kept.join("\r\n")}\r\n`, ice };
      },
      async ended() {
        return pc?.getReceivers()[0]?.transport?.state === "closed";
      },
      async received() {
        for (const entry of (await pc?.getStats())?.values() ?? []) {
          if (entry.type === "inbound-rtp" && entry.kind === "video") {
            return {
              width: entry.frameWidth ?? 0,
              height: entry.frameHeight ?? 0,
              frames: entry.framesDecoded ?? 0,
              bytes: entry.bytesReceived ?? 0,
            };
          }
        }
        return { width: 0, height: 0, frames: 0, bytes: 0 };
      },
    },
  });
};

export class Peer {
  #page;

  /** @param {import("playwright-core").Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {import("playwright-core").BrowserContext} context of the phone: one browser is enough */
  static async open(context) {
    const page = await context.newPage();
    await page.evaluate(INSIDE);
    return new Peer(page);
  }

  /** @param {string} offer @returns {Promise<{sdp: string, ice: string}>} */
  answer(offer) {
    return this.#ask("answer", offer);
  }

  /** @param {string} fragment @returns {Promise<void>} */
  trickle(fragment) {
    return this.#ask("trickle", fragment);
  }

  /** @param {string} fragment @returns {Promise<{fragment: string, ice: string}>} */
  restart(fragment) {
    return this.#ask("restart", fragment);
  }

  /** Whether the other end said that it goes. @returns {Promise<boolean>} */
  ended() {
    return this.#ask("ended", "");
  }

  /** What arrives. @returns {Promise<{width: number, height: number, frames: number, bytes: number}>} */
  received() {
    return this.#ask("received", "");
  }

  /** @param {string} what @param {string} argument @returns {Promise<any>} */
  #ask(what, argument) {
    return this.#page.evaluate(
      ([name, text]) => /** @type {any} */ (window).peer[/** @type {string} */ (name)](text),
      [what, argument],
    );
  }
}
