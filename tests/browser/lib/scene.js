/**
 * What the camera of a test sees: a drawn room with a cat that walks by, as a .y4m file.
 *
 * Moves in every frame, so encoders have something to do, and looks well in pictures of the page.
 */

import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const FRAMES = 60;

/** Large, made once, and out of the way of whatever reads the repository. */
const FOLDER = fileURLToPath(new URL("../node_modules/.cache/lanlens/", import.meta.url));

/** Runs in a page: draws frame after frame, and gives them as planes of I420. */
const DRAW = (/** @type {[number, number, number, number]} */ [width, height, frame, frames]) => {
  const canvas = new OffscreenCanvas(width, height);
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (
    canvas.getContext("2d", { willReadFrequently: true })
  );
  const phase = (frame / frames) * 2 * Math.PI;
  const [w, h] = [width, height];
  const unit = Math.min(w, h) / 100;
  const floor = h * 0.72;

  const box = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ wide, /** @type {number} */ high, /** @type {number} */ round, /** @type {string} */ color) => {
    pen.fillStyle = color;
    pen.beginPath();
    pen.roundRect(x, y, wide, high, round * unit);
    pen.fill();
  };
  const disc = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ rx, /** @type {number} */ ry, /** @type {string} */ color) => {
    pen.fillStyle = color;
    pen.beginPath();
    pen.ellipse(x, y, rx * unit, ry * unit, 0, 0, 7);
    pen.fill();
  };

  const wall = pen.createLinearGradient(0, 0, w, floor);
  wall.addColorStop(0, "#c9b8a2");
  wall.addColorStop(1, "#a8937b");
  pen.fillStyle = wall;
  pen.fillRect(0, 0, w, h);
  const boards = pen.createLinearGradient(0, floor, 0, h);
  boards.addColorStop(0, "#6d4a33");
  boards.addColorStop(1, "#4c3323");
  pen.fillStyle = boards;
  pen.fillRect(0, floor, w, h - floor);

  // A window, with clouds that drift.
  const [wx, wy, ww, wh] = [w * 0.1, h * 0.14, unit * 42, unit * 46];
  box(wx - 2 * unit, wy - 2 * unit, ww + 4 * unit, wh + 4 * unit, 1, "#efe6da");
  pen.save();
  pen.beginPath();
  pen.rect(wx, wy, ww, wh);
  pen.clip();
  const sky = pen.createLinearGradient(0, wy, 0, wy + wh);
  sky.addColorStop(0, "#6fa8dc");
  sky.addColorStop(1, "#cfe5f5");
  pen.fillStyle = sky;
  pen.fillRect(wx, wy, ww, wh);
  for (const [at, up] of [[0.2, 0.25], [0.75, 0.4]]) {
    const x = wx + ww * ((Number(at) + frame / frames) % 1.3) - ww * 0.15;
    disc(x, wy + wh * Number(up), 7, 3, "#ffffffcc");
    disc(x + 5 * unit, wy + wh * Number(up) - unit, 5, 3, "#ffffffcc");
  }
  disc(wx + ww * 0.3, wy + wh * 1.05, 26, 14, "#5d8a4c");
  disc(wx + ww * 0.9, wy + wh * 1.08, 24, 16, "#4d7a40");
  pen.restore();
  box(wx + ww / 2 - unit * 0.7, wy, unit * 1.4, wh, 0, "#efe6da");
  box(wx, wy + wh / 2 - unit * 0.7, ww, unit * 1.4, 0, "#efe6da");

  // A picture, a lamp, a sofa.
  const px = w > h ? w * 0.62 : w * 0.66;
  box(px, h * 0.16, unit * 24, unit * 18, 0.5, "#4a2f22");
  box(px + 1.6 * unit, h * 0.16 + 1.6 * unit, unit * 20.8, unit * 14.8, 0, "#7e9bb5");
  disc(px + 8 * unit, h * 0.16 + 11 * unit, 6, 3.4, "#c9735a");
  disc(px + 15 * unit, h * 0.16 + 7 * unit, 5, 3, "#e0b36a");
  const sx = w > h ? w * 0.42 : w * 0.24;
  const sw = w > h ? w * 0.46 : w * 0.7;
  box(sx, floor - unit * 24, sw, unit * 20, 4, "#3f6686");
  box(sx - 4 * unit, floor - unit * 15, sw + 8 * unit, unit * 17, 4, "#4b7699");
  box(sx - 5 * unit, floor - unit * 18, unit * 9, unit * 21, 4, "#3a5f7d");
  box(sx + sw - 4 * unit, floor - unit * 18, unit * 9, unit * 21, 4, "#3a5f7d");
  box(sx + 8 * unit, floor - unit * 21, unit * 13, unit * 11, 3, "#d9a441");

  // The cat.
  const cx = w * (0.5 + 0.33 * Math.sin(phase));
  const way = Math.cos(phase) >= 0 ? 1 : -1;
  const cy = floor + (h - floor) * 0.42;
  disc(cx, cy + 8 * unit, 15, 2, "#00000040");
  for (const leg of [-8, -4, 5, 9]) {
    box(cx + leg * unit - unit, cy, 2.4 * unit, 8 * unit + Math.sin(phase * 8 + leg) * unit, 1, "#24201f");
  }
  disc(cx, cy, 12, 6, "#2b2625");
  disc(cx + way * 13 * unit, cy - 5 * unit, 5, 4.6, "#2b2625");
  pen.fillStyle = "#2b2625";
  for (const ear of [-3, 2]) {
    pen.beginPath();
    pen.moveTo(cx + way * 13 * unit + ear * unit - 1.6 * unit, cy - 8 * unit);
    pen.lineTo(cx + way * 13 * unit + ear * unit + 0.6 * unit, cy - 13 * unit);
    pen.lineTo(cx + way * 13 * unit + ear * unit + 2.6 * unit, cy - 8 * unit);
    pen.fill();
  }
  disc(cx + way * 15 * unit, cy - 5.6 * unit, 0.8, 0.8, "#e8c15a");
  pen.strokeStyle = "#2b2625";
  pen.lineWidth = 2.4 * unit;
  pen.lineCap = "round";
  pen.beginPath();
  pen.moveTo(cx - way * 10 * unit, cy - 2 * unit);
  pen.quadraticCurveTo(
    cx - way * 20 * unit, cy - 4 * unit,
    cx - way * (18 + 3 * Math.sin(phase * 4)) * unit, cy - 16 * unit,
  );
  pen.stroke();

  const { data } = pen.getImageData(0, 0, w, h);
  const [half, size] = [w / 2, w * h];
  const planes = new Uint8Array(size * 1.5);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const at = (y * w + x) * 4;
      const [r, g, b] = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
      planes[y * w + x] = 16 + 0.257 * r + 0.504 * g + 0.098 * b;
      if (y % 2 === 0 && x % 2 === 0) {
        const chroma = (y / 2) * half + x / 2;
        planes[size + chroma] = 128 - 0.148 * r - 0.291 * g + 0.439 * b;
        planes[size * 1.25 + chroma] = 128 + 0.439 * r - 0.368 * g - 0.071 * b;
      }
    }
  }
  let text = "";
  for (let at = 0; at < planes.length; at += 32768) {
    text += String.fromCharCode(...planes.subarray(at, at + 32768));
  }
  return btoa(text);
};

/**
 * The scene as a file, made once.
 * @param {number} width even
 * @param {number} height even
 * @returns {Promise<string>} its path
 */
export async function scene(width, height) {
  const path = join(FOLDER, `scene-${width}x${height}.y4m`);
  if (existsSync(path)) return path;
  mkdirSync(FOLDER, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    chromiumSandbox: false,
    args: ["--disable-gpu"],
  });
  try {
    const page = await browser.newPage();
    const pieces = [Buffer.from(`YUV4MPEG2 W${width} H${height} F30:1 Ip A1:1 C420jpeg\n`)];
    for (let frame = 0; frame < FRAMES; frame += 1) {
      const planes = await page.evaluate(DRAW, /** @type {[number, number, number, number]} */ ([width, height, frame, FRAMES]));
      pieces.push(Buffer.from("FRAME\n"), Buffer.from(planes, "base64"));
    }
    writeFileSync(`${path}.part`, Buffer.concat(pieces));
    renameSync(`${path}.part`, path);
  } finally {
    await browser.close();
  }
  return path;
}
