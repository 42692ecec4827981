// What a concept takes for the object in an example, beside what is painted there: pieces to accept or to refuse.

const SIZED = 0.3; // of the painted pieces' median area; smaller ones are no objects
const BESIDE = 3; // what lies so near to the paint is its edge
const MOST = 250;

/**
 * The pieces of `found` (labels, one byte a pixel) away from what is painted in `mask`.
 * @returns {{label: number, pixels: Int32Array}[]} the larger ones first.
 */
export function piecesBeside(found, mask, width, height) {
  const free = found.slice();
  for (let i = 0; i < mask.length; i++) if (mask[i]) blank(free, width, height, i % width, Math.floor(i / width));
  const areas = parts(mask, width, height, 254).map(({ pixels }) => pixels.length).sort((a, b) => a - b);
  const least = Math.max(12, SIZED * (areas[areas.length >> 1] ?? 0));
  const found_ = parts(free, width, height, 254).filter(({ pixels }) => pixels.length >= least);
  return found_.sort((a, b) => b.pixels.length - a.pixels.length).slice(0, MOST);
}

/** Number of each pixel's piece, from 1; 0 where there is none. */
export function numbered(pieces, size) {
  const map = new Uint8Array(size);
  pieces.forEach(({ pixels }, n) => pixels.forEach((at) => (map[at] = n + 1)));
  return map;
}

function blank(labels, width, height, x, y) {
  const bottom = Math.min(height - 1, y + BESIDE);
  const right = Math.min(width - 1, x + BESIDE);
  for (let v = Math.max(0, y - BESIDE); v <= bottom; v++) {
    labels.fill(0, v * width + Math.max(0, x - BESIDE), v * width + right + 1);
  }
}

/** Pieces of one label, connected by sides; labels from `beyond` on are none. */
function parts(labels, width, height, beyond) {
  const seen = new Uint8Array(labels.length);
  const found = [];
  const stack = [];
  for (let start = 0; start < labels.length; start++) {
    const label = labels[start];
    if (!label || label >= beyond || seen[start]) continue;
    const pixels = [];
    stack.push(start);
    seen[start] = 1;
    while (stack.length) {
      const at = stack.pop();
      const x = at % width;
      pixels.push(at);
      for (const [next, inside] of [
        [at - 1, x > 0], [at + 1, x + 1 < width], [at - width, at >= width], [at + width, at + width < labels.length],
      ]) {
        if (!inside || seen[next] || labels[next] !== label) continue;
        seen[next] = 1;
        stack.push(next);
      }
    }
    found.push({ label, pixels: Int32Array.from(pixels) });
  }
  return found;
}
