// What lies over a picture on the screen, pixel by pixel: only what is visible is computed, whatever the picture's size.

import { colourOf, heat, IGNORE, partColour, patternOf } from "./palette.js";

export const VIEWS = ["overlay", "outline", "cutout", "guide", "probability"];

/** Which picture pixel each of `count` screen columns (or rows) shows; -1 outside. */
export function lookup(count, offset, scale, size) {
  const from = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const at = Math.floor((i + 0.5 - offset) / scale);
    from[i] = at >= 0 && at < size ? at : -1;
  }
  return from;
}

/** Picture values on the screen; `outside` where there is no picture. */
export function sampled(values, width, columns, rows, outside = 0) {
  const seen = new Uint8Array(columns.length * rows.length).fill(outside);
  for (let j = 0, k = 0; j < rows.length; j++) {
    if (rows[j] < 0) {
      k += columns.length;
      continue;
    }
    const start = rows[j] * width;
    for (let i = 0; i < columns.length; i++, k++) if (columns[i] >= 0) seen[k] = values[start + columns[i]];
  }
  return seen;
}

/** The most probable class where it is above the threshold, else 0. `layers`: one array of 0–255 a class. */
export function decided(layers, threshold) {
  const labels = new Uint8Array(layers[0].length);
  const cut = threshold * 255;
  if (layers.length === 1) {
    const only = layers[0];
    for (let i = 0; i < labels.length; i++) labels[i] = only[i] > cut ? 1 : 0;
    return labels;
  }
  for (let i = 0; i < labels.length; i++) {
    let best = 0;
    let most = cut;
    for (let c = 0; c < layers.length; c++) {
      if (layers[c][i] > most) {
        most = layers[c][i];
        best = c + 1;
      }
    }
    labels[i] = best;
  }
  return labels;
}

/** The largest of the layers at each pixel. */
export function largest(layers) {
  if (layers.length === 1) return layers[0];
  const most = layers[0].slice();
  for (const layer of layers.slice(1)) for (let i = 0; i < most.length; i++) if (layer[i] > most[i]) most[i] = layer[i];
  return most;
}

/**
 * Colour the screen: everything here has one entry a screen pixel.
 * @param {ImageData} out RGBA, drawn over the picture.
 * @param {Uint8Array} labels class of each pixel, 0 background, 255 outside the picture.
 * @param {string} view one of VIEWS; without `extra` (guide or probability) those are drawn as overlay.
 * @param {Uint8Array} [extra] prototype numbers, or probabilities 0–255.
 * @param {number} [line] thickness of outlines in screen pixels.
 */
export function compose(out, labels, view, extra = null, line = 2) {
  const pixels = new Uint32Array(out.data.buffer);
  pixels.fill(0);
  if (view === "cutout") cutOut(pixels, labels, out.width);
  else if (view === "probability" && extra) likely(pixels, labels, extra);
  else if (view === "guide" && extra) guided(pixels, labels, extra);
  else if (view !== "outline") tinted(pixels, labels, out.width);
  if (view !== "cutout") outlined(pixels, labels, out.width, out.height, line, view);
}

/** What a mask's labels are called on the screen, where 255 is no picture: ignored pixels, and pieces to be asked for. */
export const IGNORED = 253;
export const MAYBE = 252;
const SPECIAL = 252; // from here on labels are no classes

/** Labels of a mask and pieces beside it (both as seen) as the screen has them; `outside` where `mask` shows nothing. */
export function asSeen(mask, maybe, columns, rows) {
  for (let j = 0, k = 0; j < rows.length; j++) {
    for (let i = 0; i < columns.length; i++, k++) {
      if (rows[j] < 0 || columns[i] < 0) mask[k] = OUTSIDE;
      else if (mask[k] === IGNORE) mask[k] = IGNORED;
      else if (!mask[k] && maybe?.[k]) mask[k] = MAYBE;
    }
  }
  return mask;
}

const rgba = ([r, g, b], alpha) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
const OUTSIDE = 255;

function tinted(pixels, labels, width) {
  const inks = inksOf(labels, inkOf);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (label === 0 || label === OUTSIDE) continue;
    const [soft, strong, pattern] = inks[label];
    const x = i % width;
    pixels[i] = pattern[(((i - x) / width) % 12) * 12 + (x % 12)] ? strong : soft;
  }
}

/** `[soft, strong, pattern]` of a label. */
function inkOf(label) {
  const special = { [IGNORED]: [20, 20, 20], [MAYBE]: [255, 255, 255], 254: [225, 70, 70] }[label];
  if (!special) return [rgba(colourOf(label), 105), rgba(colourOf(label), 190), patternOf(label)];
  return [rgba(special, label === MAYBE ? 40 : 90), rgba(special, 190), STRIPES];
}

const STRIPES = Uint8Array.from({ length: 144 }, (_, i) => ((i % 12) + Math.floor(i / 12)) % 6 < 2);

function cutOut(pixels, labels, width) {
  const light = rgba([236, 236, 236], 255);
  const dark = rgba([206, 206, 206], 255);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== 0) continue;
    const x = i % width;
    pixels[i] = ((x >> 4) + (((i - x) / width) >> 4)) & 1 ? light : dark;
  }
}

function likely(pixels, labels, extra) {
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === OUTSIDE) continue;
    const at = extra[i] * 3;
    pixels[i] = rgba([heat[at], heat[at + 1], heat[at + 2]], 235);
  }
}

function guided(pixels, labels, extra) {
  const strong = [];
  const weak = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === OUTSIDE) continue;
    const part = extra[i];
    strong[part] ??= rgba(partColour(part), 225);
    weak[part] ??= rgba(partColour(part), 80);
    pixels[i] = labels[i] ? strong[part] : weak[part];
  }
}

/** A line in the class's colour on both sides of which a dark seam keeps it visible on any picture. */
function outlined(pixels, labels, width, height, line, view) {
  const plain = view === "probability" || view === "guide";
  const inks = inksOf(labels, (label) => rgba(plain || label >= SPECIAL ? [255, 255, 255] : colourOf(label), 255));
  const seam = rgba([20, 20, 20], 200);
  const far = line + Math.max(1, line >> 1);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = labels[i];
      if (label === OUTSIDE) continue;
      if (label && differs(labels, i, x, y, width, height, line, label)) pixels[i] = inks[label];
      else if (differs(labels, i, x, y, width, height, far - line, label)) pixels[i] = seam;
    }
  }
}

function differs(labels, i, x, y, width, height, by, label) {
  return (
    other(x >= by ? labels[i - by] : OUTSIDE, label) ||
    other(x + by < width ? labels[i + by] : OUTSIDE, label) ||
    other(y >= by ? labels[i - by * width] : OUTSIDE, label) ||
    other(y + by < height ? labels[i + by * width] : OUTSIDE, label)
  );
}

function other(neighbour, label) {
  return neighbour !== label && neighbour !== OUTSIDE;
}

function inksOf(labels, make) {
  const there = new Uint8Array(256);
  for (let i = 0; i < labels.length; i++) there[labels[i]] = 1;
  return Array.from(there, (is, label) => (is && label && label !== OUTSIDE ? make(label) : null));
}
