// Runs in every page of an end-to-end test before the page's own scripts, after
// tests/bench/peers/burned_time.js: keeps hold of its sessions, to read what they send, and can be its
// camera.
'use strict';

const e2e = (globalThis.e2e = { peers: [], canvas: null });

{
  const Session = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Session {
    constructor(...args) {
      super(...args);
      e2e.peers.push(this);
    }
  };
}

// Every outgoing stream of the sessions that live.
e2e.sent = async () => {
  const streams = [];
  for (const peer of e2e.peers.filter((each) => each.connectionState !== 'closed')) {
    const stats = await peer.getStats();
    for (const entry of stats.values()) {
      if (entry.type !== 'outbound-rtp' || entry.kind !== 'video') continue;
      streams.push({
        state: peer.connectionState,
        active: entry.active,
        frames: entry.framesEncoded ?? 0,
        keyframes: entry.keyFramesEncoded ?? 0,
        bytes: entry.bytesSent ?? 0,
        resent: entry.retransmittedPacketsSent ?? 0,
        nacks: entry.nackCount ?? 0,
        plis: entry.pliCount ?? 0,
        width: entry.frameWidth ?? 0,
        height: entry.frameHeight ?? 0,
        codec: stats.get(entry.codecId)?.sdpFmtpLine ?? '',
        target_bps: entry.targetBitrate ?? 0,
        limited: entry.qualityLimitationReason ?? '',
        encoder: entry.encoderImplementation ?? '',
        // What decides how soon a packet that was resent may be resent again.
        rtt_ms: (stats.get(entry.remoteId)?.roundTripTime ?? 0) * 1000,
      });
    }
  }
  return streams;
};

// The camera is a picture that moves, with the time of day burned in, 30 times a second.
e2e.useCanvas = (width, height) => {
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    // Asked all the same: a page with a camera is told the machine's real addresses.
    const real = await open({ video: true });
    for (const track of real.getTracks()) track.stop();
    if (!e2e.canvas) e2e.paint(width, height);
    return e2e.canvas.captureStream(30);
  };
};

e2e.paint = (width, height) => {
  e2e.canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = e2e.canvas.getContext('2d', { alpha: false });
  const interval = 1000 / 30;
  let [due, number] = [performance.now(), 0];
  const paint = () => {
    requestAnimationFrame(paint);
    // A quarter of an interval early is in time: frames of the screen come 60 times a second.
    if (performance.now() < due - interval / 4) return;
    due = Math.max(due + interval, performance.now());
    e2e.paintScene(context, number++);
  };
  paint();
};

// Sky over grass, a sun that wanders, a red block in the lower left corner: which way is up can be seen.
e2e.paintScene = (context, number) => {
  const { width, height } = context.canvas;
  context.fillStyle = '#7aa7d6';
  context.fillRect(0, 0, width, height);
  context.fillStyle = '#4c7a3d';
  context.fillRect(0, height * 0.6, width, height);
  context.fillStyle = '#f5e663';
  const [x, y] = [(number * 4) % width, height * (0.3 + 0.1 * Math.sin(number / 20))];
  context.fillRect(x, y, width / 12, width / 12);
  context.fillStyle = '#d02020';
  context.fillRect(0, height * 0.75, width / 4, height / 4);
  writeTime(context, width, height, unixUs());
};

// The phone is turned: from the next picture on its camera's is as high as it was wide.
e2e.turn = () => {
  const { width, height } = e2e.canvas;
  Object.assign(e2e.canvas, { width: height, height: width });
  return [height, width];
};
