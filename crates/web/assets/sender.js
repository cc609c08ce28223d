/**
 * What the encoder is told: how large, how many bits, or nothing at all while nobody watches.
 */

/** @typedef {"auto" | "720p" | "540p" | "360p"} Quality */

/**
 * @typedef {object} Shape
 * @property {boolean} wanted somebody watches
 * @property {number} kbps what the viewers' paths carry, and the most that they need; 0: not told
 * @property {Quality} quality
 */

/** Longer side, shorter side, and the most bits that make sense for it. */
const SIZES = {
  auto: { long: 1280, short: 720, kbps: 6000 },
  "720p": { long: 1280, short: 720, kbps: 6000 },
  "540p": { long: 960, short: 540, kbps: 3000 },
  "360p": { long: 640, short: 360, kbps: 1200 },
};

/** @param {string} text @returns {Quality} */
export const qualityOf = (text) => (text in SIZES ? /** @type {Quality} */ (text) : "auto");

/**
 * The encoding for a picture of this size. Sides are compared long with long: a turn of the phone
 * changes nothing.
 * @param {Shape} shape
 * @param {{width?: number, height?: number}} picture
 */
export function encodingFor({ wanted, kbps, quality }, { width = 0, height = 0 }) {
  const size = SIZES[quality];
  const most = Math.min(size.kbps, enoughFor(width, height));
  const scale = Math.max(
    1,
    Math.max(width, height) / size.long,
    Math.min(width, height) / size.short,
  );
  return {
    active: wanted,
    maxBitrate: Math.min(kbps > 0 ? Math.max(kbps, 150) : most, most) * 1000,
    maxFramerate: 30,
    scaleResolutionDownBy: Math.round(scale * 1000) / 1000,
  };
}

/**
 * What a camera's picture can use, kbit/s: by its own size, never by what is left of it on a narrow path,
 * or it could not grow again.
 * @param {number} width 0: not known
 * @param {number} height
 */
function enoughFor(width, height) {
  if (!width || !height) return Infinity;
  return Math.max(300, Math.round(2500 * ((width * height) / (1280 * 720)) ** 0.75));
}

/** Keeps one sender's parameters as wished; changes wait for each other. */
export class Shaper {
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /**
   * @param {RTCRtpSender} sender
   * @param {Shape} shape
   */
  apply(sender, shape) {
    this.#last = this.#last.then(() => set(sender, shape)).catch(() => {});
    return this.#last;
  }
}

/**
 * @param {RTCRtpSender} sender
 * @param {Shape} shape
 */
async function set(sender, shape) {
  const parameters = /** @type {any} */ (sender.getParameters());
  const encoding = parameters.encodings?.[0];
  if (!encoding) return;
  Object.assign(encoding, encodingFor(shape, sender.track?.getSettings() ?? {}));
  // A size that was chosen is kept, and frames are dropped instead.
  parameters.degradationPreference = shape.quality === "auto" ? "balanced" : "maintain-resolution";
  await sender.setParameters(parameters);
}
