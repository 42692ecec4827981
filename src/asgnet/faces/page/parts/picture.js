// A picture a person gave: its file, its size, a small copy for the lists, and the whole of it when it is looked at.

import { fetched, view } from "./api.js";

const SMALL = 480; // longer side of the small copy
const KEPT = 3; // so many whole pictures stay decoded

const whole = new Map(); // Picture -> promise of its bitmap, the one used last at the end
let decoding = Promise.resolve(); // lists decode one after another, so that hundreds of pictures do not fill memory

export class Picture {
  width = 0;
  height = 0;
  #blob;
  #smaller = null;

  /**
   * @param {string} name
   * @param {Blob|string} source the file, or its address on the server.
   */
  constructor(name, source) {
    this.name = name;
    this.#blob = typeof source === "string" ? null : Promise.resolve(source);
    this.address = typeof source === "string" ? source : null;
  }

  /** The file as given; it is what the server gets. */
  async file() {
    this.#blob ??= fetched(this.address);
    this.#blob.catch(() => (this.#blob = null));
    return { name: this.name, blob: await this.#blob };
  }

  /** The picture upright at its own size. */
  bitmap() {
    const bitmap = whole.get(this) ?? this.#decoded();
    whole.delete(this);
    whole.set(this, bitmap);
    bitmap.catch(() => whole.delete(this));
    for (const old of [...whole.keys()].slice(0, -KEPT)) whole.delete(old);
    return bitmap;
  }

  /** A copy with a longer side of at most 480 pixels; the picture's size is known afterwards. */
  small() {
    if (!this.#smaller) {
      this.#smaller = decoding.then(() => this.#shrunk());
      decoding = this.#smaller.catch(() => {});
    }
    return this.#smaller;
  }

  async #shrunk() {
    const image = await this.#decoded();
    const scale = Math.min(1, SMALL / Math.max(image.width, image.height));
    const canvas = new OffscreenCanvas(
      Math.max(1, Math.round(image.width * scale)),
      Math.max(1, Math.round(image.height * scale)),
    );
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    image.close();
    return canvas;
  }

  async #decoded() {
    const file = await this.file();
    const image = await createImageBitmap(file.blob).catch(() => drawn(file));
    this.width = image.width;
    this.height = image.height;
    return image;
  }
}

/** As the server reads what the browser does not. */
async function drawn(file) {
  const shown = await view(file); // the server's refusal names the file
  return createImageBitmap(shown).catch(() => {
    throw new Error(`${file.name} is damaged: it cannot be decoded. Open it in a viewer and save it again.`);
  });
}
