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
import { forgetToken, rename, report, tokenHere, tokenIn, whoAmI } from "./join.js";
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
  #dark = false;
  #awake = true;
  #battery = UNKNOWN;
  #name = cutName(store.name.get()) || suggestedName(agent, navigator.maxTouchPoints);
  #quality = qualityOf(store.quality.get());
  /** @type {import("./figures.js").Figures | null} */
  #figures = null;
  #meter = new Meter();
  #camera = new Camera(store.facing.get() === "user" ? "user" : "environment", store.device.get(), {
    onLost: () => {
      this.#update();
      void this.#revive();
    },
    onInterrupted: () => this.#update(),
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

  /** The system holds the camera back. */
  get #interrupted() {
    return !this.#camera.running && !this.#flipping;
  }

  /** Out of sight, and no camera for it: a computer's browser in the background goes on filming. */
  get #away() {
    return document.hidden && (platform !== "other" || !this.#camera.running);
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
      away: this.#away,
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
      note: noteOf(phase, { away: this.#away, interrupted: this.#interrupted, awake: this.#awake }),
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
    if (!store.credential.get() && !tokenHere()) return this.#fail("no_token");
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
      if (problem.status === 401 || problem.code === "wrong_scope") {
        store.credential.set("");
        if (tokenHere()) return true;
      }
      this.#fail(problem.code, problem.detail);
      return false;
    }
  }

  /** @returns {Promise<boolean>} */
  async #openCamera() {
    if (this.#camera.running) return true;
    try {
      const open = await this.#camera.open();
      this.#update();
      return open;
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
    if (this.#camera.track) this.#run?.replaceTrack(this.#camera.track);
    this.#update();
  }

  /** The system took the camera away: takes it back as soon as the page is visible. */
  async #revive() {
    // Whoever waits for a camera already tells what comes of it.
    if (document.hidden || this.#trouble || this.#camera.opening || this.#camera.running) return;
    try {
      if (await this.#camera.open()) this.#showCamera();
    } catch (error) {
      // The phone was locked again meanwhile: the next look at the page is the next try.
      if (document.hidden) return;
      const code = cameraTrouble(error);
      this.#fail(code === "camera_failed" ? "camera_lost" : code);
    }
  }

  async #flip() {
    if (this.#flipping || this.#trouble) return;
    this.#set(() => { this.#flipping = true; });
    try {
      if (!(await this.#camera.flip())) return;
      store.facing.set(this.#camera.facing);
      store.device.set(this.#camera.deviceId);
      this.#showCamera();
    } catch (error) {
      // Not even the old one opens.
      this.#fail(cameraTrouble(error));
    } finally {
      this.#set(() => { this.#flipping = false; });
    }
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
    void report(credential, { hidden: this.#away, battery: this.#battery.level, charging: this.#battery.charging });
  }

  #visibilityChanged() {
    this.#report();
    this.#update();
    if (document.hidden) return;
    this.#run?.poke();
    setTimeout(() => void this.#revive(), REVIVE_MS);
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

  /** A code that is scanned again opens in the same tab, and nothing is loaded. */
  #scanned() {
    if (!this.#run) void this.#begin();
    else if (this.#run.joining) this.#run.poke();
    // It stays good for another phone.
    else forgetToken();
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
    window.addEventListener("hashchange", () => { if (tokenIn(location.hash)) this.#scanned(); });
    window.addEventListener("pagehide", () => this.#run?.stop());
    // A page that comes out of the browser's cache has lost its connections.
    window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }
}

new Page();
