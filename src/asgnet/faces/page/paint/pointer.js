// Mouse, pen and fingers on the stage: one paints, two zoom and pan, the wheel zooms.

export class Pointer {
  #down = new Map(); // pointer id -> screen point
  #panning = false;
  #spread = null;
  /** Space is held: the next drag pans. */
  panNext = false;

  constructor(painter, cursor) {
    this.painter = painter;
    this.stage = painter.stage;
    this.cursor = cursor;
    const surface = this.stage.marks;
    surface.addEventListener("pointerdown", (event) => this.#pressed(event));
    surface.addEventListener("pointermove", (event) => this.#moved(event));
    for (const end of ["pointerup", "pointercancel"]) surface.addEventListener(end, (event) => this.#lifted(event));
    surface.addEventListener("pointerleave", () => cursor.hide());
    surface.addEventListener("dblclick", () => painter.tool === "polygon" && painter.finish());
    surface.addEventListener("contextmenu", (event) => event.preventDefault());
    surface.addEventListener("wheel", (event) => this.#turned(event), { passive: false });
  }

  #pressed(event) {
    this.stage.marks.setPointerCapture(event.pointerId);
    const at = this.stage.at(event);
    this.#down.set(event.pointerId, at);
    if (this.#down.size === 2) {
      this.painter.abandon();
      this.#spread = this.#twoFingers();
    } else if (this.#down.size === 1) {
      this.#panning = this.panNext || event.button === 1 || this.painter.tool === "hand";
      if (event.button === 1) event.preventDefault();
      if (!this.#panning) this.painter.press(this.#point(at), event.button === 2 || event.altKey);
    }
  }

  #moved(event) {
    const at = this.stage.at(event);
    const before = this.#down.get(event.pointerId);
    if (event.pointerType !== "touch") this.cursor.follow(this.#point(at));
    if (!before) return;
    this.#down.set(event.pointerId, at);
    if (this.#spread) this.#pinched();
    else if (this.#panning) this.stage.pan(at[0] - before[0], at[1] - before[1]);
    else for (const one of together(event)) this.painter.drag(this.#point(this.stage.at(one)));
  }

  #lifted(event) {
    if (!this.#down.delete(event.pointerId)) return;
    if (this.#spread) {
      if (!this.#down.size) this.#spread = null; // the last finger of two never paints
    } else if (event.type === "pointercancel") this.painter.abandon();
    else if (!this.#panning) this.painter.release();
    this.#panning = false;
  }

  /** Where two fingers are: their middle and distance. */
  #twoFingers() {
    const [[x0, y0], [x1, y1]] = [...this.#down.values()];
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, apart: Math.max(1, Math.hypot(x1 - x0, y1 - y0)) };
  }

  #pinched() {
    if (this.#down.size < 2) return;
    const now = this.#twoFingers();
    this.stage.pan(now.x - this.#spread.x, now.y - this.#spread.y);
    this.stage.zoom(now.apart / this.#spread.apart, [now.x, now.y]);
    this.#spread = now;
  }

  /** The wheel zooms where the stage does not scroll with the page; pinching a touchpad always does. */
  #turned(event) {
    const beside = getComputedStyle(this.stage.host).getPropertyValue("--wheel-zooms").trim() === "1";
    if (!beside && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const lines = event.deltaMode ? event.deltaY * 30 : event.deltaY;
    this.stage.zoom(Math.exp(-Math.max(-200, Math.min(200, lines)) / 300), this.stage.at(event));
  }

  #point([sx, sy]) {
    return this.stage.frame.toPicture(sx, sy);
  }
}

function together(event) {
  const all = event.getCoalescedEvents?.() ?? [];
  return all.length ? all : [event];
}
