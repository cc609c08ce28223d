// The capture time as pixels, as crates/media/src/burned_time.rs writes and reads it: the top 1/12 of a
// picture is a row of 66 equal cells: a white guard, 64 bits of CLOCK_REALTIME microseconds (most
// significant first, white is 1), a black guard.
'use strict';

const CELLS = 66;
const STRIP = 12;
const CONTRAST_MIN = 64;
const OFF_MAX_US = 10_000_000;

const cellStart = (cell, width) => Math.floor((cell * width) / CELLS);

// CLOCK_REALTIME, microseconds. `at` is a value of performance.now().
const unixUs = (at = performance.now()) => Math.round((performance.timeOrigin + at) * 1000);

function writeTime(context, width, height, us) {
  const strip = Math.floor(height / STRIP);
  const bits = BigInt(us);
  for (let cell = 0; cell < CELLS; cell++) {
    const lit = cell === 0 || (cell <= 64 && ((bits >> BigInt(64 - cell)) & 1n) === 1n);
    context.fillStyle = lit ? '#fff' : '#000';
    const left = cellStart(cell, width);
    context.fillRect(left, 0, cellStart(cell + 1, width) - left, strip);
  }
}

// `level(x)` is the brightness in the middle of the strip; null without both guards or a time of now.
function readTime(width, level) {
  const mean = (cell) => {
    const [left, right] = [cellStart(cell, width), cellStart(cell + 1, width)];
    const margin = Math.floor((right - left - 1) / 3);
    let sum = 0;
    for (let x = left + margin; x < right - margin; x++) sum += level(x);
    return sum / (right - left - 2 * margin);
  };
  const [white, black] = [mean(0), mean(CELLS - 1)];
  if (white < black + CONTRAST_MIN) return null;
  const middle = (white + black) / 2;
  let bits = 0n;
  for (let cell = 1; cell <= 64; cell++) bits = (bits << 1n) | (mean(cell) > middle ? 1n : 0n);
  const us = Number(bits);
  return Math.abs(us - unixUs()) <= OFF_MAX_US ? us : null;
}
