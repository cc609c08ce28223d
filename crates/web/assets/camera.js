/**
 * The phone's camera: opens it, turns to the other one, torch and zoom, and says why it does not
 * open.
 *
 * Owns the one track there is. Knows nothing of where its pictures go.
 */

/** Which way a camera looks. @typedef {"environment" | "user"} Facing */

/**
 * @typedef {object} Abilities
 * @property {boolean} flip there is another camera
 * @property {boolean} torch
 * @property {{min: number, max: number, step: number} | null} zoom
 */

/**
 * Why a camera does not open, as one of the codes in `words.js`.
 * @param {unknown} error what getUserMedia threw
 * @returns {"permission" | "permission_system" | "no_camera" | "camera_busy" | "camera_failed"}
 */
export function cameraTrouble(error) {
  const { name = "", message = "" } = /** @type {{name?: string, message?: string}} */ (error ?? {});
  if (name === "NotAllowedError" || name === "SecurityError" || name === "PermissionDeniedError") {
    return /system/i.test(message) ? "permission_system" : "permission";
  }
  if (name === "NotFoundError" || name === "DevicesNotFoundError" || name === "OverconstrainedError") {
    return "no_camera";
  }
  if (name === "NotReadableError" || name === "TrackStartError" || name === "AbortError") {
    return "camera_busy";
  }
  return "camera_failed";
}

/**
 * What is asked of a camera. A phone held upright swaps width and height by itself, so the numbers
 * are those of the sensor. Without cropping: all that the lens sees, scaled down when it is sent.
 * @param {{facing: Facing, deviceId?: string}} wish
 * @returns {MediaStreamConstraints}
 */
export function constraints({ facing, deviceId }) {
  const video = /** @type {any} */ ({
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30, max: 30 },
    resizeMode: { ideal: "none" },
  });
  if (deviceId) video.deviceId = { exact: deviceId };
  else video.facingMode = { ideal: facing };
  return { video, audio: false };
}

export class Camera {
  /** @type {MediaStreamTrack | null} */
  track = null;
  /** @type {Facing} */
  facing;
  /** Which one it is; "" for whichever looks that way. */
  deviceId;
  /** @type {Abilities} */
  abilities = { flip: false, torch: false, zoom: null };
  torchOn = false;
  zoom = 1;
  #onLost;
  #onInterrupted;

  /**
   * @param {Facing} facing
   * @param {string} deviceId
   * @param {{onLost: () => void, onInterrupted: (interrupted: boolean) => void}} listener `onLost`: it
   *   was unplugged or taken away; `onInterrupted`: the system holds it back, or gives it again
   */
  constructor(facing, deviceId, { onLost, onInterrupted }) {
    this.facing = facing;
    this.deviceId = deviceId;
    this.#onLost = onLost;
    this.#onInterrupted = onInterrupted;
  }

  /** Whether pictures can come from it now. */
  get running() {
    return this.track?.readyState === "live" && !this.track.muted;
  }

  /**
   * Opens the camera that looks the wanted way.
   * @returns {Promise<MediaStreamTrack>}
   * @throws what getUserMedia throws
   */
  async open() {
    return this.#take({ facing: this.facing, deviceId: this.deviceId });
  }

  /** Opens the other camera, and the old one again where that fails. */
  async flip() {
    const before = this.track?.getSettings() ?? {};
    const wish = await this.#other(before);
    try {
      return await this.#take(wish);
    } catch (error) {
      await this.#take({ facing: this.facing, deviceId: before.deviceId });
      throw error;
    }
  }

  /** @param {boolean} on */
  async setTorch(on) {
    await this.track?.applyConstraints(/** @type {any} */ ({ advanced: [{ torch: on }] }));
    this.torchOn = on;
  }

  /** @param {number} zoom */
  async setZoom(zoom) {
    this.zoom = zoom;
    await this.track?.applyConstraints(/** @type {any} */ ({ advanced: [{ zoom }] }));
  }

  close() {
    const track = this.track;
    this.track = null;
    this.torchOn = false;
    if (!track) return;
    track.onended = null;
    track.onmute = null;
    track.onunmute = null;
    track.stop();
  }

  /**
   * Most phones open one camera at a time: the old one is closed first.
   * @param {{facing: Facing, deviceId?: string}} wish
   */
  async #take(wish) {
    this.close();
    const stream = await streamOf(wish);
    const track = stream.getVideoTracks()[0];
    if (!track) throw new DOMException("no video track", "NotFoundError");
    // Faces and rooms, not slides: keeps the encoder's rate control as for film.
    track.contentHint = "motion";
    track.onended = () => this.#onLost();
    track.onmute = () => this.#onInterrupted(true);
    track.onunmute = () => this.#onInterrupted(false);
    this.track = track;
    const { facingMode: facing, deviceId = "" } = track.getSettings();
    this.deviceId = deviceId;
    this.facing = facing === "user" || facing === "environment" ? facing : wish.facing;
    await this.#learn(track);
    return track;
  }

  /** @param {MediaStreamTrack} track */
  async #learn(track) {
    const can = /** @type {any} */ (track.getCapabilities?.() ?? {});
    const inputs = await devices();
    const zoom = can.zoom && can.zoom.max > can.zoom.min ? can.zoom : null;
    this.abilities = {
      flip: inputs.length > 1,
      torch: can.torch === true,
      zoom: zoom && { min: zoom.min, max: zoom.max, step: zoom.step || 0.1 },
    };
    this.zoom = /** @type {any} */ (track.getSettings()).zoom ?? 1;
  }

  /**
   * The other camera: the one that looks the other way, or simply the next where they don't say.
   * @param {MediaTrackSettings} now
   * @returns {Promise<{facing: Facing, deviceId?: string}>}
   */
  async #other(now) {
    if (now.facingMode === "user") return { facing: "environment" };
    if (now.facingMode === "environment") return { facing: "user" };
    const inputs = await devices();
    const at = inputs.findIndex((input) => input.deviceId === now.deviceId);
    const next = inputs[(at + 1) % inputs.length];
    return { facing: this.facing, deviceId: next?.deviceId };
  }
}

/**
 * Browsers name their cameras anew from time to time; then the way it looks decides.
 * @param {{facing: Facing, deviceId?: string}} wish
 */
async function streamOf(wish) {
  const ask = (/** @type {MediaStreamConstraints} */ wished) => navigator.mediaDevices.getUserMedia(wished);
  try {
    return await ask(constraints(wish));
  } catch (error) {
    if (!wish.deviceId || cameraTrouble(error) !== "no_camera") throw error;
    return ask(constraints({ facing: wish.facing }));
  }
}

async function devices() {
  try {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter((device) => device.kind === "videoinput");
  } catch {
    return [];
  }
}
