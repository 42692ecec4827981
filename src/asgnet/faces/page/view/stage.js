// The large picture: drawing it with what lies over it, zooming, panning. What is done to it: see paint/.

import { Frame } from "./frame.js";
import { asSeen, compose, decided, largest, lookup, sampled } from "./lens.js";

/**
 * What the stage shows: an example or a result.
 * @typedef {object} Item
 * @property {import("../parts/picture.js").Picture} picture
 * @property {Uint8Array|null} mask painted by a person, one class a picture pixel.
 * @property {Uint8Array[]|null} layers probabilities of each class, 0–255.
 * @property {Uint8Array|null} guide prototype of each pixel.
 * @property {import("../paint/history.js").History|null} history
 */

export class Stage {
  /** @type {Item|null} */
  item = null;
  frame = new Frame();
  view = "overlay";
  threshold = 0.5;
  /** Nothing lies over the picture. */
  bare = false;
  /** Of what lies over it, in [0, 1]. */
  opacity = 1;
  /** Of the picture on the screen alone; 1 is as it is. */
  contrast = 1;
  brightness = 1;
  /** "", or the one that is shown: "red", "green", "blue". */
  channel = "";
  /** Draws brush, polygon and cursor; set by the painter. */
  drawMarks = () => {};
  #bitmap = null;
  #over = new OffscreenCanvas(1, 1);
  #waiting = 0;
  #whole = true;

  /** @param {HTMLElement} host holds two canvases: the picture, and the marks on top of it. */
  constructor(host) {
    this.host = host;
    [this.canvas, this.marks] = host.querySelectorAll("canvas");
    new ResizeObserver(() => this.#resize()).observe(host);
  }

  /** Show an item (null: nothing); resolves when it can be seen. */
  async show(item) {
    this.item = item;
    const bitmap = item && (await item.picture.bitmap());
    if (this.item !== item) return;
    this.#bitmap = bitmap;
    if (bitmap) this.host.style.setProperty("--aspect", `${bitmap.width} / ${bitmap.height}`);
    this.fit();
  }

  /** The picture's labels at its own size, painted or decided by the threshold; null while they are unknown. */
  labels() {
    const { mask, layers } = this.item;
    return mask ?? (layers && decided(layers, this.threshold));
  }

  fit() {
    this.#whole = true;
    this.refresh();
  }

  /** Zoom around a screen point (device pixels; the middle if none is given). */
  zoom(times, [sx, sy] = [this.canvas.width / 2, this.canvas.height / 2]) {
    if (!this.#bitmap) return;
    this.#whole = false;
    const { width, height } = this.#bitmap;
    const smallest = Math.min(this.canvas.width / width, this.canvas.height / height, 1);
    this.frame.zoom(times, sx, sy, smallest);
    this.refresh();
  }

  pan(dx, dy) {
    this.#whole = false;
    this.frame.pan(dx, dy);
    this.refresh();
  }

  /** Move the picture so that this point of it can be seen. */
  reveal([x, y]) {
    const [sx, sy] = this.frame.toScreen(x, y);
    const edge = Math.min(this.canvas.width, this.canvas.height) / 8;
    const over = (at, size) => Math.min(0, size - edge - at) + Math.max(0, edge - at);
    const [dx, dy] = [over(sx, this.canvas.width), over(sy, this.canvas.height)];
    if ((dx || dy) && !this.#whole) this.pan(dx, dy);
  }

  /** Device pixels of an event. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * this.canvas.width) / box.width,
      ((event.clientY - box.top) * this.canvas.height) / box.height,
    ];
  }

  /** Draw everything anew before the next frame. */
  refresh() {
    this.#waiting ||= requestAnimationFrame(() => {
      this.#waiting = 0;
      this.#draw();
      this.#mark();
    });
  }

  /** Draw only the marks anew. */
  refreshMarks() {
    if (!this.#waiting) this.#mark();
  }

  #resize() {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.marks]) {
      canvas.width = Math.max(1, Math.round(this.host.clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(this.host.clientHeight * ratio));
    }
    this.refresh();
  }

  #draw() {
    const { width: across, height: down } = this.canvas;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, across, down);
    const bitmap = this.#bitmap;
    if (!this.item || !bitmap?.width) return;
    const { width, height } = bitmap;
    if (this.#whole) this.frame.fit(width, height, across, down);
    else this.frame.hold(width, height, across, down);
    const { scale, x, y } = this.frame;
    context.imageSmoothingEnabled = scale < 3; // close by, every picture pixel is a square
    context.imageSmoothingQuality = "high";
    context.filter = this.#filter();
    context.drawImage(bitmap, x, y, width * scale, height * scale);
    context.filter = "none";
    if (this.bare) return;
    this.#cover(width, height);
    context.globalAlpha = this.opacity;
    context.drawImage(this.#over, 0, 0);
    context.globalAlpha = 1;
  }

  #filter() {
    const parts = this.channel ? [`url(#channel-${this.channel})`] : [];
    if (this.brightness !== 1) parts.push(`brightness(${this.brightness})`);
    if (this.contrast !== 1) parts.push(`contrast(${this.contrast})`);
    return parts.join(" ") || "none";
  }

  /** Compute what lies over the visible part of the picture. */
  #cover(width, height) {
    const { width: across, height: down } = this.canvas;
    if (this.#over.width !== across || this.#over.height !== down) this.#over = new OffscreenCanvas(across, down);
    const columns = lookup(across, this.frame.x, this.frame.scale, width);
    const rows = lookup(down, this.frame.y, this.frame.scale, height);
    const seen = (values, outside) => sampled(values, width, columns, rows, outside);
    const { mask, layers, guide, maybe } = this.item;
    const out = new ImageData(across, down);
    let likely = null;
    let labels = null;
    if (layers && (!mask || this.view === "probability")) {
      const near = layers.map((layer) => seen(layer, 0));
      likely = largest(near);
      labels = masked(decided(near, this.threshold), columns, rows);
    }
    if (mask) labels = asSeen(seen(mask, 0), maybe && seen(maybe, 0), columns, rows);
    if (!labels) return void this.#over.getContext("2d").clearRect(0, 0, across, down);
    const extra = this.view === "probability" ? likely : this.view === "guide" && guide ? seen(guide, 255) : null;
    compose(out, labels, this.view, extra, Math.max(2, Math.round(2 * (window.devicePixelRatio || 1))));
    this.#over.getContext("2d").putImageData(out, 0, 0);
  }

  #mark() {
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.marks.width, this.marks.height);
    if (this.item && this.#bitmap) this.drawMarks(context, this.frame);
  }
}

/** Labels with 255 where there is no picture. */
function masked(labels, columns, rows) {
  for (let j = 0, k = 0; j < rows.length; j++) {
    for (let i = 0; i < columns.length; i++, k++) if (rows[j] < 0 || columns[i] < 0) labels[k] = 255;
  }
  return labels;
}
