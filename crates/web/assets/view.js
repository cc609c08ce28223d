/**
 * Shows a state, and nothing else: every element of index.html is touched here alone.
 */

import { figuresOf, watchedBy } from "./words.js";

/**
 * @typedef {object} Shown
 * @property {import("./phase.js").Phase} phase
 * @property {(import("./words.js").Words & {code: string, detail: string}) | null} trouble
 * @property {ReturnType<typeof import("./phase.js").againOf>} again while reconnecting
 * @property {string} name
 * @property {{name: string}[]} viewers
 * @property {import("./figures.js").Figures | null} figures
 * @property {string} note
 * @property {import("./camera.js").Abilities} abilities
 * @property {boolean} torchOn
 * @property {number} zoom
 * @property {string} quality
 * @property {boolean} mirrored the front camera is shown as in a mirror
 * @property {import("./battery.js").Battery} battery
 * @property {boolean} dark
 * @property {boolean} busy the cameras are being changed
 */

/** @type {Record<Shown["phase"], [tone: string, text: string]>} */
const BADGES = {
  opening: ["quiet", "Opening camera"],
  ready: ["quiet", "Not started"],
  joining: ["warning", "Joining"],
  connecting: ["warning", "Connecting"],
  live: ["ok", "LIVE"],
  paused: ["quiet", "Paused"],
  reconnecting: ["warning", "Reconnecting"],
  trouble: ["error", "Not live"],
};

/** @type {Record<import("./words.js").Action, string>} */
const BUTTONS = {
  retry: "Try again",
  retry_permission: "Try again",
  copy: "Copy link",
  anyway: "Try here anyway",
  take_over: "Go on here",
  reload: "Reload",
};

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export const at = (id) => /** @type {T} */ (document.getElementById(id));

/** Sets text only where it changes: screen readers read changes aloud. */
const write = (/** @type {Element | null} */ element, /** @type {string} */ text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

const show = (/** @type {HTMLElement} */ element, /** @type {boolean} */ shown) => {
  if (element.hidden === shown) element.hidden = !shown;
};

/** @param {Shown} shown */
export function render(shown) {
  const { phase } = shown;
  const running = phase === "live" || phase === "paused" || phase === "connecting" || phase === "joining";
  document.body.dataset.phase = phase;
  document.body.dataset.trouble = shown.trouble?.code ?? "";
  badge(shown);
  battery(shown.battery);
  show(at("caption"), running);
  show(at("begin"), phase === "ready");
  show(at("controls"), running || phase === "ready" || phase === "reconnecting");
  show(at("quality-button"), phase !== "ready");
  show(at("asking"), phase === "opening");
  show(at("stop"), running || phase === "reconnecting");
  controls(shown);
  caption(shown);
  show(at("again"), phase === "reconnecting");
  again(shown);
  show(at("trouble"), phase === "trouble");
  trouble(shown.trouble);
  show(at("dark"), shown.dark);
  at("preview").classList.toggle("mirrored", shown.mirrored);
}

/** @param {Shown} shown */
function badge(shown) {
  const [tone, text] = BADGES[shown.phase];
  at("badge").dataset.tone = tone;
  write(at("badge").querySelector("span"), text);
  at("dark").dataset.tone = tone;
  write(at("dark-state"), shown.name ? `${text} · ${shown.name}` : text);
}

/** @param {import("./battery.js").Battery} battery */
function battery({ level, charging }) {
  const plate = at("battery");
  show(plate, level !== null);
  if (level === null) return;
  const percent = Math.round(level * 100);
  const low = percent <= 20 && charging !== true;
  write(plate.querySelector("span"), `${percent} %`);
  plate.setAttribute("aria-label", `Battery ${percent} percent${charging ? ", charging" : ""}`);
  plate.classList.toggle("low", low);
  plate.querySelector("use")?.setAttribute("href", charging ? "#i-charging" : low ? "#i-battery_low" : "#i-battery");
}

/** @param {Shown} shown */
function controls({ abilities, torchOn, zoom, quality, busy }) {
  show(at("flip"), abilities.flip);
  at("flip").toggleAttribute("disabled", busy);
  show(at("torch"), abilities.torch);
  at("torch").setAttribute("aria-pressed", String(torchOn));
  show(at("zoom-row"), abilities.zoom !== null);
  if (abilities.zoom) {
    const slider = /** @type {HTMLInputElement} */ (at("zoom"));
    slider.min = String(abilities.zoom.min);
    slider.max = String(abilities.zoom.max);
    slider.step = String(abilities.zoom.step);
    if (document.activeElement !== slider) slider.value = String(zoom);
    write(at("zoom-value"), `${zoom.toFixed(1)}×`);
  }
  const select = /** @type {HTMLSelectElement} */ (at("quality"));
  select.value = quality;
  write(at("quality-value"), select.selectedOptions[0]?.text ?? "");
}

/** @param {Shown} shown */
function caption(shown) {
  for (const id of ["name", "first-name"]) {
    const input = /** @type {HTMLInputElement} */ (at(id));
    if (document.activeElement !== input && input.value !== shown.name) input.value = shown.name;
  }
  write(at("figures"), shown.figures ? figuresOf(shown.figures) : "");
  write(at("watchers").querySelector("span"), watchedBy(shown.viewers));
  show(at("watchers"), shown.phase === "live" || shown.phase === "paused");
  write(at("note"), shown.note);
  show(at("note"), shown.note !== "");
}

/** @param {Shown} shown */
function again({ again: { title, text, retryAt, long } }) {
  const seconds = Math.ceil((retryAt - Date.now()) / 1000);
  write(at("again-title"), title || (seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…"));
  write(at("again-text"), long && seconds > 0 ? `${text} Next try in ${seconds} s.` : text);
}

/** @param {Shown["trouble"]} trouble */
function trouble(trouble) {
  if (!trouble) return;
  at("trouble-icon").setAttribute("href", `#i-${trouble.icon}`);
  write(at("trouble-title"), trouble.title);
  write(at("trouble-text"), trouble.text);
  write(at("trouble-next"), trouble.next);
  // What a browser says is for whoever is asked for help.
  write(at("trouble-detail"), trouble.code === "browser" ? trouble.detail : "");
  show(at("trouble-detail"), trouble.code === "browser" && trouble.detail !== "");
  const wanted = trouble.actions.join(" ");
  const box = at("trouble-actions");
  if (box.dataset.actions === wanted) return;
  box.dataset.actions = wanted;
  box.replaceChildren(...trouble.actions.map((action, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = index === 0 ? "primary" : "secondary";
    button.dataset.action = action;
    button.textContent = BUTTONS[action];
    return button;
  }));
}

/**
 * The picture, or none: while it is dark nobody sees it.
 * @param {MediaStreamTrack | null} track
 */
export function preview(track) {
  const video = /** @type {HTMLVideoElement} */ (at("preview"));
  const now = /** @type {MediaStream | null} */ (video.srcObject)?.getVideoTracks()[0] ?? null;
  if (now === track) return;
  video.srcObject = track && new MediaStream([track]);
  if (track) video.play().catch(() => {});
}
