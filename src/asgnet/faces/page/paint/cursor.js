// The cursor on the picture: it follows the mouse, or goes by arrow keys for those who paint with the keyboard.

import { colourOf } from "../view/palette.js";

export class Cursor {
  /** Picture point, null if it is not shown. */
  at = null;
  /** The keyboard moves it. */
  byKeys = false;
  /** The keyboard holds the brush down. */
  down = false;

  constructor(painter) {
    this.painter = painter;
    this.stage = painter.stage;
    this.stage.drawMarks = (context, frame) => this.#draw(context, frame);
  }

  follow(point) {
    this.at = point;
    this.byKeys = false;
    this.stage.refreshMarks();
  }

  hide() {
    if (this.byKeys) return;
    this.at = null;
    this.stage.refreshMarks();
  }

  /** Arrow keys, in picture pixels. */
  move(dx, dy) {
    const { width, height } = this.stage.item.picture;
    const [x, y] = this.#start();
    this.at = [Math.min(width, Math.max(0, x + dx)), Math.min(height, Math.max(0, y + dy))];
    if (this.down) this.painter.drag(this.at);
    this.stage.reveal(this.at);
    this.stage.refreshMarks();
  }

  /** The space bar: brush down or up, a corner, or a click. Returns what happened, in words. */
  press(other = false) {
    const { tool } = this.painter;
    const at = this.#start();
    if (tool === "brush" || tool === "eraser") {
      this.down = !this.down;
      if (this.down) this.painter.press(at, other);
      else this.painter.release();
      return this.down ? "Brush down: arrow keys paint." : "Brush up.";
    }
    this.painter.press(at, other);
    this.painter.release();
    return tool === "polygon" ? `Corner ${this.painter.corners.length}.` : "Looking for the object here.";
  }

  lift() {
    if (this.down) this.painter.release();
    this.down = false;
  }

  #start() {
    const { width, height } = this.stage.item.picture;
    if (!this.byKeys || !this.at) this.at ??= [width / 2, height / 2];
    this.byKeys = true;
    return this.at;
  }

  #draw(context, frame) {
    const ratio = window.devicePixelRatio || 1;
    this.#corners(context, frame, ratio);
    this.#clicks(context, frame, ratio);
    this.#box(context, frame, ratio);
    if (!this.at) return;
    const { tool, size } = this.painter;
    const [x, y] = frame.toScreen(...this.at);
    const radius = tool === "brush" || tool === "eraser" ? Math.max(2, (size / 2) * frame.scale) : 6 * ratio;
    if (tool === "brush" || tool === "eraser" || this.byKeys) {
      twice(context, ratio, () => context.arc(x, y, radius, 0, 7), tool === "eraser" ? [4 * ratio, 4 * ratio] : []);
    }
    if (this.byKeys) twice(context, ratio, () => cross(context, x, y, 12 * ratio));
  }

  #corners(context, frame, ratio) {
    const points = [...this.painter.corners];
    if (!points.length) return;
    const [r, g, b] = colourOf(this.painter.label);
    const path = (this.at ? [...points, this.at] : points).map((p) => frame.toScreen(...p));
    twice(context, ratio, () => path.forEach(([x, y]) => context.lineTo(x, y)));
    for (const [x, y] of points.map((p) => frame.toScreen(...p))) {
      context.fillStyle = `rgb(${r} ${g} ${b})`;
      twice(context, ratio, () => context.arc(x, y, 5 * ratio, 0, 7));
      context.fill();
    }
  }

  #clicks(context, frame, ratio) {
    for (const { x, y, object } of this.painter.clicks) {
      const [sx, sy] = frame.toScreen(x, y);
      twice(context, ratio, () => {
        context.arc(sx, sy, 7 * ratio, 0, 7);
        context.moveTo(sx - 4 * ratio, sy);
        context.lineTo(sx + 4 * ratio, sy);
        if (!object) return;
        context.moveTo(sx, sy - 4 * ratio);
        context.lineTo(sx, sy + 4 * ratio);
      });
    }
  }

  #box(context, frame, ratio) {
    const { box } = this.painter;
    if (!box) return;
    const [[x0, y0], [x1, y1]] = box.map((p) => frame.toScreen(...p));
    twice(context, ratio, () => context.rect(x0, y0, x1 - x0, y1 - y0), [6 * ratio, 4 * ratio]);
  }
}

/** A dark line under a bright one: visible on any picture. */
function twice(context, ratio, trace, dash = []) {
  for (const [ink, wide] of [["#000c", 3], ["#fff", 1.25]]) {
    context.beginPath();
    trace();
    context.setLineDash(dash);
    context.lineWidth = wide * ratio;
    context.strokeStyle = ink;
    context.stroke();
  }
  context.setLineDash([]);
}

function cross(context, x, y, long) {
  context.moveTo(x - long, y);
  context.lineTo(x + long, y);
  context.moveTo(x, y - long);
  context.lineTo(x, y + long);
}
