import assert from "node:assert/strict";
import { test } from "node:test";
import { attribute, fragment, h264Only, restartedAnswer, withStartBitrate } from "../../../crates/web/assets/sdp.js";

const ANSWER = [
  "v=0",
  "o=- 1 1 IN IP4 0.0.0.0",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  "m=video 9 UDP/TLS/RTP/SAVPF 102",
  "c=IN IP4 0.0.0.0",
  "a=mid:0",
  "a=ice-ufrag:OLD",
  "a=ice-pwd:oldoldoldoldoldoldoldold",
  "a=rtpmap:102 H264/90000",
  "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
  "a=candidate:1 1 udp 1 192.168.1.20 17480 typ host",
  "a=end-of-candidates",
  "",
].join("\r\n");

test("a fragment names its ICE session, its media and its candidates", () => {
  assert.equal(
    fragment(ANSWER, ["candidate:7 1 udp 5 10.0.0.2 4000 typ host"], true),
    [
      "a=ice-ufrag:OLD",
      "a=ice-pwd:oldoldoldoldoldoldoldold",
      "m=video 9 UDP/TLS/RTP/SAVPF 102",
      "a=mid:0",
      "a=candidate:7 1 udp 5 10.0.0.2 4000 typ host",
      "a=end-of-candidates",
      "",
    ].join("\r\n"),
  );
  assert.doesNotMatch(fragment(ANSWER, [], false), /candidate/);
});

test("an answer takes the credentials and candidates of a restart, and keeps the rest", () => {
  const restarted = restartedAnswer(
    ANSWER,
    "a=ice-ufrag:NEW\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\na=candidate:2 1 udp 1 10.1.1.1 17481 typ host\r\n",
  );
  assert.equal(attribute(restarted, "ice-ufrag"), "NEW");
  assert.equal(attribute(restarted, "ice-pwd"), "newnewnewnewnewnewnewnew");
  assert.doesNotMatch(restarted, /192\.168\.1\.20/);
  assert.match(restarted, /^a=candidate:2 .*10\.1\.1\.1 17481 typ host\r$/m);
  assert.match(restarted, /^a=rtpmap:102 H264\/90000\r$/m);
  assert.ok(restarted.endsWith("\r\n"));
});

test("the encoder begins at what a local network carries", () => {
  assert.match(withStartBitrate(ANSWER, 2500), /^a=fmtp:102 .*;x-google-start-bitrate=2500\r$/m);
  assert.equal(withStartBitrate("v=0\r\n", 2500), "v=0\r\n");
});

const codec = (/** @type {string} */ mimeType, /** @type {string} */ sdpFmtpLine = "") => ({ mimeType, sdpFmtpLine });
const h264 = (/** @type {number} */ mode, /** @type {string} */ profile) =>
  codec("video/H264", `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`);

test("only H.264 is offered, Constrained Baseline in mode 1 first", () => {
  const offered = h264Only([
    codec("video/VP8"),
    codec("video/rtx"),
    h264(1, "42001f"),
    h264(0, "42e01f"),
    h264(1, "640c1f"),
    h264(1, "42e01f"),
    h264(1, "42e034"),
  ]);
  assert.deepEqual(
    offered.map(({ sdpFmtpLine }) => /mode=(.);profile-level-id=(.*)/.exec(sdpFmtpLine)?.slice(1).join(" ")),
    ["1 42e01f", "1 42e034", "1 42001f", undefined],
  );
  assert.equal(offered.at(-1)?.mimeType, "video/rtx", "what is sent again has a stream of its own");
});

test("a browser with other profiles alone offers those, and the node says what it thinks", () => {
  assert.deepEqual(h264Only([h264(0, "42e01f"), h264(1, "640c1f")]), [h264(1, "640c1f"), h264(0, "42e01f")]);
});

test("a browser without H.264 has nothing to offer", () => {
  assert.deepEqual(h264Only([codec("video/VP8"), codec("video/AV1"), codec("video/rtx")]), []);
});
