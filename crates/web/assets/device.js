/**
 * What can be told of the phone and its browser from how it names itself: only to choose words.
 *
 * Pure: nothing here decides what works, the page tries that.
 */

/** Browsers inside other apps, which often have no camera and lose the page when left. */
const IN_APP = /** @type {const} */ ([
  ["Instagram", /\bInstagram\b/],
  ["Facebook", /\bFB(AN|AV|_IAB)\b|FBIOS/],
  ["WeChat", /\bMicroMessenger\b/],
  ["TikTok", /musical_ly|BytedanceWebview|\bTikTok\b|\bByteLocale\b/],
  ["LINE", /\bLine\//],
  ["X", /\bTwitter(Android| for iPhone)?\b/],
  ["Snapchat", /\bSnapchat\b/],
  ["LinkedIn", /\bLinkedInApp\b/],
  ["Pinterest", /\bPinterest\b/],
  ["KakaoTalk", /\bKAKAOTALK\b/],
  ["Telegram", /\bTelegram\b/],
  ["another app", /;\s?wv\)/],
]);

/**
 * The app whose built-in browser this is, or null for a real browser.
 * @param {string} agent navigator.userAgent
 */
export function inAppBrowser(agent) {
  return IN_APP.find(([, pattern]) => pattern.test(agent))?.[0] ?? null;
}

/**
 * @param {string} agent
 * @param {number} touchPoints navigator.maxTouchPoints: an iPad calls itself a Mac
 * @returns {"ios" | "android" | "other"}
 */
export function platformOf(agent, touchPoints) {
  if (/iPhone|iPad|iPod/.test(agent)) return "ios";
  if (/Macintosh/.test(agent) && touchPoints > 1) return "ios";
  return /Android/.test(agent) ? "android" : "other";
}

/**
 * A name to begin with. Says what the thing is and not whose.
 * @param {string} agent
 * @param {number} touchPoints
 * @param {string} [model] where the browser tells it
 */
export function suggestedName(agent, touchPoints, model = "") {
  if (/iPhone|iPod/.test(agent)) return "iPhone";
  if (/iPad/.test(agent) || (/Macintosh/.test(agent) && touchPoints > 1)) return "iPad";
  // Browsers that hide the model say "K".
  if (model.trim().length > 1) return cutName(model);
  if (/Android/.test(agent)) return /Mobile/.test(agent) ? "Android phone" : "Android tablet";
  return "Browser camera";
}

/** A name, in bytes of UTF-8: what the node accepts. */
const NAME_BYTES = 64;

/**
 * The name as it is sent: one line, no control characters, cut between characters at the limit.
 * @param {string} name
 */
export function cutName(name) {
  const clean = name.replace(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]+/g, " ").trim();
  let cut = "";
  let bytes = 0;
  for (const character of clean) {
    bytes += new TextEncoder().encode(character).length;
    if (bytes > NAME_BYTES) break;
    cut += character;
  }
  return cut.trim();
}
