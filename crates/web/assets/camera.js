/**
 * The phone's camera: opens it, turns to the other one, torch and zoom, and says why it does not
 * open.
 *
 * Owns the one track there is, and asks the browser for one camera at a time: two requests at once fail
 * on a phone, or leave a camera running that nobody holds. Knows nothing of where its pictures go.
 */

/** Which way a camera looks. @typedef {"environment" | "user"} Facing */

/** What is wished of the camera. @typedef {"open" | "flip" | "close"} Wish */

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
  /** The wish that the browser is asked for now. @type {Wish | null} */
  #asked = null;
  /** A newer one, which is served when the browser has answered. @type {Wish | null} */
  #next = null;
  /** What the newest wish comes to, while one is open. @type {Promise<boolean> | null} */
  #outcome = null;
  /** Of the camera that opened last. @type {MediaTrackSettings} */
  #settings = {};

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

  /** Whether the browser is being asked for a camera. */
  get opening() {
    return this.#outcome !== null;
  }

  /**
   * Opens the camera that looks the wanted way; one that is being opened will do.
   * @returns {Promise<boolean>} whether a camera is open; false after `close`
   * @throws what getUserMedia throws
   */
  open() {
    return this.#want("open");
  }

  /**
   * Opens the other camera, and the old one again where that fails.
   * @returns {Promise<boolean>} as `open`
   * @throws what getUserMedia throws
   */
  flip() {
    return this.#want("flip");
  }

  /** Closes it, or whatever opens yet. */
  close() {
    if (this.#asked) this.#next = "close";
    this.#drop();
  }

  /** @param {boolean} on */
  async setTorch(on) {
    const { track } = this;
    await track?.applyConstraints(/** @type {any} */ ({ advanced: [{ torch: on }] }));
    if (track === this.track) this.torchOn = on;
  }

  /** @param {number} zoom */
  async setZoom(zoom) {
    this.zoom = zoom;
    await this.track?.applyConstraints(/** @type {any} */ ({ advanced: [{ zoom }] }));
  }

  /** Whoever wishes while a request is open waits for the newest wish too. @param {Wish} wish */
  #want(wish) {
    if (!this.#outcome) {
      this.#next = wish;
      this.#outcome = this.#serve();
    } else if (wish === "flip" && this.#asked !== "flip") {
      this.#next = wish;
    } else if (this.#next === "close") {
      this.#next = "open";
    }
    return this.#outcome;
  }

  /** Serves wishes, one request after the other, until there is no newer one. */
  async #serve() {
    /** @type {unknown} */
    let trouble = null;
    for (; this.#next; this.#asked = null) {
      trouble = null;
      this.#asked = this.#next;
      this.#next = null;
      const { facing, deviceId } = this;
      try {
        if (this.#asked === "flip") await this.#turn();
        else if (this.#asked === "open") await this.#take({ facing, deviceId });
      } catch (error) {
        trouble = error;
      }
    }
    this.#outcome = null;
    if (trouble && !this.track) throw trouble;
    return this.track !== null;
  }

  async #turn() {
    const old = { facing: this.facing, deviceId: this.deviceId };
    try {
      await this.#take(await this.#other(this.#settings));
    } catch {
      if (!this.#next) await this.#take(old);
    }
  }

  #drop() {
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
    this.#drop();
    const stream = await streamOf(wish);
    const track = stream.getVideoTracks()[0];
    if (!track) throw new DOMException("no video track", "NotFoundError");
    this.#settings = track.getSettings();
    const { facingMode: facing, deviceId = "" } = this.#settings;
    this.deviceId = deviceId;
    this.facing = facing === "user" || facing === "environment" ? facing : wish.facing;
    await this.#learn(track);
    // Overtaken while the browser was busy: nobody wants these pictures any more.
    if (this.#next) return track.stop();
    if (track.readyState === "ended") throw new DOMException("taken away at once", "AbortError");
    // Faces and rooms, not slides: keeps the encoder's rate control as for film.
    track.contentHint = "motion";
    track.onended = () => this.#onLost();
    track.onmute = () => this.#onInterrupted(true);
    track.onunmute = () => this.#onInterrupted(false);
    this.track = track;
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
