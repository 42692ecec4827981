// Undo and redo of a mask: what changed between two times, kept as the smallest rectangle around it.

const MOST_BYTES = 64 * 1024 * 1024;

export class History {
  #done = [];
  #undone = [];
  #before = null;

  constructor(mask, width) {
    this.mask = mask;
    this.width = width;
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** A stroke begins: remember the mask as it is. */
  begin() {
    this.#before ??= this.mask.slice();
  }

  /** The stroke is finished. Returns whether it changed anything. */
  end() {
    const step = this.#before && difference(this.#before, this.mask, this.width);
    this.#before = null;
    if (!step) return false;
    this.#done.push(step);
    this.#undone.length = 0;
    this.#forgetTheOldest();
    return true;
  }

  /** The stroke never was (a second finger came down, say). */
  cancel() {
    if (this.#before) this.mask.set(this.#before);
    this.#before = null;
  }

  undo() {
    return this.#swap(this.#done, this.#undone);
  }

  redo() {
    return this.#swap(this.#undone, this.#done);
  }

  #swap(from, to) {
    this.cancel();
    const step = from.pop();
    if (!step) return false;
    to.push({ ...step, pixels: exchanged(this.mask, this.width, step) });
    return true;
  }

  #forgetTheOldest() {
    let bytes = this.#done.reduce((sum, step) => sum + step.pixels.length, 0);
    while (bytes > MOST_BYTES && this.#done.length > 1) bytes -= this.#done.shift().pixels.length;
  }
}

/** The smallest rectangle in which the two differ, with what `before` has there; null if they are equal. */
function difference(before, after, width) {
  let first = 0;
  while (first < after.length && before[first] === after[first]) first++;
  if (first === after.length) return null;
  let last = after.length - 1;
  while (before[last] === after[last]) last--;
  const top = Math.floor(first / width);
  const bottom = Math.floor(last / width) + 1;
  let left = width;
  let right = 0;
  for (let y = top; y < bottom; y++) {
    const row = y * width;
    let x = 0;
    while (x < left && before[row + x] === after[row + x]) x++;
    left = Math.min(left, x);
    x = width;
    while (x > right && before[row + x - 1] === after[row + x - 1]) x--;
    right = Math.max(right, x);
  }
  return { left, top, right, bottom, pixels: cut(before, width, { left, top, right, bottom }) };
}

function cut(mask, width, { left, top, right, bottom }) {
  const pixels = new Uint8Array((right - left) * (bottom - top));
  for (let y = top; y < bottom; y++) {
    pixels.set(mask.subarray(y * width + left, y * width + right), (y - top) * (right - left));
  }
  return pixels;
}

/** Put a step's pixels into the mask and return those that were there. */
function exchanged(mask, width, step) {
  const there = cut(mask, width, step);
  const wide = step.right - step.left;
  for (let y = step.top; y < step.bottom; y++) {
    const from = (y - step.top) * wide;
    mask.set(step.pixels.subarray(from, from + wide), y * width + step.left);
  }
  return there;
}
