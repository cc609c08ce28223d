/**
 * What the page says when something does not work: what it is, and what to do next.
 *
 * Every code that can come has words here; a refusal of the node may bring a sentence of its own.
 */

/** What a button of a card does. @typedef {"retry" | "retry_permission" | "copy" | "anyway" | "reload" | "take_over"} Action */

/**
 * @typedef {object} Words
 * @property {string} title
 * @property {string} text
 * @property {string} next what to do
 * @property {string} again what is said while the page tries by itself; "": the same as `next`
 * @property {string} icon a symbol of index.html
 * @property {Action[]} actions
 */

/** @typedef {"ios" | "android" | "other"} Platform */

/**
 * @param {string} title
 * @param {string} text
 * @param {string} next
 * @param {string} icon
 * @param {Action[]} [actions]
 * @param {string} [again]
 * @returns {Words}
 */
const say = (title, text, next, icon, actions = [], again = "") => ({ title, text, next, icon, actions, again });

const SCAN = "Scan the code that is on the computer’s screen now. If there is none, choose “Add phone” in Lanlens.";

/** @type {Record<string, Words>} */
const WORDS = {
  // The way in.
  no_token: say(
    "Scan the code first",
    "This page turns a phone into a camera, and the code that Lanlens shows lets it in.",
    "Open Lanlens on the computer, choose “Add phone”, and scan the code with this phone’s camera.",
    "qr",
  ),
  token_used: say("This code was used already", "Each code lets in one phone.", SCAN, "qr"),
  token_expired: say("This code is too old", "A code is good for five minutes.", SCAN, "qr"),
  token_unknown: say(
    "This code is not known",
    "It may be from another computer, or Lanlens was started anew since.",
    SCAN,
    "qr",
  ),
  too_many_tries: say(
    "Too many wrong codes",
    "The computer waits a moment before it takes another one from here.",
    "Wait a minute, then scan the code on its screen.",
    "hourglass",
    ["retry"],
    "The computer waits a moment. Then this goes on by itself.",
  ),
  revoked: say(
    "This phone was removed",
    "Somebody at the computer removed it, or it was not used for a long time.",
    "To join again, choose “Add phone” in Lanlens on the computer and scan the code.",
    "prohibit",
  ),
  wrong_scope: say(
    "This code is for watching",
    "It lets a browser watch cameras, and not be one.",
    "Choose “Add phone” in Lanlens and scan the code that it shows.",
    "qr",
  ),
  forbidden_host: say(
    "This address is not the computer’s",
    "The page was opened under a name that the computer does not know itself by.",
    "Scan the code on its screen: it has the right address.",
    "link",
  ),
  forbidden_origin: say(
    "This page is from somewhere else",
    "The computer takes pictures only from its own page.",
    "Scan the code on its screen.",
    "link",
  ),
  limit: say(
    "No place at the moment",
    "The computer takes no more phones right now.",
    "Stop a phone that is not needed. This one goes on by itself as soon as there is a place.",
    "phones",
    ["retry"],
    "{text} This phone goes on by itself as soon as there is a place.",
  ),
  // The camera.
  permission: say(
    "The camera is not allowed",
    "The browser does not let this page use the camera.",
    "Allow the camera for this page, then try again.",
    "no_camera",
    ["retry_permission"],
  ),
  permission_system: say(
    "The browser may not use the camera",
    "This phone’s settings keep the camera from the browser itself.",
    "Open Settings, find the browser among the apps, allow it the camera, then try again.",
    "no_camera",
    ["retry_permission"],
  ),
  no_camera: say(
    "There is no camera",
    "The browser finds no camera on this device.",
    "Connect one and try again, or use another phone.",
    "no_camera",
    ["retry"],
  ),
  camera_busy: say(
    "Another app has the camera",
    "It does not open: mostly because another app or a call is using it.",
    "Close that app, then try again.",
    "no_camera",
    ["retry"],
  ),
  camera_failed: say(
    "The camera does not start",
    "The browser could not open it.",
    "Try again. If that does not help, restart the phone and open this page again.",
    "no_camera",
    ["retry"],
  ),
  camera_lost: say(
    "The camera stopped",
    "It was unplugged, or the system took it away.",
    "Close other apps that use the camera, then try again.",
    "no_camera",
    ["retry"],
  ),
  // The browser.
  insecure: say(
    "This page is not secure",
    "Browsers give the camera only to pages that begin with https://.",
    "Scan the code again, and go on past the warning about the certificate.",
    "lock",
  ),
  old_browser: say(
    "This browser is too old",
    "It cannot send a camera’s pictures.",
    "Update it, or open this page in a current Safari, Chrome or Firefox.",
    "browser",
    ["copy"],
  ),
  no_h264: say(
    "This browser has no H.264",
    "That is the video which every viewer here understands, and this browser cannot make it.",
    "Open this page in Chrome, or in Safari on an iPhone. On some Android phones no browser has it.",
    "browser",
    ["copy"],
  ),
  unsupported_profile: say(
    "This browser’s video does not fit",
    "It offers only kinds of H.264 that not every viewer can decode.",
    "Open this page in Chrome, or in Safari on an iPhone.",
    "browser",
    ["copy", "retry"],
  ),
  in_app: say(
    "Open this page in {browser}",
    "It was opened inside {app}, whose built-in browser can often not use the camera.",
    "Choose “Open in browser” in its menu, or copy the link and paste it in {browser}.",
    "compass",
    ["copy", "anyway"],
  ),
  other_tab: say(
    "Another tab is the camera",
    "This phone is a camera in a tab that was opened later.",
    "Close that tab, or go on here.",
    "tabs",
    ["take_over"],
  ),
  // The way to the node.
  no_way: say(
    "The pictures do not get through",
    "The page reaches the computer, but its video is held up.",
    "Allow Lanlens in the computer’s firewall, and keep this phone on the same Wi-Fi.",
    "no_wifi",
    ["retry"],
  ),
  timeout: say(
    "The Wi-Fi is slow here",
    "What this phone sends takes too long to reach the computer.",
    "Bring the phone closer to the Wi-Fi. It is tried again by itself.",
    "no_wifi",
    ["retry"],
  ),
  unreachable: say(
    "The computer does not answer",
    "It may be off or asleep, or this phone left its Wi-Fi.",
    "Make sure that the computer is on, and this phone on the same Wi-Fi. It connects by itself.",
    "no_wifi",
    ["retry"],
  ),
  busy: say(
    "The computer is busy",
    "It could not do its part just now.",
    "It is tried again by itself. If it stays so, start Lanlens on the computer anew.",
    "hourglass",
    ["retry"],
    "{text} It is tried again by itself.",
  ),
  browser: say(
    "The browser gave up",
    "It could not make the connection that the computer offered.",
    "Reload this page. If it stays so, open it in Chrome, or in Safari on an iPhone.",
    "browser",
    ["reload"],
  ),
  refused: say(
    "That did not work",
    "The computer and this page did not understand each other.",
    "Try again. If it stays so, scan the code on the computer’s screen.",
    "warning",
    ["retry"],
  ),
};

/** Codes that are the same to a person. @type {Record<string, string>} */
const SAME = { not_authorized: "revoked", server: "busy", internal: "busy" };

/** Where the permission is given back. @type {Record<Platform, string>} */
const PERMISSION = {
  ios: "Tap the symbol left of the address, choose Website Settings, set Camera to Allow, then try again.",
  android: "Tap the symbol left of the address, choose Permissions, turn Camera on, then try again.",
  other: "Click the symbol left of the address, allow the camera, then try again.",
};

/**
 * The words for a code.
 * @param {string} code
 * @param {{detail?: string, platform?: Platform, app?: string, passing?: boolean}} [about] what the node
 *   said of it, where it happened, and whether it is tried again by itself
 * @returns {Words}
 */
export function wordsFor(code, { detail = "", platform = "other", app = "another app", passing = false } = {}) {
  const known = WORDS[SAME[code] ?? code];
  const words = { .../** @type {Words} */ (known ?? (passing ? WORDS.busy : WORDS.refused)) };
  const browser = platform === "ios" ? "Safari" : platform === "android" ? "Chrome" : "a browser";
  if (code === "permission") words.next = PERMISSION[platform];
  // Our words know the phone; the node knows what is full, busy or strange.
  const tells = !known || known === WORDS.limit || known === WORDS.busy;
  if (tells && detail) words.text = asSentence(detail);
  const fill = (/** @type {string} */ text) => text.replaceAll("{app}", app).replaceAll("{browser}", browser);
  const again = words.again.replace("{text}", () => words.text);
  return { ...words, title: fill(words.title), text: fill(words.text), next: fill(words.next), again };
}

/** The node writes its details as parts of a sentence. */
const asSentence = (/** @type {string} */ detail) => {
  const text = detail.trim();
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
};

/**
 * Who watches, in one line.
 * @param {{name: string}[]} viewers
 */
export function watchedBy(viewers) {
  const names = viewers.map(({ name }) => name.trim()).filter((name) => name !== "");
  const unnamed = viewers.length - names.length;
  if (viewers.length === 0) return "Nobody is watching";
  if (names.length === 0) return unnamed === 1 ? "1 viewer" : `${unnamed} viewers`;
  const shown = names.slice(0, 2);
  const more = viewers.length - shown.length;
  return `Watched by ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/**
 * "1280×720 · 30 fps · 1.9 Mbit/s", as in the viewer.
 * @param {{width: number, height: number, fps: number, kbps: number}} figures
 */
export function figuresOf({ width, height, fps, kbps }) {
  return `${width}×${height} · ${Math.round(fps)} fps · ${(kbps / 1000).toFixed(1)} Mbit/s`;
}
