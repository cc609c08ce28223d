"""Publishes a moving test picture by WHIP (RFC 9725) with aiortc, a WebRTC stack that shares no code
with ours or with any browser, and with its own H.264 encoder.

    aiortc_whip.py URL TOKEN [ROOT.crt]

The time of day is burned into the picture as the contract has it, so that whoever decodes it can tell how
old it is. Prints JSON lines; ends the session politely on SIGTERM.
"""

import asyncio
import json
import signal
import ssl
import sys
import time
import urllib.parse
import urllib.request

from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from av import VideoFrame

WIDTH, HEIGHT, CELLS = 640, 360, 66


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Picture(VideoStreamTrack):
    """Slopes that move, below a strip with the time."""

    number = 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        self.number += 1
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        strip, slope = self.strip(), bytes((x // 2) % 160 + 40 for x in range(WIDTH * 2))
        rows = [strip] * (HEIGHT // 12)
        for y in range(HEIGHT // 12, HEIGHT):
            start = (self.number * 4 + y) % WIDTH
            rows.append(slope[start : start + WIDTH])
        fill(frame.planes[0], rows)
        for plane in frame.planes[1:]:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame

    def strip(self):
        bits = time.time_ns() // 1000
        lit = [True] + [bits >> (63 - n) & 1 == 1 for n in range(64)] + [False]
        return bytes(235 if lit[x * CELLS // WIDTH] else 16 for x in range(WIDTH))


def fill(plane, rows):
    """Rows of pixels into a plane, whose lines may be longer than they are."""
    gap = b"\0" * (plane.line_size - WIDTH)
    plane.update(b"".join(row + gap for row in rows))


def ask(method, url, token, root, body=None):
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/sdp"
    request = urllib.request.Request(url, body, headers, method=method)
    context = ssl.create_default_context(cafile=root) if root else None
    with urllib.request.urlopen(request, timeout=15, context=context) as answer:
        return answer.status, answer.headers, answer.read().decode()


async def publish(url, token, root):
    peer = RTCPeerConnection()
    peer.on("connectionstatechange", lambda: say("state", state=peer.connectionState))
    transceiver = peer.addTransceiver(Picture(), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType == "video/H264"])
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp.encode()
    status, headers, answer = await asyncio.to_thread(ask, "POST", url, token, root, offer)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    location = urllib.parse.urljoin(url, headers["Location"])
    say("published", status=status, location=location)

    asked_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_end.set)
    await asked_to_end.wait()
    status, _, _ = await asyncio.to_thread(ask, "DELETE", location, token, root)
    say("ended", status=status)
    await peer.close()


if __name__ == "__main__":
    asyncio.run(publish(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
