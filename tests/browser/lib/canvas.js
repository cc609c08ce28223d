/**
 * A camera drawn on a canvas, for what a file cannot play: a turn of the phone in mid-stream.
 *
 * Light above and dark below, so that a test can see whether a picture stands upright; a bar that
 * moves, so that every frame differs. Tests that draw themselves replace `lanlensCanvas.draw`.
 */

/** Runs before the page's scripts. @param {{width: number, height: number}} size */
export const CANVAS_CAMERA = ({ width, height }) => {
  const canvas = document.createElement("canvas");
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const camera = {
    canvas,
    /** @param {number} frame */
    draw(frame) {
      const [w, h] = [canvas.width, canvas.height];
      pen.fillStyle = "#e8e8e8";
      pen.fillRect(0, 0, w, h / 2);
      pen.fillStyle = "#202020";
      pen.fillRect(0, h / 2, w, h / 2);
      pen.fillStyle = "#d04040";
      pen.fillRect(((frame * 8) % (w + 80)) - 80, h * 0.4, 80, h * 0.2);
    },
    /** @param {number} wide @param {number} high */
    turn(wide, high) {
      canvas.width = wide;
      canvas.height = high;
    },
  };
  Object.assign(window, { lanlensCanvas: camera });
  camera.turn(width, height);
  let frame = 0;
  setInterval(() => camera.draw((frame += 1)), 1000 / 30);
  const open = async () => canvas.captureStream(30);
  // Without mediaDevices, as in an insecure context, there is nothing to replace.
  if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = open;
};
