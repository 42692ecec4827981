// What painting does, whoever asks for it: pointer, keyboard or button. Points are in picture pixels.

import { polygon, stroke } from "./brush.js";
import { History } from "./history.js";
import { Proposals } from "./proposal.js";

export class Painter extends EventTarget {
  tool = "box";
  label = 1;
  /** Corners of the polygon that is being drawn. */
  corners = [];
  /** Asked at every press; true: it was meant for something else. */
  before = () => false;
  #size = 0; // diameter in picture pixels; 0: in proportion to the picture
  #last = null;
  #first = null;
  #erasing = false;

  /**
   * @param {import("../view/stage.js").Stage} stage
   * @param {(item, clicks, box) => Promise<Uint8Array>} propose finds the object at clicks or in a box.
   */
  constructor(stage, propose) {
    super();
    this.stage = stage;
    this.proposals = new Proposals(propose, {
      asking: () => {
        this.stage.refreshMarks();
        this.#told("asking");
      },
      answered: () => this.#told("answered"),
      changed: () => this.#changed(),
      failed: (error) => {
        this.stage.refreshMarks();
        this.dispatchEvent(new CustomEvent("failed", { detail: error }));
      },
    });
  }

  /** Clicks that ask for the mask now proposed: `{x, y, object}`. */
  get clicks() {
    return this.proposals.clicks;
  }

  get item() {
    return this.stage.item;
  }

  get size() {
    const { width, height } = this.item?.picture ?? { width: 600, height: 400 };
    return this.#size || Math.max(1, Math.round(Math.max(width, height) / 25));
  }

  set size(diameter) {
    this.#size = Math.min(999, Math.max(1, Math.round(diameter)));
    this.#told("size");
  }

  choose(tool) {
    this.#let();
    this.tool = tool;
    this.#told("tool");
  }

  /** Pointer or pen down. `other`: erase with the brush, "not this" for a proposal. */
  press(point, other = false) {
    if (this.tool === "hand" || this.before(point, other) || !this.#ready()) return;
    this.#first = this.#last = point;
    this.#erasing = this.tool === "eraser" || other;
    if (this.tool === "brush" || this.tool === "eraser") {
      this.item.history.begin();
      this.#stroke(point, point);
    } else if (this.tool === "polygon") this.#corner(point);
  }

  drag(point) {
    if (!this.#last) return;
    if (this.tool === "brush" || this.tool === "eraser") this.#stroke(this.#last, point);
    this.#last = point;
    this.stage.refreshMarks();
  }

  release() {
    if (!this.#last) return;
    const [from, to] = [this.#first, this.#last];
    this.#first = this.#last = null;
    if (this.tool === "brush" || this.tool === "eraser") this.#done();
    else if (this.tool === "box" && far(from, to, this.stage.frame.scale)) {
      this.proposals.drawBox(this.item, this.label, [from, to]);
    } else if (this.tool === "box" || this.tool === "click") {
      this.proposals.click(this.item, this.label, { x: from[0], y: from[1], object: !this.#erasing });
    }
  }

  /** The box that is being drawn, or that asked for the mask now proposed, as two corners. */
  get box() {
    const dragged = this.tool === "box" && this.#last && far(this.#first, this.#last, this.stage.frame.scale);
    return dragged ? [this.#first, this.#last] : this.proposals.box;
  }

  /** A stroke is taken back while it is made, and proposals that are on their way. */
  abandon() {
    this.proposals.drop();
    this.#let();
  }

  #let() {
    this.#first = this.#last = null;
    this.corners = [];
    this.proposals.end();
    this.item?.history?.cancel();
    this.#untouched();
    this.stage.refresh();
  }

  /** A result on which nothing was painted after all is again what was found. */
  #untouched() {
    const { item } = this;
    if (item?.kind !== "result" || !item.mask || item.learned || item.record.corrected || this.proposals.waiting) return;
    if (!item.history?.canUndo && !item.history?.canRedo) item.mask = item.history = null;
  }

  /** Close the polygon, or be content with the proposal. */
  finish() {
    const points = this.corners;
    this.corners = [];
    this.proposals.end();
    if (points.length < 3) return this.stage.refreshMarks();
    const { history, mask, picture } = this.item;
    history.begin();
    polygon(mask, picture.width, picture.height, points, this.label);
    this.#done();
  }

  /** Take back one corner, a question that waits, or the last step. */
  undo() {
    if (this.corners.pop() || this.proposals.undoWaiting()) return this.stage.refreshMarks();
    if (!this.item?.history?.undo()) return;
    this.proposals.undone();
    this.#changed();
  }

  redo() {
    if (!this.item?.history?.redo()) return;
    this.proposals.redone();
    this.#changed();
  }

  /** Nothing painted. */
  clear() {
    this.abandon(); // first: a result without a stroke gives its history back
    if (!this.#ready()) return;
    this.item.history.begin();
    this.item.mask.fill(0);
    this.#done();
  }

  /** Take the pixels away where `where` is not 0. */
  remove(where) {
    this.abandon();
    if (!this.#ready()) return;
    const { history, mask } = this.item;
    history.begin();
    for (let i = 0; i < mask.length; i++) if (where[i]) mask[i] = 0;
    this.#done();
  }

  /** A result that is painted on becomes a mask of its own: what was found is where the painting starts. */
  #ready() {
    const item = this.item;
    if (!item?.picture.width) return false;
    const mask = item.mask ?? this.stage.labels();
    if (!mask) return false;
    item.mask = mask;
    item.history ??= new History(mask, item.picture.width);
    return true;
  }

  #stroke(from, to) {
    const { mask, picture } = this.item;
    const value = this.#erasing ? 0 : this.label;
    stroke(mask, picture.width, picture.height, from, to, this.size / 2, value);
    this.stage.refresh();
  }

  #corner(point) {
    const closes = this.corners.length > 2 && !far(this.corners[0], point, this.stage.frame.scale, 10);
    if (closes) return this.finish();
    this.corners.push(point);
    this.stage.refreshMarks();
  }

  #done() {
    if (this.item.history.end()) this.#changed();
    this.stage.refresh();
  }

  #changed() {
    this.stage.refresh();
    this.#told("painted");
  }

  #told(what) {
    this.dispatchEvent(new Event(what));
  }
}

/** The two points are more than a few screen pixels apart. */
function far([x0, y0], [x1, y1], scale, pixels = 5) {
  return Math.hypot(x1 - x0, y1 - y0) * scale > pixels * (window.devicePixelRatio || 1);
}
