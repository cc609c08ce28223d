// One end of a plain WebRTC session, as any browser application has it: default settings, H.264
// preferred. The harness (src/peers) calls these functions through the DevTools protocol and carries the
// descriptions from one end to the other.
'use strict';

const peers = [];
const tracks = [];
let source = null;

// The picture of the browser's fake camera, which plays the film.
async function openCamera() {
  const video = { width: 640, height: 360, frameRate: 30 };
  const stream = await navigator.mediaDevices.getUserMedia({ video });
  source = stream.getVideoTracks()[0];
  return source.getSettings();
}

// A moving picture with the time burned in, painted 30 times a second.
function openCanvas(width, height) {
  const canvas = document.body.appendChild(document.createElement('canvas'));
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d', { alpha: false });
  const scenery = paintScenery(width, height);
  const interval = 1000 / 30;
  let [due, number] = [performance.now(), 0];
  const paint = () => {
    requestAnimationFrame(paint);
    // A quarter of an interval early is in time: frames of the screen come 60 times a second.
    if (performance.now() < due - interval / 4) return;
    due = Math.max(due + interval, performance.now());
    const left = (number++ * 2) % width;
    context.drawImage(scenery, -left, 0);
    context.drawImage(scenery, width - left, 0);
    writeTime(context, width, height, unixUs());
  };
  paint();
  source = canvas.captureStream(30).getVideoTracks()[0];
}

// Slopes with a fine texture, as costly to encode as a view over a garden.
function paintScenery(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const hill = height * (0.6 + 0.1 * Math.sin((2 * Math.PI * x) / width));
      const grass = y > hill ? (((x * 2654435761) ^ (y * 40503)) >>> 9) % 17 : 0;
      const light = y > hill ? 80 + grass : 150 + (40 * y) / height;
      image.data.set([light, light, light * 0.8, 255], (y * width + x) * 4);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function newPeer() {
  const peer = new RTCPeerConnection();
  peers.push(peer);
  return peer;
}

// Once everything that the network offers is in the description.
async function described(peer) {
  if (peer.iceGatheringState !== 'complete') {
    await new Promise((resolve) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
    });
  }
  return peer.localDescription.sdp;
}

async function offers(count) {
  const h264First = RTCRtpSender.getCapabilities('video').codecs.sort(
    (one, other) => (other.mimeType === 'video/H264') - (one.mimeType === 'video/H264'),
  );
  const offer = async () => {
    const peer = newPeer();
    const transceiver = peer.addTransceiver(source.clone(), { direction: 'sendonly' });
    transceiver.setCodecPreferences(h264First);
    await peer.setLocalDescription();
    return described(peer);
  };
  return Promise.all(Array.from({ length: count }, offer));
}

async function answers(offers) {
  const answer = async (sdp) => {
    const peer = newPeer();
    peer.ontrack = (event) => tracks.push(event.track);
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription();
    return described(peer);
  };
  return Promise.all(offers.map(answer));
}

async function accept(answers, maxBitrate) {
  const take = async (sdp, index) => {
    await peers[index].setRemoteDescription({ type: 'answer', sdp });
    const sender = peers[index].getSenders()[0];
    const parameters = sender.getParameters();
    parameters.encodings[0].maxBitrate = maxBitrate;
    await sender.setParameters(parameters);
  };
  await Promise.all(answers.map(take));
}

// What came in so far, one entry for each session.
async function received() {
  const one = async (peer) => {
    const stats = await peer.getStats();
    const video = [...stats.values()].find((entry) => entry.type === 'inbound-rtp');
    if (!video) return { frames: 0, bytes: 0, width: 0, codec: '' };
    const { framesDecoded: frames = 0, bytesReceived: bytes, frameWidth: width = 0 } = video;
    return { frames, bytes, width, codec: stats.get(video.codecId)?.mimeType ?? '' };
  };
  return Promise.all(peers.map(one));
}

function show() {
  const video = document.body.appendChild(document.createElement('video'));
  Object.assign(video, { muted: true, autoplay: true, srcObject: new MediaStream([tracks[0]]) });
  return video.play();
}

// Ages of pictures over some time, ms: when they leave the decoder, and when they are presented.
async function ages(ms) {
  const result = { decoded: [], presented: [] };
  const end = performance.now() + ms;
  const decoding = readDecoded(end, result.decoded);
  readPresented(end, result.presented);
  await decoding;
  return result;
}

async function readDecoded(end, into) {
  const track = tracks[0].clone();
  const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
  while (performance.now() < end) {
    const { value: frame, done } = await reader.read();
    if (done) break;
    const at = unixUs();
    const { width, height } = frame.visibleRect;
    // Two rows: planes of 4:2:0 cannot be halved further.
    const rect = { x: 0, y: Math.floor(height / STRIP / 4) * 2, width, height: 2 };
    const rows = new Uint8Array(frame.allocationSize({ rect }));
    await frame.copyTo(rows, { rect });
    frame.close();
    const time = readTime(width, (x) => rows[x]);
    if (time !== null) into.push((at - time) / 1000);
  }
  track.stop();
}

function readPresented(end, into) {
  const video = document.querySelector('video');
  const canvas = new OffscreenCanvas(video.videoWidth, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const read = () => {
    const at = unixUs();
    const { videoWidth: width, videoHeight: height } = video;
    const row = Math.floor(height / STRIP / 2);
    context.drawImage(video, 0, row, width, 1, 0, 0, width, 1);
    const pixels = context.getImageData(0, 0, width, 1).data;
    const time = readTime(width, (x) => pixels[x * 4]);
    if (time !== null) into.push((at - time) / 1000);
    if (performance.now() < end) video.requestVideoFrameCallback(read);
  };
  video.requestVideoFrameCallback(read);
}
