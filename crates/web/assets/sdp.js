/**
 * The few things that are done to session descriptions as text: fragments for trickle and restart
 * (RFC 8840, RFC 9725 section 4.3), and which H.264 is offered.
 *
 * Pure: strings in, strings out.
 */

/** Joins lines as SDP wants them. */
const text = (/** @type {string[]} */ lines) => lines.map((line) => `${line}\r\n`).join("");

/** The lines of a description or fragment. */
const linesOf = (/** @type {string} */ sdp) => sdp.split(/\r?\n/).filter((line) => line !== "");

/**
 * The value of the first `a=NAME:` line.
 * @param {string} sdp
 * @param {string} name
 */
export function attribute(sdp, name) {
  const start = `a=${name}:`;
  return linesOf(sdp).find((line) => line.startsWith(start))?.slice(start.length) ?? "";
}

/**
 * A fragment that tells candidates of the ICE session of `sdp`.
 * @param {string} sdp our own description
 * @param {string[]} candidates `candidate:…` as the browser gives them
 * @param {boolean} complete no more will come
 */
export function fragment(sdp, candidates, complete) {
  const media = linesOf(sdp).find((line) => line.startsWith("m=")) ?? "m=video 9 UDP/TLS/RTP/SAVPF 0";
  return text([
    `a=ice-ufrag:${attribute(sdp, "ice-ufrag")}`,
    `a=ice-pwd:${attribute(sdp, "ice-pwd")}`,
    media,
    `a=mid:${attribute(sdp, "mid")}`,
    ...candidates.map((candidate) => `a=${candidate}`),
    ...(complete ? ["a=end-of-candidates"] : []),
  ]);
}

/**
 * The node's answer as it stands after a restart of ICE: the old one with the new credentials and
 * candidates of `restarted`.
 * @param {string} answer
 * @param {string} restarted the fragment that answered the restart
 */
export function restartedAnswer(answer, restarted) {
  const ufrag = attribute(restarted, "ice-ufrag");
  const pwd = attribute(restarted, "ice-pwd");
  const ours = linesOf(restarted).filter(isCandidate);
  const lines = linesOf(answer).filter((line) => !isCandidate(line)).map((line) =>
    line.startsWith("a=ice-ufrag:") ? `a=ice-ufrag:${ufrag}`
    : line.startsWith("a=ice-pwd:") ? `a=ice-pwd:${pwd}`
    : line,
  );
  // One bundle, one media section: what stands at the end belongs to it.
  return text([...lines, ...ours]);
}

const isCandidate = (/** @type {string} */ line) =>
  line.startsWith("a=candidate:") || line === "a=end-of-candidates";

/**
 * Makes the browser begin at `kbps` in place of its guess for the internet, about 300: on a local
 * network the first pictures may be good ones. Browsers that don't know the parameter ignore it.
 * @param {string} answer
 * @param {number} kbps
 */
export function withStartBitrate(answer, kbps) {
  const payload = /^a=rtpmap:(\d+) H264\//im.exec(answer)?.[1];
  if (!payload) return answer;
  return text(linesOf(answer).map((line) =>
    line.startsWith(`a=fmtp:${payload} `) ? `${line};x-google-start-bitrate=${Math.round(kbps)}` : line,
  ));
}

/**
 * The codecs to offer, best first: Constrained Baseline in packetization mode 1, which everything
 * decodes; what else there is of H.264 only where that is missing. With them the stream of its own for
 * what is sent again (RTX, RFC 4588): without it a browser puts its padding into the video's own sequence,
 * where each packet lost is one that can never be had again. Empty without any H.264.
 * @template {{mimeType: string, sdpFmtpLine?: string}} Codec
 * @param {Codec[]} codecs
 * @returns {Codec[]}
 */
export function h264Only(codecs) {
  const found = codecs.filter((codec) => codec.mimeType.toLowerCase() === "video/h264");
  const ranked = found
    .map((codec) => ({ codec, rank: rankOf(codec.sdpFmtpLine ?? "") }))
    .sort((a, b) => a.rank - b.rank);
  const baseline = ranked.filter(({ rank }) => rank < OTHER);
  const best = (baseline.length > 0 ? baseline : ranked).map(({ codec }) => codec);
  const repairs = codecs.filter((codec) => codec.mimeType.toLowerCase() === "video/rtx");
  return best.length > 0 ? [...best, ...repairs] : [];
}

/** The rank from which a codec is not Baseline in mode 1. */
const OTHER = 3;

const rankOf = (/** @type {string} */ fmtp) => {
  const mode = /packetization-mode=(\d)/.exec(fmtp)?.[1] ?? "0";
  const profile = /profile-level-id=([0-9a-f]{6})/i.exec(fmtp)?.[1]?.toLowerCase() ?? "";
  if (mode !== "1") return OTHER + 1;
  if (profile === "42e01f") return 0;
  if (profile.startsWith("42e0") || profile.startsWith("42c0")) return 1;
  return profile.startsWith("42") ? 2 : OTHER;
};
