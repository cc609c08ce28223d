/**
 * The camera page: composes the parts.
 *
 *   open the camera → Start → Run (join, publisher, events) → live, until Stop
 *
 * The only place that knows the camera, the run and the view; what each of them does stands in its
 * own file.
 */

import { Problem } from "./api.js";
import { UNKNOWN, watchBattery } from "./battery.js";
import { Camera, cameraTrouble } from "./camera.js";
import { listen } from "./controls.js";
import { cutName, inAppBrowser, platformOf, suggestedName } from "./device.js";
import { Dim } from "./dim.js";
import { obstacle } from "./environment.js";
import { Meter } from "./figures.js";
import { forgetToken, rename, report, tokenIn, whoAmI } from "./join.js";
import { againOf, noteOf, phaseOf } from "./phase.js";
import { Run } from "./run.js";
import { qualityOf } from "./sender.js";
import * as store from "./store.js";
import { preview, render } from "./view.js";
import { Wake } from "./wake.js";
import { wordsFor } from "./words.js";

/** How often the figures are read, ms. */
const FIGURES_MS = 2000;
/** How often the seconds to the next try are looked at, ms. */
const COUNTDOWN_MS = 250;
/** A camera that the system gives back shows it within this, ms. */
const REVIVE_MS = 1000;

const agent = navigator.userAgent;
const platform = platformOf(agent, navigator.maxTouchPoints);
const app = inAppBrowser(agent);

class Page {
  /** @type {import("./view.js").Shown["trouble"]} */
  #trouble = null;
  /** Between Start and Stop. */
  #started = false;
  /** @type {Run | null} */
  #run = null;
  #flipping = false;
  #interrupted = false;
  #dark = false;
  #awake = true;
  #battery = UNKNOWN;
  #name = cutName(store.name.get()) || suggestedName(agent, navigator.maxTouchPoints);
  #quality = qualityOf(store.quality.get());
  /** @type {import("./figures.js").Figures | null} */
  #figures = null;
  #meter = new Meter();
  #camera = new Camera(store.facing.get() === "user" ? "user" : "environment", store.device.get(), {
    onLost: () => void this.#revive(),
    onInterrupted: (interrupted) => this.#set(() => { this.#interrupted = interrupted; }),
  });
  #wake = new Wake((held) => this.#set(() => { this.#awake = held; }));
  #dim = new Dim((dark) => this.#set(() => { this.#dark = dark; }));

  constructor() {
    this.#listen();
    void watchBattery((battery) => {
      this.#set(() => { this.#battery = battery; });
      this.#report();
    });
    setInterval(() => void this.#measure(), FIGURES_MS);
    setInterval(() => { if (this.#phase() === "reconnecting") this.#update(); }, COUNTDOWN_MS);
    if (app) this.#fail("in_app");
    else void this.#begin();
  }

  #phase() {
    const run = this.#run;
    return phaseOf({
      trouble: this.#trouble !== null,
      open: this.#camera.track !== null,
      started: this.#started,
      joining: run?.joining ?? true,
      progress: run?.progress ?? null,
      before: run?.before ?? false,
      eventsRetryAt: run?.eventsRetryAt ?? 0,
      wanted: run?.told?.wanted ?? true,
      interrupted: this.#interrupted,
    });
  }

  /** @param {() => void} change */
  #set(change) {
    change();
    this.#update();
  }

  #update() {
    const phase = this.#phase();
    this.#dim.allow(phase === "live" || phase === "paused" || phase === "reconnecting");
    preview(this.#dark ? null : this.#camera.track);
    render({
      phase,
      trouble: this.#trouble,
      again: againOf({ progress: this.#run?.progress ?? null, eventsRetryAt: this.#run?.eventsRetryAt ?? 0 }),
      name: this.#name,
      viewers: this.#run?.told?.viewers ?? [],
      figures: phase === "live" ? this.#figures : null,
      note: noteOf(phase, { interrupted: this.#interrupted, awake: this.#awake }),
      abilities: this.#camera.abilities,
      torchOn: this.#camera.torchOn,
      zoom: this.#camera.zoom,
      quality: this.#quality,
      mirrored: this.#camera.facing === "user",
      battery: this.#battery,
      dark: this.#dark,
      busy: this.#flipping,
    });
  }

  /**
   * Shows why it does not go on.
   * @param {string} code
   * @param {string} [detail] what the node or the browser said
   */
  #fail(code, detail = "") {
    const words = wordsFor(code, { detail, platform, app: app ?? undefined });
    this.#set(() => { this.#trouble = { ...words, code, detail }; });
  }

  /** From the top: after loading, and after trouble. */
  async #begin() {
    this.#set(() => { this.#trouble = null; });
    const obstructed = obstacle();
    if (obstructed) return this.#fail(obstructed);
    if (!store.credential.get() && !tokenIn(location.hash)) return this.#fail("no_token");
    const admitted = this.#admitted();
    if (!(await this.#openCamera()) || !(await admitted)) return;
    if (this.#run) this.#showCamera();
    else if (this.#started || (store.started.get() && store.credential.get())) this.#start();
  }

  /**
   * Whether there is a way in: the phone's own credential, or else the code's token.
   * @returns {Promise<boolean>}
   */
  async #admitted() {
    const credential = store.credential.get();
    if (!credential) return true;
    try {
      const me = await whoAmI(credential);
      if (me.scope !== "publish") throw new Problem("wrong_scope", "", 403);
      // The code stays good for another phone.
      forgetToken();
      return true;
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem("server", "", 0);
      // No answer now is no reason to forget anything: Start asks again.
      if (problem.passing) return true;
      store.credential.set("");
      if (tokenIn(location.hash)) return true;
      this.#fail(problem.code, problem.detail);
      return false;
    }
  }

  /** @returns {Promise<boolean>} */
  async #openCamera() {
    if (this.#camera.running) return true;
    try {
      await this.#camera.open();
      this.#update();
      return true;
    } catch (error) {
      this.#fail(cameraTrouble(error));
      return false;
    }
  }

  /** Start was tapped, or the page of a running camera was loaded again. */
  #start() {
    const track = this.#camera.track;
    if (this.#run || !track) return;
    void this.#wake.hold();
    this.#started = true;
    this.#run = new Run(track, this.#quality, this.#name, {
      onChange: () => this.#update(),
      onName: (name) => {
        this.#name = name;
        store.name.set(name);
      },
      onJoined: () => this.#report(),
      onEnd: (code, detail) => {
        // For good: nothing is left for which the screen or the camera should stay on.
        this.#started = false;
        this.#wake.release();
        this.#halt();
        this.#camera.close();
        this.#fail(code, detail);
      },
    });
    this.#report();
    this.#update();
  }

  #stop() {
    this.#started = false;
    store.started.set("");
    this.#wake.release();
    this.#halt();
    this.#update();
  }

  /** Ends the run, and keeps the camera open. */
  #halt() {
    this.#run?.stop();
    this.#run = null;
    this.#figures = null;
    this.#meter = new Meter();
  }

  /** The camera's pictures, whichever track they come from now, are shown and sent. */
  #showCamera() {
    this.#interrupted = false;
    if (this.#camera.track) this.#run?.replaceTrack(this.#camera.track);
    this.#update();
  }

  /** The system took the camera away: takes it back as soon as the page is visible. */
  async #revive() {
    if (document.hidden || this.#trouble || this.#flipping || this.#camera.running) return;
    try {
      await this.#camera.open();
      this.#showCamera();
    } catch (error) {
      const code = cameraTrouble(error);
      this.#fail(code === "camera_failed" ? "camera_lost" : code);
    }
  }

  async #flip() {
    if (this.#flipping || this.#trouble) return;
    this.#set(() => { this.#flipping = true; });
    try {
      await this.#camera.flip();
      store.facing.set(this.#camera.facing);
      store.device.set(this.#camera.deviceId);
    } catch (error) {
      // The old camera is open again, or nothing is.
      if (!this.#camera.track) this.#fail(cameraTrouble(error));
    } finally {
      this.#flipping = false;
    }
    this.#showCamera();
  }

  /** @param {string} wish */
  #rename(wish) {
    this.#name = cutName(wish) || suggestedName(agent, navigator.maxTouchPoints);
    store.name.set(this.#name);
    this.#update();
    const credential = store.credential.get();
    // Not taken: the node's next state shows the old one again.
    if (credential) rename(credential, this.#name).catch(() => {});
  }

  async #measure() {
    if (!this.#run || document.hidden || this.#dark) return;
    const figures = this.#meter.read(await this.#run.stats());
    this.#set(() => { this.#figures = figures; });
  }

  #report() {
    const credential = store.credential.get();
    if (!credential || !this.#run) return;
    // A computer's browser in the background goes on filming; a phone's does not.
    const hidden = document.hidden && (platform !== "other" || !this.#camera.running);
    void report(credential, { hidden, battery: this.#battery.level, charging: this.#battery.charging });
  }

  #visibilityChanged() {
    this.#report();
    if (document.hidden) return;
    this.#run?.poke();
    setTimeout(() => { if (this.#camera.track) void this.#revive(); }, REVIVE_MS);
  }

  /**
   * @param {string} action
   * @param {HTMLElement} button
   */
  async #act(action, button) {
    if (action === "copy") {
      const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
      button.textContent = copied ? "Link copied" : "Copy it from the address bar";
    } else if (["reload", "take_over", "retry_permission"].includes(action)) {
      // For the camera, browsers ask again only after a reload, where they ask again at all.
      location.reload();
    } else {
      await this.#begin();
    }
  }

  #listen() {
    const applied = (/** @type {Promise<void>} */ change) => change.catch(() => {}).then(() => this.#update());
    listen({
      start: (name) => {
        this.#rename(name);
        this.#start();
      },
      stop: () => this.#stop(),
      flip: () => this.#flip(),
      torch: () => applied(this.#camera.setTorch(!this.#camera.torchOn)),
      zoom: (zoom) => applied(this.#camera.setZoom(zoom)),
      quality: (quality) => {
        this.#quality = qualityOf(quality);
        store.quality.set(this.#quality);
        this.#run?.setQuality(this.#quality);
        this.#update();
      },
      rename: (name) => this.#rename(name),
      retry: () => this.#run?.poke(),
      act: (action, button) => this.#act(action, button),
    });
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
    window.addEventListener("online", () => this.#run?.poke());
    // A code that is scanned again opens in the same tab, and nothing is loaded.
    window.addEventListener("hashchange", () => { if (tokenIn(location.hash) && !this.#run) void this.#begin(); });
    window.addEventListener("pagehide", () => this.#run?.stop());
    // A page that comes out of the browser's cache has lost its connections.
    window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }
}

new Page();
