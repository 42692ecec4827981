// Which object a person points at, and how it is marked on the picture.

/**
 * Of the objects whose box holds the point the one whose centre is nearest, seen from its own size; null on background.
 * @param {Uint8Array|null} labels class of each pixel of the picture.
 */
export function objectAt(rows, labels, width, [x, y]) {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (!labels?.[row * width + column]) return null;
  const inside = rows.filter(
    ({ box_x: left, box_y: top, box_width: across, box_height: down }) =>
      column >= left && column < left + across && row >= top && row < top + down,
  );
  const far = (one) => Math.hypot((column - one.x) / one.box_width, (row - one.y) / one.box_height);
  return inside.reduce((best, one) => (best && far(best) <= far(one) ? best : one), null);
}

/** A frame around the object's box, dark and light, to be seen on any picture. */
export function ring(context, frame, { box_x: x, box_y: y, box_width: w, box_height: h }) {
  const [left, top] = frame.toScreen(x, y);
  const [right, bottom] = frame.toScreen(x + w, y + h);
  for (const [width, colour] of [[5, "#141414"], [2, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.strokeRect(left - 3, top - 3, right - left + 6, bottom - top + 6);
  }
}
