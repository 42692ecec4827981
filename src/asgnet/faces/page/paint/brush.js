// Drawing into a mask: one byte a picture pixel, 0 background, 1.. the classes in order.
// Every function changes the mask in place and returns the touched rectangle {left, top, right, bottom}
// (right and bottom just outside), or null if nothing of the picture was touched.

/** Paint all pixels whose centre lies within `radius` of the line from (x0, y0) to (x1, y1). */
export function stroke(mask, width, height, [x0, y0], [x1, y1], radius, value) {
  const reach = Math.max(radius, 0.5);
  const touched = within(
    {
      left: Math.floor(Math.min(x0, x1) - reach),
      top: Math.floor(Math.min(y0, y1) - reach),
      right: Math.ceil(Math.max(x0, x1) + reach),
      bottom: Math.ceil(Math.max(y0, y1) + reach),
    },
    width,
    height,
  );
  if (!touched) return null;
  // The finest brush still paints the pixel under it, wherever in that pixel it stands.
  const limit = Math.max(radius * radius, 0.5);
  const dx = x1 - x0;
  const dy = y1 - y0;
  const long = dx * dx + dy * dy;
  for (let y = touched.top; y < touched.bottom; y++) {
    for (let x = touched.left; x < touched.right; x++) {
      const px = x + 0.5 - x0;
      const py = y + 0.5 - y0;
      const along = long ? Math.min(1, Math.max(0, (px * dx + py * dy) / long)) : 0;
      const ex = px - along * dx;
      const ey = py - along * dy;
      if (ex * ex + ey * ey <= limit) mask[y * width + x] = value;
    }
  }
  return touched;
}

/** Fill the polygon through these points (even-odd rule, pixel centres). */
export function polygon(mask, width, height, points, value) {
  if (points.length < 3) return null;
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const touched = within(
    {
      left: Math.floor(Math.min(...xs)),
      top: Math.floor(Math.min(...ys)),
      right: Math.ceil(Math.max(...xs)),
      bottom: Math.ceil(Math.max(...ys)),
    },
    width,
    height,
  );
  if (!touched) return null;
  for (let y = touched.top; y < touched.bottom; y++) {
    const crossings = crossed(points, y + 0.5);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(touched.left, Math.ceil(crossings[i] - 0.5));
      const to = Math.min(touched.right, Math.ceil(crossings[i + 1] - 0.5));
      if (to > from) mask.fill(value, y * width + from, y * width + to);
    }
  }
  return touched;
}

/** Give `value` to every pixel that `found` (same size, non-zero is the object) marks. */
export function pour(mask, width, height, found, value) {
  for (let i = 0; i < mask.length; i++) if (found[i]) mask[i] = value;
  return { left: 0, top: 0, right: width, bottom: height };
}

/** Where a row's line cuts the polygon's edges, from left to right. */
function crossed(points, y) {
  const cuts = [];
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [xi, yi] = points[i];
    const [xj, yj] = points[j];
    if (yi > y !== yj > y) cuts.push(xi + ((y - yi) * (xj - xi)) / (yj - yi));
  }
  return cuts.sort((a, b) => a - b);
}

function within(r, width, height) {
  const cut = {
    left: Math.max(0, r.left),
    top: Math.max(0, r.top),
    right: Math.min(width, r.right),
    bottom: Math.min(height, r.bottom),
  };
  return cut.right > cut.left && cut.bottom > cut.top ? cut : null;
}
