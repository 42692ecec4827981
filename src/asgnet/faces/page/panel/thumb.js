// A small picture with what lies over it, for the lists.

import { asSeen, compose, decided, largest, lookup, sampled } from "../view/lens.js";

/**
 * Draw into a canvas that takes the small picture's size.
 * @param {{mask?: Uint8Array, layers?: Uint8Array[], guide?: Uint8Array, width: number, height: number}|null} over
 */
export async function drawThumb(canvas, picture, over, view, threshold) {
  const small = await picture.small();
  canvas.width = small.width;
  canvas.height = small.height;
  const context = canvas.getContext("2d");
  context.drawImage(small, 0, 0);
  if (!over) return;
  const columns = lookup(small.width, 0, small.width / over.width, over.width);
  const rows = lookup(small.height, 0, small.height / over.height, over.height);
  const seen = (values) => sampled(values, over.width, columns, rows);
  const near = over.layers?.map(seen);
  const labels = over.mask ? asSeen(seen(over.mask), null, columns, rows) : decided(near, threshold);
  const extra =
    view === "probability" && near ? largest(near) : view === "guide" && over.guide ? seen(over.guide) : null;
  const image = new ImageData(small.width, small.height);
  compose(image, labels, view, extra, small.width > 300 ? 3 : 2);
  const layer = new OffscreenCanvas(small.width, small.height);
  layer.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(layer, 0, 0);
}
