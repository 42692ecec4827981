// A mask proposed for clicks or a box; points in picture pixels.

import { propose } from "../parts/api.js";
import { readGrey } from "../parts/png.js";

/** Non-zero where the object is, one byte a picture pixel. */
export async function proposed(item, clicks, box) {
  const { width, height } = item.picture;
  const rounded = clicks.map(({ x, y, object }) => ({ x: inside(x, width), y: inside(y, height), object }));
  const found = await readGrey(await propose(await item.picture.file(), rounded, box && rectangle(box, width, height)));
  return found.values;
}

function inside(at, size) {
  return Math.min(size - 1, Math.max(0, Math.floor(at)));
}

/** `[left, top, right, bottom]` of two corners, right and bottom just outside. */
function rectangle([[x0, y0], [x1, y1]], width, height) {
  const [left, right] = [inside(Math.min(x0, x1), width), inside(Math.max(x0, x1), width)];
  const [top, bottom] = [inside(Math.min(y0, y1), height), inside(Math.max(y0, y1), height)];
  return [left, top, right + 1, bottom + 1];
}
