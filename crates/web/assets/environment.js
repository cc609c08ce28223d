/**
 * Whether this browser can be a camera at all, whatever is allowed to it.
 */

import { h264Only } from "./sdp.js";

/** @returns {"" | "insecure" | "old_browser" | "no_h264"} "" where nothing is in the way */
export function obstacle() {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices?.getUserMedia) return "old_browser";
  if (!("RTCPeerConnection" in window) || !("getCapabilities" in RTCRtpSender)) return "old_browser";
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  return h264Only(codecs).length === 0 ? "no_h264" : "";
}
